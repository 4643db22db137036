"""Whatever stops a run, the same command again finishes the rest, with the same bytes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import FAKES, SAMPLE_SONGS
from tests.reruns import beginnings, contents, killed, program, stored, without_songs

MOMENTS = 20
PITCH = ("--encoder", "pitch", "--plugin", FAKES)
SLOW_PITCH = (*PITCH, "-o", "embedder.pause=0.01")


@pytest.fixture
def queries(tmp_path: Path) -> Path:
    path = tmp_path / "queries.txt"
    path.write_text("440 Hz\nsolo piano\n110 Hz\n")
    return path


@pytest.mark.parametrize(
    ("encoder", "seconds"),
    [
        pytest.param(SLOW_PITCH, None, id="pitch"),
        pytest.param(("--encoder", "musicnn"), 4.0, id="musicnn"),
        pytest.param(("--encoder", "musicnn"), None, id="musicnn-whole", marks=pytest.mark.slow),
    ],
)
def test_a_run_killed_at_any_moment_is_finished_by_the_same_command(
    clapbatch: Callable[..., object],
    tmp_path: Path,
    queries: Path,
    encoder: tuple[str, ...],
    seconds: float | None,
) -> None:
    songs = beginnings(tmp_path / "songs", seconds) if seconds else SAMPLE_SONGS

    def command(name: str) -> tuple[object, ...]:
        places = ("--store", tmp_path / name / "s.sqlite", "--out", tmp_path / name / "report")
        return ("multi", songs, queries, *encoder, *places, "--jobs", 2, "--quiet")

    undisturbed = program("never", *command("undisturbed"))
    assert undisturbed.returncode == 0, undisturbed.stderr
    expected = contents(tmp_path / "undisturbed" / "report")
    hashes = stored(tmp_path / "undisturbed" / "s.sqlite")
    assert len(hashes) == len(set(hashes)) == len(list(SAMPLE_SONGS.glob("*.ogg")))

    whole_store = tmp_path / "undisturbed" / "s.sqlite"
    for name in ("again", *map(str, range(MOMENTS))):
        without_songs(whole_store, tmp_path / name / "s.sqlite")
    again = program("never", *command("again"))
    assert contents(tmp_path / "again" / "report") == expected
    whole = float(again.stderr.split()[-1])
    generator = random.Random(42)
    moments = [generator.uniform(0, whole) for _ in range(MOMENTS)]
    with ThreadPoolExecutor(2) as pool:
        ends = pool.map(lambda i: killed(str(moments[i]), *command(str(i))), range(MOMENTS))
        assert sum(ends) >= MOMENTS // 2, "most of the runs must really have been killed"
    for i in range(MOMENTS):
        clapbatch(*command(str(i)))
        assert contents(tmp_path / str(i) / "report") == expected, f"killed after {moments[i]} s"
        assert stored(tmp_path / str(i) / "s.sqlite") == hashes


def test_of_a_killed_run_every_finished_song_is_kept(
    clapbatch: Callable[..., object], tones: Path, queries: Path, tmp_path: Path
) -> None:
    store = tmp_path / "s.sqlite"
    command = ("multi", tones, queries, *PITCH, "--store", store, "--out", tmp_path / "r")
    assert killed("add:4", *command, "--jobs", 1)
    assert len(stored(store)) == 3
    assert "4 songs, 3 of them in the store" in clapbatch(*command).err  # type: ignore[attr-defined]


@pytest.mark.parametrize("call", range(1, 6))
def test_a_run_killed_while_its_report_takes_its_place_loses_nothing(
    clapbatch: Callable[..., object], tones: Path, queries: Path, tmp_path: Path, call: int
) -> None:
    """Renames: the old report aside, the new one in, what is not ours over, the old one away."""
    report = tmp_path / "place" / "r"
    command = ("multi", tones, queries, *PITCH, "--out", report)
    clapbatch(*command)
    old = contents(report)
    (report / "my notes.txt").write_text("mine")
    was_killed = killed(f"rename:{call}", *command, "--scorer", "max", "--no-html")
    assert was_killed == (call < 5)
    if report.exists():
        half = {name for name in contents(report) if name != "my notes.txt"}
        assert half in (set(old), set(old) - {"report.html"}), "a report is whole or not there"
    clapbatch(*command, "--scorer", "max", "--no-html")
    assert (report / "my notes.txt").read_text() == "mine"
    assert not (report / "report.html").exists()
    assert [path.name for path in report.parent.iterdir()] == ["r"]


@pytest.mark.parametrize("backend", ["threads", "loky", "sequential"])
def test_ctrl_c_stops_within_a_second_and_says_how_to_go_on(
    clapbatch: Callable[..., object], tones: Path, queries: Path, tmp_path: Path, backend: str
) -> None:
    store = tmp_path / "s.sqlite"
    places = ("--store", store, "--out", tmp_path / "r")
    command = ["multi", tones, queries, *PITCH, *places, "--jobs", 2, "--backend", backend]
    started = tmp_path / "started"
    slow = ("-o", "embedder.pause=30", "-o", f"embedder.started={started}")
    running = subprocess.Popen(
        [sys.executable, "-m", "clapbatch", *map(str, command), *slow],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not started.exists():  # until the encoder is at work, for half a minute a batch
        assert running.poll() is None, running.communicate()
        time.sleep(0.01)
    pressed = time.monotonic()
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does: to all its processes
    _, told = running.communicate(timeout=20)
    waited = time.monotonic() - pressed
    assert running.returncode == 130
    assert told.splitlines()[-1] == (
        "clapbatch: stopped; every finished song is kept: run the same command again to go on"
    )
    assert "Traceback" not in told
    assert waited < 1
    assert clapbatch(*command).code == 0  # type: ignore[attr-defined]
    assert len(stored(store)) == 4


def test_the_processes_of_a_killed_program_end_with_it(
    tones: Path, queries: Path, tmp_path: Path
) -> None:
    started = tmp_path / "started"
    command = ("multi", tones, queries, *PITCH, "--out", tmp_path / "r", "--backend", "loky")
    slow = ("-o", "embedder.pause=3600", "-o", f"embedder.started={started}")
    running = subprocess.Popen(
        [sys.executable, "-m", "clapbatch", *map(str, command), *slow], stderr=subprocess.PIPE
    )
    while not started.exists():
        assert running.poll() is None, running.communicate()
        time.sleep(0.01)
    running.kill()
    running.communicate(timeout=30)  # standard error ends when nobody holds it any more
