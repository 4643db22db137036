"""How long does the whole command take on an hour of music, beside a script with laion-clap?

    python benchmarks/bench_whole_command.py [--laion-python PYTHON] [--minutes 60]

`clapbatch multi` from a cold process, in float32 and bf16, without a store, with graphs that an
earlier run has made; and benchmarks/laion_script.py in laion-clap's own environment, its start
included. The same songs, sentences and untrained HTSAT-base weights; their scores are compared, and
so are the bytes that clapbatch writes in one round with those of the next.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import common
import numpy as np
import soundfile

from clapbatch.builtin.embedders.clap.htsat import BASE
from clapbatch.builtin.embedders.clap.roberta import ROBERTA_BASE
from clapbatch.builtin.embedders.clap.untrained import save_untrained
from tests.builtin.clap_reference import write_vocabulary

QUESTION = "How long does the whole command take on an hour of music, beside laion-clap?"
SONG_SECONDS = 240
SENTENCES = ["female vocalist", "solo piano", "rock music", "a quiet evening song"]
PRECISIONS = ("float32", "bf16")


def main() -> None:
    arguments = _arguments()
    facts = common.machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_untrained(folder / "untrained.pt", BASE, ROBERTA_BASE, 7)
        write_vocabulary(folder)
        (folder / "queries.txt").write_text("\n".join(SENTENCES) + "\n", "utf-8")
        os.environ["CLAPBATCH_HOME"] = str(folder / "home")
        songs = write_songs(arguments.songs, folder / "songs", arguments.minutes)
        commands = {
            f"clapbatch {precision}": ours(folder, songs, precision) for precision in PRECISIONS
        }
        if arguments.laion_python:
            commands["laion-clap"] = theirs(arguments.laion_python, folder, songs, facts["cores"])
        one = write_songs(arguments.songs, folder / "one", 1)
        run(ours(folder, one, "float32"))  # makes the graphs
        written: dict[str, set[bytes]] = {}

        def measured(name: str) -> None:
            run(commands[name])
            if name.startswith("clapbatch"):
                table = folder / name.split()[1] / "segments.csv"
                written.setdefault(name, set()).add(table.read_bytes())

        times = common.interleaved(
            {name: lambda name=name: measured(name) for name in commands}, arguments.rounds
        )
        scores = read(folder / "float32" / "scores.csv")
        others = {"clapbatch bf16": folder / "bf16" / "scores.csv"}
        if arguments.laion_python:
            others["laion-clap"] = folder / "laion.csv"
        agreement = {
            name: float(f"{np.abs(scores - read(path)).max():.1e}") for name, path in others.items()
        }
    result: dict[str, object] = {"minutes": arguments.minutes, "seconds": times}
    if arguments.laion_python:
        reference = times["laion-clap"]["median"]
        result["times_laion_clap"] = {
            name: round(reference / values["median"], 2) for name, values in times.items()
        }
    result["largest_score_difference_from_float32"] = agreement
    result["same_bytes_every_round"] = {name: len(each) == 1 for name, each in written.items()}
    common.write("whole_command", QUESTION, facts, result)


def ours(folder: Path, songs: Path, precision: str) -> list[str]:
    command = [sys.executable, "-m", "clapbatch", "multi", str(songs), str(folder / "queries.txt")]
    command += ["--encoder", "clap", "-o", f"embedder.checkpoint={folder / 'untrained.pt'}"]
    return [*command, "--precision", precision, "--no-store", "--out", str(folder / precision)]


def theirs(python: str, folder: Path, songs: Path, threads: int) -> list[str]:
    paths = (folder / "untrained.pt", songs, folder / "queries.txt", folder, folder / "laion.csv")
    script = Path(__file__).with_name("laion_script.py")
    return [python, str(script), *map(str, paths), str(threads)]


def run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command[:4]} failed: {done.stderr[-2000:]}")


def read(path: Path) -> np.ndarray:
    """A table's numbers, (songs, sentences)."""
    with open(path, encoding="utf-8", newline="") as file:
        return np.array([[float(cell) for cell in row[1:]] for row in list(csv.reader(file))[1:]])


def write_songs(source: Path, folder: Path, minutes: int) -> Path:
    """Songs of four minutes, FLAC at 48 kHz, made of a folder's recordings in another order each.

    At the encoder's own rate, so that both sides hear exactly the same samples.
    """
    import soxr

    pieces = []
    for path in sorted(source.glob("*.ogg")):
        sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
        pieces.append(soxr.resample(sound.mean(axis=1), rate, 48_000))
    folder.mkdir()
    length = min(SONG_SECONDS, minutes * 60) * 48_000
    for number in range(max(1, minutes * 60 // SONG_SECONDS)):
        turned = pieces[number % len(pieces) :] + pieces[: number % len(pieces)]
        whole = np.concatenate(turned)
        repeats = -(-length // len(whole))
        soundfile.write(folder / f"{number:03}.flac", np.tile(whole, repeats)[:length], 48_000)
    return folder


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=QUESTION)
    parser.add_argument(
        "--laion-python", help="python of an environment with laion-clap 1.1.7 and pillow"
    )
    parser.add_argument("--songs", type=Path, default=common.SAMPLE_SONGS, help="folder of .ogg")
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
