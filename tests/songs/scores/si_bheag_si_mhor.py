"""Turlough O'Carolan, Sí Bheag, Sí Mhór (about 1691): the first strain on the harp.

A beat is a quarter. The chords were written for this project.
"""

from notation import Part, Piece, line

TUNE = """
    D5:1/2 E5 | F#5:3/2 E5:1/2 D5:1 | D5 D5:1/2 E5 D5:1 | B4:2 A4:1 | F#4:2 A4:1 |
    B4:1/2 A4 B4 C#5 D5:1 | E5:2 D5:1/2 E5 | F#5:1 F#5 E5 | D5:3 |
"""
D = "ped D2:1/2 A2 D3 F#3 A3 D4 |"
BM = "ped B2:1/2 F#3 B3 D4 F#4 D4 |"
G = "ped G2:1/2 D3 G3 B3 D4 B3 |"
A7 = "ped A2:1/2 E3 G3 C#4 E4 C#4 |"
D_A = "ped A2:1/2 D3 F#3 A3 D4 F#4 |"

CHORDS = f"{D} {BM} {G} {D} {G} {A7} {D_A}"
CLOSE = "ped D2:3/8 A2 D3 F#3 A3 D4 F#4 A4 |"

left = f"p -:1 | {CHORDS} {BM} {CHORDS} {CLOSE}"
right = f"mf {TUNE.strip().removesuffix('D5:3 |')} D5:2 {TUNE}"

PIECE = Piece(
    title="Sí Bheag, Sí Mhór (first strain)",
    source="Turlough O'Carolan, about 1691",
    tempo=118,
    parts=(
        Part(program=46, **line(right, bar=3), pan=72, volume=110, reverb=80, legato=1.5),
        Part(program=46, **line(left, bar=3), pan=56, volume=95, reverb=80, legato=1.5),
    ),
    seconds=26,
    fade=2.5,
    level=-23,
    room=0.7,
    wet=0.6,
    rubato=0.06,
)
