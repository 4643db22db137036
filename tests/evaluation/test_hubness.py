"""Hubs found and ranked down, against slow oracles."""

from __future__ import annotations

from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax
from scipy.stats import skew

from clapbatch.evaluation.hubness import csls, hubness, inverted_softmax


def places(column: np.ndarray, k: int) -> np.ndarray:  # type: ignore[type-arg]
    """Share of the orders of equal scores in which each song is among the first k."""
    songs = range(len(column))
    orders = [
        order
        for order in permutations(songs)
        if all(column[a] >= column[b] for a, b in pairwise(order))
    ]
    return np.array([np.mean([song in order[:k] for order in orders]) for song in songs])


@settings(deadline=None, max_examples=40, derandomize=True)
@given(st.integers(2, 6), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_occurrences_share_places_as_random_tie_breaks_would(
    songs: int, queries: int, seed: int
) -> None:
    scores = np.random.default_rng(seed).integers(0, 3, (songs, queries))
    result = hubness(scores, k=songs // 2)
    slow = sum(places(column, result.k) for column in scores.T)
    assert result.occurrence == pytest.approx(slow, abs=1e-12)
    assert result.occurrence.sum() == pytest.approx(result.k * queries, abs=1e-9)
    if result.occurrence.std() > 1e-9:
        assert result.skewness == pytest.approx(skew(result.occurrence), abs=1e-9)


def test_a_hub_is_found_and_the_songs_it_hides_are_named() -> None:
    rng = np.random.default_rng(3)
    scores = rng.random((40, 200))
    scores[7] += 5
    scores[9] -= 5
    result = hubness(scores, k=5)
    assert result.hubs().tolist() == [7]
    assert 9 in result.never
    assert result.skewness > 1
    assert hubness(rng.random((40, 200)), k=5).skewness < 1


def test_small_libraries_are_asked_for_fewer_neighbours() -> None:
    assert hubness(np.random.default_rng(4).random((5, 9)), k=10).k == 2
    assert hubness([[0.1], [0.2]], k=10).k == 1


def test_songs_that_all_occur_alike_have_no_skewness() -> None:
    assert hubness(np.ones((4, 3))).skewness == 0


def test_csls_is_the_formula() -> None:
    rng = np.random.default_rng(5)
    scores, bank, k = rng.random((6, 3)), rng.random((6, 20)), 4
    ours = csls(scores, bank, k)
    for s in range(6):
        for q in range(3):
            of_song = np.mean(sorted(bank[s])[-k:])
            of_query = np.mean(sorted(scores[:, q])[-k:])
            assert ours[s, q] == pytest.approx(2 * scores[s, q] - of_song - of_query, abs=1e-12)


def test_inverted_softmax_is_the_formula_and_survives_large_scores() -> None:
    rng = np.random.default_rng(6)
    scores, bank = rng.random((4, 2)), rng.random((4, 15))
    ours = inverted_softmax(scores, bank, 20)
    for s in range(4):
        for q in range(2):
            slow = log_softmax(20 * np.concatenate([[scores[s, q]], bank[s]]))[0]
            assert ours[s, q] == pytest.approx(slow, abs=1e-12)
    far = inverted_softmax(scores * 1e4, bank * 1e4, 100)
    assert np.isfinite(far).all()
    assert (far <= 0).all()


@pytest.mark.parametrize("rerank", [csls, inverted_softmax])
def test_a_hub_no_longer_comes_first_for_a_query_that_another_song_answers(rerank) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(7)
    bank = rng.normal(0.1, 0.05, (10, 200))
    scores = rng.normal(0.1, 0.02, (10, 1))
    bank[0], scores[0] = bank[0] + 0.3, 0.42  # near everything
    scores[4] = 0.40  # answers this query
    assert scores[:, 0].argmax() == 0
    assert rerank(scores, bank)[:, 0].argmax() == 4


@pytest.mark.parametrize("rerank", [csls, inverted_softmax])
def test_songs_with_equal_banks_keep_their_ranking(rerank) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(8)
    bank = np.tile(rng.random(30), (9, 1))
    scores = rng.random((9, 4))
    assert (np.argsort(rerank(scores, bank), axis=0) == np.argsort(scores, axis=0)).all()


def test_what_cannot_be_diagnosed_is_refused() -> None:
    with pytest.raises(ValueError, match="2 songs"):
        hubness([[0.1]])
    with pytest.raises(ValueError, match="finite"):
        hubness([[np.inf], [0.1]])
    with pytest.raises(ValueError, match="do not fit"):
        csls([[0.1]], [[0.1], [0.2]])
