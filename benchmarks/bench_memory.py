"""Does a recording of ten hours take more memory than one of ten minutes?

Whole processes, each embedding one made-up recording with `single`; the peak of each, in MB.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from common import machine, write

RATE = 48_000
MINUTES = (10, 60, 600)

MEASURED = """
import sys
from pathlib import Path
from clapbatch.cli.main import main
try:
    main(sys.argv[1:])
finally:
    print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0], file=sys.stderr)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", default="musicnn")
    parser.add_argument("--checkpoint", help="for clap: a name or a file")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--minutes", type=int, nargs="+", default=MINUTES)
    arguments = parser.parse_args()
    options = ["-o", f"embedder.checkpoint={arguments.checkpoint}"] if arguments.checkpoint else []
    facts = machine()
    peaks = {}
    with tempfile.TemporaryDirectory() as name:
        home = {**os.environ, "CLAPBATCH_HOME": os.environ.get("CLAPBATCH_HOME", name)}
        for minutes in (arguments.minutes[0], *arguments.minutes):  # the first warms the models
            song = Path(name) / f"{minutes}.flac"
            _record(song, minutes)
            command = [sys.executable, "-c", MEASURED, "single", str(song), "solo piano"]
            command += ["--encoder", arguments.encoder, *options, "--no-store", "--quiet"]
            command += ["--precision", arguments.precision]
            done = subprocess.run(command, env=home, capture_output=True, text=True, check=True)
            peaks[f"{minutes} minutes"] = round(int(done.stderr.split()[-1]) / 1024)
            song.unlink()
    difference = max(peaks.values()) - min(peaks.values())
    setting = {
        "encoder": arguments.encoder,
        "checkpoint": arguments.checkpoint or "",
        "precision": arguments.precision,
    }
    result = {**setting, "peak_mb": peaks, "difference_mb": difference}
    write("memory", "Does a long recording take more memory than a short one?", facts, result)


def _record(path: Path, minutes: int) -> None:
    """A chord that wanders, with some noise; a minute at a time."""
    draw = np.random.default_rng(42)
    time = np.arange(60 * RATE) / RATE
    with soundfile.SoundFile(path, "w", RATE, 1) as file:
        for minute in range(minutes):
            pitch = 110 * 2 ** (minute % 24 / 12)
            tones = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in (1, 2, 3, 5))
            file.write(0.2 * tones + 0.01 * draw.standard_normal(len(time)))


if __name__ == "__main__":
    main()
