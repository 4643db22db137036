"""Embed what the store does not know yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from clapbatch.config import RunConfig
from clapbatch.domain import Failure, Track
from clapbatch.engine import backends
from clapbatch.engine.events import Found, OnEvent, SongDone
from clapbatch.engine.pipeline import Job, embed_track, missing_jobs
from clapbatch.engine.recipe import Recipe
from clapbatch.store import Content, Store


def embed_new(
    tracks: Sequence[Track], recipe: Recipe, config: RunConfig, store: Store, on_event: OnEvent
) -> tuple[dict[Track, Content], tuple[Failure, ...]]:
    """Look at every file and embed the contents that are new: what each is, and what failed.

    Raises
    ------
    ClapbatchError
        If the encoder cannot be built.
    """
    contents, failures = store.identify(tracks, config.workers)
    known = store.known(recipe.audio_fingerprint)
    missing = missing_jobs([Job(track, content) for track, content in contents.items()], known)
    stored = sum(content.sha256 in known for content in contents.values())
    on_event(Found(len(tracks), stored, len(missing)))
    failed: dict[str, Failure] = {}
    for job, result in backends.run(embed_track, missing, recipe, config):
        sha256, name, size = job.content.sha256, job.track.name, job.content.size
        if isinstance(result, Failure):
            failed[sha256] = result
            on_event(SongDone(name, 0.0, 0, size, result.reason))
        else:
            store.add(sha256, recipe.audio_fingerprint, recipe.audio_identity, result)
            on_event(SongDone(name, result.duration, len(result.vectors), size))
    # Copies of a broken file fail each under its own name.
    failures += [
        replace(failed[content.sha256], track=track.name)
        for track, content in contents.items()
        if content.sha256 in failed
    ]
    return contents, tuple(sorted(failures, key=lambda failure: failure.track))
