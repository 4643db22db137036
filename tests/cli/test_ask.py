"""`ask`: a sentence is understood, shown, and answered; `search` takes refusals apart too."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from clapbatch.search.asked import fits
from clapbatch.testing import tone
from tests.conftest import FAKES, SAMPLE_SONGS, SHARED

WORDS = ("--encoder", "words", "--plugin", str(Path(FAKES).with_name("fake_words.py")), "-q")
MUSICNN = ("--encoder", "musicnn", "-q", "-k", "30")
SUNG = "Karissa Hobbs - Lets Go Fishin.ogg"
SPOKEN = "Heather Barnett - Sense and Sensibility ch18 (speech).ogg"
RECORDED = SHARED / "songs"


def settle(folder: Path) -> None:
    """Files as old as a library's: the store does not trust what was written this second."""
    for path in folder.iterdir():
        os.utime(path, (time.time() - 60, time.time() - 60))


@pytest.fixture(scope="module")
def music(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("music")
    names = ["sticks_and_skins", "old_hundredth", "fur_elise", "porch_steps", "red_lights"]
    for name in names:
        shutil.copy(SAMPLE_SONGS / f"{name}.ogg", folder)
    for name in (SUNG, SPOKEN):
        if (RECORDED / name).exists():
            shutil.copy(RECORDED / name, folder)
    settle(folder)
    return folder


@pytest.fixture
def pitches(tmp_path: Path) -> Path:
    folder = tmp_path / "pitches"
    folder.mkdir()
    for hertz in (300, 500, 700):
        soundfile.write(folder / f"{hertz}.wav", tone(hertz, 2, 4000), 4000)
    settle(folder)
    return folder


def order(said) -> list[str]:
    assert said.code == 0, said.err
    return [row["audio_file"] for row in json.loads(said.out)["results"]]


@pytest.mark.parametrize("refusal", ["no vocals", "vocals are not wanted"])
def test_songs_with_voices_come_last_when_voices_are_refused(clapbatch, music, refusal):
    names = order(clapbatch("ask", music, refusal, "--update", *MUSICNN, "--json"))
    voices = [name for name in names if name in ("old_hundredth.ogg", SUNG, SPOKEN)]
    assert len(voices) in (1, 3)
    assert set(names[:3]) <= {"porch_steps.ogg", "fur_elise.ogg", "sticks_and_skins.ogg"}
    assert not set(names[:3]) & set(voices)


@pytest.mark.parametrize("refusal", ["without drums", "drums: none"])
def test_the_song_of_drums_comes_last_when_drums_are_refused(clapbatch, music, refusal):
    names = order(clapbatch("ask", music, refusal, "--update", *MUSICNN, "--json"))
    assert names[-1] == "sticks_and_skins.ogg"
    assert names.index("red_lights.ogg") > names.index("porch_steps.ogg")


@pytest.mark.parametrize("refusal", ["drums: none", "drums should be absent"])
def test_sent_as_it_is_the_same_sentence_finds_what_was_refused(clapbatch, music, refusal):
    names = order(clapbatch("search", music, refusal, "--literal", "--update", *MUSICNN, "--json"))
    assert names[0] == "sticks_and_skins.ogg"


@pytest.mark.parametrize("refusal", ["no vocals", "without drums"])
def test_without_its_own_rule_for_refusals_the_encoder_reads_them_as_wishes(
    clapbatch, music, refusal, monkeypatch
):
    """Most encoders have no such rule. What musicnn's sentence model makes of the bare words."""
    monkeypatch.setattr("clapbatch.builtin.embedders.musicnn.text.split", lambda text: (text, ()))
    literal = clapbatch("search", music, refusal, "--literal", "--update", *MUSICNN, "--json")
    refused = "sticks_and_skins.ogg" if "drums" in refusal else SUNG
    if not (music / refused).exists():
        pytest.skip("the recorded songs are not here")
    asked = order(clapbatch("ask", music, refusal, *MUSICNN, "--json"))
    assert order(literal)[0] == refused
    assert asked[-1] == refused


def test_search_takes_refusals_apart_and_shows_it(clapbatch, music):
    sentence = "calm music, drums: none"
    told = json.loads(clapbatch("search", music, sentence, "--update", *MUSICNN, "--json").out)
    assert told["understood"][0]["unwanted"] == ["drums"]
    names = [row["audio_file"] for row in told["results"]]
    assert names.index("sticks_and_skins.ogg") > names.index("porch_steps.ogg")
    said = clapbatch("search", music, sentence, *MUSICNN)
    assert "unwanted" in said.out
    literal = json.loads(clapbatch("search", music, sentence, "--literal", *MUSICNN, "--json").out)
    assert "understood" not in literal
    assert literal["question"] == sentence


def test_a_sentence_that_refuses_nothing_is_searched_as_it_is(clapbatch, pitches):
    told = json.loads(
        clapbatch("search", pitches, "a calm piano 300 Hz", "--update", *WORDS, "--json").out
    )
    assert told["question"] == "a calm piano 300 Hz"


def test_how_it_was_understood_is_a_table_and_json(clapbatch, pitches):
    said = clapbatch("ask", pitches, "calm jazz, no vocals", "--update", *WORDS)
    assert said.out.splitlines()[1].split() == ["text", "kind", "value", "meant", "prompt"]
    assert "unwanted   singing voice" in said.out
    told = json.loads(clapbatch("ask", pitches, "calm jazz, no vocals", *WORDS, "--json").out)
    assert told["understood"]["unwanted"] == ["singing voice"]
    assert [w["weight"] for w in told["results"][0]["why"]] == [1, 1, -0.5]


def test_one_attribute_can_be_corrected(clapbatch, pitches):
    arguments = ("ask", pitches, "calm jazz, no vocals", "--dry-run", "--json")
    told = json.loads(clapbatch(*arguments, "--set", "voice=any", "--set", "genre=blues").out)
    assert told["unwanted"] == []
    assert "blues music" in told["wanted"]
    assert "jazz music" not in told["wanted"]


@pytest.mark.parametrize(
    ("correction", "sentence"),
    [("voice", "--set takes KIND=VALUE"), ("voise=none", "did you mean voice")],
)
def test_a_wrong_correction_is_one_sentence(clapbatch, pitches, correction, sentence):
    said = clapbatch("ask", pitches, "jazz", "--set", correction, *WORDS)
    assert said.code == 2
    assert sentence in said.err


def test_a_song_that_is_named_is_mixed_in_and_not_its_own_answer(clapbatch, pitches):
    shutil.copy(pitches / "300.wav", pitches / "Low Hum.wav")
    settle(pitches)
    told = json.loads(clapbatch("ask", pitches, "like Low Hum", "--update", *WORDS, "--json").out)
    assert told["understood"]["songs_taken_for"] == {"Low Hum": ["Low Hum.wav"]}
    names = [row["audio_file"] for row in told["results"]]
    assert names[0] == "300.wav"
    assert "Low Hum.wav" not in names


def test_a_name_that_no_song_has_is_left_out_with_a_note(clapbatch, pitches):
    said = clapbatch("ask", pitches, "jazz like Buena Vista", "--update", *WORDS[:-1])
    assert "no song of the library is called 'Buena Vista'" in said.err


def test_what_is_not_understood_is_sent_as_it_is(clapbatch, pitches):
    told = json.loads(clapbatch("ask", pitches, "500 Hz", "--update", *WORDS, "--json").out)
    assert told["results"][0]["audio_file"] == "500.wav"


def clicks(path: Path, bpm: float) -> None:
    rate, seconds = 22050, 20
    sound = np.zeros(rate * seconds, np.float32)
    click = tone(1000, 0.02, rate) * np.linspace(1, 0, round(0.02 * rate), dtype=np.float32)
    for beat in np.arange(0, seconds - 0.1, 60 / bpm):
        start = round(beat * rate)
        sound[start : start + len(click)] += click
    soundfile.write(path, sound, rate)


def test_a_tempo_in_figures_is_measured_filters_and_is_kept(clapbatch, tmp_path, monkeypatch):
    pytest.importorskip("librosa")
    folder = tmp_path / "beats"
    folder.mkdir()
    for bpm in (95, 130):
        clicks(folder / f"{bpm}.wav", bpm)
    settle(folder)
    arguments = ("ask", folder, "techno, 126-134 bpm", *WORDS, "--json")
    told = json.loads(clapbatch(*arguments, "--update").out)
    assert [row["audio_file"] for row in told["results"]] == ["130.wav"]
    assert told["understood"]["tempi"] == {
        "130.wav": pytest.approx(130, rel=0.04),
        "95.wav": pytest.approx(95, rel=0.04),
    }
    monkeypatch.setattr(
        "clapbatch.search.tempo.measure_tempo", lambda samples: pytest.fail("measured again")
    )
    assert json.loads(clapbatch(*arguments).out)["results"] == told["results"]
    free = clapbatch(*arguments, "--set", "tempo=any")
    assert len(order(free)) == 2


def test_without_librosa_the_way_out_is_told(clapbatch, pitches, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "librosa", None)
    said = clapbatch("ask", pitches, "jazz, 120 bpm", "--update", *WORDS)
    assert said.code == 2
    assert 'pip install "clapbatch[tempo]"' in said.err


@pytest.mark.parametrize(
    ("bpm", "tempo", "inside"),
    [
        (120, (110, 130), True),
        (60, (110, 130), True),  # a beat tracker cannot tell
        (240, (110, 130), True),
        (90, (110, 130), False),
        (120, (None, 100), False),
        (60, (100, None), False),
        (100, (100, None), True),
    ],
)
def test_half_and_double_count_in_a_range_with_two_ends(bpm, tempo, inside):
    assert fits(bpm, tempo) is inside
