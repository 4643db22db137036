"""The text side of the joint space: sentences -> unit vectors over the axes."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from clapbatch.api import FloatArray, Runtime
from clapbatch.builtin.embedders.musicnn.anchors import OWNER, WORDINGS, load_anchors
from clapbatch.builtin.embedders.musicnn.axes import AXES, OUTSIDE
from clapbatch.builtin.embedders.musicnn.minilm import SentenceVectors
from clapbatch.builtin.embedders.musicnn.negation import split
from clapbatch.builtin.embedders.musicnn.space import DIM

# Of the softmax over cosines: low enough that a query is a mix of few axes.
TEMPERATURE = 0.05
# A query whose nearest wording has a smaller cosine is not understood.
NEAR_ENOUGH = 0.40
_NAMES = [axis.name for axis in AXES]
_VOICES = [_NAMES.index(name) for name in ("female vocalist", "male vocalist", "vocals")]
_VOCALS, _INSTRUMENTAL = _NAMES.index("vocals"), _NAMES.index("instrumental")


def _plain(text: str) -> str:
    """Lower case, and one space for whatever is neither letter nor digit."""
    return " ".join(re.findall(r"[a-z0-9&']+", text.lower().replace("’", "'")))


def _finder(wordings: Sequence[str]) -> re.Pattern[str]:
    # The longest first, so that "hard rock" is not also read as "rock".
    longest_first = sorted(map(_plain, wordings), key=lambda wording: (-len(wording), wording))
    return re.compile(rf"\b({'|'.join(map(re.escape, longest_first))})s?\b")


class TagText:
    """float32 (n, DIM) unit rows: a softmax mix of axes, and zero on the remainder axis."""

    def __init__(self, runtime: Runtime) -> None:
        self._vectors = SentenceVectors(runtime)
        self._wordings, self._outside = load_anchors()
        self._axis = {_plain(word): int(axis) for word, axis in zip(WORDINGS, OWNER, strict=True)}
        self._find_axis, self._find_outside = _finder(WORDINGS), _finder(OUTSIDE)

    def embed(self, texts: Sequence[str]) -> FloatArray:
        return np.stack([self._embed_one(text) for text in texts])

    def _embed_one(self, text: str) -> FloatArray:
        wanted, refused = split(text)
        mix = self._mix(wanted) if wanted else np.zeros(len(AXES))
        for phrase in refused:
            against = self._mix(phrase)
            if against[_VOCALS] > 0.1:
                # "No vocals" refuses every voice, and there are tags that say just this.
                mix[_INSTRUMENTAL] += against[_VOCALS]
                against[_VOICES] = np.maximum(against[_VOICES], against[_VOCALS])
            mix = mix - against
        length = np.linalg.norm(mix)
        if length < 1e-6:
            mix = self._mix(text)
            length = np.linalg.norm(mix)
        row = np.zeros(DIM, np.float32)
        row[: len(AXES)] = mix / length
        return row

    def _cosines(self, phrase: str) -> tuple[FloatArray, FloatArray]:
        """Cosines with each axis's nearest wording, and with each word outside.

        What is named outright counts as 1, whatever else the sentence says.
        """
        vector = self._vectors([phrase])[0]
        # Sums of products, not a matrix product: no BLAS, so the same bits for any thread count.
        near = np.zeros(len(AXES), np.float32)
        np.maximum.at(near, OWNER, np.einsum("ij,j->i", self._wordings, vector))
        far = np.einsum("ij,j->i", self._outside, vector)
        plain = _plain(phrase)
        for found in self._find_axis.findall(plain):
            near[self._axis[found]] = 1.0
        if self._find_outside.search(plain):
            far[:] = 1.0
        return near, far

    def _mix(self, phrase: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """A softmax over the axes' cosines, scaled to unit length: float64 (axes,)."""
        near, _ = self._cosines(phrase)
        weights = np.exp((near.astype(np.float64) - near.max()) / TEMPERATURE)
        mix: np.ndarray[tuple[int], np.dtype[np.float64]] = weights / np.linalg.norm(weights)
        return mix

    def limits(self, texts: Sequence[str]) -> list[str]:
        return [self._limit(text) for text in texts]

    def _limit(self, text: str) -> str:
        wanted, refused = split(text)
        for phrase in filter(None, (wanted, *refused)):
            near, far = self._cosines(phrase)
            if near.max() < NEAR_ENOUGH or far.max() >= near.max():
                return f"outside the vocabulary of musicnn; nearest tag: {_NAMES[near.argmax()]}"
        return ""
