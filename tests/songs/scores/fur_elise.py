"""Ludwig van Beethoven, Bagatelle in A minor "Für Elise" (1810): the opening and its repeat.

A beat is an eighth.
"""

from notation import Part, Piece, line

THEME = """
    E5:1/2 D#5 E5 B4 D5 C5 | A4:1 -:1/2 C4 E4 A4 | B4:1 -:1/2 E4 G#4 B4 | C5:1 -:1/2 E4 E5 D#5 |
    E5 D#5 E5 B4 D5 C5     | A4:1 -:1/2 C4 E4 A4 | B4:1 -:1/2 E4 C5 B4  |
"""
UNDER = """
    lift -:3 | ped A2:1/2 E3 A3 -:3/2 | ped E2:1/2 E3 G#3 -:3/2 | ped A2:1/2 E3 A3 -:3/2 |
    lift -:3 | ped A2:1/2 E3 A3 -:3/2 | ped E2:1/2 E3 G#3 -:3/2 |
"""
CLOSE = "ped A2:1/2 E3 A3 -:3/2 |"

right = f"pp E5:1/2 D#5 | p< {THEME} mp> A4:2 E5:1/2 D#5 | mp> {THEME} p A4:3 |"
left = f"pp -:1 | {UNDER} {CLOSE} p {UNDER} {CLOSE}"

PIECE = Piece(
    title="Für Elise (opening)",
    source="Ludwig van Beethoven, 1810",
    tempo=132,
    parts=(
        Part(program=0, **line(right, bar=3), pan=70),
        Part(program=0, **line(left, bar=3), pan=58),
    ),
    seconds=23,
    tone=1500,
    level=-20,
    rubato=0.05,
)
