"""What does a graphics card do for CLAP, and can the rest of the program keep it busy?

    python benchmarks/bench_gpu.py [--songs 256] [--jobs 16]

HTSAT-base with untrained weights. Told are: how far the card's vectors are from those of
transformers.ClapModel on the processor; windows a second from spectrogram to vector for several
batch sizes, copies to and from the card included, beside transformers on the same card and the
card's own peak (one large matrix product); and the whole command from a cold process on hours of
music in mp3, beside the same with no tower at all, which is what decoding and spectrograms take.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import common
import numpy as np
import soundfile
import torch
from bench_encoder import SEED, gflop, read_windows

from clapbatch.builtin.embedders.clap import checkpoints
from clapbatch.builtin.embedders.clap.audio import ClapAudio
from clapbatch.builtin.embedders.clap.frontend import LogMel, round_trip
from clapbatch.builtin.embedders.clap.htsat import BASE
from clapbatch.builtin.embedders.clap.roberta import ROBERTA_BASE
from clapbatch.builtin.embedders.clap.text import ClapText
from clapbatch.builtin.embedders.clap.tokens import RobertaTokens, cut
from clapbatch.builtin.embedders.clap.untrained import save_untrained, untrained_tensors
from clapbatch.builtin.embedders.clap.weights import load_audio_tower
from clapbatch.runtime import Runtime, choose_runtime
from clapbatch.torch_runtime import make_deterministic
from tests.builtin.clap_reference import Reference, write_vocabulary

QUESTION = "What does a graphics card do for CLAP, and can the program keep it busy?"
PRECISIONS = ("float32", "bf16")
BATCHES = (1, 4, 8, 16, 32, 64, 128)
# Callers at once: while one batch is computed, the next is copied.
CALLERS = 3
SIDE = 8192  # of the matrices that stand for the peak
SONG_SECONDS = 240
SONGS_MADE = 16
SENTENCES = Path(__file__).parents[1] / "queries"
MADE = Path(__file__).with_name("made_encoder.py")


def main() -> None:
    arguments = _arguments()
    if not torch.cuda.is_available():
        sys.exit("there is no graphics card here that torch can use")
    facts = common.machine() | {"card": torch.cuda.get_device_name()}
    make_deterministic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["CLAPBATCH_HOME"] = str(folder / "home")
        checkpoint = folder / "untrained.pt"
        save_untrained(checkpoint, BASE, ROBERTA_BASE, SEED)
        write_vocabulary(folder)
        result: dict[str, Any] = {"agreement": agreement(checkpoint)}
        result |= throughput(checkpoint, arguments.rounds)
        if arguments.songs:
            result["whole_command"] = whole_command(folder, checkpoint, arguments)
    common.write("gpu", QUESTION, facts, result)


def on(device: str, precision: str) -> Runtime:
    return choose_runtime("torch", device, precision, threads=1, graphs=Path("unused"))


def agreement(checkpoint: Path) -> dict[str, Any]:
    """Differences from transformers on the processor, sound and text; cosines of bf16."""
    # transformers leaves out the rounding to 16 bits that the models were trained with.
    windows = [replace(w, content=round_trip(w.content)) for w in read_windows(common.SAMPLE_SONGS)]
    texts = sorted(
        {line for path in SENTENCES.glob("*.txt") for line in path.read_text("utf-8").split("\n")}
    )[:69]
    reference = Reference(untrained_tensors(BASE, ROBERTA_BASE, SEED), BASE, ROBERTA_BASE)
    torch.set_num_threads(os.cpu_count() or 1)
    rows = [cut(ids) for ids in RobertaTokens(checkpoint.parent)(texts)]
    theirs = {
        "sound": reference.audio([w.content for w in windows]),
        "text": np.concatenate([reference.text([row]) for row in rows]),
    }
    told: dict[str, Any] = {"windows": len(windows), "texts": len(texts)}
    for precision in PRECISIONS:
        runtime = on("cuda", precision)
        audio = ClapAudio(str(checkpoint), runtime)
        ours = {
            "sound": audio.embed(windows),
            "text": ClapText(str(checkpoint), runtime).embed(texts),
        }
        told[f"{precision}, same bits again and in reverse"] = bool(
            np.array_equal(audio.embed(windows), ours["sound"])
            and np.array_equal(audio.embed(windows[::-1]), ours["sound"][::-1])
        )
        for side, vectors in ours.items():
            if precision == "float32":
                difference = np.abs(vectors - theirs[side]).max()
                told[f"largest difference, {side}"] = float(f"{difference:.1e}")
            else:
                cosines = (vectors * theirs[side]).sum(axis=1)
                told[f"smallest cosine, {side}, bf16"] = round(float(cosines.min()), 6)
    return told


def throughput(checkpoint: Path, rounds: int) -> dict[str, Any]:
    """Windows a second from spectrogram to vector, for batch sizes; peaks of the card."""
    spectrograms = LogMel()(read_windows(common.SAMPLE_SONGS))
    peak = {
        "float32": _peak(torch.float32, rounds),
        "bf16": _peak(torch.bfloat16, rounds),
    }
    rows = {}
    for precision in PRECISIONS:
        for batch in BATCHES:
            inputs = np.resize(spectrograms, (batch, *spectrograms.shape[1:]))
            compiled = on("cuda", precision).compile(
                lambda: load_audio_tower(checkpoints.weights_path(str(checkpoint))),
                [inputs],
                key="",
                any_rows=True,
            )
            calls = max(4 * CALLERS, 256 // batch)
            seconds = _seconds(lambda c=compiled, i=inputs: c(i), calls, rounds)  # type: ignore[misc]
            rows[f"{precision}, {batch}"] = _row(calls * batch / seconds, peak[precision])
    model = _transformers(spectrograms)
    for precision in PRECISIONS:
        seconds = _seconds(lambda p=precision: model(p), 6, rounds)  # type: ignore[misc]
        windows = 6 * len(spectrograms)
        rows[f"transformers, {precision}, {len(spectrograms)}"] = _row(
            windows / seconds, peak[precision]
        )
    return {
        "peak_tflop_per_second": {name: round(value, 1) for name, value in peak.items()},
        "gflop_a_window": round(gflop(BASE), 1),
        "precision and batch": rows,
    }


def _row(windows_a_second: float, peak: float) -> dict[str, float]:
    share = windows_a_second * gflop(BASE) / 1e3 / peak
    return {"windows_a_second": round(windows_a_second), "share_of_peak": round(share, 3)}


def _seconds(call: Callable[[], object], calls: int, rounds: int) -> float:
    """For so many calls, a few at once; the median of several rounds after one that warms up."""
    times = []
    with ThreadPoolExecutor(CALLERS) as pool:
        for turn in range(rounds + 1):
            start = time.perf_counter()
            list(pool.map(lambda _: call(), range(calls)))
            if turn:
                times.append(time.perf_counter() - start)
    return statistics.median(times)


def _peak(kind: torch.dtype, rounds: int) -> float:
    """TFLOP/s of the card in one large product."""
    left, right = (torch.randn(SIDE, SIDE, device="cuda", dtype=kind) for _ in range(2))
    times = []
    for turn in range(rounds + 2):
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(4):
            left @ right
        torch.cuda.synchronize()
        if turn > 1:
            times.append(time.perf_counter() - start)
    return 4 * 2 * SIDE**3 / statistics.median(times) / 1e12


def _transformers(spectrograms: np.ndarray) -> Callable[[str], object]:
    """ClapModel's audio side on the card, all spectrograms in one call."""
    reference = Reference(untrained_tensors(BASE, ROBERTA_BASE, SEED), BASE, ROBERTA_BASE)
    model = reference._model.cuda()
    features = torch.from_numpy(spectrograms)[:, None].pin_memory()

    def run(precision: str) -> object:
        with (
            torch.inference_mode(),
            torch.autocast("cuda", torch.bfloat16, enabled=precision == "bf16"),
        ):
            return model.get_audio_features(features.cuda(non_blocking=True)).pooler_output.cpu()

    return run


