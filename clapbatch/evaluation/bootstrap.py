"""How sure a mean over queries is: bootstrap intervals, and two runs compared query by query.

Percentile intervals (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13)
from a generator of its own, seeded 42: the same values give the same interval. The queries are
taken as independent; several captions of one song are not quite, so their intervals are narrow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clapbatch.evaluation.metrics import Retrieval

Statistic = Literal["mean", "median"]

SEED = 42
RESAMPLES = 10_000
LEVEL = 0.95
# Bounds memory, and fixes the order in which random numbers are drawn.
_DRAWS_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate, the interval around it at `level` (0..1), and the number of values behind it."""

    value: float
    low: float
    high: float
    level: float
    count: int


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Run B minus run A.

    difference : the interval around the difference. p_value : two-sided, 0..1; how often a
    resample puts the difference at zero or on the other side, doubled.
    better, worse, equal : on how many queries B scores higher, lower, the same.
    """

    difference: Interval
    p_value: float
    better: int
    worse: int
    equal: int


def bootstrap_interval(
    values: ArrayLike,
    *,
    statistic: Statistic = "mean",
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = SEED,
) -> Interval:
    """The mean (or median) of `values` (n,), n ≥ 1, with its bootstrap interval.

    Raises
    ------
    ValueError
        If there is no value, a value is not finite, or `level` is not between 0 and 1.
    """
    data = _checked(values, level)
    drawn = _resample(data, statistic, resamples, seed)
    return _interval(_reduce(data[None], statistic)[0], drawn, level, len(data))


def paired_bootstrap(
    run_a: ArrayLike,
    run_b: ArrayLike,
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = SEED,
) -> PairedDifference:
    """Is run B better than run A on the same queries?

    Whole queries are drawn, so what makes a query hard for both runs cancels out (Koehn,
    "Statistical significance tests for machine translation evaluation", EMNLP 2004).

    run_a, run_b : one metric, (queries,), in the same order of queries.

    Raises
    ------
    ValueError
        If the lengths differ, or as `bootstrap_interval`.
    """
    a, b = _checked(run_a, level), _checked(run_b, level)
    if a.shape != b.shape:
        raise ValueError(f"two runs need the same queries, got {len(a)} and {len(b)} values")
    difference = b - a
    drawn = _resample(difference, "mean", resamples, seed)
    # One is added to both counts: a finite number of resamples cannot show a p-value of zero.
    tail = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    return PairedDifference(
        difference=_interval(float(difference.mean()), drawn, level, len(difference)),
        p_value=min(1.0, 2 * (tail + 1) / (resamples + 1)),
        better=int((difference > 0).sum()),
        worse=int((difference < 0).sum()),
        equal=int((difference == 0).sum()),
    )


def retrieval_intervals(
    result: Retrieval, *, resamples: int = RESAMPLES, level: float = LEVEL
) -> dict[str, Interval]:
    """Every metric of `Retrieval.summary`, with its interval over the judged queries."""
    return {
        "median rank" if name == "rank" else name: bootstrap_interval(
            values,
            statistic="median" if name == "rank" else "mean",
            resamples=resamples,
            level=level,
        )
        for name, values in result.values.items()
    }


def _checked(values: ArrayLike, level: float) -> NDArray[np.float64]:
    data = np.asarray(values, np.float64)
    if data.ndim != 1 or not len(data) or not np.isfinite(data).all():
        raise ValueError(f"need at least one finite value in one dimension, got {data.shape}")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}")
    return data


def _resample(
    data: NDArray[np.float64], statistic: Statistic, resamples: int, seed: int
) -> NDArray[np.float64]:
    generator = np.random.default_rng(seed)
    rows = max(1, _DRAWS_AT_ONCE // len(data))
    parts = [
        _reduce(
            data[generator.integers(0, len(data), (min(rows, resamples - done), len(data)))],
            statistic,
        )
        for done in range(0, resamples, rows)
    ]
    return np.concatenate(parts)


def _reduce(samples: NDArray[np.float64], statistic: Statistic) -> NDArray[np.float64]:
    reduced: NDArray[np.float64] = (
        np.median(samples, axis=1) if statistic == "median" else samples.mean(axis=1)
    )
    return reduced


def _interval(value: float, drawn: NDArray[np.float64], level: float, count: int) -> Interval:
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(value), float(low), float(high), level, count)
