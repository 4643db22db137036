"""`wording`: the ways to put a query, compared on songs."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile

from clapbatch.domain import Thresholds
from clapbatch.engine.wordings import pair_agreement
from clapbatch.evaluation.heatmap import heat_map
from clapbatch.testing import tone
from tests.conftest import FAKES, SAMPLE_SONGS

WORDS = ("--encoder", "words", "--plugin", str(Path(FAKES).with_name("fake_words.py")), "-q")


@pytest.fixture
def queries(tmp_path: Path) -> Path:
    path = tmp_path / "q.txt"
    path.write_text("low tone\n")
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.toml"
    path.write_text(
        'version = 1\n[[meaning]]\nfamily = "instrument"\n'
        'words = ["low tone", "300 Hz", "quiet hum"]\n'
    )
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "eight"
    path.mkdir()
    for i in range(8):
        soundfile.write(path / f"{i}.wav", tone(200 + 100 * i, 2, 4000), 4000)
    return path


def test_without_songs_the_wordings_are_listed(clapbatch, queries, table):
    said = clapbatch("wording", queries, "--table", table, "--csv")
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert [row["wording"] for row in rows][:4] == ["low tone", "300 Hz", "quiet hum", "low tones"]
    assert {row["how"] for row in rows} == {"as given", "synonym", "plural", "template"}


def test_a_flip_is_found_and_told_with_the_song(clapbatch, queries, table, folder):
    said = clapbatch("wording", queries, "--songs", folder, "--table", table, *WORDS)
    assert said.code == 0
    assert "furthest apart on 1.wav: '300 Hz' 0." in said.out
    assert "prefer " in said.out
    assert "synonyms give a song the same label: raw " in said.out


def test_the_figures_are_the_same_in_json_csv_and_files(
    clapbatch, queries, table, folder, tmp_path
):
    where = ("wording", queries, "--songs", folder, "--table", table, *WORDS)
    told = json.loads(clapbatch(*where, "--json", "--out", tmp_path / "w").out)
    rows = list(csv.DictReader(io.StringIO(clapbatch(*where, "--csv").out)))
    assert told["wordings"] == rows
    with open(tmp_path / "w" / "wording.csv", encoding="utf-8") as file:
        assert list(csv.DictReader(file)) == rows
    assert [row["wording"] for row in rows if row["preferred"] == "yes"] == [
        told["queries"][0]["preferred"]
    ]
    with open(tmp_path / "w" / "wording_scores.csv", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 8 * len(rows)


def test_scores_are_those_of_a_run(clapbatch, queries, table, folder, tmp_path):
    clapbatch("wording", queries, "--songs", folder, "--table", table, *WORDS, "--out",
              tmp_path / "w")  # fmt: skip
    with open(tmp_path / "w" / "wording_scores.csv", encoding="utf-8") as file:
        [score] = [
            row["score"]
            for row in csv.DictReader(file)
            if (row["wording"], row["audio_file"]) == ("300 Hz", "1.wav")
        ]
    said = json.loads(clapbatch("single", folder / "1.wav", "300 Hz", *WORDS, "--json").out)
    assert float(score) == said["queries"][0]["score"]


def test_the_picture_has_a_cell_a_score_and_shows_every_name(clapbatch):
    picture = heat_map(
        [("a <query>", ["one", "two"], np.array([[0.1, 0.9], [0.4, 0.2]]))],
        ["x & y.ogg", "\x1b.ogg"],
        Thresholds(0.5, 0.3),
    )
    root = ElementTree.fromstring(picture)
    titles = [e.text for e in root.iter("{http://www.w3.org/2000/svg}title")]
    assert titles == [
        "a <query>: one, x & y.ogg: 0.100 LOW",
        "a <query>: one, \N{REPLACEMENT CHARACTER}.ogg: 0.900 HIGH",
        "a <query>: two, x & y.ogg: 0.400 MODERATE",
        "a <query>: two, \N{REPLACEMENT CHARACTER}.ogg: 0.200 LOW",
    ]


def test_agreement_counts_pairs_of_one_group_only():
    labels = np.array([[2, 2, 0, 1], [0, 1, 0, 1]])
    assert pair_agreement(labels, [[0, 1], [2, 3]]) == 1 / 4
    assert np.isnan(pair_agreement(labels, [[0], [1]]))


def test_calibrated_labels_of_synonyms_agree_more_often_than_raw_ones(clapbatch, tmp_path):
    (tmp_path / "q.txt").write_text(
        "female vocalist\nmale vocalist\nsinging\nchoir\nguitar\npiano\ndrums\nviolin\n"
    )
    said = clapbatch("wording", tmp_path / "q.txt", "--songs", SAMPLE_SONGS, "--encoder",
                     "musicnn", "-q", "--json")  # fmt: skip
    shares = json.loads(said.out)["label_agreement_of_synonyms"]
    assert shares["calibrated"] > shares["raw"] > 0.8


def test_a_table_that_cannot_be_read_is_one_sentence(clapbatch, queries, tmp_path):
    said = clapbatch("wording", queries, "--table", tmp_path / "no.toml")
    assert said.code == 2
    assert "the table of wordings cannot be read" in said.err
