"""`thresholds`: limits fitted to judgements, saved, and used by later runs."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
import soundfile

from clapbatch.testing import tone
from tests.conftest import FAKES

WORDS = ("--encoder", "words", "--plugin", str(Path(FAKES).with_name("fake_words.py")), "-q")


@pytest.fixture
def library(tmp_path: Path, monkeypatch) -> Path:
    """Eight tones, three queries, 24 true judgements."""
    monkeypatch.chdir(tmp_path)
    Path("songs").mkdir()
    lines = ["song,query,relevance"]
    for i in range(8):
        hertz = (300, 500, 700, 900)[i % 4]
        soundfile.write(f"songs/{i}.wav", tone(hertz, 2 + i, 4000), 4000)
        lines += [f"{i}.wav,{h} Hz,{int(h == hertz)}" for h in (300, 500, 700)]
    Path("truth.csv").write_text("\n".join(lines) + "\n")
    Path("q.txt").write_text("300 Hz\n500 Hz\n700 Hz\n")
    return tmp_path


def fitted(said) -> dict[str, dict[str, object]]:
    return {row["label"]: row for row in json.loads(said.out)["fits"]}


def test_clear_judgements_give_a_threshold_between_yes_and_no(clapbatch, library):
    rows = fitted(clapbatch("thresholds", "songs", "q.txt", "truth.csv", *WORDS, "--json"))
    assert rows["HIGH"]["precision"]["value"] == 1
    assert rows["MODERATE"]["recall"] == {
        "value": 1, "low": pytest.approx(0.61, abs=0.01), "high": 1, "hits": 6, "count": 6
    }  # fmt: skip
    said = clapbatch("single", "songs/0.wav", "300 Hz", "500 Hz", *WORDS, "--json")
    yes, no = (query["score"] for query in json.loads(said.out)["queries"])
    assert no < rows["MODERATE"]["threshold"] < yes


def test_later_runs_take_the_saved_limits(clapbatch, library):
    clapbatch("thresholds", "songs", "q.txt", "truth.csv", *WORDS)
    saved = tomllib.loads(Path("thresholds.toml").read_text())
    clapbatch("multi", "songs", "q.txt", *WORDS, "--thresholds", "thresholds.toml", "--out", "r")
    manifest = json.loads(Path("r/manifest.json").read_text())
    assert manifest["thresholds"]["song_query"]["high"] == saved["high"]
    assert "# fitted to 24 labels, 6 of them yes" in Path("thresholds.toml").read_text()


def test_the_file_can_stand_in_a_config(clapbatch, library):
    clapbatch("thresholds", "songs", "q.txt", "truth.csv", *WORDS)
    Path("c.toml").write_text('thresholds = "thresholds.toml"\n')
    clapbatch("multi", "songs", "q.txt", *WORDS, "--config", "c.toml", "--out", "r")
    manifest = json.loads(Path("r/manifest.json").read_text())
    assert manifest["thresholds"]["song_query"]["moderate"] != 0.15


def test_calibrated_limits_are_fitted_to_calibrated_scores(clapbatch, library):
    labels = ("--labels", "calibrated")
    clapbatch("thresholds", "songs", "q.txt", "truth.csv", *WORDS, *labels)
    saved = tomllib.loads(Path("thresholds.toml").read_text())
    assert saved["labels"] == "calibrated"
    said = clapbatch("multi", "songs", "q.txt", *WORDS, *labels, "--thresholds",
                     "thresholds.toml", "--csv", "--out", "r")  # fmt: skip
    rows = [line.split(",") for line in said.out.splitlines()[1:]]
    truth = dict(line.rsplit(",", 1) for line in Path("truth.csv").read_text().splitlines()[1:])
    for row in rows:
        assert (row[3] != "LOW") == (truth[f"{row[0]},{row[1]}"] == "1")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("--scorer", "max"), "was fitted with scorer mean, but this run has max"),
        (("--labels", "calibrated"), "was fitted with labels raw, but this run has calibrated"),
    ],
)
def test_limits_for_other_scores_are_refused(clapbatch, library, change, sentence):
    clapbatch("thresholds", "songs", "q.txt", "truth.csv", *WORDS)
    said = clapbatch("multi", "songs", "q.txt", *WORDS, "--thresholds", "thresholds.toml", *change)
    assert said.code == 2
    assert sentence in said.err


@pytest.mark.parametrize("text", ["", "high = true", "high = 1.0\nmoderate = 0.5"])
def test_a_file_that_is_none_is_one_sentence(clapbatch, library, text):
    Path("t.toml").write_text(text)
    said = clapbatch("multi", "songs", "q.txt", *WORDS, "--thresholds", "t.toml")
    assert said.code == 2
    assert "is no file of `clapbatch thresholds`" in said.err


def test_too_few_labels_are_refused(clapbatch, library):
    lines = Path("truth.csv").read_text().splitlines()
    Path("truth.csv").write_text("\n".join(lines[:20]) + "\n")
    said = clapbatch("thresholds", "songs", "q.txt", "truth.csv", *WORDS)
    assert said.code == 2
    assert "19 labels are too few" in said.err
    assert not Path("thresholds.toml").exists()
