"""Several encoders in one run."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.conftest import FAKES

PLUGINS = ("--plugin", FAKES, "--plugin", str(Path(FAKES).with_name("fake_words.py")))
BOTH = ("--encoder", "pitch,words", *PLUGINS)


@pytest.fixture
def queries(tmp_path: Path) -> Path:
    path = tmp_path / "q.txt"
    path.write_text("110 Hz\n880 Hz\n")
    return path


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_each_encoder_has_its_report_and_one_table_joins_them(clapbatch, tones, queries, tmp_path):
    said = clapbatch("multi", tones, queries, *BOTH, "--out", tmp_path / "r")
    assert said.code == 0
    assert (tmp_path / "r" / "pitch" / "report.html").exists()
    joined = rows((tmp_path / "r" / "encoders.csv").read_text())
    assert len(joined) == 8
    for name in ("pitch", "words"):
        alone = rows((tmp_path / "r" / name / "scores_long.csv").read_text())
        assert [r["similarity"] for r in alone] == [r[f"similarity {name}"] for r in joined]
        assert [r["rank"] for r in alone] == [r[f"rank {name}"] for r in joined]
    for row in joined:
        same = row["label pitch"] == row["label words"]
        assert row["labels_agree"] == ("yes" if same else "no")
        assert int(row["rank_gap"]) == abs(int(row["rank pitch"]) - int(row["rank words"]))
    again = clapbatch("multi", tones, queries, *BOTH, "--out", tmp_path / "r", "--csv")
    assert again.out == (tmp_path / "r" / "encoders.csv").read_text()


def test_single_shows_every_encoder(clapbatch, tones):
    said = clapbatch("single", tones / "a110.wav", "110 Hz", *BOTH, "-q")
    assert "HIGH #1" in said.out
    assert "pitch" in said.out
    told = json.loads(clapbatch("single", tones / "a110.wav", "110 Hz", *BOTH, "--json").out)
    assert told["encoders"] == ["pitch", "words"]
    assert told["rows"][0]["label pitch"] == "HIGH"


def test_a_song_that_fails_gives_exit_code_3(clapbatch, tones, queries, tmp_path):
    (tones / "broken.wav").write_bytes(b"no")
    assert clapbatch("multi", tones, queries, *BOTH, "-q", "--out", tmp_path / "r").code == 3


def test_a_collapsed_encoder_is_told_by_name(clapbatch, tones, queries, tmp_path):
    said = clapbatch("multi", tones, queries, "--encoder", "pitch,words:collapsed=texts",
                     *PLUGINS, "--out", tmp_path / "r")  # fmt: skip
    assert said.out.startswith("WARNING: words:collapsed=texts: the encoder gives")
    assert (tmp_path / "r" / "words_collapsed=texts" / "scores.csv").exists()


@pytest.mark.parametrize("encoders", ["pitch,pitch", "pitch,"])
def test_each_encoder_is_named_once(clapbatch, tones, encoders):
    said = clapbatch("single", tones / "a110.wav", "x", "--encoder", encoders, *PLUGINS)
    assert said.code == 2
    assert "names each encoder once" in said.err
