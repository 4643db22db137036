"""Greensleeves (English, 16th century): verse and chorus on one flute. A beat is an eighth."""

from notation import Part, Piece, line

VERSE = """
    C5:2 D5:1 E5:3/2 F#5:1/2 E5:1 | D5:2 B4:1 G4:3/2 A4:1/2 B4:1 |
    C5:2 A4:1 A4:3/2 G#4:1/2 A4:1 | B4:2 G#4:1 E4:2 A4:1 |
    C5:2 D5:1 E5:3/2 F#5:1/2 E5:1 | D5:2 B4:1 G4:3/2 A4:1/2 B4:1 |
    C5:3/2 B4:1/2 A4:1 G#4:3/2 F#4:1/2 G#4:1 | A4:3 A4:2 -:1 |
"""
CHORUS = """
    G5:3 G5:3/2 F#5:1/2 E5:1 | D5:2 B4:1 G4:3/2 A4:1/2 B4:1 |
    C5:2 A4:1 A4:3/2 G#4:1/2 A4:1 | B4:2 G#4:1 E4:2 -:1 |
    G5:3 G5:3/2 F#5:1/2 E5:1 | D5:2 B4:1 G4:3/2 A4:1/2 B4:1 |
    C5:3/2 B4:1/2 A4:1 G#4:3/2 F#4:1/2 G#4:1 | A4:6 |
"""

PIECE = Piece(
    title="Greensleeves",
    source="traditional, England, 16th century",
    tempo=236,
    parts=(
        Part(
            program=73,
            **line(f"mf A4:1 | {VERSE} f {CHORUS}", bar=6, transpose=5),
            reverb=80,
            swell=6,
        ),
    ),
    seconds=25,
    level=-20,
    room=0.7,
    wet=0.6,
    rubato=0.04,
)
