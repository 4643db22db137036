"""Label thresholds from what a person says is right: twenty labels or more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clapbatch.domain import Thresholds
from clapbatch.errors import UsageError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MINIMUM_LABELS = 20
HIGH_PRECISION = 0.9
FOLDS = 10
SEED = 42
_Z95 = 1.959963984540054  # two-sided 95 % of a normal distribution


@dataclass(frozen=True, slots=True)
class Rate:
    """hits of count, with the 95 % Wilson interval; value is nan where count is 0."""

    hits: int
    count: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ThresholdFit:
    """A threshold and how well "strictly above it" tells relevant songs from the others."""

    threshold: float
    precision: Rate
    recall: Rate


@dataclass(frozen=True, slots=True)
class FittedThresholds:
    """What was fitted, and how far to trust it.

    thresholds : for `Analysis` and reports. moderate, high : each with its figures on the labels
    it was fitted to, which flatter it. held_out : the figures of a moderate threshold fitted
    without the labels it is judged by (ten folds); what to expect of new songs. notes : sentences.
    """

    thresholds: Thresholds
    moderate: ThresholdFit
    high: ThresholdFit
    held_out_precision: Rate
    held_out_recall: Rate
    labels: int
    relevant: int
    notes: tuple[str, ...]


def wilson(hits: int, count: int) -> Rate:
    """A share with its 95 % interval (Wilson 1927), good for few labels and shares near 0 or 1."""
    if not count:
        return Rate(0, 0, float("nan"), 0.0, 1.0)
    share, z2 = hits / count, _Z95**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = _Z95 * np.sqrt(share * (1 - share) / count + z2 / (4 * count**2)) / (1 + z2 / count)
    low = 0.0 if hits == 0 else float(middle - half)
    high = 1.0 if hits == count else float(middle + half)
    return Rate(hits, count, share, low, high)


def fit_thresholds(
    scores: ArrayLike, relevant: ArrayLike, *, precision: float = HIGH_PRECISION
) -> FittedThresholds:
    """Fit MODERATE and HIGH to labelled song–query pairs.

    MODERATE is the threshold with the highest F1. HIGH is the lowest one from there up whose
    labelled pairs above are right with at least `precision`; if none is, the most precise one.
    Thresholds lie midway between two scores that occurred; of equal ones the higher.

    scores : (n,), finite, of the pairs that a person judged. relevant : bool (n,).
    precision : 0..1.

    Raises
    ------
    UsageError
        If there are fewer than 20 labels, or they are all yes or all no.
    ValueError
        If shapes do not fit or a score is not finite.
    """
    score, true = np.asarray(scores, np.float64), np.asarray(relevant, np.bool_)
    if score.ndim != 1 or score.shape != true.shape or not np.isfinite(score).all():
        raise ValueError(f"need finite scores and as many labels, got {score.shape}, {true.shape}")
    _require_labels(true)
    moderate = _best_f1(score, true)
    high = _precise_enough(score, true, moderate, precision)
    held_out = _held_out(score, true)
    fits = _judge(score, true, moderate), _judge(score, true, high)
    return FittedThresholds(
        thresholds=Thresholds(high=high, moderate=moderate),
        moderate=fits[0],
        high=fits[1],
        held_out_precision=wilson(int(true[held_out].sum()), int(held_out.sum())),
        held_out_recall=wilson(int(true[held_out].sum()), int(true.sum())),
        labels=len(true),
        relevant=int(true.sum()),
        notes=tuple(_notes(true, fits[1], moderate, precision)),
    )


def _require_labels(true: Bools) -> None:
    if len(true) < MINIMUM_LABELS:
        raise UsageError(
            f"{len(true)} labels are too few to fit thresholds to; give {MINIMUM_LABELS} or more"
        )
    if true.all() or not true.any():
        answer = "yes" if true.any() else "no"
        raise UsageError(
            f"all {len(true)} labels say {answer}; thresholds need songs that answer their query "
            "and songs that do not (relevance 0)"
        )


def _candidates(score: Floats) -> Floats:
    """Thresholds that part the scores differently, highest first; the last lets all pass."""
    values = np.unique(score)
    below_all = values[0] - 1e-6
    return np.concatenate([[below_all], (values[:-1] + values[1:]) / 2])[::-1]


def _counts(score: Floats, true: Bools, thresholds: Floats) -> tuple[Floats, Floats]:
    """For each threshold: labels above it, and how many of these are relevant."""
    order = np.argsort(score, kind="stable")
    place = np.searchsorted(score[order], thresholds, "right")
    relevant_below = np.concatenate([[0], np.cumsum(true[order])])
    above = len(score) - place
    return np.asarray(above, np.float64), np.asarray(true.sum() - relevant_below[place], np.float64)


def _best_f1(score: Floats, true: Bools) -> float:
    thresholds = _candidates(score)
    above, hits = _counts(score, true, thresholds)
    f1 = 2 * hits / (above + true.sum())
    return float(thresholds[int(np.argmax(f1))])


def _precise_enough(score: Floats, true: Bools, moderate: float, precision: float) -> float:
    thresholds = _candidates(score)
    thresholds = thresholds[thresholds >= moderate]
    above, hits = _counts(score, true, thresholds)
    share = hits / above
    good = np.flatnonzero(share >= precision)
    return float(thresholds[good[-1] if len(good) else int(np.argmax(share))])


def _judge(score: Floats, true: Bools, threshold: float) -> ThresholdFit:
    above = score > threshold
    hits = int(true[above].sum())
    return ThresholdFit(threshold, wilson(hits, int(above.sum())), wilson(hits, int(true.sum())))


def _held_out(score: Floats, true: Bools) -> Bools:
    """Labels above a moderate threshold that was fitted without their fold."""
    fold = np.random.default_rng(SEED).permutation(len(score)) % FOLDS
    above = np.zeros(len(score), np.bool_)
    for part in range(FOLDS):
        rest, here = fold != part, fold == part
        above[here] = score[here] > _best_f1(score[rest], true[rest])
    return above


def _notes(true: Bools, high: ThresholdFit, moderate: float, precision: float) -> list[str]:
    notes = []
    if high.precision.value < precision:
        notes.append(
            f"no threshold is right {precision:.0%} of the time on these labels; HIGH is right "
            f"{high.precision.value:.0%} of the time"
        )
    if high.threshold == moderate:
        notes.append("HIGH and MODERATE fall together, so no song will be MODERATE")
    if min(true.sum(), (~true).sum()) < 5:
        notes.append("fewer than five labels say yes or fewer than five say no: add some")
    return notes
