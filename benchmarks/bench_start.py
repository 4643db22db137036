"""How long does a person wait for a command that has little to do, from key press to prompt?

Whole processes, on a warm disk: --help, listings, and known songs with a new sentence.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from common import SAMPLE_SONGS, interleaved, machine, write

PROGRAM = [sys.executable, "-m", "clapbatch"]


def main() -> None:
    facts = machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {**os.environ, "CLAPBATCH_HOME": name, "CLAPBATCH_OFFLINE": "1"}
        sentences = iter(range(10_000))

        def command(*arguments: str) -> Callable[[], object]:
            return lambda: subprocess.run(
                [*PROGRAM, *arguments], env=environment, cwd=folder, check=True, capture_output=True
            )

        def new_sentence(*arguments: str) -> Callable[[], object]:
            def ask() -> object:
                (folder / "queries.txt").write_text(f"solo piano, take {next(sentences)}\n")
                return command(*arguments)()

            return ask

        multi = ("multi", str(SAMPLE_SONGS), "queries.txt", "--encoder", "musicnn")
        single = ("single", str(SAMPLE_SONGS / "fur_elise.ogg"), "solo piano")
        new_sentence(*multi)()
        result = interleaved(
            {
                "python -c pass": lambda: subprocess.run(
                    [sys.executable, "-c", "pass"], check=True
                ),
                "clapbatch --help": command("--help"),
                "clapbatch plugins": command("plugins"),
                "clapbatch store info": command("store", "info"),
                "single, known song, known sentence": command(*single, "--encoder", "musicnn"),
                "multi, 12 known songs, new sentence": new_sentence(*multi),
            },
            rounds=7,
        )
    write(
        "start", "How long does a person wait for a command that has little to do?", facts, result
    )


if __name__ == "__main__":
    main()
