"""The fast metrics against a slow oracle that walks every order of equal scores."""

from __future__ import annotations

from itertools import pairwise, permutations
from math import log2

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    average_precision_score,
    label_ranking_average_precision_score,
    ndcg_score,
    top_k_accuracy_score,
)

from clapbatch.errors import UsageError
from clapbatch.evaluation.metrics import chance, retrieval

CUTOFFS, DEPTH = (1, 2, 4), 3


def judged_in_order(gains: list[float]) -> dict[str, float]:
    """Every metric of one ranking, straight from its definition; `gains` in ranked order."""
    relevant = [i for i, gain in enumerate(gains) if gain > 0]
    top = [i for i in relevant if i < DEPTH]
    ideal = sorted(gains, reverse=True)
    return {
        **{f"hit@{k}": float(any(i < k for i in relevant)) for k in CUTOFFS},
        **{f"recall@{k}": sum(i < k for i in relevant) / len(relevant) for k in CUTOFFS},
        f"map@{DEPTH}": sum((n + 1) / (i + 1) for n, i in enumerate(top))
        / min(len(relevant), DEPTH),
        "mrr": 1 / (relevant[0] + 1),
        "rank": relevant[0] + 1.0,
        f"ndcg@{DEPTH}": sum(gain / log2(i + 2) for i, gain in enumerate(gains[:DEPTH]))
        / sum(gain / log2(i + 2) for i, gain in enumerate(ideal[:DEPTH])),
    }


def orders(scores: list[int], gains: list[int]) -> list[dict[str, float]]:
    """The metrics of every order of the items that their scores allow."""
    items = range(len(scores))
    return [
        judged_in_order([gains[i] for i in order])
        for order in permutations(items)
        if all(scores[a] >= scores[b] for a, b in pairwise(order))
    ]


RANKINGS = st.integers(1, 6).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 2), min_size=n, max_size=n),
        st.lists(st.integers(0, 2), min_size=n, max_size=n).filter(any),
    )
)


@settings(deadline=None, max_examples=120, derandomize=True)
@given(RANKINGS)
def test_expected_metrics_are_the_mean_over_all_orders_of_equal_scores(
    ranking: tuple[list[int], list[int]],
) -> None:
    scores, gains = ranking
    result = retrieval([scores], [gains], cutoffs=CUTOFFS, depth=DEPTH)
    slow = orders(scores, gains)
    for name, value in result.values.items():
        assert value[0] == pytest.approx(np.mean([o[name] for o in slow]), abs=1e-12), name


@settings(deadline=None, max_examples=80, derandomize=True)
@given(RANKINGS)
def test_fixed_rules_are_the_best_and_the_worst_order(
    ranking: tuple[list[int], list[int]],
) -> None:
    scores, gains = ranking
    slow = orders(scores, gains)
    for rule, pick in (("optimistic", max), ("pessimistic", min)):
        result = retrieval([scores], [gains], cutoffs=CUTOFFS, depth=DEPTH, ties=rule)  # type: ignore[arg-type]
        for name, value in result.values.items():
            # A low rank is the good one.
            worst_or_best = {max: min, min: max}[pick] if name == "rank" else pick
            assert value[0] == pytest.approx(worst_or_best(o[name] for o in slow), abs=1e-12), name


@settings(deadline=None, max_examples=40, derandomize=True)
@given(st.integers(2, 30), st.integers(0, 2**32 - 1))
def test_random_tie_breaks_average_to_the_expected_values(n: int, seed: int) -> None:
    # Larger than permutations reach: one position at a time, by exact counting of draws.
    rng = np.random.default_rng(seed)
    gains = np.zeros(n)
    gains[rng.choice(n, rng.integers(1, n + 1), replace=False)] = 1
    relevant = int(gains.sum())
    result = retrieval(np.zeros((1, n)), gains[None], cutoffs=(1, 5))
    none_before, mrr = 1.0, 0.0
    for i in range(n):
        hit = relevant / (n - i)
        mrr += none_before * hit / (i + 1)
        none_before *= 1 - hit
        if none_before <= 0:
            break
    assert result.values["mrr"][0] == pytest.approx(mrr, abs=1e-12)
    assert result.values["recall@5"][0] == pytest.approx(min(5, n) / n, abs=1e-12)
    assert result.values["hit@1"][0] == pytest.approx(relevant / n, abs=1e-12)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.integers(2, 40), st.integers(0, 2**32 - 1))