def whole_command(folder: Path, checkpoint: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Seconds of `multi` from a cold process; windows a second; and the same without the tower."""
    songs = write_songs(folder / "songs", arguments.songs)
    few = folder / "few"
    few.mkdir()
    for path in sorted(songs.iterdir())[: max(1, arguments.songs // 16)]:
        shutil.copy(path, few)
    queries = folder / "queries.txt"
    queries.write_text("female vocalist\nsolo piano\n", "utf-8")
    clap = ["--encoder", "clap", "-o", f"embedder.checkpoint={checkpoint}", "--device", "cuda"]
    none = ["--encoder", "no-tower", "--plugin", str(MADE)]
    jobs = str(arguments.jobs)
    runs = {
        "no tower": (songs, [*none, "--jobs", jobs]),
        "bf16": (songs, [*clap, "--precision", "bf16", "--jobs", jobs]),
        "float32": (songs, [*clap, "--jobs", jobs]),
        "bf16, processes": (
            songs,
            [*clap, "--precision", "bf16", "--jobs", jobs, "--backend", "loky"],
        ),
        "no tower, one job, few songs": (few, [*none, "--jobs", "1"]),
        "bf16, one job, few songs": (few, [*clap, "--precision", "bf16", "--jobs", "1"]),
    }
    rows = {}
    for name, (given, options) in runs.items():
        command = [sys.executable, "-m", "clapbatch", "multi", str(given), str(queries), *options]
        start = time.perf_counter()
        done = subprocess.run(
            [*command, "--no-store", "--no-html", "--quiet", "--out", str(folder / "out")],
            capture_output=True,
            text=True,
        )
        seconds = time.perf_counter() - start
        if done.returncode:
            sys.exit(f"{name} failed: {done.stderr[-2000:]}")
        windows = len(list(given.iterdir())) * (SONG_SECONDS // 5 - 1)
        rows[name] = {
            "songs": len(list(given.iterdir())),
            "seconds": round(seconds, 1),
            "windows_a_second": round(windows / seconds),
        }
        print(name, rows[name], file=sys.stderr, flush=True)
    return {"jobs": arguments.jobs, **rows}


def write_songs(folder: Path, songs: int) -> Path:
    """Stereo mp3 of four minutes at 44.1 kHz; after the first sixteen, the same with other tags."""
    pieces = []
    for path in sorted(common.SAMPLE_SONGS.glob("*.ogg")):
        sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
        pieces.append(sound.mean(axis=1))
    folder.mkdir()
    made = min(songs, SONGS_MADE)

    def write(number: int) -> None:
        turned = pieces[number % len(pieces) :] + pieces[: number % len(pieces)]
        whole = np.resize(np.concatenate(turned), SONG_SECONDS * rate)
        stereo = np.stack([whole, np.roll(whole, 400)], axis=1)
        soundfile.write(folder / f"{number:04}.mp3", stereo, rate, format="MP3")

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(write, range(made)))
    for number in range(made, songs):
        same = (folder / f"{number % made:04}.mp3").read_bytes()
        tag = b"TAG" + f"{number:04}".encode().ljust(125, b"\0")
        (folder / f"{number:04}.mp3").write_bytes(same + tag)
    return folder


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=QUESTION)
    parser.add_argument("--songs", type=int, default=256, help="0 for none; four minutes each")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    main()
