"""What a sentence asks for, as records: shown as a table, as JSON, and turned into prompts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

Polarity = Literal["wanted", "unwanted", "reference"]

# The kind of an attribute that names a song or an artist; the others are in `gazetteer.KINDS`.
SONG = "song"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One thing asked for.

    kind : genre, mood, instrument, voice, tempo, era, use, or song. value : its name there.
    polarity : wanted, unwanted, or reference (a song to resemble; an unwanted one is one not to
    resemble). text : the words it was read from. prompt : what an encoder is asked, "" where
    nothing is (songs, tempi in figures). bpm : beats a minute, (low, high), None for an open end.
    note : how a doubtful reading came about, "" if there was no doubt.
    """

    kind: str
    value: str
    polarity: Polarity
    text: str
    prompt: str = ""
    bpm: tuple[float | None, float | None] | None = None
    note: str = ""

    def row(self) -> dict[str, str]:
        """The attribute as a line of a table."""
        return {
            "text": self.text,
            "kind": self.kind,
            "value": self.value,
            "polarity": self.polarity,
            "prompt": self.prompt,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class Request:
    """A sentence as it was understood.

    attributes : in the order of the sentence. left_over : runs of words that were not understood.
    notes : what the reader of the sentence should know beside single attributes.
    """

    sentence: str
    attributes: tuple[Attribute, ...]
    left_over: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def wanted(self) -> tuple[str, ...]:
        """Prompts to score for."""
        return _unique(a.prompt for a in self.attributes if a.polarity == "wanted")

    @property
    def unwanted(self) -> tuple[str, ...]:
        """Prompts to score apart and subtract. They name the thing itself, never its absence."""
        return _unique(a.prompt for a in self.attributes if a.polarity == "unwanted")

    @property
    def tempo(self) -> tuple[float | None, float | None] | None:
        """The range that tempi given in figures allow (beats a minute), None if none was given.

        Words such as fast are prompts instead: what counts as fast depends on the music, and a
        beat tracker may take half or double. Ranges that exclude each other leave low > high.
        """
        given = [a.bpm for a in self.attributes if a.kind == "tempo" and a.bpm and not a.prompt]
        if not given:
            return None
        lows, highs = zip(*given, strict=True)
        return (
            max((low for low in lows if low is not None), default=None),
            min((high for high in highs if high is not None), default=None),
        )

    @property
    def references(self) -> tuple[str, ...]:
        """Songs or artists to resemble."""
        songs = (a for a in self.attributes if a.kind == SONG)
        return _unique(a.value for a in songs if a.polarity == "reference")

    @property
    def unwanted_references(self) -> tuple[str, ...]:
        """Songs or artists not to resemble."""
        songs = (a for a in self.attributes if a.kind == SONG)
        return _unique(a.value for a in songs if a.polarity == "unwanted")

    def rows(self) -> list[dict[str, str]]:
        """The table: one line an attribute, then one a run of words that was not understood."""
        blank = Attribute("", "", "wanted", "").row() | {"polarity": "not understood"}
        return [
            *(attribute.row() for attribute in self.attributes),
            *(blank | {"text": words} for words in self.left_over),
        ]

    def to_json(self) -> dict[str, Any]:
        """The same as plain values: strings, numbers, lists and dicts."""
        return {
            "sentence": self.sentence,
            "attributes": [
                attribute.row() | {"bpm": list(attribute.bpm) if attribute.bpm else None}
                for attribute in self.attributes
            ],
            "wanted": list(self.wanted),
            "unwanted": list(self.unwanted),
            "tempo": list(self.tempo) if self.tempo else None,
            "references": list(self.references),
            "unwanted_references": list(self.unwanted_references),
            "not_understood": list(self.left_over),
            "notes": list(self.notes),
        }


def bpm_text(low: float | None, high: float | None) -> str:
    """A range of tempi in words: 110–130 bpm, over 140 bpm, under 80 bpm."""
    if low is None:
        return f"under {high:g} bpm"
    if high is None:
        return f"over {low:g} bpm"
    return f"{low:g}–{high:g} bpm"


def _unique(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))
