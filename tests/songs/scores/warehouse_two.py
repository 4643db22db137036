"""Warehouse Two: techno, written for this project. A beat is a quarter."""

from notation import Part, Piece, kit, line

MACHINE = """
    kick X...X...X...X...
    clap ....X.......X...
    hat  x.o.x.o.x.o.x.ox
    open ..X...X...X...X.
"""
ACID = "A1:1/4 A1 A2^ A1 C2 A1 A1 G2^ A1 A1 E2 A1 A2^ A1 D2 C2 |"
ACID_UP = "A1:1/4 A1 A2^ A1 C2 A1 A1 G2^ A1 A1 E2 A1 C3^ A2 G2 E2 |"
STAB = "-:3/4 A3+C4+E4+G4:1/4' -:1/2 A3+C4+E4+G4:1/4' -:5/4 A3+C4+E4+G4:1/4' -:3/4 |"
STAB_F = "-:3/4 A3+C4+F4+G4:1/4' -:1/2 A3+C4+F4+G4:1/4' -:5/4 A3+C4+F4+G4:1/4' -:3/4 |"
LEAD = "A4:1/4 E5 A5 E5 G5 E5 C5 E5 A4 E5 A5 E5 D5 C5 E5 G5 |"

bass = "f " + (ACID * 3 + ACID_UP) * 3
stabs = "mf " + (STAB * 3 + STAB_F) * 3
lead = "-:16 | p< " + LEAD * 7 + " f " + LEAD

# Machines play in time: no part is humanised.
PIECE = Piece(
    title="Warehouse Two",
    source="clapbatch (own composition)",
    tempo=130,
    parts=(
        Part(program=25, volume=120, reverb=10, humanize=0, **kit(0.25, *[MACHINE] * 12)),
        Part(program=38, volume=105, reverb=10, humanize=0, legato=0.7, **line(bass, bar=4)),
        Part(
            program=81, volume=70, pan=50, reverb=70, chorus=60, humanize=0,
            **line(stabs, bar=4),
        ),
        Part(
            program=80, volume=48, pan=84, reverb=90, chorus=40, humanize=0, legato=0.6,
            **line(lead, bar=4),
        ),
    ),
    seconds=22,
    fade=0.5,
    level=-15,
    drive=9,
)  # fmt: skip
