"""The command line as a person meets it: output, exit codes, and one sentence for every mistake."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from clapbatch.testing import tone
from tests.conftest import FAKES

HEAVY = {"torch", "transformers", "openvino", "pandas", "av", "joblib"}
PITCH = ("--encoder", "pitch", "--plugin", FAKES)


@pytest.fixture
def queries(tmp_path: Path) -> Path:
    path = tmp_path / "queries.txt"
    path.write_text("# pitches\n110 Hz\n880 Hz\n")
    return path


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the person stands: default reports go under it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_single_prints_a_table_with_the_best_moment(clapbatch, tones):
    said = clapbatch("single", tones / "a110.wav", "110 Hz", "880 Hz", *PITCH)
    assert said.code == 0
    assert "a110.wav: 0:03, 5 segments, encoder pitch" in said.out
    line = next(line for line in said.out.splitlines() if "110 Hz" in line)
    assert "HIGH" in line
    assert "0:00–0:01" in line


def test_single_as_json_is_one_object(clapbatch, tones):
    said = clapbatch("single", tones / "a110.wav", "110 Hz", *PITCH, "--json")
    told = json.loads(said.out)
    assert told["audio_file"] == "a110.wav"
    assert told["num_segments"] == 5
    assert told["duration_sec"] == 3.0
    assert told["queries"][0]["label"] == "HIGH"
    assert said.err == ""


def test_single_as_csv_has_the_columns_of_scores_long(clapbatch, tones, queries):
    said = clapbatch("single", tones / "a110.wav", "110 Hz", "880 Hz", *PITCH, "--csv")
    clapbatch("multi", tones / "a110.wav", queries, *PITCH, "--out", "r")
    assert said.out == Path("r/scores_long.csv").read_text("utf-8")


def test_single_flags_words_outside_the_vocabulary(clapbatch, tones):
    said = clapbatch("single", tones / "a110.wav", "whale song", *PITCH)
    assert "whale song (?)" in said.out
    assert "it reads only pitches" in said.out


def test_multi_writes_every_file_into_reports_named_after_the_folder(clapbatch, tones, queries):
    said = clapbatch("multi", tones, queries, *PITCH)
    assert said.code == 0
    assert sorted(path.name for path in Path("reports/tones").iterdir()) == [
        "failures.csv",
        "manifest.json",
        "report.html",
        "scores.csv",
        "scores_long.csv",
        "segments.csv",
        "song_pairs.csv",
        "song_similarity.csv",
    ]
    assert "4 songs × 2 queries" in said.out
    assert "report: reports/tones" in said.out


def test_multi_says_that_a_second_run_embeds_nothing(clapbatch, tones, queries):
    clapbatch("multi", tones, queries, *PITCH)
    said = clapbatch("multi", tones, queries, *PITCH)
    assert "4 songs, 4 of them in the store: nothing to embed" in said.err
    assert "4 from the store" in said.out


def test_without_a_store_nothing_is_kept(clapbatch, tones, queries, home):
    clapbatch("multi", tones, queries, *PITCH, "--no-store")
    assert not (home / "store.sqlite").exists()
    assert "embedded" in clapbatch("multi", tones, queries, *PITCH).out


def test_multi_without_html(clapbatch, tones, queries):
    clapbatch("multi", tones, queries, *PITCH, "--no-html", "--out", "r")
    assert not Path("r/report.html").exists()


def test_multi_as_json_prints_the_summary_alone(clapbatch, tones, queries):
    said = clapbatch("multi", tones, queries, *PITCH, "--json")
    told = json.loads(said.out)
    assert (told["songs"], told["queries"], told["failures"]) == (4, 2, 0)
    assert told["best"][1] == {"query": "880 Hz", "song": "high/d880.ogg", "score": 1.0}
    assert said.err == ""


def test_multi_reads_sentences_from_standard_input(tones, tmp_path):
    command = [sys.executable, "-m", "clapbatch", "multi", tones, "-", *PITCH, "--out", "r"]
    subprocess.run(command, input=b"440 Hz\n", check=True, cwd=tmp_path, capture_output=True)
    assert (tmp_path / "r" / "scores.csv").read_text().startswith("song,440 Hz\n")


def test_a_broken_song_gives_exit_code_3_and_a_row(clapbatch, tones, queries):
    (tones / "broken.mp3").write_bytes(b"this is no music" * 50)
    said = clapbatch("multi", tones, queries, *PITCH)
    assert said.code == 3
    assert "1 failed; failures.csv says why" in said.err
    assert [row["audio_file"] for row in rows(Path("reports/tones/failures.csv"))] == ["broken.mp3"]
    assert len(rows(Path("reports/tones/scores.csv"))) == 4


def test_nothing_but_broken_songs_gives_exit_code_1_and_a_report(clapbatch, tmp_path, queries):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "x.wav").write_bytes(b"no")
    assert clapbatch("multi", "bad", queries, *PITCH).code == 1
    assert len(rows(Path("reports/bad/failures.csv"))) == 1


def test_a_broken_single_song_gives_exit_code_1_and_the_reason(clapbatch, tmp_path):
    (tmp_path / "x.wav").write_bytes(b"")
    said = clapbatch("single", "x.wav", "440 Hz", *PITCH)
    assert said.code == 1
    assert said.err.splitlines()[-1].startswith("clapbatch: x.wav: ")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("multi", "nowhere", "queries.txt"), "nowhere: no such file or folder"),
        (("multi", "empty", "queries.txt"), "empty holds no recording"),
        (("multi", "tones", "nothing.txt"), "nothing.txt: no such file or folder"),
        (("multi", "tones", "blank.txt"), "blank.txt holds no query"),
        (("multi", "tones", "queries.txt", "--encoder", "picth"), "did you mean pitch"),
        (("multi", "tones", "queries.txt", "--scorer", "maen"), "did you mean mean"),
        (("multi", "tones", "queries.txt", "--hopp", "1"), "No such option"),
        (("multi", "tones", "queries.txt", "-o", "embedder.x=1"), "no option 'x'"),
        (("multi", "tones", "queries.txt", "-o", "embeder.x=1"), "did you mean embedder"),
        (("multi", "tones", "queries.txt", "-o", "x"), "-o takes role.option=value"),
        (("multi", "tones", "queries.txt", "-o", "reporter.x=1"), "no option 'x'"),
        (("multi", "tones", "queries.txt", "--hop", "1", "--window", "0.5"), "larger than the"),
        (("multi", "tones", "queries.txt", "--jobs", "0"), "--jobs must be at least 1"),
        (("multi", "tones", "queries.txt", "--backend", "spark"), "--backend must be one of"),
        (("multi", "tones", "queries.txt", "--out", "queries.txt"), "cannot be written"),
        (("multi", "tones", "queries.txt", "--out", "tones"), "something that is not a report"),
        (("multi", "tones", "queries.txt", "--out", "/proc/x/y"), "cannot be written"),
        (("multi", "tones", "queries.txt", "--config", "no.toml"), "no.toml cannot be read"),
        (("multi", "tones", "queries.txt", "--config", "bad.toml"), "did you mean scorer"),
        (("single", "nowhere.mp3", "jazz"), "nowhere.mp3: no such file"),
        (("single", "tones", "jazz"), "is a folder"),
        (("single", "tones/a110.wav"), "Missing argument"),
        (("mutli",), "did you mean multi"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    clapbatch, tones, queries, tmp_path, arguments, sentence
):
    (tmp_path / "empty").mkdir()
    (tmp_path / "blank.txt").write_text("# nothing\n\n")
    (tmp_path / "bad.toml").write_text('scoorer = "max"\n')
    extra = PITCH if len(arguments) > 2 and "--encoder" not in arguments else ("--plugin", FAKES)
    said = clapbatch(*arguments, *(extra if len(arguments) > 1 else ()))
    assert said.code == 2
    assert sentence in said.err
    assert len([line for line in said.err.splitlines() if line]) == 1
    assert "Traceback" not in said.err
    assert said.out == ""


def test_an_unwritable_folder_is_found_out_before_the_work(clapbatch, tones, queries, home):
    clapbatch("multi", tones, queries, *PITCH, "--out", "/proc/x/y")
    assert not (home / "store.sqlite").exists()


def test_settings_come_from_a_file_and_flags_win(clapbatch, tones, queries, tmp_path):
    (tmp_path / "c.toml").write_text(
        f'encoder = "pitch"\nplugins = ["{FAKES}"]\nscorer = "top-k"\nhop = 1.0\n'
        "[embedder]\npause = 0.0\n"
    )
    clapbatch("multi", tones, queries, "--config", "c.toml", "--hop", "0.25", "--out", "r")
    manifest = json.loads(Path("r/manifest.json").read_text())
    assert manifest["scorer"]["name"] == "top-k"
    assert manifest["hop_sec"] == 0.25


def test_a_report_is_replaced_and_what_others_put_there_stays(clapbatch, tones, queries):
    clapbatch("multi", tones, queries, *PITCH, "--out", "r")
    Path("r/my notes.txt").write_text("mine")
    clapbatch("multi", tones, queries, *PITCH, "--out", "r", "--scorer", "max", "--no-html")
    assert Path("r/my notes.txt").read_text() == "mine"
    assert not Path("r/report.html").exists()
    assert json.loads(Path("r/manifest.json").read_text())["scorer"]["name"] == "max"
    assert not list(Path().glob(".r.*"))


def test_plugins_lists_every_role_with_version_origin_and_options(clapbatch):
    told = json.loads(clapbatch("plugins", "--plugin", FAKES, "--json").out)
    found = {(row["role"], row["name"]): row for row in told}
    assert found["embedder", "pitch"]["origin"] == FAKES
    assert found["scorer", "top-k"]["options"][0]["name"] == "k"
    assert {role for role, _ in found} == {
        "loader",
        "segmenter",
        "embedder",
        "scorer",
        "reporter",
    }
    text = clapbatch("plugins").out
    assert "-o scorer.k=3" in text


def test_store_commands_look_prune_and_clear(clapbatch, tones, queries):
    clapbatch("multi", tones, queries, *PITCH)
    assert json.loads(clapbatch("store", "info", "--json").out)["embeddings"] == 4
    assert "4 songs by pitch float32, windows of 1 s every 0.5 s" in clapbatch("store", "info").out
    (tones / "a110.wav").unlink()
    assert clapbatch("store", "prune").code == 0
    assert clapbatch("store", "clear", "--yes").code == 0
    assert json.loads(clapbatch("store", "info", "--json").out)["embeddings"] == 0


def test_a_plugins_command_is_found_and_listed(clapbatch, tmp_path, monkeypatch):
    (tmp_path / "greeting.py").write_text(
        "import click\nfrom clapbatch.api import hookimpl\n"
        "@hookimpl\ndef register_commands(cli):\n"
        "    cli.add_command(click.Command('greet', callback=lambda: click.echo('hello'),"
        " short_help='Say hello.'))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert "greet  Say hello." in clapbatch("plugins", "--plugin", "greeting").out


def test_help_reads_like_a_manual_with_examples(clapbatch):
    for arguments in (("--help",), ("single", "--help"), ("multi", "--help")):
        said = clapbatch(*arguments)
        assert said.code == 0
        assert "Examples:" in said.out
        assert "clapbatch multi" in said.out or "clapbatch single" in said.out


def test_the_version_is_told(clapbatch):
    from clapbatch import __version__

    assert clapbatch("--version").out == f"clapbatch {__version__}\n"


@pytest.mark.parametrize("arguments", [["--help"], ["plugins"], ["store", "info"]])
def test_looking_around_imports_nothing_heavy(arguments, tmp_path):
    code = (
        "import sys\nfrom clapbatch.cli.main import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit as stop:\n    assert not stop.code\n"
        f"heavy = {HEAVY} & set(sys.modules)\nassert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, capture_output=True)


def test_a_name_cannot_steer_the_terminal(clapbatch, tmp_path):
    name = "evil\x1b[31m\nname.wav"
    soundfile.write(tmp_path / name, tone(440, 2, 8000), 8000)
    said = clapbatch("single", tmp_path / name, "440 Hz", *PITCH)
    assert "\x1b" not in said.out
    assert "evil\\x1b[31m\\nname.wav" in said.out


def test_debug_shows_the_traceback(clapbatch, tones):
    from clapbatch.cli.main import main
    from clapbatch.errors import UsageError

    with pytest.raises(UsageError):
        main(["single", str(tones / "nothing.wav"), "x", *PITCH, "--debug"])
