"""Where two encoders agree about the same songs and queries, and where they do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from clapbatch.evaluation.agreement import average_ranks, rank_correlation


@dataclass(frozen=True, slots=True)
class Disagreement:
    """The song whose place in a query's ranking differs most; ranks from 1, equals share a mean."""

    song: int
    rank_a: float
    rank_b: float


@dataclass(frozen=True, slots=True)
class QueryComparison:
    """One query under two encoders.

    correlation : Spearman's rho over the songs, −1..1; nan if an encoder gives all one score.
    best_a, best_b : index of each encoder's best song.
    """

    correlation: float
    best_a: int
    best_b: int
    largest: Disagreement


def compare_queries(a: ArrayLike, b: ArrayLike) -> list[QueryComparison]:
    """Compare scores (songs, queries) of two encoders, query by query; at least two songs.

    Scores of different encoders have different scales, so ranks are compared, not values.

    Raises
    ------
    ValueError
        If the shapes differ or there are fewer than two songs.
    """
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if first.shape != second.shape or first.ndim != 2 or len(first) < 2:
        raise ValueError("two tables of the same shape with at least two songs are compared")
    return [_compare(first[:, j], second[:, j]) for j in range(first.shape[1])]


def similarity_correlation(a: ArrayLike, b: ArrayLike) -> float:
    """Spearman's rho between two song–song tables (songs, songs), each pair once; −1..1 or nan."""
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    pairs = np.triu_indices(len(first), 1)
    if len(pairs[0]) < 2:
        return float("nan")
    return float(rank_correlation(np.column_stack([first[pairs], second[pairs]]))[0, 1])


def mean_correlation(comparisons: Sequence[QueryComparison]) -> float:
    """Mean of the correlations that are defined; nan if none is."""
    values = [c.correlation for c in comparisons if not np.isnan(c.correlation)]
    return float(np.mean(values)) if values else float("nan")


def _compare(a: np.ndarray, b: np.ndarray) -> QueryComparison:
    ranks_a, ranks_b = average_ranks(-a), average_ranks(-b)
    song = int(np.argmax(np.abs(ranks_a - ranks_b)))
    return QueryComparison(
        correlation=float(rank_correlation(np.column_stack([a, b]))[0, 1]),
        best_a=int(np.argmax(a)),
        best_b=int(np.argmax(b)),
        largest=Disagreement(song, float(ranks_a[song]), float(ranks_b[song])),
    )
