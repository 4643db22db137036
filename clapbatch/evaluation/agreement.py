"""How much scores and rankings depend on the wording of a query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clapbatch.domain import HIGH, LOW, MODERATE, Thresholds

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LABELS = (LOW, MODERATE, HIGH)


@dataclass(frozen=True, slots=True)
class Flip:
    """A song whose label two wordings disagree on (indices of song and wordings)."""

    song: int
    higher: int
    lower: int
    higher_label: str
    lower_label: str
    gap: float


@dataclass(frozen=True)
class WordingComparison:
    """Wordings of one meaning on the songs at hand.

    correlation : (wordings, wordings), Spearman rank correlation, −1..1; nan where a wording gives
    all songs one score. flips : (wordings, wordings), share of songs (0..1) labelled differently.
    agreement : (wordings,), mean correlation with the other wordings, nan counted as 0.
    spread : (songs,), highest minus lowest score. fragile : (songs,), does the label change?
    preferred : index of the wording to prefer; reason : why, in one sentence.
    worst : the song on which two wordings with different labels lie furthest apart, if any.
    """

    correlation: Floats
    flips: Floats
    agreement: Floats
    spread: Floats
    fragile: Bools
    preferred: int
    reason: str
    worst: Flip | None


def spread(scores: ArrayLike) -> Floats:
    """Highest minus lowest of a song's scores (songs, prompts) -> (songs,), at least 0."""
    values = _table(scores)
    return np.asarray(values.max(axis=1) - values.min(axis=1))


def label_indices(scores: ArrayLike, thresholds: Thresholds) -> NDArray[np.int64]:
    """Indices into `LABELS` of scores of any shape: 0 LOW, 1 MODERATE, 2 HIGH; strictly above."""
    values = np.asarray(scores)
    above = (values > thresholds.moderate).astype(np.int64) + (values > thresholds.high)
    return np.asarray(above, np.int64)


def fragile(scores: ArrayLike, thresholds: Thresholds) -> Bools:
    """Songs whose label changes with the prompt: scores (songs, prompts) -> bool (songs,)."""
    labels = label_indices(_table(scores), thresholds)
    return np.asarray(labels.min(axis=1) != labels.max(axis=1))


def average_ranks(values: ArrayLike) -> Floats:
    """Ranks 1…n of values (n,), ascending; equal values share the mean of their ranks."""
    _, group, size = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    last = np.cumsum(size)
    return np.asarray((last - (size - 1) / 2)[group], np.float64)


def rank_correlation(scores: ArrayLike) -> Floats:
    """Spearman's rho between the columns of scores (songs, wordings) -> (wordings, wordings).

    Ties share ranks (Spearman 1904; Kendall and Gibbons 1990). nan, its own diagonal included,
    where a column holds one value only.
    """
    values = _table(scores)
    ranks = np.stack([average_ranks(column) for column in values.T], axis=1)
    centred = ranks - ranks.mean(axis=0)
    norms = np.sqrt((centred**2).sum(axis=0))
    norms[norms == 0] = np.nan
    unit = centred / norms
    # einsum, not @: the bits of a matrix product depend on the threads of the BLAS.
    return np.asarray(np.clip(np.einsum("si,sj->ij", unit, unit), -1, 1))


def label_flips(scores: ArrayLike, thresholds: Thresholds) -> Floats:
    """Share of songs that two wordings label differently: (songs, wordings) -> (w, w), 0..1."""
    labels = label_indices(_table(scores), thresholds)
    return np.asarray((labels[:, :, None] != labels[:, None, :]).mean(axis=0))


def compare_wordings(
    scores: ArrayLike, wordings: Sequence[str], thresholds: Thresholds
) -> WordingComparison:
    """Compare wordings of one meaning, and choose one.

    Preferred is the medoid: the wording whose ranking of these songs agrees most, on average, with
    the rankings by the others; of equals the first. It is the safest choice where nobody says
    which songs are right; where somebody does, `metrics.retrieval` judges better.

    scores : (songs, wordings), finite. wordings : their texts, the given one first.

    Raises
    ------
    ValueError
        If shapes do not fit or a score is not finite.
    """
    values = _table(scores)
    if values.shape[1] != len(wordings):
        raise ValueError(f"{values.shape[1]} columns of scores for {len(wordings)} wordings")
    correlation = rank_correlation(values)
    others = ~np.eye(len(wordings), dtype=np.bool_)
    agreement = np.where(others, np.nan_to_num(correlation), 0.0).sum(axis=1)
    agreement /= max(len(wordings) - 1, 1)
    # Rounded, so that noise in the last bits does not choose between equals.
    preferred = int(np.argmax(np.round(agreement, 9)))
    return WordingComparison(
        correlation=correlation,
        flips=label_flips(values, thresholds),
        agreement=agreement,
        spread=spread(values),
        fragile=fragile(values, thresholds),
        preferred=preferred,
        reason=_reason(agreement, wordings, preferred, len(values)),
        worst=_worst(values, thresholds),
    )


def _reason(agreement: Floats, wordings: Sequence[str], preferred: int, songs: int) -> str:
    if len(wordings) == 1:
        return "there is no other wording to compare it with"
    if songs < 3:
        return f"{songs} songs are too few to compare rankings; the first of the most alike"
    worst = int(np.argmin(agreement))
    return (
        f"its ranking of these {songs} songs agrees most with the other {len(wordings) - 1} "
        f"wordings (mean rank correlation {agreement[preferred]:.2f}; least so "
        f"{wordings[worst]!r}, {agreement[worst]:.2f})"
    )


def _worst(values: Floats, thresholds: Thresholds) -> Flip | None:
    songs = np.flatnonzero(fragile(values, thresholds))
    if not len(songs):
        return None
    song = int(songs[np.argmax(spread(values[songs]))])
    higher, lower = int(values[song].argmax()), int(values[song].argmin())
    labels = label_indices(values[song], thresholds)
    return Flip(
        song=song,
        higher=higher,
        lower=lower,
        higher_label=LABELS[labels[higher]],
        lower_label=LABELS[labels[lower]],
        gap=float(values[song, higher] - values[song, lower]),
    )


def _table(scores: ArrayLike) -> Floats:
    values = np.asarray(scores, np.float64)
    if values.ndim != 2 or not values.size or not np.isfinite(values).all():
        raise ValueError(f"need finite scores (songs, wordings), at least 1 × 1: {values.shape}")
    return values
