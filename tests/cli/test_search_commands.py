"""search, similar, playlist, classify, duplicates, report as a person meets them."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from clapbatch.library import read_tracks
from clapbatch.search.means import folder_of
from clapbatch.testing import tone
from tests.conftest import FAKES, SAMPLE_SONGS, SHARED

PITCH = ("--encoder", "pitch", "--plugin", FAKES)
MUSICNN = ("--encoder", "musicnn")
SONGS = SHARED / "songs"
needs_songs = pytest.mark.skipif(not SONGS.is_dir(), reason="real recordings are not at hand")


def age(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            os.utime(path, (1_700_000_000, 1_700_000_000))


@pytest.fixture
def library(clapbatch, tones, monkeypatch) -> Path:
    """The tones, embedded by `multi` as a person would."""
    monkeypatch.chdir(tones.parent)
    age(tones)
    Path("queries.txt").write_text("440 Hz\n110 Hz\n")
    clapbatch("multi", tones, "queries.txt", *PITCH, "--no-html", "--out", "r")
    return tones


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_search_shows_score_label_moment_and_why(clapbatch, library):
    said = clapbatch("search", library, "440 Hz", "--and", "220 Hz:0.5", "--not", "880 Hz", *PITCH)
    assert said.code == 0
    first = said.out.splitlines()[3]
    assert "high/c440.wav" in first
    assert "0:00–0:01" in first
    assert "440 Hz 1.000 (1.000)" in first
    assert "not 880 Hz" in first
    assert "4 songs compared, encoder pitch" in said.out
    assert said.err == ""


def test_search_as_json_is_one_object(clapbatch, library):
    said = clapbatch("search", library, "440 Hz", "-k", 2, *PITCH, "--json")
    told = json.loads(said.out)
    assert told["songs_searched"] == 4
    assert told["songs_not_in_store"] == 0
    assert [hit["audio_file"] for hit in told["results"]] == ["high/c440.wav", "b220.flac"]
    best = told["results"][0]
    assert (best["rank"], best["score"], best["label"]) == (1, 1.0, "HIGH")
    assert (best["best_start"], best["best_end"]) == (0.0, 1.0)
    assert best["why"] == [
        {"text": "440 Hz", "weight": 1.0, "score": 1.0, "at_best_moment": 1.0, "note": ""}
    ]
    assert said.err == ""


def test_search_as_csv_has_a_column_a_sentence(clapbatch, library):
    said = clapbatch("search", library, "440 Hz", "--not", "880 Hz", *PITCH, "--csv")
    rows = table(said.out)
    assert list(rows[0])[:7] == [
        "rank", "audio_file", "score", "label", "best_start", "best_end", "duration_sec",
    ]  # fmt: skip
    assert list(rows[0])[7:] == ["440 Hz", "not 880 Hz"]
    assert rows[0]["audio_file"] == "high/c440.wav"


def test_search_takes_a_sentence_apart_that_names_a_song(clapbatch, library):
    said = clapbatch("search", library, "like d880", *PITCH, "--json")
    told = json.loads(said.out)
    assert told["understood"]["songs_taken_for"] == {"d880": ["high/d880.ogg"]}
    assert told["results"][0]["audio_file"] == "high/c440.wav"
    asked = json.loads(clapbatch("ask", library, "like d880", *PITCH, "--json").out)
    assert told == asked
    literal = json.loads(
        clapbatch("search", library, "like d880", "--literal", *PITCH, "--json").out
    )
    assert "understood" not in literal
    assert len(literal["results"]) == 4


def test_search_says_what_it_leaves_out_beside_other_sentences(clapbatch, library):
    said = clapbatch("search", library, "like d880", "--and", "110 Hz", *PITCH)
    assert "counts only in a sentence by itself" in said.err
    assert said.code == 0


def test_an_answer_of_nothing_but_low_says_so(clapbatch, library):
    said = clapbatch("search", library, "1760 Hz", "-k", 3, *PITCH)
    assert "all are LOW: no song answers this well" in said.out
    assert "all are LOW" not in clapbatch("search", library, "440 Hz", "-k", 3, *PITCH).out


def test_search_flags_words_outside_the_vocabulary(clapbatch, library):
    said = clapbatch("search", library, "whale song", *PITCH)
    assert "(?) whale song: it reads only pitches such as 440 Hz" in said.out


def test_new_songs_are_noticed_and_update_embeds_them(clapbatch, library):
    soundfile.write(library / "new.wav", tone(1500, 3, 8000), 8000)
    said = clapbatch("search", library, "1500 Hz", "-k", 1, *PITCH)
    assert "note: 1 song is not in the store yet; --update embeds new songs first" in said.err
    assert "new.wav" not in said.out
    assert "new.wav" in clapbatch("search", library, "1500 Hz", "-k", 1, *PITCH, "--update").out


def test_a_song_that_fails_to_embed_gives_exit_code_3(clapbatch, library):
    (library / "broken.wav").write_bytes(b"no music")
    said = clapbatch("search", library, "440 Hz", *PITCH, "--update")
    assert said.code == 3
    assert "failed: broken.wav: " in said.err
    assert "high/c440.wav" in said.out


def test_similar_to_a_song_and_to_a_moment_of_it(clapbatch, library):
    assert "b220.flac" in clapbatch("similar", library, "a110", "-k", 1, *PITCH).out
    said = clapbatch("similar", library, "c440.wav@0:02", *PITCH, "--json")
    told = json.loads(said.out)
    assert told["question"] == "high/c440.wav@0:02"
    assert "high/c440.wav" not in [hit["audio_file"] for hit in told["results"]]


def test_similar_to_a_song_from_elsewhere(clapbatch, library, tmp_path):
    soundfile.write(tmp_path / "elsewhere.wav", tone(860, 2, 8000), 8000)
    said = clapbatch("similar", library, tmp_path / "elsewhere.wav", "-k", 1, *PITCH, "--csv")
    assert [row["audio_file"] for row in table(said.out)] == ["high/d880.ogg"]


def test_a_playlist_names_the_songs_relative_to_itself(clapbatch, library):
    Path("lists").mkdir()
    said = clapbatch("playlist", library, "880 Hz", "-k", 2, *PITCH, "--out", "lists/high.m3u8")
    assert said.code == 0
    assert "playlist: lists/high.m3u8" in said.out
    assert Path("lists/high.m3u8").read_text() == (
        "#EXTM3U\n#PLAYLIST:880 Hz\n"
        "#EXTINF:6,high - d880\n../tones/high/d880.ogg\n"
        "#EXTINF:5,high - c440\n../tones/high/c440.wav\n"
    )
    assert len(read_tracks(Path("lists/high.m3u8"), ()).tracks) == 2


def test_a_playlist_of_songs_like_one(clapbatch, library):
    clapbatch("playlist", library, "--like", "a110", "-k", 1, *PITCH)
    assert Path("playlist.m3u8").read_text().endswith("\ntones/b220.flac\n")


def test_classify_tells_label_probability_runner_up_and_margin(clapbatch, library):
    said = clapbatch("classify", library, "110,880", "--template", "{label} Hz", *PITCH, "--csv")
    rows = table(said.out)
    assert [row["label"] for row in rows] == ["110", "110", "880", "880"]
    assert list(rows[0]) == [
        "audio_file", "label", "probability", "runner_up", "runner_up_probability", "margin",
    ]  # fmt: skip


def test_classify_over_time(clapbatch, library):
    pitches = "110 Hz,880 Hz"
    said = clapbatch("classify", library, pitches, "--template", "{label}", "--segments", *PITCH)
    assert "  0:00–0:03 110 Hz 1.000" in said.out
    told = json.loads(clapbatch("classify", library, pitches, "--segments", *PITCH, "--json").out)
    assert [s["start_sec"] for s in told["songs"][0]["segments"]] == [0.0, 0.5, 1.0, 1.5, 2.0]


def test_classify_judges_itself_when_the_truth_is_given(clapbatch, library):
    Path("truth.csv").write_text("file,label\na110.wav,110\nb220.flac,880\n")
    options = ("--template", "{label} Hz", *PITCH)
    said = clapbatch("classify", library, "110,880", "--truth", "truth.csv", *options)
    assert "accuracy 0.500 (1 of 2)" in said.out
    assert "2 songs have no true label among these" in said.out
    told = json.loads(
        clapbatch("classify", library, "tones,high", "--truth-folder", *PITCH, "--json").out
    )
    assert told["truth"]["judged"] == 4
    assert told["songs"][2]["true_label"] == "high"


def test_duplicates_are_shown_in_groups(clapbatch, library):
    shutil.copy(library / "b220.flac", library / "z copy.flac")
    age(library)
    said = clapbatch("duplicates", library, *PITCH, "--update")
    assert "1 group among 5 songs, encoder pitch" in said.out
    rows = table(clapbatch("duplicates", library, *PITCH, "--csv").out)
    assert [(row["group"], row["audio_file"], row["relation"]) for row in rows] == [
        ("1", "b220.flac", "first"),
        ("1", "z copy.flac", "same bytes"),
    ]
    assert json.loads(clapbatch("duplicates", library, *PITCH, "--json").out)["groups"] == 1


def test_no_duplicates_is_an_answer(clapbatch, library):
    said = clapbatch("duplicates", library, *PITCH)
    assert (said.code, said.out) == (
        0,
        "no two of 4 songs are the same recording (encoder pitch)\n",
    )


def test_report_makes_the_page_again(clapbatch, library):
    clapbatch("multi", library, "queries.txt", *PITCH, "--out", "r2")
    page = Path("r2/report.html").read_text()
    Path("r2/report.html").unlink()
    said = clapbatch("report", "r2", "--songs", library)
    assert said.out == "page: r2/report.html\n"
    again = Path("r2/report.html").read_text()
    assert abs(len(again) - len(page)) < 50
    assert '"../tones/a110.wav"' in again
    assert json.loads(clapbatch("report", "r2", "--json").out)["songs"] == 4


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("search", "tones", "440 Hz", "-k", "0"), 2, "0 is not in the range x>=1"),
        (("search", "tones", " "), 2, "a sentence is empty"),
        (("search", "tones", "440 Hz:0"), 2, "must be above 0 and at most 10, not 0"),
        (("search", "tones", "440 Hz", "--not", ""), 2, "a sentence is empty"),
        (("search", "tones", "440 Hz", "--no-store"), 2, "reads from the store"),
        (("search", "nowhere", "440 Hz"), 2, "nowhere: no such file or folder"),
        (("search", "tones", "440 Hz", "--store", "new.sqlite"), 1, "is in the store yet"),
        (("search", "tones", "440 Hz", "--scorer", "max", "--approximate"), 2, "knows no segments"),
        (("similar", "tones", "a220"), 2, "there is no song 'a220' in the library"),
        (("similar", "tones", "0"), 2, "fits 4 songs"),
        (("similar", "tones", "a110.wav@5:00"), 2, "a110.wav@5:00: the song is only 3.0 s long"),
        (("playlist", "tones"), 2, "either a sentence or --like"),
        (("playlist", "tones", "440 Hz", "--like", "a110"), 2, "either a sentence or --like"),
        (("playlist", "tones", "--like", "a110", "--not", "x"), 2, "go with a sentence"),
        (("playlist", "tones", "440 Hz", "--out", "tones/a110.wav"), 2, "ends in .m3u8"),
        (("playlist", "tones", "440 Hz", "--out", "no/x.m3u8"), 2, "cannot be written"),
        (("classify", "tones", "jazz"), 2, "fewer than two labels"),
        (("classify", "tones", "empty.txt"), 2, "empty.txt holds no query"),
        (("classify", "tones", "a,b", "--template", "x"), 2, "has no {label} in it"),
        (("classify", "tones", "a,b", "--truth", "no.csv"), 2, "no.csv cannot be read as CSV"),
        (("classify", "tones", "a,b", "--truth-folder"), 2, "no song's true label"),
        (("classify", "tones", "a,b", "--truth", "x", "--truth-folder"), 2, "not from both"),
        (("duplicates", "tones", "--encoder", "picth"), 2, "did you mean pitch"),
        (("report", "tones"), 2, "tones is no report of clapbatch"),
    ],
)
def test_a_mistake_is_one_sentence(clapbatch, library, arguments, code, sentence):
    Path("empty.txt").write_text("")
    files = sorted(Path().rglob("*"))
    needs_encoder = arguments[0] != "report" and "--encoder" not in arguments
    extra = PITCH if needs_encoder else ("--plugin", FAKES) * (arguments[0] != "report")
    said = clapbatch(*arguments, *extra)
    assert said.code == code
    assert sentence in said.err
    assert len([line for line in said.err.splitlines() if line]) == 1
    assert said.out == ""
    if "new.sqlite" not in arguments:
        assert sorted(Path().rglob("*")) == files


def test_a_name_cannot_steer_the_terminal_or_a_spreadsheet(clapbatch, library):
    soundfile.write(library / "=1+1\x1b[31m\n.wav", tone(440, 2, 8000), 8000)
    age(library)
    said = clapbatch("search", library, "440 Hz", *PITCH, "--update")
    assert "\x1b" not in said.out
    rows = table(clapbatch("search", library, "440 Hz", *PITCH, "--csv").out)
    assert "'=1+1\x1b[31m\n.wav" in [row["audio_file"] for row in rows]


def test_clearing_the_store_clears_the_search_index(clapbatch, library, home):
    clapbatch("search", library, "440 Hz", *PITCH)
    assert folder_of(home / "store.sqlite").exists()
    clapbatch("store", "clear", "--yes")
    assert not folder_of(home / "store.sqlite").exists()
    assert clapbatch("search", library, "440 Hz", *PITCH).code == 1


@pytest.mark.parametrize(
    "arguments", [("search", "solo piano"), ("similar", "fur_elise"), ("classify", "piano,drums")]
)
def test_a_question_to_stored_songs_imports_no_torch(clapbatch, home, arguments):
    clapbatch("search", SAMPLE_SONGS, "rock", *MUSICNN, "--update")
    code = (
        "import sys\nfrom clapbatch.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as stop:\n    assert not stop.code\n"
        "heavy = {'torch', 'transformers', 'pandas', 'av', 'librosa'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    command = [sys.executable, "-c", code, arguments[0], os.fspath(SAMPLE_SONGS), arguments[1]]
    subprocess.run([*command, *MUSICNN], check=True, capture_output=True)


@needs_songs
@pytest.mark.parametrize(
    ("sentence", "song"),
    [
        ("orchestra", "US Army Strings"),
        ("orchestral strings", "US Army Strings"),
        ("a woman singing folk songs with a guitar", "Karissa Hobbs"),
        ("female vocalist", "Karissa Hobbs"),
        ("electronic ambient", "NPS - Glacier Bay"),
        ("classical music", "US Army Strings"),
    ],
)
def test_real_recordings_are_found_as_a_listener_would(clapbatch, sentence, song):
    said = clapbatch("search", SONGS, sentence, "-k", 1, *MUSICNN, "--update", "--json")
    assert json.loads(said.out)["results"][0]["audio_file"].startswith(song)


@needs_songs
def test_real_recordings_are_like_what_a_listener_calls_like(clapbatch):
    said = clapbatch("similar", SONGS, "Hungarian", "-k", 6, *MUSICNN, "--update", "--json")
    order = [hit["audio_file"].split(" - ")[1][:12] for hit in json.loads(said.out)["results"]]
    assert order[0] == "Dance of the"
    assert "Glacier Bay " in order[2:]
    nothing_like_it = clapbatch("similar", SONGS, "Vibe Ace", "-k", 6, *MUSICNN)
    assert "all are LOW" in nothing_like_it.out


@needs_songs
def test_real_recordings_get_sensible_labels(clapbatch):
    labels = "classical orchestra,folk singer with guitar,electronic"
    said = clapbatch("classify", SONGS, labels, *MUSICNN, "--update", "--json")
    told = {s["audio_file"].split(" - ")[0]: s["label"] for s in json.loads(said.out)["songs"]}
    assert told["US Army Strings"] == "classical orchestra"
    assert told["Karissa Hobbs"] == "folk singer with guitar"
    assert told["NPS"] == "electronic"
