"""Sticks and Skins: a drum kit alone, written for this project. A step is a sixteenth."""

from notation import Part, Piece, kit

START = """
    crash X...............
    kick  X..x..x...x.....
    snare ....X..o.o..X..o
    hat   ..o.x.o.x.o.x.o.
"""
GROOVE = """
    kick  X..x..x...x...x.
    snare ....X..o.o..X...
    hat   x.o.x.o.x.o.x...
    open  ..............X.
"""
FILL = """
    kick  X...............
    snare ..ooxxxxX.......
    high  ........XxXx....
    mid   ............Xx..
    floor ..............XX
"""
TOMS = """
    kick  X..x..x.X..x..x.
    snare ....X.......X...
    high  ..xx..xx........
    mid   ..........xx..xx
    floor x...x...x...x...
"""
ROLL = """
    kick  X..x..x.........
    snare ....X..xxoxxXXXX
"""
BREAK = """
    kick  X.........X.....
    snare XXxx........XXXX
    high  ....XXxx........
    mid   ........XX......
    floor ..........XX....
"""
LAST = """
    crash X...............
    kick  X...............
"""

PIECE = Piece(
    title="Sticks and Skins",
    source="clapbatch (own composition)",
    tempo=112,
    parts=(
        Part(
            program=0, volume=110, reverb=45, humanize=0.007,
            **kit(0.25, START, GROOVE, START, FILL, TOMS, TOMS, START, ROLL, START, BREAK, LAST),
        ),
    ),
    seconds=23,
    level=-17,
    drive=6,
)  # fmt: skip
