"""Old Hundredth, tune by Louis Bourgeois (1551), set for four voices for this project.

A beat is a quarter.
"""

from notation import Part, Piece, line

VOICES = {
    "soprano": """G4:2 G4:1 F#4 E4 D4 G4 A4 B4:2 | B4 B4:1 B4 A4 G4 C5 B4 A4:2 |
                  G4 A4:1 B4 A4 G4 E4 F#4 G4:2 | D5 B4:1 G4 A4 C5 B4 A4 G4:2 |""",
    "alto": """D4:2 D4:1 D4 B3 B3 E4 F#4 G4:2 | G4 G4:1 G4 F#4 E4 E4 D4 D4:2 |
               D4 D4:1 D4 D4 B3 C4 A3 B3:2 | G4 G4:1 E4 D4 E4 D4 C4 B3:2 |""",
    "tenor": """B3:2 B3:1 A3 G3 F#3 B3 A3 D4:2 | D4 D4:1 E4 D4 B3 A3 G3 F#3:2 |
                G3 F#3:1 G3 F#3 G3 A3 A3 G3:2 | B3 B3:1 B3 A3 A3 G3 F#3 G3:2 |""",
    "bass": """G3:2 G3:1 D3 E3 B2 E3 D3 G3:2 | G3 G3:1 E3 D3 E3 A2 B2 D3:2 |
               B2 D3:1 G2 D3 E3 A2 D3 G2:2 | G3 E3:1 E3 F#3 A2 D3 D3 G2:2 |""",
}
PANS = {"soprano": 36, "alto": 54, "tenor": 74, "bass": 92}


def sung(program: int, volume: int) -> tuple[Part, ...]:
    """All four voices on one sound; the last chord is held."""
    return tuple(
        Part(program=program, **line(f"mf {music}", bar=10), pan=PANS[voice], volume=volume,
             reverb=100, legato=1.02, humanize=0.02, swell=10)
        for voice, music in VOICES.items()
    )  # fmt: skip


PIECE = Piece(
    title="Old Hundredth",
    source="Louis Bourgeois, 1551; harmony by clapbatch",
    tempo=98,
    parts=sung(program=52, volume=105) + sung(program=53, volume=55),
    seconds=25,
    level=-19,
    room=0.85,
    wet=0.8,
)
