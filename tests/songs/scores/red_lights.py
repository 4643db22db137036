"""Red Lights: loud rock with two distorted guitars, bass and drums, written for this project.

A beat is a quarter. The guitars and the bass are tuned down by a tone.
"""

from notation import Part, Piece, kit, line

E5, G5, A5, C5, D5 = "E2+B2+E3", "G2+D3+G3", "A2+E3+A3", "C3+G3+C4", "D3+A3+D4"


def chug(first: str, second: str, last: str) -> str:
    """A bar: power chords on the first, the third and the last beat, the low string between."""
    return f"{first}:1^ E2:1/2' E2' {second}:1^ E2:1/2' {last}^ |"


RIFF = f"{chug(E5, E5, G5)} {chug(A5, G5, E5)} {chug(E5, E5, G5)} {C5}:2^ {D5}:2^ |"
CHORUS = f"{E5}:4^ | {C5}:4^ | {G5}:4^ | {D5}:2^ {A5}:2^ |"
BASS_RIFF = """
    E1:1/2 E1 E1 E1 E1 E1 E1 G1 | A1 A1 G1 G1 G1 G1 E1 E1 |
    E1:1/2 E1 E1 E1 E1 E1 E1 G1 | C2 C2 C2 C2 D2 D2 D2 D2 |
"""
BASS_CHORUS = """
    E1:1/2 E1 E1 E1 E1 E1 E1 E1 | C2 C2 C2 C2 C2 C2 C2 B1 |
    G1:1/2 G1 G1 G1 G1 G1 G1 G1 | D2 D2 D2 D2 A1 A1 A1 B1 |
"""
SOLO = """
    B4:1 D5:1/2 E5:3/2 G5:1/2 E5 | G5:3/2 E5:1/2 C5:1 D5:1/2 E5 |
    D5:1 B4:1/2 G4 D5:1 B4:1/2 D5 | A5:2 A5:1/2 G5 E5 D5 |
"""
BEAT = """
    kick  X.....x.X.x.....
    snare ....X.......X...
    open  x.x.x.x.x.x.x.x.
"""
WIDE = """
    kick  X.....x.X.x.....
    snare ....X.......X...
    ride  X.x.X.x.X.x.X.x.
"""
FILL = """
    kick  X.....x.X.x.....
    snare ....X...X.XXXXXX
"""
CRASH = """
    crash X...............
    kick  X.....x.X.x.....
    snare ....X.......X...
    open  ..x.x.x.x.x.x.x.
"""
LAST = """
    crash X...............
    kick  X...............
"""

guitars = f"ff {RIFF} {CHORUS} {RIFF} {E5}:4^ |"
lead = f"-:16 | ff {SOLO} -:16 | E5:4 |"
bass = f"ff {BASS_RIFF} {BASS_CHORUS} {BASS_RIFF} E1:4 |"
EIGHT = (CRASH, BEAT, BEAT, FILL, CRASH, WIDE, WIDE, FILL)

PIECE = Piece(
    title="Red Lights",
    source="clapbatch (own composition)",
    tempo=138,
    parts=(
        Part(
            program=30, volume=92, pan=14, reverb=25, spread=0.006,
            **line(guitars, bar=4, transpose=-2),
        ),
        Part(
            program=29, volume=92, pan=114, reverb=25, spread=0.006, humanize=0.02,
            **line(guitars, bar=4, transpose=-2),
        ),
        Part(program=29, volume=80, reverb=50, **line(lead, bar=4, transpose=-2)),
        Part(program=34, volume=105, reverb=10, **line(bass, bar=4, transpose=-2)),
        Part(
            program=16, volume=118, reverb=30, humanize=0.006,
            **kit(0.25, *EIGHT, *EIGHT[:4], LAST),
        ),
    ),
    seconds=23,
    level=-12,
    drive=14,
)  # fmt: skip
