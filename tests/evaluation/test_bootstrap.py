"""Intervals against an enumeration of every resample, and two runs compared."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from clapbatch.evaluation.bootstrap import (
    bootstrap_interval,
    paired_bootstrap,
    retrieval_intervals,
)
from clapbatch.evaluation.metrics import retrieval


def every_resample(values: list[float], statistic) -> np.ndarray:  # type: ignore[no-untyped-def,type-arg]
    return np.array([statistic(draw) for draw in product(values, repeat=len(values))])


@pytest.mark.parametrize(("name", "statistic"), [("mean", np.mean), ("median", np.median)])
def test_the_interval_is_that_of_all_possible_resamples(name, statistic) -> None:  # type: ignore[no-untyped-def]
    values = [0.0, 0.1, 0.35, 0.8, 1.0]
    exact = every_resample(values, statistic)
    interval = bootstrap_interval(values, statistic=name, resamples=40_000, level=0.8)
    assert interval.value == pytest.approx(statistic(values), abs=1e-12)
    # Drawn, not enumerated: each end must fall among the exact quantiles just beside it.
    for end, q in ((interval.low, 0.1), (interval.high, 0.9)):
        low, high = np.quantile(exact, [q - 0.01, q + 0.01])
        assert low - 1e-12 <= end <= high + 1e-12


def test_equal_input_gives_equal_bits_and_the_global_generator_is_not_touched() -> None:
    values = np.random.default_rng(0).random(50)
    state = np.random.get_state()[1].copy()  # type: ignore[index,union-attr]
    assert bootstrap_interval(values) == bootstrap_interval(values)
    assert bootstrap_interval(values) != bootstrap_interval(values, seed=7)
    assert (np.random.get_state()[1] == state).all()  # type: ignore[index]


def test_many_values_are_drawn_in_bounded_parts() -> None:
    values = np.random.default_rng(1).random(300_000)
    interval = bootstrap_interval(values, resamples=12)
    assert interval.low < values.mean() < interval.high
    assert interval.high - interval.low < 0.01


def test_an_interval_narrows_with_more_queries_and_widens_with_its_level() -> None:
    rng = np.random.default_rng(2)
    few, many = (bootstrap_interval(rng.random(n), resamples=2000) for n in (20, 2000))
    assert many.high - many.low < (few.high - few.low) / 5
    sure = bootstrap_interval(rng.random(20), level=0.99, resamples=2000)
    assert sure.low <= sure.value <= sure.high
    assert (few.count, many.count) == (20, 2000)


def test_one_value_has_an_interval_of_no_width() -> None:
    interval = bootstrap_interval([0.25])
    assert (interval.low, interval.value, interval.high) == (0.25, 0.25, 0.25)


def test_a_small_steady_gain_is_found_although_the_queries_vary_far_more() -> None:
    rng = np.random.default_rng(4)
    run_a = rng.random(60)
    run_b = run_a + rng.normal(0.02, 0.02, 60)
    paired = paired_bootstrap(run_a, run_b)
    assert paired.difference.low > 0
    assert paired.p_value < 0.01
    assert paired.better > paired.worse
    # Taken apart, the two intervals overlap: the pairing is what shows the gain.
    assert bootstrap_interval(run_a).high > bootstrap_interval(run_b).low


def test_a_run_compared_with_itself_is_no_better() -> None:
    values = np.random.default_rng(5).random(30)
    paired = paired_bootstrap(values, values)
    assert (paired.difference.value, paired.p_value, paired.equal) == (0, 1, 30)


def test_swapping_two_runs_mirrors_the_comparison() -> None:
    rng = np.random.default_rng(6)
    a, b = rng.random(25), rng.random(25)
    one, other = paired_bootstrap(a, b), paired_bootstrap(b, a)
    assert one.p_value == other.p_value
    assert one.difference.low == pytest.approx(-other.difference.high, abs=1e-12)
    assert (one.better, one.worse) == (other.worse, other.better)


def test_the_p_value_is_that_of_all_possible_resamples() -> None:
    difference = [-0.1, 0.0, 0.2, 0.3]
    exact = every_resample(difference, np.mean)
    paired = paired_bootstrap(np.zeros(4), difference, resamples=40_000)
    assert paired.p_value == pytest.approx(2 * (exact <= 1e-15).mean(), abs=0.01)


def test_every_metric_of_a_retrieval_gets_an_interval() -> None:
    rng = np.random.default_rng(7)
    result = retrieval(rng.random((30, 30)), np.eye(30))
    intervals = retrieval_intervals(result, resamples=500)
    summary = result.summary()
    assert intervals.keys() == summary.keys()
    assert all(intervals[name].value == pytest.approx(summary[name]) for name in summary)


@pytest.mark.parametrize("values", [[], [[1.0]], [np.nan]])
def test_values_that_have_no_mean_are_refused(values: object) -> None:
    with pytest.raises(ValueError, match="finite value"):
        bootstrap_interval(values)  # type: ignore[arg-type]


def test_runs_over_different_queries_are_refused() -> None:
    with pytest.raises(ValueError, match="same queries"):
        paired_bootstrap([1.0, 0.0], [1.0])
