"""What tests of killed and repeated runs share: programs that are killed, reports compared."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import soundfile

from tests.conftest import SAMPLE_SONGS

ROOT = Path(__file__).parents[1]


def program(when: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """`tests/killed.py` with the program's arguments."""
    command = [sys.executable, "-m", "tests.killed", when, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def killed(when: str, *arguments: object) -> bool:
    """Run the program until it is killed; False if it had ended before. It never fails."""
    ended = program(when, *arguments)
    assert ended.returncode in (0, -signal.SIGKILL), ended.stderr
    return ended.returncode != 0


def contents(folder: Path) -> dict[str, bytes]:
    """A report's files; of the manifest all but `timing`, the one thing that may differ."""
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    manifest = json.loads(files["manifest.json"])
    del manifest["timing"]
    return {**files, "manifest.json": json.dumps(manifest, indent=2).encode()}


def stored(store: Path) -> list[str]:
    """The hashes of the songs in a store, which must be sound."""
    with closing(sqlite3.connect(store)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return sorted(sha256 for (sha256,) in db.execute("SELECT sha256 FROM embeddings"))


def without_songs(store: Path, copy: Path) -> None:
    """A store that knows the sentences and no song: reading hundreds of them takes seconds."""
    copy.parent.mkdir(exist_ok=True)
    shutil.copy(store, copy)
    with closing(sqlite3.connect(copy, isolation_level=None)) as db:
        db.execute("DELETE FROM embeddings")
        db.execute("VACUUM")


def beginnings(folder: Path, seconds: float, songs: int | None = None) -> Path:
    """The sample songs, or so many of them, cut short."""
    folder.mkdir()
    for path in sorted(SAMPLE_SONGS.glob("*.ogg"))[:songs]:
        with soundfile.SoundFile(path) as file:
            samples = file.read(round(seconds * file.samplerate), dtype="float32")
            soundfile.write(folder / f"{path.stem}.flac", np.asarray(samples), file.samplerate)
    return folder
