"""`check`, and the warnings of every run as a person sees them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from clapbatch.testing import tone
from tests.conftest import FAKES, SAMPLE_SONGS

WORDS = ("--encoder", "words", "--plugin", str(Path(FAKES).with_name("fake_words.py")), "-q")
COLLAPSED = (*WORDS, "-o", "embedder.collapsed=texts")


def told(said) -> dict[str, dict[str, object]]:
    return {finding["check"]: finding for finding in json.loads(said.out)["findings"]}


def test_a_healthy_encoder_passes_without_a_song(clapbatch):
    said = clapbatch("check", *WORDS, "--json")
    assert said.code == 0
    assert json.loads(said.out)["worst"] == "ok"
    assert set(told(said)) == {"weights", "collapse of texts", "collapse of sounds"}


def test_a_collapsed_text_side_fails_the_check(clapbatch):
    said = clapbatch("check", *COLLAPSED)
    assert said.code == 1
    assert said.out.splitlines()[1].startswith("ERROR")
    assert "use another encoder or checkpoint" in said.out


def test_an_audio_side_that_hears_nothing_fails_the_check(clapbatch):
    said = clapbatch("check", *WORDS, "-o", "embedder.collapsed=songs", "--json")
    assert told(said)["collapse of sounds"]["severity"] == "error"
    assert said.code == 1


def test_weights_that_nobody_knows_are_a_warning(clapbatch):
    said = clapbatch("check", *WORDS, "-o", "embedder.foreign=true", "--json")
    assert told(said)["weights"]["severity"] == "warning"
    assert said.code == 0


@pytest.fixture
def tones_of_ten(tmp_path):
    folder = tmp_path / "ten"
    folder.mkdir()
    lines = ["song,query"]
    for i in range(10):
        soundfile.write(folder / f"{i}.wav", tone(200 + 100 * i, 2, 4000), 4000)
        lines.append(f"{i}.wav,{200 + 100 * i} Hz")
    (tmp_path / "truth.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_songs_are_held_against_noise_hubs_and_shuffled_pairs(clapbatch, tones_of_ten, tmp_path):
    truth = tmp_path / "truth.csv"
    found = told(clapbatch("check", tones_of_ten, *WORDS, "--truth", truth, "--json"))
    assert found["shuffled pairs"]["severity"] == "ok"
    assert found["collapse of songs"]["severity"] == "ok"
    assert {"music against white noise", "hubs"} <= set(found)
    wrong = truth.read_text().replace(" Hz", "0 Hz")
    truth.write_text(wrong)
    said = clapbatch("check", tones_of_ten, *WORDS, "--truth", truth, "--json")
    assert told(said)["shuffled pairs"]["severity"] == "error"
    assert said.code == 1


def test_the_embedded_encoder_passes_on_the_sample_songs(clapbatch):
    truth = SAMPLE_SONGS / "truth.csv"
    said = clapbatch(
        "check", SAMPLE_SONGS, "--truth", truth, "--encoder", "musicnn", "--json", "-q"
    )
    assert {finding["severity"] for finding in told(said).values()} == {"ok"}


def test_a_run_with_a_collapsed_encoder_says_so_first_and_everywhere(clapbatch, tones, tmp_path):
    (tmp_path / "q.txt").write_text("jazz\nrock music\n")
    said = clapbatch("multi", tones, tmp_path / "q.txt", *COLLAPSED[:-3], *COLLAPSED[-2:],
                     "--out", tmp_path / "r")  # fmt: skip
    assert said.out.startswith("WARNING: the encoder gives")
    [warning] = json.loads((tmp_path / "r" / "manifest.json").read_text())["warnings"]
    assert "its scores mean nothing" in warning
    assert "its scores mean nothing" in (tmp_path / "r" / "report.html").read_text()
    single = clapbatch("single", tones / "a110.wav", "jazz", *COLLAPSED)
    assert single.out.startswith("WARNING: the encoder gives")


def test_calibrated_labels_are_those_of_the_csv_and_of_the_page(clapbatch, tones_of_ten, tmp_path):
    (tmp_path / "q.txt").write_text("300 Hz\n")
    said = clapbatch("multi", tones_of_ten, tmp_path / "q.txt", *WORDS, "--labels", "calibrated",
                     "--out", tmp_path / "r", "--csv")  # fmt: skip
    header, *rows = (line.split(",") for line in said.out.splitlines())
    labels = [row[header.index("label")] for row in rows]
    assert labels.count("HIGH") == 1
    assert labels[1] == "HIGH"
    assert all(row[header.index("percentile")] for row in rows)
    page = (tmp_path / "r" / "report.html").read_text()
    data = json.loads(page.split('id="data"', 1)[1].split(">", 1)[1].split("</script>", 1)[0])
    import base64

    on_page = np.frombuffer(base64.b64decode(data["labels"]), np.uint8)
    assert [("HIGH", "MODERATE", "LOW")[label] for label in on_page] == labels


def test_a_query_whose_wordings_disagree_is_marked(clapbatch, tones_of_ten, tmp_path):
    (tmp_path / "q.toml").write_text('[[query]]\nid = "x"\nprompts = ["300 Hz", "quiet"]\n')
    said = clapbatch("multi", tones_of_ten, tmp_path / "q.toml", *WORDS[:-1],
                     "--out", tmp_path / "r")  # fmt: skip
    assert "~ x: fragile: another of its wordings changes the label of" in said.out
    assert "fragile: another of its wordings" in (tmp_path / "r" / "report.html").read_text()
