"""One label a song: accuracy, F1, confusion. Many tags a song: ROC-AUC and PR-AUC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clapbatch.errors import UsageError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One label: precision, recall, F1 (each 0..1; 0 where nothing was counted) and its songs."""

    label: str
    precision: float
    recall: float
    f1: float
    songs: int


@dataclass(frozen=True)
class Classification:
    """Accuracy (0..1), its value per song, macro F1, per label, and the confusion matrix.

    correct : float64 (songs,), 1 right, 0 wrong, in between where equal scores leave it open.
    confusion : float64 (labels, labels), rows true, columns answered, in songs.
    macro_f1 : mean F1 over the labels that occur as truth or as answer.
    chance : accuracy of one who always answers the most frequent label.
    """

    accuracy: float
    correct: Floats
    macro_f1: float
    per_class: tuple[ClassScore, ...]
    confusion: Floats
    chance: float


@dataclass(frozen=True, slots=True)
class TagScore:
    """One tag: areas 0..1, or None where all songs or none have it. PR-AUC by chance: `share`."""

    tag: str
    roc_auc: float | None
    pr_auc: float | None
    songs: int
    share: float


@dataclass(frozen=True)
class Tagging:
    """Per tag, and the means over the `counted` tags that some songs have and others have not."""

    per_tag: tuple[TagScore, ...]
    roc_auc: float
    pr_auc: float
    counted: int


def classification(scores: ArrayLike, truth: ArrayLike, labels: Sequence[str]) -> Classification:
    """Judge the highest-scored label of each song.

    Equal highest scores share the answer: of two equal ones each counts half a song, which is the
    mean over random choices. So the confusion matrix need not be whole numbers.

    scores : (songs, labels), finite; higher is better. For answers already given: 1 and 0.
    truth : (songs,), the index of each song's true label.
    labels : the labels' names.

    Raises
    ------
    ValueError
        If shapes do not fit, a score is not finite or an index is out of range.
    """
    score, true = np.asarray(scores, np.float64), np.asarray(truth, np.int64)
    if score.ndim != 2 or not score.size or score.shape != (len(true), len(labels)):
        raise ValueError(f"scores {score.shape} do not fit {len(true)} songs, {len(labels)} labels")
    if not np.isfinite(score).all() or true.min() < 0 or true.max() >= len(labels):
        raise ValueError("scores must be finite and every true label an index of `labels`")
    answers = (score == score.max(axis=1, keepdims=True)).astype(np.float64)
    answers /= answers.sum(axis=1, keepdims=True)
    confusion = np.zeros((len(labels), len(labels)))
    np.add.at(confusion, true, answers)
    correct = answers[np.arange(len(true)), true]
    per_class = tuple(_class_score(confusion, i, label) for i, label in enumerate(labels))
    occurs = (confusion.sum(axis=0) + confusion.sum(axis=1)) > 0
    return Classification(
        accuracy=float(correct.mean()),
        correct=correct,
        macro_f1=float(np.mean([c.f1 for c, seen in zip(per_class, occurs, strict=True) if seen])),
        per_class=per_class,
        confusion=confusion,
        chance=float(confusion.sum(axis=1).max() / len(true)),
    )


def _class_score(confusion: Floats, index: int, label: str) -> ClassScore:
    hit = float(confusion[index, index])
    answered, songs = float(confusion[:, index].sum()), float(confusion[index].sum())
    return ClassScore(
        label=label,
        precision=hit / answered if answered else 0.0,
        recall=hit / songs if songs else 0.0,
        f1=2 * hit / (answered + songs) if answered + songs else 0.0,
        songs=round(songs),
    )


def tagging(scores: ArrayLike, truth: ArrayLike, tags: Sequence[str]) -> Tagging:
    """Judge how each tag ranks the songs.

    scores : (songs, tags), finite. truth : bool (songs, tags). tags : the tags' names.

    Raises
    ------
    ValueError
        If shapes do not fit or a score is not finite.
    UsageError
        If no tag has both songs that carry it and songs that do not.
    """
    score, true = np.asarray(scores, np.float64), np.asarray(truth, np.bool_)
    if score.ndim != 2 or score.shape != true.shape or score.shape[1] != len(tags):
        raise ValueError(f"scores {score.shape}, truth {true.shape}, {len(tags)} tags do not fit")
    per_tag = tuple(_tag_score(score[:, i], true[:, i], tag) for i, tag in enumerate(tags))
    roc = [t.roc_auc for t in per_tag if t.roc_auc is not None]
    pr = [t.pr_auc for t in per_tag if t.pr_auc is not None]
    if not roc:
        raise UsageError("no tag separates the songs: each is true of all of them or of none")
    return Tagging(per_tag, float(np.mean(roc)), float(np.mean(pr)), len(roc))


def _tag_score(score: Floats, true: Bools, tag: str) -> TagScore:
    songs, both = int(true.sum()), bool(true.any() and not true.all())
    return TagScore(
        tag=tag,
        roc_auc=roc_auc(score, true) if both else None,
        pr_auc=pr_auc(score, true) if both else None,
        songs=songs,
        share=songs / max(len(true), 1),
    )


def roc_auc(scores: ArrayLike, truth: ArrayLike) -> float:
    """The chance that a true item outscores a false one, a tie counting half (0..1).

    Hanley and McNeil 1982; the Mann–Whitney statistic. `scores` (n,) finite, `truth` bool (n,).

    Raises
    ------
    ValueError
        If a score is not finite, or the items are all true or all false.
    """
    score, true = _separable(scores, truth)
    _, group, size = np.unique(score, return_inverse=True, return_counts=True)
    positives = np.bincount(group, weights=true)
    negatives = size - positives
    below = np.cumsum(negatives) - negatives
    won = float((positives * (below + negatives / 2)).sum())
    return won / float(positives.sum() * negatives.sum())


def pr_auc(scores: ArrayLike, truth: ArrayLike) -> float:
    """Average precision: the area under precision over recall, in steps (0..1).

    Equal scores enter together, as one threshold would take them. The area is not interpolated
    (Davis and Goadrich 2006 show why not). `scores` (n,) finite, `truth` bool (n,).

    Raises
    ------
    ValueError
        If a score is not finite, or the items are all true or all false.
    """
    score, true = _separable(scores, truth)
    _, group, size = np.unique(-score, return_inverse=True, return_counts=True)
    positives = np.bincount(group, weights=true)
    precision = np.cumsum(positives) / np.cumsum(size)
    return float((positives * precision).sum() / positives.sum())


def _separable(scores: ArrayLike, truth: ArrayLike) -> tuple[Floats, Bools]:
    score, true = np.asarray(scores, np.float64), np.asarray(truth, np.bool_)
    if score.ndim != 1 or score.shape != true.shape or not np.isfinite(score).all():
        raise ValueError(f"need finite scores and as many truths, got {score.shape}, {true.shape}")
    if true.all() or not true.any():
        raise ValueError("need items that are true and items that are not")
    return score, true
