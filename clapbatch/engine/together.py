"""One decoding of each song for several encoders.

What is made here goes into the store, where the run of each encoder finds it. Whatever goes wrong
is left to those runs, which meet it again and report it: nothing is lost here but time.
"""

from __future__ import annotations

import queue
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

from clapbatch import library
from clapbatch.config import RunConfig
from clapbatch.domain import Embeddings, Failure, Track
from clapbatch.engine import backends
from clapbatch.engine.determinism import one_blas_thread
from clapbatch.engine.events import Found, Looked, OnEvent, SongDone, ignore
from clapbatch.engine.pipeline import Chain, Job, chains_of, check_unchanged, missing_jobs
from clapbatch.engine.reading import Reader, StageError, blamed
from clapbatch.engine.recipe import Recipe
from clapbatch.registry import Registry
from clapbatch.roles import DecodesOnce, Needs
from clapbatch.store import Store

# Blocks that wait for an encoder while others are at work, a song.
WAITING_BLOCKS = 8
# How often somebody who waits looks whether he still should.
LOOK_SECONDS = 0.1

Recipes = tuple[Recipe, ...]


def embed_for_all(
    configs: Sequence[RunConfig], registry: Registry, store: Store, on_event: OnEvent = ignore
) -> None:
    """Embed, with each of several encoders, the songs that at least two of them have not heard.

    configs : runs that differ in their encoders alone.

    Raises
    ------
    ClapbatchError
        As the run of each encoder would.
    """
    if len(configs) < 2:
        return
    config = configs[0]
    backends.check(config)
    recipes = [Recipe.of(each, registry) for each in configs]
    if len({(recipe.loaders, recipe.segmenter) for recipe in recipes}) > 1:
        return  # recordings of different kinds
    songs = library.read_tracks(config.songs, recipes[0].suffixes(registry))
    with one_blas_thread():
        contents, _ = store.identify(
            songs.tracks, config.workers, lambda n: on_event(Looked(n, len(songs.tracks)))
        )
        jobs = [Job(track, content) for track, content in contents.items()]
        known = [store.known(recipe.audio_fingerprint) for recipe in recipes]
        groups: dict[Recipes, list[Job]] = defaultdict(list)
        for job in missing_jobs(jobs, set()):
            deaf = tuple(
                recipe
                for recipe, stored in zip(recipes, known, strict=True)
                if job.content.sha256 not in stored
            )
            if len(deaf) > 1:
                groups[deaf].append(job)
        missing = sum(map(len, groups.values()))
        if missing:
            on_event(Found(len(songs.tracks), len(jobs) - missing, missing))
        for deaf, some in groups.items():
            with closing(backends.run(embed_together, some, deaf, config)) as outcomes:
                for job, results in outcomes:
                    _keep(job, deaf, results, store, on_event)


def _keep(
    job: Job,
    recipes: Recipes,
    results: tuple[Embeddings | None, ...] | Failure,
    store: Store,
    on_event: OnEvent,
) -> None:
    heard = (None,) * len(recipes) if isinstance(results, Failure) else results
    for recipe, embeddings in zip(recipes, heard, strict=True):
        if embeddings is not None:
            key = (job.content.sha256, recipe.audio_fingerprint, recipe.audio_identity)
            store.add(*key, embeddings)
    made = [embeddings for embeddings in heard if embeddings is not None]
    seconds = made[0].duration if made else 0.0
    segments = sum(len(embeddings.vectors) for embeddings in made)
    on_event(SongDone(job.track.name, seconds, segments, job.content.size))


def embed_together(
    job: Job, recipes: Recipes, threads: int
) -> tuple[Job, tuple[Embeddings | None, ...]]:
    """One recording under several recipes of the same loaders; None where one gave it up.

    A loader that cannot decode once for all is passed over.

    Raises
    ------
    PluginError, ModelError
        Only if the recipes' plugins cannot be built at all.
    """
    chains = chains_of(recipes, threads)
    results: list[Embeddings | None] = [None] * len(chains)
    left = list(range(len(chains)))
    for name, loader in chains[0].loaders:
        if not isinstance(loader, DecodesOnce):
            break  # a loader of the run's own comes first, as it would for one encoder
        heard = _hear([chains[i] for i in left], job.track, name, loader, recipes[0].timeout)
        for i, result in zip(left, heard, strict=True):
            results[i] = result if isinstance(result, Embeddings) else None
        # What another loader could still read; the rest has failed for good.
        left = [
            i
            for i, result in zip(left, heard, strict=True)
            if isinstance(result, StageError) and result.another_loader
        ]
        if not left:
            break
    try:
        check_unchanged(job)
    except StageError:
        return job, (None,) * len(chains)
    return job, tuple(results)


def _hear(
    chains: Sequence[Chain], track: Track, name: str, loader: DecodesOnce, timeout: float
) -> list[Embeddings | StageError]:
    """Each chain's embeddings of one decoding, or why there are none."""
    needs = [chain.needs for chain in chains]
    reader = Reader(blamed(lambda: loader.blocks_for(track, needs), "load", name), name, timeout)
    taps = [_Tap() for _ in chains]
    with ThreadPoolExecutor(len(chains), thread_name_prefix="hear") as pool:
        futures = [
            pool.submit(_embed, chain, track, name, tap)
            for chain, tap in zip(chains, taps, strict=True)
        ]
        end: StageError | None = StageError("load", name, "stopped")
        try:
            for which, block in reader:
                taps[which].put(block)
                if all(future.done() for future in futures):
                    break
            end = None
        except StageError as error:
            end = error
        finally:
            reader.stop()
            for tap in taps:
                tap.put(end)
    return [future.result() for future in futures]


def _embed(chain: Chain, track: Track, name: str, tap: _Tap) -> Embeddings | StageError:
    try:
        return chain.embed(track, name, tap)
    except StageError as error:
        return error
    finally:
        tap.close()


class _Tap:
    """A loader for one encoder, of blocks that somebody else decodes and puts here.

    After the last block None is put, or the StageError with which the decoding ended.
    """

    def __init__(self) -> None:
        self._blocks: queue.Queue[Any] = queue.Queue(WAITING_BLOCKS)
        self._closed = threading.Event()

    def blocks(self, track: Track, needs: Needs) -> Iterator[Any]:
        while not self._closed.is_set():
            try:
                block = self._blocks.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                continue
            if block is None:
                return
            if isinstance(block, StageError):
                raise block
            yield block

    def put(self, block: Any) -> None:
        """Wait until the encoder has room for it. A closed tap takes everything at once."""
        while not self._closed.is_set():
            try:
                self._blocks.put(block, timeout=LOOK_SECONDS)
                return
            except queue.Full:
                continue

    def close(self) -> None:
        self._closed.set()
