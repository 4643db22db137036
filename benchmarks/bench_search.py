"""How long does a question to a library of 100,000 songs take, from the start of the process?

The songs are made up: files of a few bytes and random vectors in clusters, put into a store by the
store's own methods. Two encoders: musicnn with its real text side, and a made-up one with 512
dimensions, CLAP's size, whose text side costs nothing. Every question is a new process. What is
told: wall and processor time and peak memory of the process; the first question ever, which reads
every segment once; whether torch was imported; and the graph of `--approximate`: how long it takes,
and how many of the exact answer's songs it finds.

    python benchmarks/bench_search.py [--songs 100000] [--no-graph]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import machine, write

from clapbatch.config import RunConfig
from clapbatch.domain import Embeddings, FloatArray, Track
from clapbatch.engine.recipe import Recipe
from clapbatch.registry import Registry
from clapbatch.roles import EmbedderSpec
from clapbatch.search.approximate import nearest_rows
from clapbatch.search.means import folder_of, open_means
from clapbatch.store import Store

MADE = Path(__file__).with_name("made_encoder.py")
ENCODERS = {"musicnn": (), "made": ("--plugin", str(MADE))}
SEGMENTS, CLUSTERS, ROUNDS, TOP = 8, 300, 5, 20
# What is called is what the program's entry point calls; then it says what it had to import.
CHILD = """
import sys
from clapbatch.cli.main import main
try:
    main(sys.argv[1:])
finally:
    print("torch imported:", "torch" in sys.modules, file=sys.stderr)
"""


def make_library(folder: Path, songs: int) -> None:
    """Folders of a hundred files, a few bytes each, all older than the store distrusts."""
    for number in range(songs):
        album = folder / f"artist {number // 1000:03d}" / f"album {number // 100 % 10}"
        if number % 100 == 0:
            album.mkdir(parents=True, exist_ok=True)
        path = album / f"{number % 100:02d} a song with a name.mp3"
        path.write_bytes(b"%d" % number)
        os.utime(path, (1_700_000_000, 1_700_000_000))


def fill_store(folder: Path, store: Store, encoder: str) -> tuple[str, int]:
    """Embeddings for every file; the recipe's fingerprint and the dimensions."""
    registry = Registry(ENCODERS[encoder][1:])
    recipe = Recipe.of(RunConfig(songs=folder, encoder=encoder, jobs=2), registry)
    spec = registry.get(EmbedderSpec, encoder)
    dim = spec.card(recipe.options_of(spec)).dim
    paths = sorted(folder.rglob("*.mp3"))
    tracks = [Track(path.relative_to(folder).as_posix(), path) for path in paths]
    contents, failures = store.identify(tracks, 2)
    assert not failures
    generator = np.random.default_rng(42)
    centres = unit(generator.standard_normal((CLUSTERS, dim), dtype=np.float32))
    starts = np.arange(SEGMENTS) * 5.0
    for content in contents.values():
        centre = centres[generator.integers(CLUSTERS)]
        own = 0.06 * generator.standard_normal(dim, dtype=np.float32)
        noise = 0.04 * generator.standard_normal((SEGMENTS, dim), dtype=np.float32)
        song = Embeddings(unit(centre + own + noise), starts, starts + 10, 45.0)
        store.add(content.sha256, recipe.audio_fingerprint, recipe.audio_identity, song)
    return recipe.audio_fingerprint, dim


def unit(rows: FloatArray) -> FloatArray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def ask(folder: Path, home: Path, encoder: str, *question: str) -> dict[str, Any]:
    """One question in a process of its own."""
    command = [sys.executable, "-c", CHILD, question[0], str(folder), *question[1:]]
    command += ["--encoder", encoder, *ENCODERS[encoder], "--json"]
    environment = {**os.environ, "CLAPBATCH_HOME": str(home), "CLAPBATCH_OFFLINE": "1"}
    start = time.perf_counter()
    child = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout
    assert child.stderr
    out = child.stdout.read()
    err = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    assert status == 0, err
    told = json.loads(out)
    assert len(told["results"]) == TOP, told
    return {
        "seconds": round(seconds, 3),
        # On a busy machine this is what a question costs; the wall time is what the others leave.
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 3),
        "peak_mib": usage.ru_maxrss // 1024,
        "torch": "torch imported: True" in err,
        "first": told["results"][0]["audio_file"],
    }


