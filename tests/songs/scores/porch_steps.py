"""Porch Steps: finger-picked nylon-string guitar, written for this project. A beat is a quarter."""

from notation import Part, Piece, line

# Thumb on the beat between two bass strings, fingers in between.
C = "C3+E4:1/2 G3 E3 C4 G2 E4 E3 G3 |"
AM = "A2+C4:1/2 G3 E3 C4 E3 A3 E3 C4 |"
F = "F2+C4:1/2 A3 C3 F3 F2 C4 C3 A3 |"
G = "G2+D4:1/2 G3 D3 B3 G2 G4 D3 B3 |"
EM = "E2+G4:1/2 B3 E3 G3 B2 E4 E3 G3 |"
CLIMB = "C3+G4:1/2 E4 E3 C4 G2 D4 E3 E4 |"

music = f"""
    mf {C} {AM} {F} {G} mp< {CLIMB} {EM} f> {F} {G}
    {C} {EM} mp {F} p> {G} {C} pp C3+G3+C4+E4:4 |
"""

PIECE = Piece(
    title="Porch Steps",
    source="clapbatch (own composition)",
    tempo=132,
    parts=(
        Part(program=24, **line(music, bar=4), legato=1.9, reverb=45, humanize=0.014, spread=0.012),
    ),
    seconds=24,
    level=-19,
)
