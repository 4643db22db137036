"""How long does CLAP take for a 10 s window, from waveform to vector, and what could the processor?

    python benchmarks/bench_encoder.py [--laion-python PYTHON] [--songs FOLDER] [--size tiny|base]

The same windows (10 s every 5 s) and the same untrained weights for transformers.ClapModel, for
laion-clap if the python of its environment is given, and for the encoder `clap` in float32 and
bf16, in turn, round by round, on all cores. Beside them, in the same rounds, the processor's peak:
one large matrix product by oneDNN in each precision. Before any time is taken the vectors are
compared, those of bf16 for every window of the songs.

One window of HTSAT-base counts as 33.0 billion operations, as laion-clap computes it, with its
spectrogram by convolution; the products of our own graph are fewer and are given too.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import common
import numpy as np
from threadpoolctl import threadpool_limits

from clapbatch.api import AUDIO, FloatArray, Needs, Segment, Track
from clapbatch.builtin.embedders.clap.audio import ClapAudio
from clapbatch.builtin.embedders.clap.frontend import WINDOW_SAMPLES, LogMel, round_trip
from clapbatch.builtin.embedders.clap.htsat import BASE, TINY, HtsatShape
from clapbatch.builtin.embedders.clap.roberta import ROBERTA_BASE
from clapbatch.builtin.embedders.clap.untrained import save_untrained, untrained_tensors
from clapbatch.registry import Registry, make_options
from clapbatch.roles import LoaderSpec, SegmenterSpec
from clapbatch.runtime import choose_runtime

QUESTION = "How long does CLAP take for a 10 s window, and what could the processor do?"
SIZES = {"base": BASE, "tiny": TINY}
LAION_GFLOP = 33.0  # a window of HTSAT-base
NEEDS = Needs(AUDIO, 48_000, 10.0, 5.0)
SEED = 7
BATCH = 8
# Rows, inner length and columns of the product that stands for the peak; products a measurement.
PRODUCT = (2048, 2048, 2048)
PRODUCTS = 16

Embed = Callable[[list[Segment]], FloatArray]


def main() -> None:
    arguments = _arguments()
    facts = common.machine()
    threads = facts["cores"]
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(SIZES[arguments.size], arguments.songs, arguments.windows, threads, name)
        with bench.laion(arguments.laion_python) as laion:
            agreement = bench.compare()
            contestants = bench.contestants() | laion
            times = in_turn(contestants, arguments.rounds)
            if laion:
                theirs = np.load(bench.folder / "laion.npy")
                agreement["largest difference, laion-clap"] = bench.difference(theirs)
    result = {"size": arguments.size, "windows": len(bench.timed), "threads": threads}
    common.write(
        "bench_encoder", QUESTION, facts, result | bench.summary(times) | {"agreement": agreement}
    )


class Bench:
    """One checkpoint, its windows, and everything that embeds them."""

    def __init__(
        self, shape: HtsatShape, songs: Path, windows: int, threads: int, folder: str
    ) -> None:
        self.shape, self.threads, self.folder = shape, threads, Path(folder)
        self.checkpoint = self.folder / "untrained.pt"
        save_untrained(self.checkpoint, shape, ROBERTA_BASE, SEED)
        self.windows = read_windows(songs)
        whole = [w for w in self.windows if len(w.content) == WINDOW_SAMPLES]
        self.timed = whole[:windows]
        self.ours = {name: self._ours(name) for name in ("float32", "bf16")}
        self.transformers = self._transformers()
        self.peaks = {name: self._peak(name) for name in self.ours}

    def _ours(self, precision: str) -> Embed:
        """As a run drives it: eight windows a call, a call a worker."""
        runtime = choose_runtime(
            "openvino", "cpu", precision, threads=self.threads, graphs=self.folder
        )
        encoder = ClapAudio(str(self.checkpoint), runtime)
        pool = ThreadPoolExecutor(self.threads)

        def embed(windows: list[Segment]) -> FloatArray:
            with threadpool_limits(1):
                return np.concatenate(list(pool.map(encoder.embed, batches(windows))))

        return embed

    def _transformers(self) -> Embed:
        import torch

        from tests.builtin.clap_reference import Reference

        tensors = untrained_tensors(self.shape, ROBERTA_BASE, SEED)
        model = Reference(tensors, self.shape, ROBERTA_BASE)

        def embed(windows: list[Segment]) -> FloatArray:
            torch.set_num_threads(self.threads)
            rows = [model.audio([w.content for w in batch]) for batch in batches(windows)]
            return np.concatenate(rows)

        return embed

    def _peak(self, precision: str) -> Callable[[], None]:
        """Products of one large constant matrix, as many at once as there are threads."""
        import openvino
        from openvino import opset13 as op

        rows, inner, columns = PRODUCT
        generator = np.random.default_rng(0)
        left = op.parameter([rows, inner], np.float32)
        right = op.constant(generator.standard_normal((inner, columns)).astype(np.float32))
        graph = openvino.Model([op.matmul(left, right, False, False)], [left])
        settings = {
            "INFERENCE_PRECISION_HINT": {"float32": "f32", "bf16": "bf16"}[precision],
            "NUM_STREAMS": str(self.threads),
            "INFERENCE_NUM_THREADS": str(self.threads),
            "ENABLE_CPU_PINNING": "NO",
        }
        compiled = openvino.Core().compile_model(graph, "CPU", settings)
        requests = [compiled.create_infer_request() for _ in range(self.threads)]
        value = generator.standard_normal((rows, inner)).astype(np.float32)
        pool = ThreadPoolExecutor(self.threads)

        def products(request: Any) -> None:
            for _ in range(PRODUCTS):
                request.infer([value], share_inputs=True, share_outputs=True)

        def run() -> None:
            list(pool.map(products, requests))

        return run

    @contextmanager
    def laion(self, python: str | None) -> Iterator[dict[str, Callable[[], float]]]:
        """laion-clap in its own environment, kept loaded; nothing if no python is given."""
        if not python:
            yield {}
            return
        sounds, vectors = self.folder / "windows.npy", self.folder / "laion.npy"
        np.save(sounds, np.stack([window.content for window in self.timed]))
        worker = Path(__file__).with_name("laion_worker.py")
        command = [python, worker, self.checkpoint, sounds, vectors, str(self.threads)]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, bufsize=1) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            stdin, stdout = process.stdin, process.stdout

            def measure() -> float:
                stdin.write("run\n")
                stdin.flush()
                return float(stdout.readline())

            yield {"laion-clap": measure}
            stdin.close()

    def compare(self) -> dict[str, float]:
        """Differences from float32: of transformers, and of bf16 on all windows of the songs."""
        exact, rough = (self.ours[name](self.windows) for name in ("float32", "bf16"))
        cosines = (exact * rough).sum(axis=1) / np.linalg.norm(rough, axis=1)
        # transformers leaves out the rounding to 16 bits that the models were trained with.
        rounded = [replace(w, content=round_trip(w.content)) for w in self.timed]
        theirs = self.transformers(rounded)
        return {
            "smallest cosine, bf16": round(float(cosines.min()), 6),
            "windows compared, bf16": len(cosines),
            "largest difference, transformers": self.difference(theirs),
        }

    def difference(self, theirs: FloatArray) -> float:
        return float(f"{np.abs(self.ours['float32'](self.timed) - theirs).max():.1e}")

    def contestants(self) -> dict[str, Callable[[], float]]:
        calls: dict[str, Callable[[], object]] = {
            "transformers": lambda: self.transformers(self.timed),
            "clapbatch float32": lambda: self.ours["float32"](self.timed),
            "clapbatch bf16": lambda: self.ours["bf16"](self.timed),
            "front-end, one thread": lambda: front_end(self.timed),
            "peak float32": self.peaks["float32"],
            "peak bf16": self.peaks["bf16"],
        }
        return {name: lambda call=call: seconds(call) for name, call in calls.items()}  # type: ignore[misc]

    def summary(self, times: dict[str, list[float]]) -> dict[str, Any]:
        medians = {name: statistics.median(values) for name, values in times.items()}
        work = 2 * float(np.prod(PRODUCT)) * PRODUCTS * self.threads / 1e9
        peak = {name: work / medians[f"peak {name}"] for name in self.ours}
        own = gflop(self.shape)
        counted = LAION_GFLOP if self.shape == BASE else own
        rows: dict[str, dict[str, float]] = {}
        for name, median in medians.items():
            if name.startswith("peak"):
                continue
            window = median / len(self.timed)
            rows[name] = {"seconds_a_window": round(window, 5)}
            if name.startswith("front-end"):
                continue
            best = peak["bf16" if name.endswith("bf16") else "float32"]
            rows[name]["share_of_peak"] = round(counted / window / best, 3)
            rows[name]["share_of_peak_own_products"] = round(own / window / best, 3)
            if "laion-clap" in medians:
                rows[name]["times_laion_clap"] = round(medians["laion-clap"] / median, 2)
        return {
            "gflop_a_window": counted,
            "gflop_a_window_own_products": round(own, 1),
            "peak_gflop_per_second": {name: round(value) for name, value in peak.items()},
            "encoders": rows,
            "seconds": {name: [round(v, 3) for v in values] for name, values in times.items()},
        }


def gflop(shape: HtsatShape) -> float:
    """Billions of operations in the matrix products of our graph, one window."""
    total = 2 * 1024 * 1001 * 64 + 2 * 4096 * 16 * shape.width
    for stage, depth in enumerate(shape.depths):
        tokens, width = 4096 >> 2 * stage, shape.width << stage
        total += depth * (24 * tokens * width**2 + 4 * tokens * 64 * width)
        if stage < len(shape.depths) - 1:
            total += 4 * tokens * width**2
    return total / 1e9


def front_end(windows: list[Segment]) -> None:
    log_mel = LogMel()
    for batch in batches(windows):
        log_mel(batch)


def batches(windows: list[Segment]) -> list[list[Segment]]:
    return [windows[start : start + BATCH] for start in range(0, len(windows), BATCH)]


def read_windows(songs: Path) -> list[Segment]:
    """Every window of every song in a folder, as the program cuts them."""
    registry = Registry()
    loader = registry.get(LoaderSpec, "soundfile")
    segmenter = registry.get(SegmenterSpec, "windows")
    cut = segmenter.make(make_options(segmenter, {}))
    windows: list[Segment] = []
    for path in sorted(songs.glob("*.ogg")):
        blocks = loader.make(make_options(loader, {})).blocks(Track(path.name, path), NEEDS)
        windows += cut.segments(blocks, NEEDS)
    return windows


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def in_turn(contestants: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each contestant in each round; a round before the first is not counted."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(rounds + 1):
        for name, measure in contestants.items():
            took = measure()
            if turn:
                times[name].append(took)
    return times


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--laion-python", help="python of an environment with laion-clap 1.1.7 and pillow"
    )
    parser.add_argument("--songs", type=Path, default=common.SAMPLE_SONGS, help="folder of .ogg")
    parser.add_argument("--size", choices=SIZES, default="base")
    parser.add_argument("--windows", type=int, default=16, help="timed; at least eight a core")
    parser.add_argument("--rounds", type=int, default=7)
    return parser.parse_args()


if __name__ == "__main__":
    main()
