"""One recording: file -> blocks -> segments -> batches -> unit vectors."""

from __future__ import annotations

import os
import queue
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np

from clapbatch.domain import Embeddings, Failure, FloatArray, Segment, Track
from clapbatch.engine.determinism import prepare_worker
from clapbatch.engine.recipe import Recipe
from clapbatch.errors import PluginError, RecordingError, UnknownFormatError
from clapbatch.registry import Registry
from clapbatch.roles import EmbedderSpec, Encoder, Loader, LoaderSpec, Segmenter, SegmenterSpec
from clapbatch.store import Content

# Rows may be this far from unit length before their plugin is blamed.
UNIT_TOLERANCE = 1e-3
# Batches decoded ahead of the encoder, a recording.
READ_AHEAD = 2
# How long blocks that are being read may keep the program from ending; a loader may hang.
LAST_BLOCK_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Job:
    """A recording to embed, and what its file held when it was looked at."""

    track: Track
    content: Content


Outcome = tuple[Job, Embeddings | Failure]


class _StageError(Exception):
    """Which plugin, at which stage, gave up a recording, and why."""

    def __init__(self, stage: str, plugin: str, reason: str, another_loader: bool = False) -> None:
        super().__init__(reason)
        self.stage = stage
        self.plugin = plugin
        self.reason = reason
        self.another_loader = another_loader
        self.unknown_format = False


def embed_track(job: Job, recipe: Recipe, threads: int) -> Outcome:
    """Embed one recording. Whatever a plugin does wrong becomes a Failure of this recording.

    threads : how many of its batches may be in the encoder at once, in this process.

    Raises
    ------
    PluginError, ModelError
        Only if the recipe's plugins cannot be built at all.
    """
    chain = chain_of(recipe, threads)
    failures: list[_StageError] = []
    for name, loader in chain.loaders:
        try:
            embeddings = chain.embed(job.track, name, loader)
            _check_unchanged(job)
            return job, embeddings
        except _StageError as error:
            failures.append(error)
            if not error.another_loader:
                break
    return job, _one_failure(job.track, failures)


@lru_cache(maxsize=1)
def _built_chain(recipe: Recipe, threads: int) -> Chain:
    registry = Registry(recipe.plugins)
    recipe.check(registry)
    return Chain(recipe, registry, threads)


_building = threading.Lock()


def chain_of(recipe: Recipe, threads: int) -> Chain:
    """The chain for a recipe, built once a process: its workers share one copy of the weights."""
    with _building:
        return _built_chain(recipe, threads)


class Chain:
    """A recipe's loaders, segmenter and encoder, built."""

    def __init__(self, recipe: Recipe, registry: Registry, threads: int) -> None:
        prepare_worker()
        self._recipe = recipe
        # Tried in this order whatever the file is called: equal bytes have equal vectors.
        self.loaders: list[tuple[str, Loader]] = []
        for name in recipe.loaders:
            loader = registry.get(LoaderSpec, name)
            self.loaders.append((name, loader.make(recipe.options_of(loader))))
        segmenter = registry.get(SegmenterSpec, recipe.segmenter)
        embedder = registry.get(EmbedderSpec, recipe.embedder)
        self._segmenter: Segmenter = segmenter.make(recipe.options_of(segmenter))
        options = recipe.options_of(embedder)
        self._encoder: Encoder = embedder.make(options, recipe.runtime(threads))
        self._dim = embedder.card(options).dim
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="embed")
        # However many recordings are under way, only so many batches wait in memory.
        self._places = threading.BoundedSemaphore(2 * threads)

    def embed(self, track: Track, name: str, loader: Loader) -> Embeddings:
        spans: list[tuple[float, float]] = []
        vectors: list[FloatArray] = []
        pending: deque[Future[FloatArray]] = deque()
        reader = _Reader(self._batches(track, name, loader), name, self._recipe.timeout)
        try:
            for batch in reader:
                spans += [(segment.start, segment.end) for segment in batch]
                self._places.acquire()
                future = self._pool.submit(self._embed_batch, batch)
                future.add_done_callback(lambda _: self._places.release())
                pending.append(future)
                while pending and (pending[0].done() or len(pending) > READ_AHEAD * 4):
                    vectors.append(pending.popleft().result())
            vectors += [future.result() for future in pending]
        finally:
            reader.stop()
            for future in pending:
                future.cancel()
        starts, ends = np.array(spans, dtype=np.float64).T.copy()
        return Embeddings(np.concatenate(vectors), starts, ends, float(ends.max()))

    def _batches(self, track: Track, name: str, loader: Loader) -> Iterator[list[Segment]]:
        """The unit of work: a fixed number of consecutive segments of one recording."""
        needs = self._recipe.needs
        blocks = _blamed(lambda: loader.blocks(track, needs), "load", name)
        segments = _blamed(
            lambda: self._segmenter.segments(blocks, needs), "segment", self._recipe.segmenter
        )
        yield from batched(segments, self._recipe.batch)

    def _embed_batch(self, batch: Sequence[Segment]) -> FloatArray:
        name = self._recipe.embedder
        try:
            vectors = np.asarray(self._encoder.embed(batch))
        except Exception as error:
            raise _StageError("embed", name, _reason(error)) from error
        problem = vectors_problem(vectors, len(batch), self._dim)
        if problem:
            raise _StageError("embed", name, f"the encoder {problem}")
        return vectors


