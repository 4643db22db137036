"""Reading ahead of the encoder, and saying which plugin gave a recording up, and why."""

from __future__ import annotations

import queue
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from clapbatch.errors import PluginError, RecordingError, UnknownFormatError

# Batches decoded ahead of the encoder, a recording.
READ_AHEAD = 2
# How long blocks that are being read may keep the program from ending; a loader may hang.
LAST_BLOCK_SECONDS = 0.3


class StageError(Exception):
    """Which plugin, at which stage, gave up a recording, and why."""

    def __init__(self, stage: str, plugin: str, reason: str, another_loader: bool = False) -> None:
        super().__init__(reason)
        self.stage = stage
        self.plugin = plugin
        self.reason = reason
        self.another_loader = another_loader
        self.unknown_format = False


def abandon() -> None:
    """Stop reading in this process: nobody waits for its outcomes any more.

    A thread that is still in foreign code when the program ends can bring it down with a crash.
    """
    readers = [reader for reader in list(_readers) if reader.thread.is_alive()]
    for reader in readers:
        reader.stop()
    end = time.monotonic() + LAST_BLOCK_SECONDS
    for reader in readers:
        reader.thread.join(max(0.0, end - time.monotonic()))


class Reader:
    """Reads ahead in a thread of its own, and gives up on a loader that hangs.

    A thread that hangs in foreign code cannot be stopped, only left behind; it is a daemon, so
    it does not keep the program from ending.
    """

    def __init__(self, items: Iterator[Any], loader: str, timeout: float) -> None:
        self._items = items
        self._loader = loader
        self._timeout = timeout
        self._ready: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(READ_AHEAD)
        self._stopped = threading.Event()
        self.thread = threading.Thread(target=self._read, name="read", daemon=True)
        _readers.add(self)
        self.thread.start()

    def __iter__(self) -> Iterator[Any]:
        while not self._stopped.is_set():
            try:
                item, error = self._ready.get(timeout=self._timeout)
            except queue.Empty:
                raise StageError(
                    "load",
                    self._loader,
                    f"no sound came for {self._timeout:g} s; given up (see --timeout)",
                ) from None
            if error is not None:
                raise error
            if item is None:
                return
            yield item

    def stop(self) -> None:
        self._stopped.set()
        with suppress(queue.Full):  # whoever waits for a block waits no longer
            self._ready.put_nowait((None, StageError("read", "", "stopped")))

    def _read(self) -> None:
        try:
            for item in self._items:
                if not self._put(item, None):
                    return
            self._put(None, None)
        except BaseException as error:  # handed to the thread that waits
            self._put(None, error)
        finally:
            close = getattr(self._items, "close", None)
            if close:
                close()

    def _put(self, item: Any, error: BaseException | None) -> bool:
        while not self._stopped.is_set():
            try:
                self._ready.put((item, error), timeout=0.1)
                return True
            except queue.Full:
                continue
        return False


_readers: weakref.WeakSet[Reader] = weakref.WeakSet()


def blamed(items: Callable[[], Iterator[Any]], stage: str, plugin: str) -> Iterator[Any]:
    """What a plugin yields; what goes wrong carries the stage and the plugin."""
    try:
        yield from items()
    except (StageError, GeneratorExit):
        raise
    except Exception as error:
        # What one loader cannot read, another may.
        another = stage == "load" or isinstance(error, RecordingError)
        told = StageError(stage, plugin, reason_of(error), another)
        told.unknown_format = isinstance(error, UnknownFormatError)
        raise told from error


def reason_of(error: Exception) -> str:
    """What went wrong in a plugin, in words for a row of failures.csv."""
    if isinstance(error, RecordingError):
        return str(error)
    if isinstance(error, PluginError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
