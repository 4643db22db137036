"""One recording: file -> blocks -> segments -> batches -> unit vectors."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import numpy as np

from clapbatch.domain import Embeddings, Failure, FloatArray, Segment, Track
from clapbatch.engine.decoding import Decoders, can_help
from clapbatch.engine.determinism import prepare_worker
from clapbatch.engine.reading import READ_AHEAD, Reader, StageError, blamed, reason_of
from clapbatch.engine.recipe import Recipe
from clapbatch.registry import Registry
from clapbatch.roles import (
    EmbedderSpec,
    Encoder,
    Loader,
    Needs,
    Segmenter,
    SegmenterSpec,
)
from clapbatch.store import Content

# With more threads than this, songs are decoded in processes of their own.
DECODE_APART = 2
# Rows may be this far from unit length before their plugin is blamed.
UNIT_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class Job:
    """A recording to embed, and what its file held when it was looked at."""

    track: Track
    content: Content


Outcome = tuple[Job, Embeddings | Failure]


def missing_jobs(jobs: Iterable[Job], stored: set[str]) -> list[Job]:
    """The first job of each content that is not stored: equal files are embedded once."""
    first: dict[str, Job] = {}
    for job in jobs:
        first.setdefault(job.content.sha256, job)
    return [job for sha256, job in first.items() if sha256 not in stored]


def embed_track(job: Job, recipe: Recipe, threads: int) -> Outcome:
    """Embed one recording. Whatever a plugin does wrong becomes a Failure of this recording.

    threads : how many of its batches may be in the encoder at once, in this process.

    Raises
    ------
    PluginError, ModelError
        Only if the recipe's plugins cannot be built at all.
    """
    chain = chain_of(recipe, threads)
    failures: list[StageError] = []
    for name, loader in chain.loaders:
        try:
            embeddings = chain.embed(job.track, name, loader)
            check_unchanged(job)
            return job, embeddings
        except StageError as error:
            failures.append(error)
            if not error.another_loader:
                break
    return job, _one_failure(job.track, failures)


@lru_cache(maxsize=1)
def _built_chains(recipes: tuple[Recipe, ...], threads: int) -> tuple[Chain, ...]:
    chains = []
    for recipe in recipes:
        registry = Registry(recipe.plugins)
        recipe.check(registry)
        chains.append(Chain(recipe, registry, threads))
    return tuple(chains)


_building = threading.Lock()


def chain_of(recipe: Recipe, threads: int) -> Chain:
    """The chain for a recipe, built once a process: its workers share one copy of the weights."""
    return chains_of((recipe,), threads)[0]


def chains_of(recipes: tuple[Recipe, ...], threads: int) -> tuple[Chain, ...]:
    """The chains for several recipes that hear songs together; only the last asked for are kept."""
    with _building:
        return _built_chains(recipes, threads)


class Chain:
    """A recipe's loaders, segmenter and encoder, built."""

    def __init__(self, recipe: Recipe, registry: Registry, threads: int) -> None:
        prepare_worker()
        self._recipe = recipe
        # Tried in this order whatever the file is called: equal bytes have equal vectors.
        self.loaders: list[tuple[str, Loader]] = []
        decoders = Decoders(recipe) if threads > DECODE_APART and can_help() else None
        for name in recipe.loaders:
            loader = recipe.loader(registry, name)
            self.loaders.append((name, decoders.loader(name, loader) if decoders else loader))
        segmenter = registry.get(SegmenterSpec, recipe.segmenter)
        embedder = registry.get(EmbedderSpec, recipe.embedder)
        self._segmenter: Segmenter = segmenter.make(recipe.options_of(segmenter))
        options = recipe.options_of(embedder)
        self._encoder: Encoder = embedder.make(options, recipe.runtime(threads))
        self._dim = embedder.card(options).dim
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="embed")
        # However many recordings are under way, only so many batches wait in memory.
        self._places = threading.BoundedSemaphore(2 * threads)

    @property
    def needs(self) -> Needs:
        return self._recipe.needs

    def embed(self, track: Track, name: str, loader: Loader) -> Embeddings:
        """Embed what a loader reads of a recording.

        Raises
        ------
        StageError
            If a plugin, the loader of this name among them, gives it up.
        """
        spans: list[tuple[float, float]] = []
        vectors: list[FloatArray] = []
        pending: deque[Future[FloatArray]] = deque()
        reader = Reader(self._batches(track, name, loader), name, self._recipe.timeout)
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
        blocks = blamed(lambda: loader.blocks(track, needs), "load", name)
        segments = blamed(
            lambda: self._segmenter.segments(blocks, needs), "segment", self._recipe.segmenter
        )
        yield from batched(segments, self._recipe.batch)

    def _embed_batch(self, batch: Sequence[Segment]) -> FloatArray:
        name = self._recipe.embedder
        try:
            vectors = np.asarray(self._encoder.embed(batch))
        except Exception as error:
            raise StageError("embed", name, reason_of(error)) from error
        problem = vectors_problem(vectors, len(batch), self._dim)
        if problem:
            raise StageError("embed", name, f"the encoder {problem}")
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


def check_unchanged(job: Job) -> None:
    """A file that was written to while we read it has vectors of neither state."""
    try:
        status = os.stat(job.track.path)
    except OSError as error:
        raise StageError("read", "", "the file vanished while it was read") from error
    if (status.st_size, status.st_mtime_ns) != (job.content.size, job.content.mtime_ns):
        raise StageError("read", "", "the file changed while it was read; run again")


def _one_failure(track: Track, failures: list[StageError]) -> Failure:
    """One row for a recording that every loader gave up.

    The reason is the first one by a loader that knows the format: what the others say of it
    ("not a format that I read") would only hide what is wrong.
    """
    told = next((failure for failure in failures if not failure.unknown_format), failures[0])
    if not failures[-1].another_loader:
        told = failures[-1]
    return Failure(track.name, told.stage, told.plugin, told.reason)
