"""The words the program knows: gazetteers, negation cues and fillers, read from `data/`.

A gazetteer is a CSV file a person can read and extend: `value` (what the attribute is called),
`prompt` (the words an encoder is asked with; empty: made from the value), `also` (other ways to
say it, parted by |). Singular and plural of a phrase's last word, hyphens, accents and case make
no difference, and need no entries of their own.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, get_args

from clapbatch.language.text import words

Kind = Literal["genre", "mood", "instrument", "voice", "tempo", "era", "use"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_PROMPTS: Mapping[str, str] = {
    "genre": "{} music",
    "mood": "{} music",
    "tempo": "{} music",
    "era": "{} music",
    "use": "music for {}",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """What a phrase stands for.

    prompt : words for the encoder. low, high : beats a minute, None for an open end.
    absent : the phrase says that this is missing (`instrumental`: no vocals).
    """

    kind: Kind
    value: str
    prompt: str
    low: float | None = None
    high: float | None = None
    absent: bool = False


@dataclass(frozen=True)
class Lexicon:
    """Phrases (tuples of words) -> what they do.

    entries : gazetteer phrases; more than one entry where kinds share a phrase. singular : the
    same with the last word in the singular. cues : phrase -> effect. fillers : words that say
    nothing. values : (kind, value) -> entry. longest : words in the longest phrase.
    """

    entries: Mapping[tuple[str, ...], tuple[Entry, ...]]
    singular: Mapping[tuple[str, ...], tuple[Entry, ...]]
    cues: Mapping[tuple[str, ...], str]
    fillers: frozenset[str]
    values: Mapping[tuple[Kind, str], Entry]
    longest: int

    def find(self, phrase: tuple[str, ...]) -> tuple[Entry, ...]:
        """The entries of a phrase as it stands, else with its last word in the singular."""
        if found := self.entries.get(phrase):
            return found
        return self.singular.get((*phrase[:-1], singular(phrase[-1])), ())


def singular(word: str) -> str:
    """The word without a plural s. A rule, applied to both sides of every comparison."""
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    return word[:-1]


@cache
def lexicon() -> Lexicon:
    """Everything in `data/`, read once.

    Raises
    ------
    ValueError
        If two entries of one kind claim the same phrase.
    """
    entries: dict[tuple[str, ...], tuple[Entry, ...]] = {}
    values: dict[tuple[Kind, str], Entry] = {}
    for kind in KINDS:
        for row in _rows(f"{kind}.csv"):
            entry = _entry(kind, row)
            values[kind, entry.value] = entry
            # Decades in figures are read by patterns, which see what stands before them.
            itself = [] if entry.value[0].isdigit() else [entry.value]
            _claim(entries, [*itself, *_split(row["also"])], entry)
    for row in _rows("absent.csv"):
        base = next(values[k, row["value"]] for k in KINDS if k == row["kind"])
        absent = Entry(base.kind, base.value, base.prompt, absent=True)
        _claim(entries, _split(row["also"]), absent)
    cues = {
        words(phrase): row["effect"]
        for row in _rows("cues.csv")
        for phrase in _split(row["phrases"])
    }
    return Lexicon(
        entries=entries,
        singular=_by_singular(entries),
        cues=cues,
        fillers=frozenset(_lines("filler.txt")),
        values=values,
        longest=max(map(len, [*entries, *cues])),
    )


def _by_singular(
    entries: Mapping[tuple[str, ...], tuple[Entry, ...]],
) -> dict[tuple[str, ...], tuple[Entry, ...]]:
    index: dict[tuple[str, ...], tuple[Entry, ...]] = {}
    for phrase, found in entries.items():
        index.setdefault((*phrase[:-1], singular(phrase[-1])), found)
    return index


def _entry(kind: Kind, row: Mapping[str, str]) -> Entry:
    value = row["value"].strip()
    prompt = row["prompt"].strip() or _default_prompt(kind, value)
    low, high = (float(row[end]) if row.get(end) else None for end in ("low", "high"))
    return Entry(kind, value, prompt, low, high)


def _default_prompt(kind: Kind, value: str) -> str:
    return value if value.endswith("music") else _PROMPTS.get(kind, "{}").format(value)


def _claim(
    entries: dict[tuple[str, ...], tuple[Entry, ...]], phrases: Sequence[str], entry: Entry
) -> None:
    for phrase in phrases:
        key = words(phrase)
        others = entries.get(key, ())
        if any(other.kind == entry.kind and other != entry for other in others):
            raise ValueError(f"{entry.kind}: {phrase!r} stands for two things")
        if entry not in others:
            entries[key] = (*others, entry)


def _split(cell: str) -> list[str]:
    return [part.strip() for part in cell.split("|") if part.strip()]


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(_text(name).splitlines(), strict=True))


def _lines(name: str) -> list[str]:
    """The words of a word list, its # comments left out."""
    lines = [line for line in _text(name).splitlines() if not line.startswith("#")]
    return " ".join(lines).split()


def _text(name: str) -> str:
    return files("clapbatch.language").joinpath("data", name).read_text(encoding="utf-8")


def word_list(name: str) -> frozenset[str]:
    """A list of words from `data/`."""
    return frozenset(_lines(name))


@cache
def word_groups(name: str) -> Mapping[str, frozenset[str]]:
    """Groups of words from `data/`: the first column names the group, the second lists it."""
    return {row["place"]: frozenset(row["words"].split()) for row in _rows(name)}
