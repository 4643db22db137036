"""Whole runs over files that a file system allows and nobody expects."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from clapbatch.fingerprint import file_sha256
from clapbatch.testing import tone
from tests.conftest import FAKES

PITCH = ("--encoder", "pitch", "--plugin", FAKES)
BAD_LOADERS = str(Path(FAKES).with_name("bad_loaders.py"))
ODD_NAMES = (b"caf\xe9.wav", b"two\nlines.wav", b"n" * 251 + b".wav", b"=1+1.wav", b" .wav")


@pytest.fixture
def analysed(
    clapbatch: Callable[..., object], tmp_path: Path
) -> Callable[..., tuple[list[dict[str, str]], list[dict[str, str]]]]:
    """Run over a folder; the rows of scores_long.csv and of failures.csv."""
    (tmp_path / "queries.txt").write_text("440 Hz\n")

    def run(folder: Path, *more: object) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
        out = tmp_path / "r"
        said = clapbatch("multi", folder, tmp_path / "queries.txt", *PITCH, "--out", out, *more)
        assert "defect" not in said.err  # type: ignore[attr-defined]
        tables = []
        for name in ("scores_long.csv", "failures.csv"):
            with open(out / name, encoding="utf-8", newline="") as file:
                tables.append(list(csv.DictReader(file)))
        return tables[0], tables[1]

    return run


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = tmp_path / "song.wav"
    soundfile.write(path, tone(440, 3, 8000), 8000)
    return path


@pytest.mark.parametrize("backend", ["threads", "loky"])
def test_songs_of_any_name_are_analysed_and_named(
    analysed: Callable[..., object], song: Path, tmp_path: Path, backend: str
) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    for number, name in enumerate(ODD_NAMES):
        place = os.fsdecode(name)
        soundfile.write(folder / "x.wav", tone(220 + 20 * number, 3, 8000), 8000)
        (folder / "x.wav").rename(folder / place)
    scores, failures = analysed(folder, "--backend", backend)  # type: ignore[misc]
    assert not failures
    assert [row["audio_file"] for row in scores] == [
        " .wav",
        "'=1+1.wav",
        "caf\\xe9.wav",
        "n" * 251 + ".wav",
        "two\nlines.wav",
    ]


def test_equal_songs_and_links_in_a_circle_are_embedded_once_and_each_reported(
    analysed: Callable[..., object], song: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "round"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "back").symlink_to(folder)
    for name in ("a.wav", "deep/b.wav"):
        shutil.copy(song, folder / name)
    (folder / "c.wav").symlink_to(folder / "a.wav")
    (folder / "loop.wav").symlink_to(folder / "loop.wav")
    scores, failures = analysed(folder)  # type: ignore[misc]
    assert [row["audio_file"] for row in scores] == ["a.wav", "c.wav", "deep/b.wav"]
    assert len({row["similarity"] for row in scores}) == 1
    assert [row["audio_file"] for row in failures] == ["loop.wav"]
    assert "symbolic links" in failures[0]["reason"]


@pytest.mark.parametrize(
    ("loader", "reason"),
    [
        ("vanishing", "the file vanished while it was read"),
        ("writing", "the file changed while it was read; run again"),
    ],
)
def test_a_song_that_changes_or_vanishes_under_the_loader_costs_one_row(
    analysed: Callable[..., object], song: Path, tmp_path: Path, loader: str, reason: str
) -> None:
    folder = tmp_path / "songs"
    folder.mkdir()
    shutil.copy(song, folder / "a.wav")
    scores, failures = analysed(folder, "--plugin", BAD_LOADERS, "--loader", loader)  # type: ignore[misc]
    assert not scores
    assert [(row["audio_file"], row["reason"]) for row in failures] == [("a.wav", reason)]


def test_a_song_that_may_not_be_read_costs_one_row(
    analysed: Callable[..., object],
    song: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever runs the tests may be allowed to read everything: the refusal is made up."""
    folder = tmp_path / "songs"
    folder.mkdir()
    for name in ("a.wav", "secret.wav"):
        shutil.copy(song, folder / name)

    def sha256(path: Path) -> str:
        if path.name == "secret.wav":
            raise PermissionError(13, "Permission denied")
        return file_sha256(path)

    monkeypatch.setattr("clapbatch.store.file_sha256", sha256)
    scores, failures = analysed(folder)  # type: ignore[misc]
    assert [row["audio_file"] for row in scores] == ["a.wav"]
    assert [(row["stage"], row["reason"]) for row in failures] == [("read", "permission denied")]