def test_metrics_equal_scikit_learn_where_it_has_them(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.permutation(n).astype(float)
    gains = rng.integers(0, 2, n)
    gains[rng.integers(n)] = 1
    whole = retrieval([scores], [gains], depth=n).values
    assert whole[f"map@{n}"][0] == pytest.approx(average_precision_score(gains, scores), abs=1e-12)
    one = np.zeros(n, int)
    one[rng.integers(n)] = 1
    alone = retrieval([scores], [one]).values
    expected = label_ranking_average_precision_score([one], [scores])
    assert alone["mrr"][0] == pytest.approx(expected, abs=1e-12)
    if n > 2:
        expected = top_k_accuracy_score([one.argmax()], [scores], k=1, labels=range(n))
        assert alone["hit@1"][0] == expected


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.integers(2, 30), st.integers(0, 2**32 - 1))
def test_ndcg_equals_scikit_learn_ties_and_graded_gains_included(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 4, (3, n)).astype(float)
    gains = rng.integers(0, 4, (3, n))
    gains[:, 0] = 1
    result = retrieval(scores, gains)
    assert result.summary()["ndcg@10"] == pytest.approx(ndcg_score(gains, scores, k=10), abs=1e-12)


def test_an_encoder_that_scores_everything_alike_gets_chance_and_not_full_marks() -> None:
    relevance = np.eye(20)
    assert retrieval(np.ones((20, 20)), relevance).summary()["hit@1"] == pytest.approx(0.05)
    assert retrieval(np.ones((20, 20)), relevance, ties="optimistic").summary()["hit@1"] == 1
    assert chance(relevance).summary()["median rank"] == 10.5
    assert retrieval(np.ones((20, 20)), relevance).tied == 20


def test_several_songs_a_sentence_and_several_sentences_a_song() -> None:
    # Two captions of song 0, one that two songs share.
    scores = np.array([[0.9, 0.1, 0.2], [0.3, 0.6, 0.1], [0.0, 0.8, 0.7]])
    relevance = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 1]])
    to_music, to_text = retrieval(scores, relevance), retrieval(scores.T, relevance.T)
    assert to_music.values["rank"].tolist() == [1, 2, 1]
    assert to_music.values["recall@1"].tolist() == [1, 0, 0.5]
    assert to_music.values["hit@1"].tolist() == [1, 0, 1]
    assert to_music.summary()["median rank"] == 1
    assert to_text.values["rank"].tolist() == [1, 1, 1]
    assert to_text.values["recall@1"].tolist() == [0.5, 1, 1]
    assert to_text.values["map@10"][0] == 1


def test_a_query_without_a_relevant_song_takes_no_part_and_is_named() -> None:
    result = retrieval([[1.0, 0.0], [1.0, 0.0]], [[0, 0], [1, 0]])
    assert result.judged.tolist() == [1]
    assert result.unjudged.tolist() == [0]
    assert result.summary()["mrr"] == 1


def test_fewer_items_than_the_cutoff_are_all_within_it() -> None:
    assert retrieval([[0.0, 1.0]], [[1, 0]]).values["hit@10"][0] == 1


def test_the_order_of_the_songs_changes_nothing() -> None:
    rng = np.random.default_rng(3)
    scores, relevance = rng.integers(0, 3, (5, 12)), rng.integers(0, 2, (5, 12))
    shuffle = rng.permutation(12)
    for rule in ("expected", "optimistic", "pessimistic"):
        a = retrieval(scores, relevance, ties=rule).summary()  # type: ignore[arg-type]
        b = retrieval(scores[:, shuffle], relevance[:, shuffle], ties=rule).summary()  # type: ignore[arg-type]
        assert a == pytest.approx(b, abs=1e-12)


@pytest.mark.parametrize(
    ("scores", "relevance", "options", "word"),
    [
        ([[1.0, np.nan]], [[1, 0]], {}, "finite"),
        ([[1.0, 2.0]], [[1, -1]], {}, "not negative"),
        ([[1.0, 2.0]], [[1, 0, 0]], {}, "shapes"),
        ([[1.0]], [[1]], {"cutoffs": (0,)}, "at least 1"),
        ([[1.0]], [[1]], {"ties": "lucky"}, "lucky"),
    ],
)
def test_what_cannot_be_judged_is_refused(scores, relevance, options, word) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=word):
        retrieval(scores, relevance, **options)


def test_judgements_without_any_relevant_song_are_refused_with_a_sentence() -> None:
    with pytest.raises(UsageError, match="nothing to evaluate"):
        retrieval([[1.0]], [[0]])
