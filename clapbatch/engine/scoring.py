"""Vectors -> scores. Every product has a shape that the recipe fixes, on one thread."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from clapbatch.domain import Embeddings, FloatArray, Scores
from clapbatch.roles import Scorer


def cosines(song: Embeddings, texts: FloatArray) -> FloatArray:
    """float32 (segments, queries) from unit rows; the shape depends on nothing but the two."""
    product: FloatArray = np.clip(song.vectors @ texts.T, np.float32(-1), np.float32(1))
    return product


def score(timelines: Iterable[FloatArray], scorer: Scorer, queries: int) -> Scores:
    """Each song's verdict and evidence for each query.

    timelines : a song's cosines, float32 (segments, queries), segments at least 1.
    """
    rows = []
    for timeline in timelines:
        wide = timeline.astype(np.float64)
        rows.append(
            (
                np.asarray(scorer.score(timeline), dtype=np.float32),
                timeline.max(axis=0),
                timeline.min(axis=0),
                wide.std(axis=0).astype(np.float32),
                timeline.argmax(axis=0),
            )
        )
    if not rows:
        empty = np.empty((0, queries), np.float32)
        return Scores(empty, empty, empty, empty, np.empty((0, queries), np.int64))
    return Scores(*(np.stack(column) for column in zip(*rows, strict=True)))


def mean_vector(song: Embeddings, axes: int | None) -> FloatArray:
    """A song as one unit vector, float32 (axes,): its mean, renormalised.

    Zeros if the segments cancel out exactly: such a song is like no other, itself included.
    """
    return _unit(song.vectors[:, :axes].astype(np.float64).mean(axis=0))


def mean_direction(rows: FloatArray) -> FloatArray:
    """Several unit vectors as one: float32 (n, dim) -> (dim,). One alone stays as it is."""
    if len(rows) == 1:
        only: FloatArray = rows[0]
        return only
    return _unit(rows.astype(np.float64).mean(axis=0))


def _unit(vector: NDArray[np.float64]) -> FloatArray:
    norm = np.linalg.norm(vector)
    unit: FloatArray = (vector / norm if norm > 0 else vector).astype(np.float32)
    return unit
