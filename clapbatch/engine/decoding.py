"""Loaders at work in processes of their own.

Compressed sound comes as thousands of small frames, each of which needs Python, and Python runs
one thread at a time: sixteen threads on sixteen cores decoded no more than one or two. Helper
processes decode a song each, and hand over large blocks.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any

from clapbatch.domain import Track
from clapbatch.engine.reading import reason_of
from clapbatch.errors import PluginError, RecordingError
from clapbatch.registry import Registry
from clapbatch.roles import DecodesOnce, Loader, Needs

if TYPE_CHECKING:
    from clapbatch.engine.recipe import Recipe

BLOCK, END, ERROR = "block", "end", "error"
# How often a helper looks whether the program still lives.
WATCH_SECONDS = 0.5
_HELPER = "import sys; sys.path[:] = {!r}; from clapbatch.engine.decoding import serve; serve()"


def can_help() -> bool:
    """Whether this Python can be started again; not where it is bundled into a program."""
    return bool(sys.executable) and not getattr(sys, "frozen", False)


class Decoders:
    """Helper processes that have a recipe's loaders; as many as songs are read at once."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        # Started already while the encoder is built.
        self._idle = [_Helper(recipe)]
        self._lock = threading.Lock()

    def loader(self, name: str, loader: Loader) -> Loader:
        """The same loader, at work in a helper."""
        return _ApartForAll(self, name) if isinstance(loader, DecodesOnce) else _Apart(self, name)

    def read(self, *request: Any) -> Iterator[Any]:
        """What a loader's method yields, or raises; see `serve` for the request."""
        helper = self._idle_helper() or _Helper(self._recipe)
        try:
            yield from helper.answers(request)
        finally:
            if helper.busy:  # in the middle of a song, or gone
                helper.end()
            else:
                with self._lock:
                    self._idle.append(helper)

    def _idle_helper(self) -> _Helper | None:
        with self._lock:
            while self._idle:
                if (helper := self._idle.pop()).lives:  # an earlier run's were ended with it
                    return helper
        return None


class _Apart:
    """A loader that works in a helper."""

    def __init__(self, decoders: Decoders, name: str) -> None:
        self._decoders, self._name = decoders, name

    def blocks(self, track: Track, needs: Needs) -> Iterator[Any]:
        return self._decoders.read(self._name, "blocks", track, needs)


class _ApartForAll(_Apart):
    def blocks_for(self, track: Track, needs: Sequence[Needs]) -> Iterator[tuple[int, Any]]:
        return self._decoders.read(self._name, "blocks_for", track, needs)


class _Helper:
    """The program's end of a helper process. busy : its last request is not answered to the end."""

    def __init__(self, recipe: Recipe) -> None:
        self.busy = False
        self._process = subprocess.Popen(
            [sys.executable, "-c", _HELPER.format(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        _helpers.add(self)
        self._ask(recipe)

    @property
    def lives(self) -> bool:
        return self._process.poll() is None

    def answers(self, request: tuple[Any, ...]) -> Iterator[Any]:
        self._ask(request)
        self.busy = True
        assert self._process.stdout is not None
        while True:
            try:
                kind, value = pickle.load(self._process.stdout)
            except (EOFError, pickle.UnpicklingError, OSError, ValueError):
                raise RecordingError(self._died()) from None
            self.busy = kind == BLOCK
            if kind == END:
                return
            if kind == ERROR:
                raise value
            yield value

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except (OSError, ValueError):
                continue  # closing flushes, or somebody still reads

    def _ask(self, request: Any) -> None:
        assert self._process.stdin is not None
        try:
            pickle.dump(request, self._process.stdin, pickle.HIGHEST_PROTOCOL)
            self._process.stdin.flush()
        except (OSError, ValueError):
            return  # it is gone, as its answer will say

    def _died(self) -> str:
        code = self._process.wait()
        how = f"with code {code}" if code >= 0 else f"by signal {signal.Signals(-code).name}"
        return f"the process that decoded it ended {how}"


_helpers: weakref.WeakSet[_Helper] = weakref.WeakSet()


def dismiss() -> None:
    """End all helpers of this process, whatever they are doing."""
    for helper in list(_helpers):
        helper.end()
        _helpers.discard(helper)


def serve() -> None:
    """What a helper does: read songs for the program that started it, for as long as that lives.

    It gets a recipe, then requests: a loader's name, its method, and that method's arguments.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the program is told, and ends it
    end_with(os.getppid())
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a loader prints must not come among the blocks
    registry: Registry | None = None
    loaders: dict[str, Loader] = {}
    try:
        recipe = pickle.load(requests)
        while True:
            name, method, track, needs = pickle.load(requests)
            try:
                if name not in loaders:
                    registry = registry or Registry(recipe.plugins)
                    loaders[name] = recipe.loader(registry, name)
                for block in getattr(loaders[name], method)(track, needs):
                    _send(answers, BLOCK, block)
                last: tuple[str, Any] = (END, None)
            except BrokenPipeError:
                return
            except Exception as error:  # whatever a loader raises
                last = (ERROR, _portable(error))
            _send(answers, *last)
    except (EOFError, BrokenPipeError):
        return


def end_with(program: int) -> None:
    """For a process that a program started: end when it does, be it killed."""

    def watch() -> None:
        while os.getppid() == program:
            time.sleep(WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="watch", daemon=True).start()


def _send(answers: IO[bytes], kind: str, value: Any) -> None:
    pickle.dump((kind, value), answers, pickle.HIGHEST_PROTOCOL)
    answers.flush()


def _portable(error: Exception) -> Exception:
    """The error, or one that says the same and can be sent."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # whatever a plugin's own class does
        return PluginError(reason_of(error))
    return error
