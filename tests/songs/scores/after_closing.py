"""After Closing: a twelve-bar blues for a jazz quartet, written for this project.

A beat is a quarter, swung. Everything is written in F and sounds in C.
"""

from notation import Part, Piece, kit, line

SAXOPHONE = """mf
    -:1/2 C5 Eb5 F5 Ab5:1 F5:1/2 Eb5 | D5:3/2 F5:1/2 -:3/2 Bb4:1/2 |
    C5:1/2 Eb5 F5 Ab5 A5:1 F5:1/2 C5 | -:1/2 Eb5' -:1 D5:1/2 Db5 C5 A4 |
    f Bb4:1/2 D5 F5 Ab5:3/2 G5:1/2 F5 | E5:1 -:1/2 G5 Bb5 G5 E5 Db5 |
    mf C5:3/2 A4:1/2 -:1 F4:1/2 Ab4 | A4:1/2 C5 Eb5 Gb5 F5 Eb5 C5 A4 |
    G4:1/2 Bb4 D5 F5 A5:1 G5:1/2 D5 | f E5:1/2 G5 Bb5 Db6:3/2 Bb5:1/2 G5 | mp A5:4 |
"""
PIANO = """p
    -:3/2 Eb3+G3+A3+D4:1/2' -:2 | -:1 Ab3+C4+D4:1/2' -:5/2 |
    -:3/2 Eb3+G3+A3+D4:1/2' -:2 | -:1/2 Eb3+A3+D4:1' -:5/2 |
    -:3/2 D3+Ab3+C4:1/2' -:2 | -:1 E3+G3+Bb3+Db4:1/2' -:5/2 |
    -:3/2 Eb3+G3+A3+D4:1/2' -:2 | -:1/2 Gb3+C4+Eb4:1' -:5/2 |
    -:3/2 F3+Bb3+D4:1/2' -:2 | -:1 E3+Bb3+Db4:1/2' -:5/2 | Eb3+G3+A3+D4:4 |
"""
BASS = """mf
    F2:1 A2 C3 D3 | Bb2 D3 F3 E3 | F2 G2 A2 C3 | Eb3 D3 C3 B2 | Bb2 D3 F3 Ab3 | B2 D3 F3 Ab3 |
    A2 C3 F2 A2 | D3 C3 A2 Ab2 | G2 Bb2 D3 F3 | C3 Bb2 G2 E2 | F2:4 |
"""
TIME = """
    ride  X.XxX.Xx
    pedal ..x...x.
"""

PIECE = Piece(
    title="After Closing",
    source="clapbatch (own composition)",
    tempo=104,
    swing=0.64,
    parts=(
        Part(program=65, volume=110, reverb=80, **line(SAXOPHONE, bar=4, transpose=-5)),
        Part(
            program=0, volume=90, pan=44, reverb=60, spread=0.005,
            **line(PIANO, bar=4, transpose=7),
        ),
        Part(program=32, volume=120, pan=74, legato=0.9, **line(BASS, bar=4, transpose=-5)),
        Part(
            program=40, volume=85, reverb=60, humanize=0.008,
            **kit(0.5, *[TIME] * 10, "ride X"),
        ),
    ),
    seconds=25,
    level=-18,
    room=0.6,
)  # fmt: skip
