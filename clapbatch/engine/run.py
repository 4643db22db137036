"""The whole story: a folder of songs and a list of sentences -> an Analysis."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace

from clapbatch import library
from clapbatch.config import RunConfig
from clapbatch.domain import Analysis, Failure
from clapbatch.engine import backends
from clapbatch.engine.collect import Collection
from clapbatch.engine.determinism import one_blas_thread
from clapbatch.engine.events import Found, Looked, Note, OnEvent, SongDone, ignore
from clapbatch.engine.pipeline import Job, embed_track, missing_jobs
from clapbatch.engine.recipe import Recipe
from clapbatch.engine.texts import embed_queries, in_templates
from clapbatch.engine.trust import bank_as_queries, embed_bank
from clapbatch.registry import Registry
from clapbatch.store import Store


def analyze(
    config: RunConfig, registry: Registry, store: Store, on_event: OnEvent = ignore
) -> Analysis:
    """Embed what was not embedded before; compare songs with sentences and with each other.

    Raises
    ------
    ClapbatchError
        If nothing can be done at all. A song that cannot be used is a Failure in the Analysis.
    """
    with one_blas_thread():
        return _analyze(config, registry, store, on_event)


def _analyze(config: RunConfig, registry: Registry, store: Store, on_event: OnEvent) -> Analysis:
    started = time.perf_counter()
    backends.check(config)
    queries, merged = library.read_queries(config.queries) if config.queries else ((), ())
    queries = in_templates(queries)
    recipe = Recipe.of(config, registry)
    songs = library.read_tracks(config.songs, recipe.suffixes(registry))
    notes = tuple(filter(None, (*songs.notes, *merged, recipe.note)))
    told = len(store.notes)
    for note in (*store.notes, *notes, *filter(None, [recipe.note_reason])):
        on_event(Note(note))

    contents, unreadable = store.identify(
        songs.tracks, config.workers, lambda files: on_event(Looked(files, len(songs.tracks)))
    )
    jobs = [Job(track, content) for track, content in contents.items()]
    missing = missing_jobs(jobs, store.known(recipe.audio_fingerprint))
    on_event(Found(len(songs.tracks), len(jobs) - len(missing), len(missing)))
    failed = _embed(missing, recipe, config, store, on_event)

    sides = (recipe, registry, store, config.workers)
    texts = embed_queries(queries, *sides, also=bank_as_queries(), on_event=on_event)
    bank = embed_bank(queries, *sides)
    collection = Collection(recipe, registry, queries, texts, bank, config)
    for job in jobs:
        sha256 = job.content.sha256
        song = store.get(sha256, recipe.audio_fingerprint)
        if song is None and sha256 not in failed:  # its entry was damaged
            failed |= _embed([job], recipe, config, store, on_event)
            song = store.get(sha256, recipe.audio_fingerprint)
        if song is None:
            collection.fail(replace(failed[sha256], track=job.track.name))
        else:
            collection.add(job.track, song)
    for failure in (*songs.failures, *unreadable):
        collection.fail(failure)
    for note in store.notes[told:]:  # damage that was met on the way
        on_event(Note(note))
    timing = {
        "seconds": round(time.perf_counter() - started, 3),
        "songs_embedded": len(missing) - len(failed),
        "queries_encoded": texts.encoded,
    }
    return collection.analysis(notes, timing)


def _embed(
    jobs: list[Job], recipe: Recipe, config: RunConfig, store: Store, on_event: OnEvent
) -> dict[str, Failure]:
    """Embed and keep; what failed, by content. A kill loses at most the songs in flight."""
    failed = {}
    with closing(backends.run(embed_track, jobs, recipe, config)) as outcomes:
        for job, result in outcomes:
            name, sha256, size = job.track.name, job.content.sha256, job.content.size
            if isinstance(result, Failure):
                failed[sha256] = result
                on_event(SongDone(name, 0.0, 0, size, result.reason))
            else:
                store.add(sha256, recipe.audio_fingerprint, recipe.audio_identity, result)
                on_event(SongDone(name, result.duration, len(result.vectors), size))
    return failed
