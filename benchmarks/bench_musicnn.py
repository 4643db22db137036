"""How many times faster than real time does the encoder musicnn turn music files into vectors?

The whole way, as `clapbatch multi` goes it: read, decode, resample, cut, embed, compare; the
sample songs of tests/songs, two workers, nothing stored. OpenVINO beside the same networks in
torch, in turn in one process. Then the networks alone, for the choice of the graph's batch.

    python benchmarks/bench_musicnn.py
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from common import SAMPLE_SONGS, interleaved, machine, write

from clapbatch.builtin.embedders.musicnn.frontend import BANDS, FRAMES, PATCH_SAMPLES, LogMel
from clapbatch.builtin.embedders.musicnn.network import load_networks
from clapbatch.config import RunConfig
from clapbatch.domain import Analysis
from clapbatch.engine.run import analyze
from clapbatch.registry import Registry
from clapbatch.runtime import Runtime
from clapbatch.store import Store

ENGINES = ("openvino", "torch")
WORKERS = 2
BATCHES = (1, 2, 4, 8)


def embed(engine: str) -> Analysis:
    config = RunConfig(
        songs=SAMPLE_SONGS,
        encoder="musicnn",
        runtime=engine,
        device="cpu",
        jobs=WORKERS,
        use_store=False,
    )
    with Store(None) as store:
        return analyze(config, Registry(), store)


def patch_count(contestant: str) -> int:
    """How many patches a contestant works on: "both networks, batch 4" -> 4."""
    return int(contestant.split()[-1]) if "batch" in contestant else 1


def main() -> None:
    facts = machine()
    fast, reference = map(embed, ENGINES)
    audio_seconds = float(fast.durations.sum())
    files = interleaved({engine: partial(embed, engine) for engine in ENGINES})
    for times in files.values():
        times["times_real_time"] = round(audio_seconds / times["median"], 1)
        times["audio_seconds_a_processor_second"] = round(
            audio_seconds / times["median_processor_seconds"], 1
        )

    patches = np.random.default_rng(42).random((max(BATCHES), FRAMES, BANDS), np.float32)
    samples = np.random.default_rng(42).random((1, PATCH_SAMPLES), np.float32)
    with tempfile.TemporaryDirectory() as folder:
        contestants = {"spectrogram": partial(LogMel(), samples)}
        for batch in BATCHES:
            runtime = Runtime("openvino", "cpu", "float32", 1, Path(folder))
            graph = runtime.compile(load_networks, [patches[:batch]], key="bench")
            contestants[f"both networks, batch {batch}"] = partial(graph, patches[:batch])
        parts = interleaved(contestants, rounds=21)
    milliseconds = {
        name: round(1000 * times["median_processor_seconds"] / patch_count(name), 2)
        for name, times in parts.items()
    }
    write(
        "musicnn",
        "Times real time from file to vectors, two workers",
        facts,
        {
            "audio_seconds": round(audio_seconds, 1),
            "files_to_vectors": files,
            "largest_difference": float(np.abs(fast.song_vectors - reference.song_vectors).max()),
            "processor_milliseconds_a_patch": milliseconds,
        },
    )


if __name__ == "__main__":
    main()
