"""What is written in figures: beats a minute, decades and years."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# A beat tracker is counted right within 4 % (Gouyon et al. 2006) and, more kindly, within 8 %
# (MIREX audio tempo): "120 bpm" takes the first, "around 120 bpm" the second.
EXACT, AROUND = 0.04, 0.08
SLOWEST, FASTEST = 30.0, 300.0

_NUMBER = r"(\d{2,3}(?:\.\d+)?)"
_UNIT = r"\s*(?:bpms?|beats?\s*(?:per|a|/)\s*min(?:ute)?s?)\b"
# Without a unit a figure is a tempo only where nothing else can be counted by it.
_ALONE = r"(?=\s*(?:$|[,;.!?)]|but\b|and\b|or\b|with\b|no\b))"
_MORE = (
    r"(?:over|above|faster than|quicker than|more than|higher than|at least|min(?:imum)?(?: of)?"
    r"|from|upwards of|starting at|north of|>=?)"
)
_LESS = (
    r"(?:under|below|slower than|less than|lower than|at most|max(?:imum)?(?: of)?|up to"
    r"|south of|<=?)"
)
_ABOUT = r"(?:around|about|approx(?:imately|\.)?|roughly|circa|ca\.?|close to|near|some|~)"
_MORE_AFTER = (
    r"(?:\s*\+|\s*(?:or|and)\s+(?:more|faster|higher|above|up|over)\b|\s+plus\b|\s+min(?:imum)?\b)"
)
_LESS_AFTER = r"(?:\s*(?:or|and)\s+(?:less|slower|lower|below|under)\b|\s+max(?:imum)?\b|\s+tops\b)"
_TO = r"\s*(?:-|\bto\b)\s*"
_TEMPO = r"(?:(?:with )?(?:a )?(?:tempo|bpm|speed)\s*(?:of|=|:|is)?\s*)"

# Tried in this order at every place; the first that fits wins.
_TEMPI: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        (
            "range",
            rf"(?:between |from |{_ABOUT} |{_TEMPO})?{_NUMBER}(?:{_UNIT})?{_TO}{_NUMBER}{_UNIT}",
        ),
        ("range", rf"{_TEMPO}{_NUMBER}{_TO}{_NUMBER}\b"),
        ("range", rf"between {_NUMBER}(?:{_UNIT})? and {_NUMBER}(?:{_UNIT}|{_ALONE})"),
        ("more", rf"{_TEMPO}?{_MORE}\s*{_NUMBER}(?:{_UNIT}|{_ALONE})"),
        ("less", rf"{_TEMPO}?{_LESS}\s*{_NUMBER}(?:{_UNIT}|{_ALONE})"),
        ("more", rf"{_NUMBER}(?:{_UNIT}){_MORE_AFTER}|{_NUMBER}{_MORE_AFTER}{_UNIT}"),
        ("less", rf"{_NUMBER}(?:{_UNIT}){_LESS_AFTER}|{_NUMBER}{_LESS_AFTER}{_UNIT}"),
        ("around", rf"{_TEMPO}?{_ABOUT}\s*{_NUMBER}(?:{_UNIT}|{_ALONE})"),
        ("around", rf"{_NUMBER}\s*-?\s*ish{_UNIT}"),
        ("exact", rf"{_NUMBER}{_UNIT}"),
        ("exact", rf"{_TEMPO}{_NUMBER}\b"),
    )
)

_DECADE = re.compile(r"\b(19|20)?(\d0)\s?'?s\b")
_YEAR = re.compile(r"\b(19[1-9]\d|20[0-3]\d)\b(?!\s*bpm)")
_CENTURY = re.compile(r"\b(18|19|20)th[\s-]centur(?:y|ies)\b")
# Before or after a decade, not in it: no attribute says so, and the decade alone would be wrong.
_BESIDE = re.compile(
    r"\b(?:than|before|after|since|until|till|post|pre)[\s-]+(?:the\s+)?(?:early |mid |late )?$"
)
# "20s" is the last century's until this one has music of its own called so.
_LAST_CENTURY = {"20", "30", "40", "50", "60", "70", "80", "90"}


@dataclass(frozen=True, slots=True)
class Figure:
    """A tempo (low, high in beats a minute, None for an open end) or an era (its name)."""

    start: int
    end: int
    low: float | None = None
    high: float | None = None
    era: str = ""


def figures(text: str) -> list[Figure]:
    """All tempi and eras in a folded text, in order, none overlapping."""
    found: list[Figure] = []
    for figure in sorted([*_tempi(text), *_eras(text)], key=lambda f: (f.start, -f.end)):
        if not found or figure.start >= found[-1].end:
            found.append(figure)
    return found


def _tempi(text: str) -> Iterator[Figure]:
    place = 0
    while place < len(text):
        if place and text[place - 1].isalnum():
            place += 1
            continue
        figure = _tempo_at(text, place)
        if figure:
            yield figure
        place = figure.end if figure else place + 1


def _tempo_at(text: str, place: int) -> Figure | None:
    for name, pattern in _TEMPI:
        if not (match := pattern.match(text, place)):
            continue
        numbers = [float(group) for group in match.groups() if group]
        if all(SLOWEST <= number <= FASTEST for number in numbers):
            return Figure(*match.span(), *_limits(name, numbers))
    return None


def _limits(name: str, numbers: list[float]) -> tuple[float | None, float | None]:
    first = numbers[0]
    match name:
        case "range":
            return min(numbers), max(numbers)
        case "more":
            return first, None
        case "less":
            return None, first
        case _:
            share = AROUND if name == "around" else EXACT
            return float(round(first * (1 - share))), float(round(first * (1 + share)))


def _eras(text: str) -> Iterator[Figure]:
    for match in _DECADE.finditer(text):
        century, tens = match[1], match[2]
        century = century or ("19" if tens in _LAST_CENTURY else "20")
        if (century, tens) == ("19", "00") or (century == "20" and tens > "20"):
            continue
        if not _BESIDE.search(text, 0, match.start()):
            yield Figure(*match.span(), era=f"{century}{tens}s")
    for match in _YEAR.finditer(text):
        if not _BESIDE.search(text, 0, match.start()):
            yield Figure(*match.span(), era=f"{match[0][:3]}0s")
    for match in _CENTURY.finditer(text):
        yield Figure(*match.span(), era=f"{match[1]}th century")
