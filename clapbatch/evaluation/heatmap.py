"""A table of scores as a picture: SVG that a browser shows and a page can hold."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import ArrayLike

from clapbatch.domain import HIGH, LOW, Thresholds

CELL, LINE, LETTER = 26, 18, 6.6
# Light to dark along one hue, so that the order survives a black-and-white printer.
LIGHT, DARK = (247, 251, 255), (8, 48, 107)


def heat_map(
    blocks: Sequence[tuple[str, Sequence[str], ArrayLike]],
    columns: Sequence[str],
    thresholds: Thresholds,
) -> str:
    """Blocks of rows over the same columns: (heading, row names, scores (rows, columns)).

    A cell's shade is its score, from the lowest to the highest of all; its letter the label: H, M,
    nothing for LOW.
    """
    tables = [np.asarray(scores, np.float64) for *_, scores in blocks]
    lowest = min(table.min() for table in tables)
    highest = max(table.max() for table in tables)
    left = LETTER * max(len(name) for _, names, _ in blocks for name in names) + 20
    top = LETTER * max(map(len, columns)) * 0.75 + 20
    parts = [_column(name, left + CELL * i, top) for i, name in enumerate(columns)]
    y = top + 8
    for (heading, names, _), table in zip(blocks, tables, strict=True):
        parts.append(_text(8, y + LINE, heading, bold=True))
        y += LINE + 8
        for name, row in zip(names, table, strict=True):
            parts.append(_text(left - 8, y + 17, name, anchor="end"))
            for i, value in enumerate(row.tolist()):
                share = (value - lowest) / ((highest - lowest) or 1.0)
                what = f"{heading}: {name}, {columns[i]}"
                parts.append(_cell(left + CELL * i, y, value, share, thresholds, what))
            y += CELL
        y += 6
    width = left + CELL * len(columns) + top
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{y + 8:.0f}" '
        f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
    )
    return "\n".join([head, *parts, "</svg>", ""])


def _cell(x: float, y: float, value: float, share: float, thresholds: Thresholds, what: str) -> str:
    shade = tuple(round(a + (b - a) * share) for a, b in zip(LIGHT, DARK, strict=True))
    label = thresholds.label(value)
    letter = "" if label == LOW else label[0]
    ink = "white" if share > 0.5 else "black"
    weight = "bold" if label == HIGH else "normal"
    return (
        f'<g><title>{_safe(what)}: {value:.3f} {label}</title><rect x="{x:.1f}" y="{y:.1f}" '
        f'width="{CELL - 1}" height="{CELL - 1}" fill="rgb{shade}"/><text x="{x + 12.5:.1f}" '
        f'y="{y + 17:.1f}" text-anchor="middle" fill="{ink}" font-weight="{weight}">{letter}'
        "</text></g>"
    )


def _column(name: str, x: float, y: float) -> str:
    at = f"{x + 17:.1f} {y:.1f}"
    x_text, y_text = at.split()
    return f'<text x="{x_text}" y="{y_text}" transform="rotate(-50 {at})">{_safe(name)}</text>'


def _text(x: float, y: float, text: str, anchor: str = "start", bold: bool = False) -> str:
    weight = "bold" if bold else "normal"
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}">'
        f"{_safe(text)}</text>"
    )


def _safe(text: str) -> str:
    """Escaped, without the control characters that XML forbids."""
    return escape("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text))
