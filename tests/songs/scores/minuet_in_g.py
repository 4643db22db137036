"""Christian Petzold, Minuet in G (before 1725; BWV Anh. 114): the first half, on a harpsichord.

A beat is a quarter.
"""

from notation import Part, Piece, line

right = """
    D5:1 G4:1/2 A4 B4 C5 | D5:1 G4' G4' | E5 C5:1/2 D5 E5 F#5 | G5:1 G4' G4' |
    C5 D5:1/2 C5 B4 A4 | B4:1 C5:1/2 B4 A4 G4 | F#4:1 G4:1/2 A4 B4 G4 | A4:3 |
    D5:1 G4:1/2 A4 B4 C5 | D5:1 G4' G4' | E5 C5:1/2 D5 E5 F#5 | G5:1 G4' G4' |
    C5 D5:1/2 C5 B4 A4 | B4:1 C5:1/2 B4 A4 G4 | A4:1 B4:1/2 A4 G4 F#4 | G4:3 |
"""
left = """
    G3+B3+D4:2 A3:1 | B3:3 | C4:3 | B3:3 | A3:3 | G3:3 | D4:1' B3' G3' | D4:1 D3:1/2 C4 B3 A3 |
    B3:2 A3:1 | G3:1' B3' G3' | C4:3 | B3:1 C4:1/2 B3 A3 G3 |
    A3:2 F#3:1 | G3:2 B3:1 | C4:1 D4 D3 | G3:2 G2:1 |
"""

PIECE = Piece(
    title="Minuet in G (first half)",
    source="Christian Petzold, before 1725",
    tempo=126,
    parts=(
        Part(program=6, **line(right, bar=3), pan=72, reverb=110),
        Part(program=6, **line(left, bar=3), pan=56, reverb=110),
    ),
    seconds=23,
    level=-22,
    room=0.8,
    wet=0.8,
)