def batched(segments: Iterator[Segment], size: int) -> Iterator[list[Segment]]:
    """Consecutive segments, `size` at a time; the last batch may be smaller."""
    while batch := list(islice(segments, size)):
        yield batch


def vectors_problem(vectors: FloatArray, rows: int, dim: int) -> str:
    """What is wrong with an encoder's output, as the end of a sentence; "" if nothing."""
    if vectors.shape != (rows, dim):
        return f"returned an array of shape {vectors.shape} instead of {(rows, dim)}"
    if vectors.dtype != np.float32:
        return f"returned {vectors.dtype} instead of float32"
    if not np.isfinite(vectors).all():
        return "returned vectors that are not finite"
    if np.abs(np.linalg.norm(vectors, axis=1) - 1).max() > UNIT_TOLERANCE:
        return "returned rows that are not unit vectors"
    return ""


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


class _Reader:
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
                raise _StageError(
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
            self._ready.put_nowait((None, _StageError("read", "", "stopped")))

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


_readers: weakref.WeakSet[_Reader] = weakref.WeakSet()


def _blamed(items: Callable[[], Iterator[Any]], stage: str, plugin: str) -> Iterator[Any]:
    """What a plugin yields; what goes wrong carries the stage and the plugin."""
    try:
        yield from items()
    except (_StageError, GeneratorExit):
        raise
    except Exception as error:
        # What one loader cannot read, another may.
        another = stage == "load" or isinstance(error, RecordingError)
        blamed = _StageError(stage, plugin, _reason(error), another)
        blamed.unknown_format = isinstance(error, UnknownFormatError)
        raise blamed from error


def _reason(error: Exception) -> str:
    if isinstance(error, RecordingError):
        return str(error)
    if isinstance(error, PluginError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _check_unchanged(job: Job) -> None:
    """A file that was written to while we read it has vectors of neither state."""
    try:
        status = os.stat(job.track.path)
    except OSError as error:
        raise _StageError("read", "", "the file vanished while it was read") from error
    if (status.st_size, status.st_mtime_ns) != (job.content.size, job.content.mtime_ns):
        raise _StageError("read", "", "the file changed while it was read; run again")


def _one_failure(track: Track, failures: list[_StageError]) -> Failure:
    """One row for a recording that every loader gave up.

    The reason is the first one by a loader that knows the format: what the others say of it
    ("not a format that I read") would only hide what is wrong.
    """
    told = next((failure for failure in failures if not failure.unknown_format), failures[0])
    if not failures[-1].another_loader:
        told = failures[-1]
    return Failure(track.name, told.stage, told.plugin, told.reason)
