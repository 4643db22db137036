"""Thresholds fitted to labels, against exhaustive search and scipy's intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import f1_score

from clapbatch.domain import HIGH, LOW
from clapbatch.errors import UsageError
from clapbatch.evaluation.thresholds import fit_thresholds, wilson


@pytest.mark.parametrize(("hits", "count"), [(0, 1), (1, 1), (3, 10), (10, 10), (0, 25), (97, 300)])
def test_intervals_are_wilsons(hits: int, count: int) -> None:
    expected = binomtest(hits, count).proportion_ci(method="wilson")
    rate = wilson(hits, count)
    assert (rate.low, rate.high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert rate.low <= rate.value <= rate.high


def test_a_share_of_nothing_is_unknown() -> None:
    rate = wilson(0, 0)
    assert np.isnan(rate.value)
    assert (rate.low, rate.high) == (0, 1)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.integers(20, 60), st.integers(0, 2**32 - 1))
def test_moderate_has_the_best_f1_and_high_the_lowest_precise_threshold(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    score = rng.integers(0, 15, n) / 10
    true = rng.random(n) < 0.2 + score / 3
    true[:2] = True, False
    fit = fit_thresholds(score, true, precision=0.8)
    cuts = [
        -1.0,
        *((a + b) / 2 for a, b in zip(sorted(set(score)), sorted(set(score))[1:], strict=False)),
    ]
    best = max(f1_score(true, score > cut) for cut in cuts)
    assert f1_score(true, score > fit.moderate.threshold) == pytest.approx(best, abs=1e-12)
    precise = [
        cut for cut in cuts if cut >= fit.thresholds.moderate and true[score > cut].mean() >= 0.8
    ]
    if precise:
        assert fit.thresholds.high == pytest.approx(max(min(precise), fit.thresholds.moderate))
        assert fit.high.precision.value >= 0.8
    else:
        assert any("no threshold is right 80%" in note for note in fit.notes)
    assert fit.thresholds.high >= fit.thresholds.moderate
    assert fit.moderate.recall.count == true.sum() == fit.relevant


def test_labels_that_part_cleanly_give_full_marks_and_say_that_the_labels_fall_together() -> None:
    score = np.linspace(0, 1, 40)
    fit = fit_thresholds(score, score > 0.5)
    assert fit.moderate.precision.value == fit.moderate.recall.value == 1
    assert fit.thresholds.label(0.9) == HIGH
    assert fit.thresholds.label(0.1) == LOW
    assert fit.notes == ("HIGH and MODERATE fall together, so no song will be MODERATE",)


def test_figures_on_labels_held_out_are_no_better_than_on_those_fitted_to_noise() -> None:
    rng = np.random.default_rng(9)
    score, true = rng.random(200), rng.random(200) < 0.3
    fit = fit_thresholds(score, true)
    fitted = fit.moderate.precision.value + fit.moderate.recall.value
    assert fit.held_out_precision.value + fit.held_out_recall.value <= fitted
    assert fit.held_out_precision.low < 0.3 < fit.held_out_precision.high


def test_equal_labels_give_equal_bits_and_their_order_moves_no_threshold() -> None:
    rng = np.random.default_rng(10)
    score, true = rng.random(50), rng.random(50) < 0.4
    assert fit_thresholds(score, true) == fit_thresholds(score, true)
    assert (
        fit_thresholds(score[::-1], true[::-1]).thresholds == fit_thresholds(score, true).thresholds
    )


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ([True, False] * 9 + [True], "19 labels are too few"),
        ([True] * 30, "all 30 labels say yes"),
        ([False] * 30, "all 30 labels say no"),
    ],
)
def test_labels_that_cannot_fit_anything_are_refused_with_a_sentence(
    labels: list[bool], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        fit_thresholds(np.linspace(0, 1, len(labels)), labels)


def test_a_single_yes_among_many_is_fitted_and_doubted() -> None:
    labels = [False] * 30
    labels[12] = True
    fit = fit_thresholds(np.linspace(0, 1, 30), labels)
    assert any("add some" in note for note in fit.notes)


def test_scores_that_do_not_fit_the_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="as many labels"):
        fit_thresholds([0.1, 0.2], [True])
