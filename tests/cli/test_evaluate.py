"""`evaluate`: figures against what a person says is right."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from clapbatch.evaluation.judgements import Judgement
from clapbatch.evaluation.report import ScoreTable, compare_runs, evaluate
from tests.conftest import FAKES, SAMPLE_SONGS

PITCH = ("--encoder", "pitch", "--plugin", FAKES, "-q")
TRUTH = "song,query\na110,110 Hz\nb220,220 Hz\nhigh/c440.wav,440 Hz\nhigh/d880.ogg,880 Hz\n"


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    path = tmp_path / "truth.csv"
    path.write_text(TRUTH)
    return path


def metrics(said) -> dict[tuple[str, str], float]:
    return {(m["direction"], m["metric"]): m["value"] for m in json.loads(said.out)["metrics"]}


def test_an_encoder_that_hears_pitch_finds_every_tone_both_ways(clapbatch, tones, truth):
    found = metrics(clapbatch("evaluate", tones, truth, *PITCH, "--json"))
    for direction in ("text to music", "music to text"):
        assert found[direction, "hit@1"] == 1
        assert found[direction, "mrr"] == 1
        assert found[direction, "median rank"] == 1


def test_a_wrong_truth_is_seen_in_the_figures(clapbatch, tones, truth):
    truth.write_text("song,query\na110,880 Hz\nhigh/d880.ogg,110 Hz\n")
    assert metrics(clapbatch("evaluate", tones, truth, *PITCH, "--json"))[
        "text to music", "mrr"
    ] == pytest.approx(1 / 4)


def test_one_label_a_song_gives_accuracy_and_tags_give_areas(clapbatch, tones, truth):
    told = json.loads(clapbatch("evaluate", tones, truth, *PITCH, "--json").out)
    run = told["runs"]["pitch"]
    assert run["labels"]["accuracy"] == 1
    assert run["tags"]["mean_roc_auc"] == 1
    assert run["tags"]["per_tag"][0]["pr_auc_by_chance"] == 0.25
    truth.write_text(TRUTH + "a110,low\n")
    told = json.loads(clapbatch("evaluate", tones, truth, *PITCH, "--json").out)
    assert told["runs"]["pitch"]["labels"] is None


def test_words_nobody_knows_give_ties_and_the_rule_is_told(clapbatch, tones, truth):
    truth.write_text("song,query\na110,loud\na110,soft\nb220,soft\n")
    plain = clapbatch("evaluate", tones, truth, *PITCH, "--json")
    flattered = clapbatch("evaluate", tones, truth, *PITCH, "--json", "--optimistic-ties")
    key = ("music to text", "hit@1")
    assert metrics(plain)[key] == 0.75  # one of two equal sentences, and both of two
    assert metrics(flattered)[key] == 1
    assert json.loads(flattered.out)["ties"] == "optimistic"
    told = json.loads(plain.out)["runs"]["pitch"]
    assert told["tied_queries"]["music to text"] == 1


def test_two_reports_are_compared_without_a_song(clapbatch, tones, truth, tmp_path):
    queries = tmp_path / "q.txt"
    queries.write_text("110 Hz\n220 Hz\n440 Hz\n880 Hz\n")
    for name, scorer in (("a", "mean"), ("b", "max")):
        clapbatch("multi", tones, queries, *PITCH, "--scorer", scorer, "--out", tmp_path / name)
    said = clapbatch("evaluate", tmp_path / "a", truth, "--compare", tmp_path / "b", "--json", "-q")
    told = json.loads(said.out)
    assert set(told["runs"]) == {"a", "b"}
    [row] = [
        r for r in told["compared"] if (r["direction"], r["metric"]) == ("text to music", "mrr")
    ]
    assert (row["better"], row["worse"], row["equal"]) == (0, 0, 4)


def test_an_encoder_against_another_prints_the_difference(clapbatch, tones, truth):
    said = clapbatch("evaluate", tones, truth, *PITCH, "--compare", "pitch:pause=0.0")
    assert said.code == 0
    assert "paired, on 4 songs and 4 sentences" in said.out


def test_rows_a_metric_as_csv(clapbatch, tones, truth):
    rows = list(
        csv.DictReader(io.StringIO(clapbatch("evaluate", tones, truth, *PITCH, "--csv").out))
    )
    assert len(rows) == 20
    assert rows[0]["metric"] == "hit@1"
    assert float(rows[0]["low"]) <= float(rows[0]["value"]) <= float(rows[0]["high"])


def test_songs_that_are_not_at_hand_are_named_with_the_near_ones(clapbatch, tones, truth):
    truth.write_text(TRUTH + "a111.wav,110 Hz\n")
    said = clapbatch("evaluate", tones, truth, *PITCH)
    assert "left out: line 6: no song is called 'a111.wav'; did you mean: a110.wav?" in said.out


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("song,query\nnothing.wav,110 Hz\n", "no song of the truth is among these 4 songs"),
        ("name,query\nx,y\n", "the heading must name the columns"),
    ],
)
def test_a_truth_that_fits_nothing_is_one_sentence(clapbatch, tones, truth, text, sentence):
    truth.write_text(text)
    said = clapbatch("evaluate", tones, truth, *PITCH)
    assert said.code == 2
    assert sentence in said.err


def test_a_better_run_is_better_query_by_query():
    songs, queries = tuple(f"s{i}" for i in range(12)), tuple(f"q{i}" for i in range(12))
    judgements = [Judgement(s, q, 1.0, 1) for s, q in zip(songs, queries, strict=True)]
    right = ScoreTable(songs, queries, np.eye(12))
    wrong = ScoreTable(songs[::-1], queries, np.eye(12))
    _, _, compared = compare_runs(wrong, right, judgements)
    found = compared.differences["text to music", "mrr"]
    assert found.difference.low > 0
    assert (found.better, found.worse) == (12, 0)


def test_scores_that_know_nothing_do_not_beat_shuffled_pairs():
    songs, queries = tuple(f"s{i}" for i in range(12)), tuple(f"q{i}" for i in range(12))
    judgements = [Judgement(s, q, 1.0, 1) for s, q in zip(songs, queries, strict=True)]
    noise = np.random.default_rng(7).standard_normal((12, 12))
    assert evaluate(ScoreTable(songs, queries, noise), judgements).pairs.severity == "error"
    assert evaluate(ScoreTable(songs, queries, np.eye(12)), judgements).pairs.severity == "ok"


def test_the_embedded_encoder_beats_chance_on_the_sample_songs(clapbatch):
    said = clapbatch(
        "evaluate", SAMPLE_SONGS, SAMPLE_SONGS / "truth.csv", "--encoder", "musicnn", "--json", "-q"
    )
    for row in json.loads(said.out)["metrics"]:
        if row["metric"] in ("mrr", "ndcg@10", "map@10"):
            assert row["low"] > row["chance"]
