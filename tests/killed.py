"""Run the program and kill it, as the system would: `python killed.py WHEN ARGUMENT ...`

WHEN is a number of seconds after the imports, or `add:N`, when the N-th song is about to be
stored, or `rename:N`, before the N-th rename of a file or folder; `never` tells on standard error
how many seconds the run took.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import Any

import clapbatch.cli.render
import clapbatch.engine.reports
import clapbatch.engine.run  # noqa: F401  (imported now, so that the seconds are those of the work)
from clapbatch.cli.main import main
from clapbatch.store import Store


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying_at(call: int, function: Any) -> Any:
    """The function, but for this: its `call`-th call kills the program."""
    calls = iter(range(1, call))

    def counted(*arguments: Any, **options: Any) -> Any:
        if next(calls, None) is None:
            die()
        return function(*arguments, **options)

    return counted


def run(when: str, arguments: list[str]) -> None:
    kind, _, count = when.partition(":")
    if kind == "add":
        Store.add = dying_at(int(count), Store.add)  # type: ignore[method-assign]
    elif kind == "rename":
        os.rename = dying_at(int(count), os.rename)
    elif kind != "never":
        timer = threading.Timer(float(when), die)
        timer.daemon = True
        timer.start()
    started = time.perf_counter()
    try:
        main(arguments)
    finally:
        if kind == "never":
            print(f"took {time.perf_counter() - started}", file=sys.stderr)


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2:])
