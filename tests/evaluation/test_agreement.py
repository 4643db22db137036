"""Rank correlation, flips and the preferred wording, against slow oracles and scipy."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata, spearmanr

from clapbatch.domain import Thresholds
from clapbatch.evaluation.agreement import (
    LABELS,
    average_ranks,
    compare_wordings,
    fragile,
    label_flips,
    label_indices,
    rank_correlation,
    spread,
)

LIMITS = Thresholds(high=0.3, moderate=0.15)


@settings(deadline=None, max_examples=100, derandomize=True)
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=12))
def test_equal_values_share_the_mean_of_their_ranks(values: list[int]) -> None:
    ranks = average_ranks(values)
    slow = [sum(v < x for v in values) + (sum(v == x for v in values) + 1) / 2 for x in values]
    assert ranks.tolist() == slow
    assert ranks == pytest.approx(rankdata(values), abs=1e-12)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.integers(3, 20), st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_rank_correlation_equals_scipy_ties_included(n: int, wordings: int, seed: int) -> None:
    scores = np.random.default_rng(seed).integers(0, 4, (n, wordings)).astype(float)
    scores[0], scores[1] = 0, 3  # no constant column
    ours = rank_correlation(scores)
    for a, b in combinations(range(wordings), 2):
        expected = spearmanr(scores[:, a], scores[:, b]).statistic
        assert ours[a, b] == pytest.approx(expected, abs=1e-12)
    assert ours == pytest.approx(ours.T, abs=0)
    assert np.diag(ours) == pytest.approx(1, abs=1e-12)


def test_a_wording_that_scores_all_songs_alike_has_no_correlation_and_is_not_preferred() -> None:
    scores = np.array([[0.1, 0.5, 0.2], [0.2, 0.5, 0.3], [0.3, 0.5, 0.4]])
    compared = compare_wordings(scores, ["a", "b", "c"], LIMITS)
    assert np.isnan(compared.correlation[1]).all()
    assert compared.agreement.tolist() == pytest.approx([0.5, 0, 0.5])
    assert compared.preferred == 0


def test_labels_are_those_of_the_thresholds_strictly_above() -> None:
    scores = np.array([0.1, 0.15, 0.2, 0.3, 0.31])
    assert [LABELS[i] for i in label_indices(scores, LIMITS)] == [LIMITS.label(s) for s in scores]


def test_the_known_case_of_one_voice_in_two_words_is_fragile_and_explained() -> None:
    # Published scores of one song: "female vocalist" 0.328, "female voice" 0.062.
    scores = np.array([[0.328, 0.062], [0.01, -0.02], [0.2, 0.05]])
    wordings = ["female vocalist", "female voice"]
    assert fragile(scores, LIMITS).tolist() == [True, False, True]
    assert spread(scores) == pytest.approx([0.266, 0.03, 0.15])
    worst = compare_wordings(scores, wordings, LIMITS).worst
    assert worst is not None
    assert (worst.song, wordings[worst.higher], worst.higher_label) == (0, wordings[0], "HIGH")
    assert (wordings[worst.lower], worst.lower_label) == (wordings[1], "LOW")
    assert worst.gap == pytest.approx(0.266)


def test_label_flips_count_every_song_for_every_pair() -> None:
    rng = np.random.default_rng(8)
    scores = rng.uniform(-0.1, 0.5, (25, 4))
    flips = label_flips(scores, LIMITS)
    for a in range(4):
        for b in range(4):
            slow = np.mean([LIMITS.label(s[a]) != LIMITS.label(s[b]) for s in scores])
            assert flips[a, b] == pytest.approx(slow, abs=1e-12)


def test_the_preferred_wording_is_the_one_the_others_agree_with_most() -> None:
    rng = np.random.default_rng(9)
    truth = rng.random(30)
    scores = np.stack([truth + rng.normal(0, noise, 30) for noise in (0.5, 0.02, 0.3, 0.4)], 1)
    compared = compare_wordings(scores, ["w", "x", "y", "z"], LIMITS)
    assert compared.preferred == 1
    assert "30 songs" in compared.reason
    assert "other 3 wordings" in compared.reason
    assert f"{compared.agreement[1]:.2f}" in compared.reason


def test_the_order_of_the_songs_changes_nothing() -> None:
    rng = np.random.default_rng(10)
    scores = rng.random((12, 3))
    a = compare_wordings(scores, ["x", "y", "z"], LIMITS)
    b = compare_wordings(scores[::-1], ["x", "y", "z"], LIMITS)
    assert a.correlation == pytest.approx(b.correlation, abs=1e-12)
    assert (a.preferred, a.flips.tolist()) == (b.preferred, b.flips.tolist())


def test_where_there_is_nothing_to_compare_it_says_so() -> None:
    alone = compare_wordings([[0.1], [0.2], [0.4]], ["x"], LIMITS)
    assert alone.reason == "there is no other wording to compare it with"
    assert alone.worst is None
    assert "too few" in compare_wordings([[0.1, 0.2]], ["x", "y"], LIMITS).reason


def test_scores_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="2 columns"):
        compare_wordings([[0.1, 0.2]], ["x"], LIMITS)
    with pytest.raises(ValueError, match="finite"):
        spread([[np.nan]])
