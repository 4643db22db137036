"""Johann Pachelbel, Canon in D (about 1690): from the third violin's entry on.

A beat is a quarter.
"""

from notation import Part, Piece, line

# Each line is two bars; every violin plays all of them, two bars behind the one before it.
THEMES = (
    "F#5:1 E5 D5 C#5 | B4 A4 B4 C#5 |",
    "D5:1 C#5 B4 A4 | G4 F#4 G4 E4 |",
    "D4:1/2 F#4 A4 G4 F#4 D4 F#4 E4 | D4 B3 D4 A4 G4 B4 A4 G4 |",
    "F#4:1/2 D4 E4 C#5 D5 F#5 A5 A4 | B4 G4 A4 F#4 D4 D5 D5:3/4 C#5:1/4 |",
    "D5:1/4 C#5 D5 D4 C#4 A4 E4 F#4 D4 D5 C#5 B4 C#5 F#5 A5 B5 | "
    "G5 F#5 E5 G5 F#5 E5 D5 C#5 B4 A4 G4 F#4 E4 G4 F#4 E4 |",
)
GROUND = "mf" + " D3:1 A2 B2 F#2 | G2 D2 G2 A2 |" * 3 + " D3:4 |"


def violin(first: int, last: str) -> dict:
    """Three themes on end, beginning with the one at this place, and a last note."""
    return line("mf< " + " ".join(THEMES[first : first + 3]) + f" f {last}:4 |", bar=4)


FIRST, SECOND, THIRD = violin(2, "F#5"), violin(1, "D5"), violin(0, "A4")


PIECE = Piece(
    title="Canon in D (bars 7 to 12)",
    source="Johann Pachelbel, about 1690",
    tempo=64,
    parts=(
        Part(program=40, **FIRST, pan=34, volume=110, reverb=70, legato=1.0, swell=4),
        Part(program=40, **SECOND, pan=64, volume=100, reverb=70, legato=1.0, swell=4),
        Part(program=40, **THIRD, pan=90, volume=100, reverb=70, legato=1.0, swell=4),
        Part(program=48, **FIRST, pan=40, volume=70, reverb=80, legato=1.0, swell=4),
        Part(program=48, **THIRD, pan=84, volume=70, reverb=80, legato=1.0, swell=4),
        Part(program=42, **line(GROUND, bar=4), pan=78, reverb=70, legato=1.0, swell=4),
        Part(program=43, **line(GROUND, bar=4, transpose=-12), pan=70, volume=80, reverb=70),
    ),
    seconds=24,
    level=-19,
    room=0.7,
    wet=0.7,
)
