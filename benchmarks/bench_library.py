"""What do 100,000 stored songs cost, and does any of it grow faster than the library?

The songs are made up: files of a few bytes, and for each 30 segments of 512 dimensions in a store.
Measured at three sizes, each in a process of its own: writing songs into the store, opening it,
finding which songs are missing, reading all of them, reading and scoring them against 100 queries,
and writing the tables of scores. `growth` is how many times longer a step takes for ten times the
songs: 10 is linear. Song-to-song tables compare every song with every other and so grow with the
square; they are measured apart, at the two smaller sizes.

    python benchmarks/bench_library.py [--songs 1000 10000 100000]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from common import machine, write

from clapbatch import library
from clapbatch.builtin.reporters.csv import CsvOptions, CsvReporter
from clapbatch.config import RunConfig
from clapbatch.domain import Embeddings, FloatArray
from clapbatch.engine.events import Found
from clapbatch.engine.recipe import Recipe
from clapbatch.engine.run import analyze
from clapbatch.registry import Registry
from clapbatch.store import Store

MADE = str(Path(__file__).with_name("made_encoder.py"))
SEGMENTS, DIM, QUERIES = 30, 512, 100
LARGEST_WITH_PAIRS = 10_000
OLD = 1_700_000_000


def config(folder: Path) -> RunConfig:
    queries = tuple(f"query {i}" for i in range(QUERIES))
    return RunConfig(
        songs=folder / "songs", queries=queries, encoder="made", plugins=(MADE,), jobs=2
    )


def make_songs(folder: Path, songs: int) -> None:
    """Folders of a hundred files, all older than the store distrusts."""
    for number in range(songs):
        album = folder / f"artist {number // 1000:03d}" / f"album {number // 100 % 10}"
        if number % 100 == 0:
            album.mkdir(parents=True)
        path = album / f"{number % 100:02d} a song with a name.wav"
        path.write_bytes(b"%d" % number)
        os.utime(path, (OLD, OLD))


def vectors(number: int, pool: FloatArray) -> FloatArray:
    """A song's unit rows: a window into a pool of random ones."""
    first = number % (len(pool) - SEGMENTS)
    return pool[first : first + SEGMENTS]


def fill(folder: Path, steps: Steps) -> None:
    wanted = config(folder)
    registry = Registry(wanted.plugins)
    recipe = Recipe.of(wanted, registry)
    tracks = library.read_tracks(wanted.songs, recipe.suffixes(registry)).tracks
    pool = np.random.default_rng(42).standard_normal((4000, DIM), dtype=np.float32)
    pool /= np.linalg.norm(pool, axis=1, keepdims=True)
    starts = np.arange(SEGMENTS) * 5.0
    duration = float(starts[-1] + 10)
    with Store(folder / "s.sqlite") as store:
        contents, _ = steps.time(
            "hashing and remembering the files", lambda: store.identify(tracks, 2)
        )
        hashes = [content.sha256 for content in contents.values()]

        def add_all() -> None:
            for number, sha256 in enumerate(hashes):
                song = Embeddings(vectors(number, pool), starts, starts + 10, duration)
                store.add(sha256, recipe.audio_fingerprint, recipe.audio_identity, song)

        steps.time("writing songs into the store", add_all)


class Steps:
    """Seconds, and the processor's, by step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.processor: dict[str, float] = {}

    def time(self, name: str, call: Callable[[], Any]) -> Any:
        start, start_processor = time.perf_counter(), time.process_time()
        result = call()
        self.seconds[name] = round(time.perf_counter() - start, 3)
        self.processor[name] = round(time.process_time() - start_processor, 3)
        return result


def measure(folder: Path, songs: int) -> dict[str, Any]:
    steps = Steps()
    fill(folder, steps)
    wanted = config(folder)
    registry = Registry(wanted.plugins)
    recipe = Recipe.of(wanted, registry)
    tracks = library.read_tracks(wanted.songs, recipe.suffixes(registry)).tracks
    store = steps.time("opening", lambda: Store(folder / "s.sqlite"))
    with store:
        contents, _ = steps.time("looking whether files changed", lambda: store.identify(tracks, 2))
        known = steps.time("finding what is missing", lambda: store.known(recipe.audio_fingerprint))
        hashes = [content.sha256 for content in contents.values()]
        assert set(hashes) == known

        def read_all() -> None:
            for sha256 in hashes:
                assert store.get(sha256, recipe.audio_fingerprint) is not None

        steps.time("reading every song", read_all)
        found: list[Found] = []
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        analysis = steps.time(
            f"a whole run of {QUERIES} queries",
            lambda: analyze(
                wanted, registry, store, lambda e: found.append(e) if isinstance(e, Found) else None
            ),
        )
        assert found == [Found(songs, songs, 0)], "nothing may be embedded here"
        assert analysis.scores.value.shape == (songs, QUERIES)
    size = (folder / "s.sqlite").stat().st_size
    tables = CsvReporter(CsvOptions(segments=False))
    steps.time("writing the tables of scores", lambda: _write_scores(analysis, folder))
    apart = {}
    if songs <= LARGEST_WITH_PAIRS:
        alone = Steps()
        alone.time("song-to-song tables", lambda: tables.write(analysis, folder))
        apart = alone.seconds
    return {
        "songs": songs,
        "seconds": steps.seconds,
        "processor_seconds": steps.processor,
        "grows_with_the_square": apart,
        "store_mib": size >> 20,
        "peak_mib_before_the_run": before >> 10,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    }


def _write_scores(analysis: Any, folder: Path) -> None:
    """The two tables that grow with the songs, without those that compare songs with songs."""
    import csv

    from clapbatch.builtin.reporters.csv import LONG_COLUMNS, _dicts, _matrix, long_rows

    for name, rows in (
        ("scores.csv", _matrix(analysis)),
        ("scores_long.csv", _dicts(LONG_COLUMNS, long_rows(analysis))),
    ):
        with open(folder / name, "w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)


def growth(smaller: dict[str, Any], larger: dict[str, Any]) -> dict[str, float]:
    """How many times longer, for how many times the songs: by processor time, which a busy machine
    disturbs less. Steps of a few hundredths of a second tell nothing.
    """
    return {
        name: round(larger["processor_seconds"][name] / seconds, 1)
        for name, seconds in smaller["processor_seconds"].items()
        if seconds > 0.05
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--songs", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(Path.cwd(), arguments.measure)))
        return
    facts = machine()
    results = []
    for songs in arguments.songs:
        with tempfile.TemporaryDirectory() as name:
            make_songs(Path(name) / "songs", songs)
            command = [sys.executable, str(Path(__file__).absolute()), "--measure", str(songs)]
            environment = {**os.environ, "CLAPBATCH_HOME": f"{name}/home"}
            child = subprocess.run(
                command, cwd=name, env=environment, check=True, stdout=subprocess.PIPE, text=True
            )
            results.append(json.loads(child.stdout))
    grown = [growth(a, b) for a, b in pairwise(results)]
    question = (__doc__ or "").splitlines()[0]
    write("library", question, facts, {"sizes": results, "growth": grown})


if __name__ == "__main__":
    main()
