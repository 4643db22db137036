"""Retrieval metrics from a matrix of scores, with ties counted in full.

Text to music: rows are sentences, columns are songs. Music to text: the transposed matrices.

Three rules for items with equal scores:

expected     The default: each metric's mean over all orders in which the equal items could stand
             (McSherry and Najork, "Computing information retrieval performance measures
             efficiently in the presence of tied scores", ECIR 2008). An encoder that gives
             everything the same score gets what chance gives.
optimistic   What scripts that count only strictly better items do: relevant ones come first.
             An encoder that gives everything the same score gets full marks.
pessimistic  Relevant ones come last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clapbatch.errors import UsageError

Ties = Literal["expected", "optimistic", "pessimistic"]
Floats = NDArray[np.float64]

CUTOFFS = (1, 5, 10)
DEPTH = 10


@dataclass(frozen=True, slots=True)
class _TieGroup:
    """Items with one score: positions start+1 … start+size of the ranking."""

    start: int
    size: int
    relevant: int
    gain: float
    relevant_before: int


@dataclass(frozen=True)
class Retrieval:
    """Metrics of a set of queries.

    values : metric -> float64 (judged queries,): `hit@k`, `recall@k`, `map@10` (here a query's
        average precision), `mrr` (its reciprocal rank), `rank` (of its first relevant item, 1 is
        best), `ndcg@10`. All but `rank` lie in 0..1.
    judged, unjudged : rows of the score matrix with and without a relevant item. The latter take
        no part.
    ties : the rule used.
    tied : judged queries whose first relevant item shares its score with one that is not relevant.
    """

    values: Mapping[str, Floats]
    judged: NDArray[np.int64]
    unjudged: NDArray[np.int64]
    ties: Ties
    tied: int

    def summary(self) -> dict[str, float]:
        """The mean of every metric over the judged queries; for `rank` the median."""
        means = {name: float(v.mean()) for name, v in self.values.items() if name != "rank"}
        return means | {"median rank": float(np.median(self.values["rank"]))}


def retrieval(
    scores: ArrayLike,
    relevance: ArrayLike,
    *,
    cutoffs: Sequence[int] = CUTOFFS,
    depth: int = DEPTH,
    ties: Ties = "expected",
) -> Retrieval:
    """Judge a ranking of items for each query.

    - `hit@k`: is a relevant item among the first k? Papers on text and audio call its mean R@k.
    - `recall@k`: the share of a query's relevant items among the first k. The same as `hit@k`
      when every query has one relevant item.
    - `map@depth`: precision at each relevant item among the first `depth`, summed and divided by
      min(relevant items, depth).
    - `mrr`: 1 / rank of the first relevant item, at any depth.
    - `rank`: the rank of the first relevant item. With `ties="expected"` its mean over the orders
      of equal items, so it need not be whole; the summary is the median of these.
    - `ndcg@depth`: gains as given (not 2^gain), discount 1 / log2(rank + 1) (Järvelin and
      Kekäläinen 2002).

    scores : (queries, items), finite; higher is better.
    relevance : (queries, items), 0 for not relevant, 1 or a graded gain above 0 for relevant.
    cutoffs, depth : at least 1.
    ties : the rule for equal scores, see the module's text.

    Raises
    ------
    ValueError
        If shapes differ, a score is not finite, a gain is negative or a cutoff is below 1.
    UsageError
        If no query has a relevant item.
    """
    score, gain = np.asarray(scores, np.float64), np.asarray(relevance, np.float64)
    _require(score, gain, cutoffs, depth, ties)
    has_relevant = (gain > 0).any(axis=1)
    judged, unjudged = np.flatnonzero(has_relevant), np.flatnonzero(~has_relevant)
    if not len(judged):
        raise UsageError("no query has a relevant item among those scored: nothing to evaluate")
    rows = [
        _query_metrics(_tie_groups(score[q], gain[q], ties), gain[q], cutoffs, depth)
        for q in judged
    ]
    values = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    tied = sum(_first_is_tied(score[q], gain[q] > 0) for q in judged)
    return Retrieval(values, judged, unjudged, ties, tied)


def chance(
    relevance: ArrayLike, *, cutoffs: Sequence[int] = CUTOFFS, depth: int = DEPTH
) -> Retrieval:
    """What an encoder that knows nothing gets on these judgements: the mean over all orders."""
    gain = np.asarray(relevance, np.float64)
    return retrieval(np.zeros_like(gain), gain, cutoffs=cutoffs, depth=depth)


def _require(score: Floats, gain: Floats, cutoffs: Sequence[int], depth: int, ties: str) -> None:
    if score.ndim != 2 or score.shape != gain.shape or not score.size:
        raise ValueError(f"need two equal (queries, items) shapes, got {score.shape}, {gain.shape}")
    if not np.isfinite(score).all() or not np.isfinite(gain).all() or (gain < 0).any():
        raise ValueError("scores must be finite, relevance finite and not negative")
    if min(cutoffs, default=1) < 1 or depth < 1:
        raise ValueError("cutoffs and depth must be at least 1")
    if ties not in get_args(Ties):
        raise ValueError(f"ties must be one of {', '.join(get_args(Ties))}, not {ties!r}")


def _tie_groups(score: Floats, gain: Floats, ties: Ties) -> list[_TieGroup]:
    """The ranking as groups of equal scores; under a fixed rule every group holds one item."""
    if ties == "expected":
        _, group = np.unique(-score, return_inverse=True)
    else:
        group = np.empty(len(score), np.int64)
        order = np.lexsort((-gain if ties == "optimistic" else gain, -score))
        group[order] = np.arange(len(score))
    size = np.bincount(group)
    relevant = np.bincount(group, weights=gain > 0).astype(np.int64)
    total = np.bincount(group, weights=gain)
    start, before = np.cumsum(size) - size, np.cumsum(relevant) - relevant
    # Only groups that hold something relevant add to any metric.
    return [
        _TieGroup(int(start[g]), int(size[g]), int(relevant[g]), float(total[g]), int(before[g]))
        for g in np.flatnonzero(relevant)
    ]


def _query_metrics(
    groups: list[_TieGroup], gain: Floats, cutoffs: Sequence[int], depth: int
) -> dict[str, float]:
    relevant, first = int((gain > 0).sum()), groups[0]
    return {
        **{f"hit@{k}": _hit(groups, k) for k in cutoffs},
        **{f"recall@{k}": _relevant_within(groups, k) / relevant for k in cutoffs},
        f"map@{depth}": _precision_sum(groups, depth) / min(relevant, depth),
        "mrr": _reciprocal_rank(first),
        "rank": first.start + (first.size + 1) / (first.relevant + 1),
        f"ndcg@{depth}": _discounted_gain(groups, depth) / _ideal_gain(gain, depth),
    }


def _slots(group: _TieGroup, k: int) -> int:
    """How many of the first k positions the group fills."""
    return max(0, min(group.size, k - group.start))


def _hit(groups: list[_TieGroup], k: int) -> float:
    # A group that lies whole within the first k misses with probability 0, one that starts later
    # with probability 1; the one across the border is drawn without replacement.
    missed = 1.0
    for g in groups:
        slots = _slots(g, k)
        missed *= comb(g.size - g.relevant, slots) / comb(g.size, slots)
        if not slots or not missed:
            break
    return 1.0 - missed


def _relevant_within(groups: list[_TieGroup], k: int) -> float:
    return sum(g.relevant * _slots(g, k) / g.size for g in groups)


def _precision_sum(groups: list[_TieGroup], depth: int) -> float:
    total = 0.0
    for g in groups:
        # Given a relevant item at one place of the group, this share of the others is relevant.
        others = (g.relevant - 1) / max(g.size - 1, 1)
        for place in range(_slots(g, depth)):
            found = g.relevant_before + 1 + place * others
            total += g.relevant / g.size * found / (g.start + place + 1)
    return total


def _reciprocal_rank(first: _TieGroup) -> float:
    misses = np.arange(first.size - first.relevant + 1)
    # P(the first `misses` places hold nothing relevant) × P(the next one does).
    still_none = np.cumprod(
        np.concatenate([[1.0], 1.0 - first.relevant / (first.size - misses[:-1])])
    )
    hit_next = still_none * first.relevant / (first.size - misses)
    return float((hit_next / (first.start + misses + 1)).sum())


def _discounted_gain(groups: list[_TieGroup], depth: int) -> float:
    return sum(
        g.gain / g.size * float(_discounts(g.start, g.start + _slots(g, depth)).sum())
        for g in groups
        if _slots(g, depth)
    )


def _ideal_gain(gain: Floats, depth: int) -> float:
    best = np.sort(gain)[::-1][:depth]
    return float(best @ _discounts(0, len(best)))


def _discounts(start: int, end: int) -> Floats:
    """1 / log2(rank + 1) of the positions start+1 … end."""
    discounts: Floats = 1.0 / np.log2(np.arange(start, end, dtype=np.float64) + 2.0)
    return discounts


def _first_is_tied(score: Floats, relevant: NDArray[np.bool_]) -> bool:
    return bool((score[~relevant] == score[relevant].max()).any())
