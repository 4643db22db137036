"""`compare`: two encoders on the same songs and sentences."""

from __future__ import annotations

import json

import numpy as np
import pytest

from clapbatch.evaluation.encoders import compare_queries, similarity_correlation
from tests.conftest import FAKES


@pytest.fixture
def queries(tmp_path):
    path = tmp_path / "q.txt"
    path.write_text("110 Hz\n880 Hz\n")
    return path


def test_an_encoder_agrees_with_itself(clapbatch, tones, queries):
    said = clapbatch(
        "compare",
        tones,
        queries,
        "--encoders",
        "pitch,pitch:pause=0.0",
        "--plugin",
        FAKES,
        "--json",
    )
    told = json.loads(said.out)
    assert said.code == 0
    assert told["mean_rank_correlation"] == 1.0
    assert told["same_best_song"] == 2
    assert told["queries"][0]["best_a"] == "a110.wav"


def test_the_table_names_each_encoders_best_song(clapbatch, tones, queries):
    said = clapbatch(
        "compare", tones, queries, "--encoders", "pitch,pitch", "--plugin", FAKES, "-q"
    )
    assert "best for pitch" in said.out
    assert "high/d880.ogg" in said.out
    assert "4 songs; mean rank correlation 1.00" in said.out


def test_a_row_a_query_as_csv(clapbatch, tones, queries):
    said = clapbatch(
        "compare", tones, queries, "--encoders", "pitch,pitch", "--plugin", FAKES, "--csv"
    )
    header, *rows = said.out.splitlines()
    assert header.startswith("query,rank_correlation,best_a,best_b,most_apart")
    assert len(rows) == 2


@pytest.mark.parametrize(
    ("encoders", "sentence"),
    [
        ("pitch", "takes two encoders"),
        ("pitch,picth", "did you mean pitch"),
        ("pitch:pause,pitch", "NAME or NAME:OPTION=VALUE"),
    ],
)
def test_a_wrong_wish_is_one_sentence(clapbatch, tones, queries, encoders, sentence):
    said = clapbatch("compare", tones, queries, "--encoders", encoders, "--plugin", FAKES, "-q")
    assert said.code == 2
    assert sentence in said.err


def test_one_song_has_no_ranking(clapbatch, tones, queries):
    said = clapbatch(
        "compare", tones / "a110.wav", queries, "--encoders", "pitch,pitch", "--plugin", FAKES, "-q"
    )
    assert said.code == 2
    assert "at least two songs" in said.err


def test_opposite_rankings_and_the_song_that_differs_most():
    a = np.array([[0.1], [0.2], [0.3], [0.4]])
    [row] = compare_queries(a, -a)
    assert row.correlation == pytest.approx(-1)
    assert (row.best_a, row.best_b) == (3, 0)
    assert (row.largest.song, row.largest.rank_a, row.largest.rank_b) == (0, 4, 1)


def test_scales_do_not_matter():
    draw = np.random.default_rng(42)
    a = draw.normal(size=(6, 3))
    assert all(row.correlation == pytest.approx(1) for row in compare_queries(a, np.exp(5 * a)))


def test_similarities_are_compared_pair_by_pair():
    a = np.array([[1, 0.9, 0.1], [0.9, 1, 0.5], [0.1, 0.5, 1]])
    assert similarity_correlation(a, a**3) == pytest.approx(1)
    assert np.isnan(similarity_correlation(a[:2, :2], a[:2, :2]))
