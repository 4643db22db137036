"""The text side of the joint space: sentences -> unit vectors over the axes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clapbatch.api import FloatArray, Runtime
from clapbatch.builtin.embedders.musicnn.anchors import OWNER, WORDINGS, load_anchors
from clapbatch.builtin.embedders.musicnn.axes import AXES, OUTSIDE
from clapbatch.builtin.embedders.musicnn.minilm import SentenceVectors
from clapbatch.builtin.embedders.musicnn.negation import split
from clapbatch.builtin.embedders.musicnn.space import DIM

# Of the softmax over cosines: low enough that a query is a mix of few axes.
TEMPERATURE = 0.05
# A query whose nearest wording has a smaller cosine is not understood (docs/musicnn.md).
NEAR_ENOUGH = 0.50
# How much a refused phrase counts beside a wanted one (docs/musicnn.md).
REFUSAL = 0.6
SMALLEST = 1e-3
# An axis is told to the reader as part of a query's meaning from this share of the largest.
TOLD = 0.5

Mix = NDArray[np.float64]

_NAMES = [axis.name for axis in AXES]
_VOICES = [_NAMES.index(name) for name in ("female vocalist", "male vocalist", "vocals")]
_VOCALS, _INSTRUMENTAL = _NAMES.index("vocals"), _NAMES.index("instrumental")


@dataclass(frozen=True, slots=True)
class Reading:
    """How a phrase was understood.

    near : float32 (axes,), cosine with each axis's nearest wording, 1 where the axis is named.
    named : whether any is. outside : the word without a tag that it names, or "".
    far : cosine with the nearest word outside the vocabulary.
    """

    near: FloatArray
    named: bool
    outside: str
    far: float

    @property
    def understood(self) -> bool:
        if self.outside:
            return False
        return self.named or float(self.near.max()) >= max(NEAR_ENOUGH, self.far)

    def mix(self) -> Mix:
        """A softmax over the cosines, scaled to unit length: float64 (axes,)."""
        weights = np.exp((self.near.astype(np.float64) - self.near.max()) / TEMPERATURE)
        mix: Mix = weights / np.linalg.norm(weights)
        return mix


class TagText:
    """Texts -> float32 (n, DIM) unit rows: a mix of axes, and zero on the remainder axis."""

    def __init__(self, runtime: Runtime) -> None:
        self._vectors = SentenceVectors(runtime)
        self._wordings, self._outside = load_anchors()
        self._axis = {_plain(word): int(axis) for word, axis in zip(WORDINGS, OWNER, strict=True)}
        self._find_axis, self._find_outside = _finder(WORDINGS), _finder(OUTSIDE)
        self._read_before: dict[str, Reading] = {}

    def embed(self, texts: Sequence[str]) -> FloatArray:
        self._read_all(texts)
        rows = np.zeros((len(texts), DIM), np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[: len(AXES)] = self._direction(text)
        return rows

    def limits(self, texts: Sequence[str]) -> list[str]:
        self._read_all(texts)
        return [self._limit(text) for text in texts]

    def _direction(self, text: str) -> Mix:
        """Where a text points, of unit length: float64 (axes,).

        A refused phrase that is not understood is left out: without a tag for the saxophone,
        "jazz without saxophone" would else refuse its neighbours, jazz among them.
        """
        wanted, refused = split(text)
        mix = np.zeros(len(AXES)) if refused and not wanted else self._read(wanted).mix()
        for reading in map(self._read, refused):
            if reading.understood:
                mix -= (REFUSAL if wanted else 1.0) * _refusal(reading.mix())
        length = np.linalg.norm(mix)
        if length < SMALLEST:  # nothing is left: "piano without piano", "no saxophone"
            mix = -_refusal(self._read(refused[0]).mix())
            length = np.linalg.norm(mix)
        direction: Mix = mix / length
        return direction

    def _limit(self, text: str) -> str:
        wanted, refused = split(text)
        for phrase in (wanted, *refused) if wanted else refused or (text,):
            reading = self._read(phrase)
            if not reading.understood:
                mix = reading.mix()
                told = [
                    _NAMES[i]
                    for i in np.argsort(-mix, kind="stable")[:3]
                    if mix[i] >= TOLD * mix.max()
                ]
                reason = (
                    f"no tag for {reading.outside!r}" if reading.outside else "far from every tag"
                )
                return f"{reason}, read as {' + '.join(told)}"
        return ""

    def _read_all(self, texts: Sequence[str]) -> None:
        """Read the phrases of many texts at once, which is several times faster than one by one."""
        phrases: dict[str, None] = {}
        for text in texts:
            wanted, refused = split(text)
            phrases |= dict.fromkeys((text, wanted, *refused))
        new = [phrase for phrase in phrases if phrase not in self._read_before]
        for phrase, vector in zip(new, self._vectors(new), strict=True):
            self._read_before[phrase] = self._reading(phrase, vector)

    def _read(self, phrase: str) -> Reading:
        return self._read_before[phrase]

    def _reading(self, phrase: str, vector: FloatArray) -> Reading:
        plain = _plain(phrase)
        near = np.full(len(AXES), -1.0, np.float32)
        np.maximum.at(near, OWNER, _cosines(self._wordings, vector))
        named = [self._axis[found] for found in self._find_axis.findall(plain)]
        # A sentence's vector blurs what it names; a tag named outright counts in full.
        near[named] = 1.0
        outside = self._find_outside.search(plain)
        return Reading(
            near,
            named=bool(named),
            outside=outside[1] if outside else "",
            far=float(_cosines(self._outside, vector).max()),
        )


def _refusal(mix: Mix) -> Mix:
    """What to subtract for a refused phrase of this mix, of unit length.

    "No vocals" refuses every voice and asks for what the tags call instrumental; "not
    instrumental" asks for a voice.
    """
    voices, instrumental = mix[_VOCALS], mix[_INSTRUMENTAL]
    mix[_VOICES] = np.maximum(mix[_VOICES], voices)
    mix[_VOCALS], mix[_INSTRUMENTAL] = voices - instrumental, instrumental - voices
    refusal: Mix = mix / np.linalg.norm(mix)
    return refusal


def _cosines(vectors: FloatArray, vector: FloatArray) -> FloatArray:
    # Sums of products, no matrix product: the same bits for any number of BLAS threads.
    cosines: FloatArray = (vectors * vector).sum(axis=1)
    return cosines


def _plain(text: str) -> str:
    """Lower case, and one space for whatever is neither letter nor digit."""
    return " ".join(re.findall(r"[a-z0-9&']+", text.lower().replace("’", "'")))


def _finder(wordings: Sequence[str]) -> re.Pattern[str]:
    # The longest first, so that "hard rock" is not also read as "rock".
    longest_first = sorted(map(_plain, wordings), key=lambda wording: (-len(wording), wording))
    return re.compile(rf"\b({'|'.join(map(re.escape, longest_first))})s?\b")