def questions(folder: Path, home: Path, encoder: str) -> dict[str, Any]:
    word = "piano" if encoder == "musicnn" else "440"
    kinds = {
        "search, a new sentence": lambda i: ("search", f"{word} number {i} {os.getpid()}"),
        "search, a sentence asked before": lambda i: ("search", f"{word} number 0 {os.getpid()}"),
        "search, three sentences": lambda i: (
            "search", f"{word} {i}", "--and", f"slow {i}:0.5", "--not", f"drums {i}",
        ),
        "similar, a song": lambda i: ("similar", f"artist 00{i}/album 3/17 a song with a name.mp3"),
        "similar, a moment": lambda i: ("similar", f"artist 00{i}/album 5/03 a@0:20"),
    }  # fmt: skip
    found: dict[str, Any] = {}
    for i in range(ROUNDS):  # in turn, so that a busy minute meets all of them
        for name, question in kinds.items():
            found.setdefault(name, []).append(ask(folder, home, encoder, *question(i)))
    return {
        name: {
            "median_seconds": statistics.median(run["seconds"] for run in runs),
            "seconds": [run["seconds"] for run in runs],
            "median_cpu_seconds": statistics.median(run["cpu_seconds"] for run in runs),
            "peak_mib": max(run["peak_mib"] for run in runs),
            "torch_imported": any(run["torch"] for run in runs),
        }
        for name, runs in found.items()
    }


def approximate(store: Store, fingerprint: str, dim: int) -> dict[str, Any]:
    """The graph against exact search, both in this process, one query at a time."""
    means = open_means(store, fingerprint, dim)
    generator = np.random.default_rng(7)
    rows = generator.choice(len(means.vectors), 50, replace=False)
    noise = 0.05 * generator.standard_normal((50, dim), dtype=np.float32)
    queries = unit(means.vectors[rows] + noise)
    start = time.perf_counter()
    nearest_rows(means, queries[0], True, TOP)
    built = time.perf_counter() - start
    recalls, exact_seconds, graph_seconds = [], [], []
    for query in queries:
        start = time.perf_counter()
        exact = np.argsort(-means.cosines(query[None])[:, 0], kind="stable")[:TOP]
        exact_seconds.append(time.perf_counter() - start)
        start = time.perf_counter()
        found = nearest_rows(means, query, True, TOP)
        graph_seconds.append(time.perf_counter() - start)
        recalls.append(len(set(exact.tolist()) & set(found.tolist())) / TOP)
    return {
        "build_seconds": round(built, 1),
        "recall_at_20": round(float(np.mean(recalls)), 4),
        "worst_recall_at_20": min(recalls),
        "exact_median_seconds": round(statistics.median(exact_seconds), 4),
        "graph_median_seconds": round(statistics.median(graph_seconds), 4),
        "index_mib": sum(f.stat().st_size for f in means.file.parent.glob("*.usearch")) // 2**20,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--songs", type=int, default=100_000)
    parser.add_argument("--no-graph", dest="graph", action="store_false")
    wanted = parser.parse_args()
    songs = wanted.songs
    facts, result = machine(), {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "library"
        make_library(folder, songs)
        for encoder in ENCODERS:
            home = Path(place) / encoder
            with Store(home / "store.sqlite") as store:
                fingerprint, dim = fill_store(folder, store, encoder)
                # What the encoder makes once on a machine (graphs) is not part of the question.
                first = [ask(folder, home, encoder, "search", "440") for _ in range(2)]
                result[encoder] = {
                    "songs": songs,
                    "dimensions": dim,
                    "store_mib": (home / "store.sqlite").stat().st_size // 2**20,
                    "index_mib": sum(
                        f.stat().st_size for f in folder_of(home / "store.sqlite").rglob("*.f32")
                    )
                    // 2**20,
                    "first_question_ever": first[0],
                    "questions": questions(folder, home, encoder),
                }
                if wanted.graph:
                    result[encoder]["approximate"] = approximate(store, fingerprint, dim)
                print(json.dumps(result[encoder], indent=1), file=sys.stderr)
    write("search", __doc__ or "", facts, result)


if __name__ == "__main__":
    main()
