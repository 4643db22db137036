"""Accuracy, F1 and areas against slow oracles and scikit-learn."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
    roc_auc_score,
)

from clapbatch.errors import UsageError
from clapbatch.evaluation.classification import classification, pr_auc, roc_auc, tagging

SEEDS = st.integers(0, 2**32 - 1)
LABELS = ["jazz", "rock", "techno", "folk"]


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.integers(1, 30), SEEDS)
def test_accuracy_f1_and_confusion_equal_scikit_learn(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, truth = rng.random((n, 4)), rng.integers(0, 4, n)
    answer = scores.argmax(axis=1)
    ours = classification(scores, truth, LABELS)
    precision, recall, f1, support = precision_recall_fscore_support(
        truth, answer, labels=range(4), zero_division=0
    )
    assert ours.accuracy == pytest.approx(accuracy_score(truth, answer), abs=1e-12)
    macro = f1_score(truth, answer, average="macro", zero_division=0)
    assert ours.macro_f1 == pytest.approx(macro, abs=1e-12)
    assert (ours.confusion == confusion_matrix(truth, answer, labels=range(4))).all()
    for i, c in enumerate(ours.per_class):
        assert (c.precision, c.recall, c.f1) == pytest.approx(
            (precision[i], recall[i], f1[i]), abs=1e-12
        )
        assert (c.label, c.songs) == (LABELS[i], support[i])


def test_equal_highest_scores_share_the_answer_as_random_choice_would() -> None:
    scores = np.array([[1, 1, 0], [2, 2, 2], [0, 1, 0], [1, 0, 1]], float)
    truth = np.array([0, 2, 1, 1])
    ours = classification(scores, truth, LABELS[:3])
    choices = [np.flatnonzero(row == row.max()) for row in scores]
    every = [confusion_matrix(truth, pick, labels=range(3)) for pick in product(*choices)]
    assert ours.confusion == pytest.approx(np.mean(every, axis=0), abs=1e-12)
    assert ours.accuracy == pytest.approx((0.5 + 1 / 3 + 1 + 0) / 4, abs=1e-12)
    assert ours.correct.tolist() == pytest.approx([0.5, 1 / 3, 1, 0])


def test_chance_is_the_share_of_the_most_frequent_label() -> None:
    assert classification(np.eye(4), [0, 0, 0, 1], LABELS).chance == 0.75


@settings(deadline=None, max_examples=100, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=25), SEEDS)
def test_roc_auc_counts_every_pair_with_a_tie_as_half(
    items: list[tuple[int, bool]], seed: int
) -> None:
    score = np.array([s for s, _ in items], float)
    true = np.array([t for _, t in items])
    true[:2] = True, False
    pairs = [(s > o) + (s == o) / 2 for s, o in product(score[true], score[~true])]
    assert roc_auc(score, true) == pytest.approx(np.mean(pairs), abs=1e-12)
    assert roc_auc(score, true) == pytest.approx(roc_auc_score(true, score), abs=1e-12)


@settings(deadline=None, max_examples=100, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=25))
def test_pr_auc_walks_down_the_thresholds(items: list[tuple[int, bool]]) -> None:
    score = np.array([s for s, _ in items], float)
    true = np.array([t for _, t in items])
    true[:2] = True, False
    area, recall_before = 0.0, 0.0
    for threshold in sorted(set(score), reverse=True):
        taken = score >= threshold
        recall = true[taken].sum() / true.sum()
        area += (recall - recall_before) * true[taken].mean()
        recall_before = recall
    assert pr_auc(score, true) == pytest.approx(area, abs=1e-12)
    assert pr_auc(score, true) == pytest.approx(average_precision_score(true, score), abs=1e-12)


def test_tags_that_all_songs_carry_are_named_and_left_out_of_the_means() -> None:
    scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.3]])
    truth = np.array([[True, True], [False, True], [True, True]])
    result = tagging(scores, truth, ["piano", "music"])
    assert (result.counted, result.roc_auc, result.pr_auc) == (1, 1.0, 1.0)
    assert result.per_tag[1].roc_auc is None
    assert (result.per_tag[0].songs, result.per_tag[0].share) == (2, pytest.approx(2 / 3))


def test_tag_means_equal_scikit_learn() -> None:
    rng = np.random.default_rng(11)
    scores, truth = rng.random((40, 6)), rng.random((40, 6)) < 0.3
    result = tagging(scores, truth, list("abcdef"))
    assert result.roc_auc == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)
    assert result.pr_auc == pytest.approx(average_precision_score(truth, scores), abs=1e-12)


def test_tags_that_separate_nothing_are_refused_with_a_sentence() -> None:
    with pytest.raises(UsageError, match="true of all of them or of none"):
        tagging([[0.1], [0.2]], [[True], [True]], ["music"])


@pytest.mark.parametrize(
    ("scores", "truth"),
    [([[1.0, 0.0]], [2]), ([[np.nan, 0.0]], [0]), ([[1.0]], [0]), ([[1.0, 0.0]], [0, 1])],
)
def test_answers_that_do_not_fit_the_labels_are_refused(scores: list, truth: list) -> None:  # type: ignore[type-arg]
    with pytest.raises(ValueError, match=r"fit|finite"):
        classification(scores, truth, ["a", "b"])


@pytest.mark.parametrize("area", [roc_auc, pr_auc])
def test_an_area_needs_true_and_false_items(area) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="items that are not"):
        area([0.1, 0.2], [True, True])
    with pytest.raises(ValueError, match="finite"):
        area([0.1, np.nan], [True, False])
