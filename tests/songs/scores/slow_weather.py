"""Slow Weather: ambient synthesiser pads, written for this project. A beat is about a second."""

from notation import Part, Piece, line

pads = "pp< D3+A3+E4+F#4:8 | mp> G2+D3+B3+F#4:8 | p< B2+F#3+C#4+D4:8 | mp> G2+D3+A3+E4:8 |"
low = "p D2:8 | G1:8 | B1:8 | G1:8 |"
glimmer = "-:3 pp F#5:3 A5:2 | -:2 B5:4 F#5:2 | -:1 C#6:4 D6:3 | -:2 A5:6 |"

PIECE = Piece(
    title="Slow Weather",
    source="clapbatch (own composition)",
    tempo=64,
    parts=(
        Part(
            program=89, volume=110, reverb=110, chorus=80, legato=1.15, humanize=0.1, swell=16,
            **line(pads, bar=8),
        ),
        Part(
            program=95, volume=80, pan=40, reverb=110, chorus=60, legato=1.15, humanize=0.1,
            swell=8, **line(pads, bar=8),
        ),
        Part(program=89, volume=90, reverb=90, legato=1.1, **line(low, bar=8)),
        Part(
            program=92, volume=60, pan=90, reverb=127, chorus=70, legato=1.2, humanize=0.1,
            **line(glimmer, bar=8),
        ),
    ),
    seconds=25,
    fade=4,
    level=-23,
    room=0.95,
    wet=0.9,
)  # fmt: skip
