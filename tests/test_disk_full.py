"""A disk that is full, or may not be written to: a sentence, and nothing half written."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import soundfile

from clapbatch.testing import tone
from tests.conftest import FAKES
from tests.reruns import contents

PITCH = ("--encoder", "pitch", "--plugin", FAKES)


@pytest.fixture
def queries(tmp_path: Path) -> Path:
    path = tmp_path / "queries.txt"
    path.write_text("440 Hz\n")
    return path


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 128 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    _mount("-t", "tmpfs", "-o", "size=128k", "tmpfs", folder)
    yield folder
    _unmount(folder)


def _mount(*arguments: object) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a small disk; test_..._cannot_grow covers the same")
    mounted = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no disk can be made here ({mounted.stderr.strip()})")


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", folder], check=True)


def fill(folder: Path, leave: int) -> Path:
    """Fill a disk but for so many bytes."""
    rubbish = folder / "rubbish"
    free = os.statvfs(folder)
    rubbish.write_bytes(b"x" * (free.f_bavail * free.f_frsize - leave))
    return rubbish


def one_sentence(told: str, *parts: str) -> None:
    last = told.splitlines()[-1]
    assert last.startswith("clapbatch: ")
    for part in parts:
        assert part in last
    assert "Traceback" not in told


def test_a_store_on_a_full_disk_is_a_sentence_and_the_next_run_goes_on(
    clapbatch: Callable[..., object], tones: Path, queries: Path, small_disk: Path, tmp_path: Path
) -> None:
    for i in range(30):
        soundfile.write(tones / f"{i}.wav", tone(100 + i, 20, 8000), 8000)
    command = ("multi", tones, queries, *PITCH, "--store", small_disk / "s.sqlite", "--jobs", 1)
    stopped = clapbatch(*command, "--out", tmp_path / "r")
    assert stopped.code == 1
    one_sentence(stopped.err, "disk is full", "make room", "--store", "--no-store")
    assert not (tmp_path / "r").exists()
    subprocess.run(["mount", "-o", "remount,size=4m", small_disk], check=True)
    went_on = clapbatch(*command, "--out", tmp_path / "r")
    assert went_on.code == 0
    assert "of them in the store" in went_on.err, "what was stored before is kept"


def test_a_report_on_a_full_disk_is_a_sentence_and_the_old_one_stays(
    clapbatch: Callable[..., object], tones: Path, queries: Path, small_disk: Path
) -> None:
    command = ("multi", tones, queries, *PITCH, "--out", small_disk / "r", "--no-html")
    assert clapbatch(*command).code == 0
    before = contents(small_disk / "r")
    rubbish = fill(small_disk, leave=8192)
    stopped = clapbatch(*command, "--scorer", "max")
    assert stopped.code != 0
    one_sentence(stopped.err, "no space left on device", "--out")
    assert contents(small_disk / "r") == before
    assert sorted(path.name for path in small_disk.iterdir()) == ["r", "rubbish"]
    rubbish.unlink()
    assert clapbatch(*command, "--scorer", "max").code == 0


@pytest.mark.parametrize(
    ("limit", "options", "parts"),
    [
        (32_768, ("--backend", "threads"), ("the store", "--no-store")),
        (32_768, ("--backend", "loky"), ("the store", "--no-store")),
        (60_000, ("--no-store",), ("the report cannot be written", "--out")),
    ],
    ids=["store, threads", "store, loky", "report"],
)
def test_a_file_that_cannot_grow_is_a_sentence_and_leaves_no_half_report(
    tones: Path,
    queries: Path,
    tmp_path: Path,
    limit: int,
    options: tuple[str, ...],
    parts: tuple[str, ...],
) -> None:
    """What a full disk does, wherever the tests run: no file may grow beyond the limit."""
    command = ["multi", tones, queries, *PITCH, "--out", tmp_path / "place" / "r", *options]
    stopped = subprocess.run(
        [sys.executable, "-m", "clapbatch", *map(str, command)],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert stopped.returncode in (1, 2)
    one_sentence(stopped.stderr, *parts)
    before = {"4 songs", "reading 350 sentences, once for this encoder"}
    assert set(stopped.stderr.splitlines()[:-1]) <= before
    place = tmp_path / "place"
    assert not place.exists() or not list(place.iterdir())


def test_songs_on_a_read_only_disk_are_analysed_and_nothing_is_written_beside_them(
    clapbatch: Callable[..., object], tones: Path, queries: Path, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    _mount("--bind", tones, disk)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", disk], check=True)
        assert clapbatch("multi", disk, queries, *PITCH, "--out", tmp_path / "r").code == 0
    finally:
        _unmount(disk)


def test_nothing_is_ever_written_beside_the_music(
    clapbatch: Callable[..., object], tones: Path, queries: Path, tmp_path: Path
) -> None:
    def listing() -> dict[str, tuple[int, int]]:
        paths = [tones, *tones.rglob("*")]
        return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in paths}

    before = listing()
    clapbatch("multi", tones, queries, *PITCH, "--out", tmp_path / "r")
    clapbatch("single", tones / "a110.wav", "440 Hz", *PITCH)
    clapbatch("multi", tones, queries, *PITCH, "--out", tmp_path / "r", "--backend", "loky")
    assert listing() == before
