"""Decodes files in a process of its own, with little memory, so that a crash is noticed.

The parent asks with `Worker.decode`; the child is this module run as a script. It answers each line
`loader <tab> rate <tab> path` with a line of JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What became of a file.

    outcome : "sound", "refused" (a RecordingError), "defect" (any other exception), "crashed"
    (the process died), "hung" or "noisy" (something was written to stderr).
    """

    outcome: str
    detail: str = ""
    samples: int = 0
    megabytes: float = 0.0


class Worker:
    """A child that decodes, started anew after it crashed or hung. A context manager.

    headroom : bytes that a decoder may ask for beside what the libraries took; 0 for no limit.
    """

    def __init__(self, seconds: float = 20.0, headroom: int = 1 << 30) -> None:
        self._seconds = seconds
        self._headroom = headroom
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  (closed in __exit__)
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._stderr.close()

    def decode(self, loader: str, path: Path, rate: int = 16_000) -> Answer:
        if self._child is None:
            self._child = subprocess.Popen(
                [sys.executable, "-W", "error", "-m", "tests.fuzz.worker", str(self._headroom)],
                cwd=Path(__file__).parents[2],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
            )
        child = self._child
        assert child.stdin is not None
        assert child.stdout is not None
        before = os.fstat(self._stderr.fileno()).st_size
        child.stdin.write(f"{loader}\t{rate}\t{path}\n".encode())
        child.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            ready = selector.select(self._seconds)
        if not ready:
            self._stop()
            return Answer("hung", f"no answer in {self._seconds:g} s")
        line = child.stdout.readline()
        if not line:
            status = child.wait()
            self._stop()
            return Answer("crashed", f"exit status {status}: {self._said(before)}")
        said = self._said(before)
        return Answer("noisy", said) if said else Answer(**json.loads(line))

    def _said(self, since: int) -> str:
        end = os.fstat(self._stderr.fileno()).st_size
        return os.pread(self._stderr.fileno(), min(end - since, 2000), since).decode(
            errors="replace"
        )

    def _stop(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


def _answer(loader: Any, path: str, rate: int) -> dict[str, Any]:
    from clapbatch.api import Needs, RecordingError, Track

    samples = 0
    try:
        for block in loader.blocks(Track("fuzz", Path(path)), Needs("audio", rate, 10.0, 5.0)):
            assert block.ndim == 1
            assert block.dtype == "float32"
            assert 1 <= len(block) <= 1 << 20
            assert abs(block).max() < 1e12
            samples += len(block)
        outcome, detail = ("sound", "") if samples else ("defect", "no sound, no error")
    except RecordingError as error:
        outcome, detail = "refused", str(error)
    except Exception as error:
        outcome, detail = "defect", f"{type(error).__name__}: {error}"
    return {"outcome": outcome, "detail": detail, "samples": samples, "megabytes": _peak()}


def _peak() -> float:
    """The most memory this process has held, in MB.

    Not ru_maxrss: that one starts with what the parent held when it forked.
    """
    status = Path("/proc/self/status").read_text("utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def _serve(headroom: int) -> None:
    import resource

    import av  # noqa: F401  (what is imported now does not count against the headroom)
    import soundfile  # noqa: F401
    import soxr  # noqa: F401

    from clapbatch.builtin.loaders.pyav import PyavLoader
    from clapbatch.builtin.loaders.soundfile import SoundfileLoader

    loaders = {"pyav": PyavLoader(), "soundfile": SoundfileLoader()}
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    if headroom:
        resource.setrlimit(resource.RLIMIT_AS, (taken + headroom, taken + headroom))
    for line in sys.stdin.buffer:
        name, rate, path = line.decode().rstrip("\n").split("\t")
        print(json.dumps(_answer(loaders[name], path, int(rate))), flush=True)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
