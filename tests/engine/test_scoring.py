"""Scores and their evidence, against what anybody would compute by hand."""

from __future__ import annotations

import numpy as np
import pytest

from clapbatch.builtin.scorers import register_scorers
from clapbatch.domain import Embeddings, Thresholds
from clapbatch.engine.scoring import cosines, mean_direction, mean_vector, score
from clapbatch.registry import make_options

SPECS = {spec.name: spec for spec in register_scorers()}
COSINES = np.array([[0.1, 0.9], [0.5, 0.9], [0.3, -0.3]], np.float32)


def scored(name: str, **options: object) -> list[float]:
    spec = SPECS[name]
    return spec.make(make_options(spec, options)).score(COSINES).tolist()


def test_mean_is_the_plain_mean() -> None:
    assert scored("mean") == pytest.approx([0.3, 0.5])


def test_max_is_the_best_segment() -> None:
    assert scored("max") == pytest.approx([0.5, 0.9])


def test_top_k_is_the_mean_of_the_best() -> None:
    assert scored("top-k", k=2) == pytest.approx([0.4, 0.9])
    assert scored("top-k", k=10) == pytest.approx([0.3, 0.5])


def test_softmax_goes_from_mean_to_max_as_the_temperature_falls() -> None:
    assert scored("softmax", temperature=1e4) == pytest.approx(scored("mean"), abs=1e-4)
    assert scored("softmax", temperature=1e-4) == pytest.approx(scored("max"), abs=1e-4)
    weights = np.exp(COSINES[:, 0] / 0.05)
    assert scored("softmax")[0] == pytest.approx((weights * COSINES[:, 0]).sum() / weights.sum())


def test_the_evidence_is_max_min_population_deviation_and_the_first_best_segment() -> None:
    mean = SPECS["mean"].make(None)
    scores = score([COSINES, COSINES[:1]], mean, 2)
    assert scores.maximum[0].tolist() == pytest.approx([0.5, 0.9])
    assert scores.minimum[0].tolist() == pytest.approx([0.1, -0.3])
    assert scores.deviation[0, 0] == pytest.approx(np.std([0.1, 0.5, 0.3]))
    assert scores.deviation[1].tolist() == [0, 0]
    assert scores.best[0].tolist() == [1, 0]


def test_no_song_gives_empty_scores() -> None:
    assert score([], SPECS["mean"].make(None), 3).value.shape == (0, 3)


def song(*rows: list[float]) -> Embeddings:
    times = np.arange(len(rows), dtype=np.float64)
    return Embeddings(np.array(rows, np.float32), times, times + 1, len(rows))


def test_cosines_stay_within_one_in_spite_of_rounding() -> None:
    row = [0.6, 0.8000001]
    assert cosines(song(row), np.array([row], np.float32)).max() == 1


def test_a_song_is_its_renormalised_mean_over_the_axes_that_count() -> None:
    vector = mean_vector(song([1, 0, 0], [0, 0.6, 0.8]), 2)
    assert vector.tolist() == pytest.approx((np.array([0.5, 0.3]) / np.hypot(0.5, 0.3)).tolist())


def test_a_song_whose_segments_cancel_out_is_like_nothing() -> None:
    assert mean_vector(song([1, 0], [-1, 0]), None).tolist() == [0, 0]


def test_one_vector_alone_keeps_its_bits() -> None:
    row = np.array([[0.1, 0.7]], np.float32)
    assert np.array_equal(mean_direction(row), row[0])


@pytest.mark.parametrize(
    ("value", "label"),
    [(0.31, "HIGH"), (0.3, "MODERATE"), (0.15, "LOW"), (0.16, "MODERATE"), (-1, "LOW")],
)
def test_a_label_is_earned_strictly_above_its_threshold(value: float, label: str) -> None:
    assert Thresholds(high=0.3, moderate=0.15).label(value) == label
