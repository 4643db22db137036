"""Dead encoders are found, living ones are not accused."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clapbatch.evaluation.selfcheck import (
    check_against_noise,
    check_collapse,
    check_pairs,
    mean_cosine,
    worst,
)


def unit(vectors: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@settings(deadline=None, max_examples=40, derandomize=True)
@given(st.integers(2, 8), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_the_mean_cosine_is_that_of_all_pairs(n: int, dim: int, seed: int) -> None:
    vectors = unit(np.random.default_rng(seed).normal(size=(n, dim)))
    slow = np.mean([a @ b for a, b in combinations(vectors, 2)])
    assert mean_cosine(vectors) == pytest.approx(slow, abs=1e-12)


def collapsed_text_tower(texts: int, dim: int = 512) -> np.ndarray:  # type: ignore[type-arg]
    """One direction and a little noise for every text: what the known broken checkpoint does."""
    rng = np.random.default_rng(0)
    return unit(rng.normal(size=dim)[None] + 0.05 * rng.normal(size=(texts, dim)))


def test_a_collapsed_text_tower_is_reported_although_its_scores_look_plausible() -> None:
    rng = np.random.default_rng(1)
    texts, songs = collapsed_text_tower(50), unit(rng.normal(size=(50, 512)))
    finding = check_collapse(texts, "texts")
    assert finding.severity == "error"
    assert "nearly the same vector" in finding.sentence
    assert f"{finding.value:.3f}" in finding.sentence
    # Zero-shot at chance: the right text is no better than any other.
    scores = songs @ texts.T
    assert np.ptp(scores, axis=1).mean() < 0.1
    assert check_pairs(scores, np.eye(50)).severity == "error"


def test_a_healthy_encoder_passes() -> None:
    rng = np.random.default_rng(2)
    texts = unit(rng.normal(size=(50, 512)))
    songs = unit(texts + 1.5 * unit(rng.normal(size=(50, 512))))
    assert check_collapse(texts, "texts").severity == "ok"
    assert check_collapse(songs, "songs").severity == "ok"
    assert check_pairs(songs @ texts.T, np.eye(50)).severity == "ok"
    noise = unit(rng.normal(size=(2, 512)))
    findings = check_against_noise(songs @ texts.T, noise @ texts.T, ["silence", "white noise"])
    assert [f.severity for f in findings] == ["ok", "ok"]
    assert worst(findings) == "ok"


def test_an_encoder_that_hardly_tells_apart_is_warned_of() -> None:
    rng = np.random.default_rng(3)
    vectors = unit(rng.normal(size=(1, 64)) * 3 + rng.normal(size=(20, 64)))
    assert 0.85 < mean_cosine(vectors) < 0.95
    assert check_collapse(vectors, "songs").severity == "warning"


def test_an_encoder_that_likes_noise_best_does_not_hear_music() -> None:
    songs, noise = np.full((3, 40), 0.1), np.full((1, 40), 0.2)
    (finding,) = check_against_noise(songs, noise, ["white noise"])
    assert (finding.severity, finding.value) == ("error", 0)
    assert "white noise scores higher than every song for 100%" in finding.sentence
    some = np.where(np.arange(40) < 12, 0.2, 0.0)[None]
    assert check_against_noise(songs, some, ["hum"])[0].severity == "warning"


def test_scores_without_any_relation_do_not_pass_by_songs_that_score_high_throughout() -> None:
    # Songs and queries of very different levels, nothing in common.
    rng = np.random.default_rng(4)
    scores = rng.normal(size=(12, 1)) + rng.normal(size=(1, 12)) + 0.1 * rng.normal(size=(12, 12))
    assert check_pairs(scores, np.eye(12)).severity == "error"


def test_an_encoder_that_scores_everything_alike_is_no_better_than_chance() -> None:
    finding = check_pairs(np.full((6, 6), 0.3), np.eye(6))
    assert (finding.severity, finding.value) == ("error", 1)


def test_shuffling_is_seeded() -> None:
    scores = np.random.default_rng(5).random((8, 8))
    assert check_pairs(scores, np.eye(8)) == check_pairs(scores, np.eye(8))


def test_what_cannot_be_checked_is_refused() -> None:
    with pytest.raises(ValueError, match="4 songs"):
        check_pairs(np.eye(3), np.eye(3))
    with pytest.raises(ValueError, match="noises differ"):
        check_against_noise(np.eye(3), np.eye(2), ["a", "b"])
    with pytest.raises(ValueError, match="one vector"):
        mean_cosine(np.ones((1, 4)))
