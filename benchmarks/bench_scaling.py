"""How much faster do two workers get through a library than one, by backend; what do they cost?

Warm graphs; no song stored, but the sentences, which are not what is asked about; songs made of the
sample songs. The encoder is musicnn, or clap (HTSAT-base, untrained, as large as LAION's). Three
workloads: many songs of three minutes; one long song alone; and, for the cost of starting, one song
of three seconds.

Every run is a process of its own, backends in turn, so that a busy minute meets all of them. What
is told, of the median of the rounds: seconds of the run by its own clock, how many times faster two
jobs are than one of the same backend, the peak memory of the program and of its largest worker,
and seconds from start to end of the process for the short song.

With one job the decoder already has a thread of its own, and so a part of the second core. What two
jobs can gain is therefore less than 2, the less the larger the decoder's share: with musicnn, where
it is some 8 % of the work, about 1.85.

    python benchmarks/bench_scaling.py [--encoder musicnn|clap] [--rounds 3] [--songs 12]
        [--long-minutes 30] [--workloads many long] [--backends threads loky dask]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import soundfile
from common import SAMPLE_SONGS, machine, write

MINUTES, SHORT_SECONDS = 3, 3
WORKLOADS = ("many", "long")
CHILD = """
import sys
from clapbatch.cli.main import main
main(sys.argv[1:])
"""


def make_songs(folder: Path, songs: int, long_minutes: int) -> dict[str, Path]:
    """The sample songs end to end, from another one each time; stereo at 44.1 kHz, as FLAC."""
    parts = [soundfile.read(path, dtype="float32", always_2d=True) for path in _samples()]
    (rate,) = {rate for _, rate in parts}
    sounds = [sound if sound.shape[1] == 2 else np.repeat(sound, 2, axis=1) for sound, _ in parts]

    def song(path: Path, first: int, seconds: float) -> None:
        turned = sounds[first:] + sounds[:first]
        whole = np.concatenate(turned)
        repeats = int(np.ceil(seconds * rate / len(whole)))
        with soundfile.SoundFile(path, "w", rate, 2, "PCM_16") as file:
            left = round(seconds * rate)
            for _ in range(repeats):
                file.write(whole[:left])
                left -= min(left, len(whole))

    places = {"many": folder / "many", "long": folder / "long", "short": folder / "short"}
    for place in places.values():
        place.mkdir()
    for number in range(songs):
        song(places["many"] / f"{number:02d}.flac", number % len(sounds), MINUTES * 60)
    song(places["long"] / "long.flac", 0, long_minutes * 60)
    song(places["short"] / "short.flac", 0, SHORT_SECONDS)
    return places


def _samples() -> list[Path]:
    return sorted(SAMPLE_SONGS.glob("*.ogg"))


class Watch:
    """The largest resident memory of a process and its children, by ten looks a second."""

    def __init__(self, process: int) -> None:
        self.program = self.worker = 0
        self._process = psutil.Process(process)
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while True:
            try:
                self.program = max(self.program, self._process.memory_info().rss)
                for child in self._process.children(recursive=True):
                    self.worker = max(self.worker, child.memory_info().rss)
            except psutil.NoSuchProcess:
                if not self._process.is_running():
                    return
            time.sleep(0.1)


@dataclass(frozen=True)
class Bench:
    """home : folder of graphs, models and stores. encoder : the flags that choose it."""

    home: Path
    encoder: tuple[str, ...]

    @property
    def sentences(self) -> Path:
        return self.home / "sentences.sqlite"

    def prepare(self, song: Path) -> None:
        """Make the graphs, and a store that knows the sentences and no song."""
        self._clapbatch(song, "sequential", 1, None, self.sentences)
        with closing(sqlite3.connect(self.sentences, isolation_level=None)) as db:
            db.execute("DELETE FROM embeddings")

    def run(self, songs: Path, backend: str, jobs: int, scheduler: str | None) -> dict[str, float]:
        """One run in a process of its own, from a store that knows no song."""
        store = self.home / "run.sqlite"
        shutil.copy(self.sentences, store)
        start = time.perf_counter()
        told, watch = self._clapbatch(songs, backend, jobs, scheduler, store)
        assert told["songs_from_store"] == 0
        return {
            "seconds": told["seconds"],
            "process_seconds": time.perf_counter() - start,
            "program_mib": watch.program >> 20,
            "worker_mib": watch.worker >> 20,
        }

    def _clapbatch(
        self, songs: Path, backend: str, jobs: int, scheduler: str | None, store: Path
    ) -> tuple[dict[str, Any], Watch]:
        command = [sys.executable, "-c", CHILD, "multi", str(songs), "-", *self.encoder]
        command += ["--backend", backend, "--jobs", str(jobs), "--store", str(store)]
        command += ["--out", str(self.home / "report"), "--no-html", "--json"]
        command += ["--scheduler", scheduler] if scheduler else []
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "CLAPBATCH_HOME": str(self.home), "CLAPBATCH_OFFLINE": "1"},
        )
        watch = Watch(child.pid)
        told, _ = child.communicate("solo piano\n")
        assert child.returncode == 0, told
        return json.loads(told), watch


def encoder_flags(name: str, folder: Path) -> tuple[str, ...]:
    if name == "musicnn":
        return ("--encoder", "musicnn")
    from clapbatch.builtin.embedders.clap.htsat import BASE
    from clapbatch.builtin.embedders.clap.roberta import ROBERTA_BASE
    from clapbatch.builtin.embedders.clap.untrained import save_untrained
    from tests.builtin.clap_reference import write_vocabulary

    checkpoint = folder / "untrained.pt"
    save_untrained(checkpoint, BASE, ROBERTA_BASE, 7)
    write_vocabulary(folder)
    return ("--encoder", "clap", "-o", f"embedder.checkpoint={checkpoint}")


@contextmanager
def dask_cluster(wanted: bool) -> Iterator[str | None]:
    if not wanted:
        yield None
        return
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50
    ) as cluster:
        yield cluster.scheduler_address


def median(runs: list[dict[str, float]], name: str) -> float:
    return round(statistics.median(run[name] for run in runs), 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", choices=("musicnn", "clap"), default="musicnn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--songs", type=int, default=12)
    parser.add_argument("--long-minutes", type=int, default=30)
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=WORKLOADS)
    parser.add_argument("--backends", nargs="+", default=["threads", "loky", "dask"])
    arguments = parser.parse_args()
    facts = machine()
    runs: dict[tuple[str, str, int], list[dict[str, float]]] = {}
    with (
        tempfile.TemporaryDirectory() as name,
        dask_cluster("dask" in arguments.backends) as scheduler,
    ):
        places = make_songs(Path(name), arguments.songs, arguments.long_minutes)
        bench = Bench(Path(name), encoder_flags(arguments.encoder, Path(name)))
        bench.prepare(places["short"])
        for number in range(-1, arguments.rounds):
            for backend in arguments.backends:
                address = scheduler if backend == "dask" else None
                # The round before the first only warms up.
                for workload in ("short", *(arguments.workloads if number >= 0 else ())):
                    for jobs in (1, 2):
                        measured = bench.run(places[workload], backend, jobs, address)
                        if number >= 0:
                            runs.setdefault((backend, workload, jobs), []).append(measured)
    audio = {"many": arguments.songs * MINUTES * 60, "long": arguments.long_minutes * 60}
    result: dict[str, Any] = {}
    for backend in arguments.backends:
        told: dict[str, Any] = {}
        for workload in arguments.workloads:
            seconds = audio[workload]
            one, two = (median(runs[backend, workload, jobs], "seconds") for jobs in (1, 2))
            told[workload] = {
                "seconds_with_1_and_2_jobs": [one, two],
                "real_time_with_1_and_2_jobs": [round(seconds / one), round(seconds / two)],
                "speedup": round(one / two, 2),
            }
        with_two = runs[backend, arguments.workloads[0], 2]
        told["program_mib"] = max(run["program_mib"] for run in with_two)
        told["largest_worker_mib"] = max(run["worker_mib"] for run in with_two)
        told["seconds_to_start_and_embed_one_short_song"] = median(
            runs[backend, "short", 2], "process_seconds"
        )
        result[backend] = told
    question = (__doc__ or "").splitlines()[0]
    setup = {
        "encoder": arguments.encoder,
        "songs": arguments.songs,
        "minutes": MINUTES,
        "long_minutes": arguments.long_minutes,
    }
    write(f"scaling_{arguments.encoder}", question, facts, {"setup": setup, "backends": result})


if __name__ == "__main__":
    main()
