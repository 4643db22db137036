"""A library as a search sees it: the songs that the store knows, and how many it does not."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clapbatch import library
from clapbatch.config import RunConfig
from clapbatch.domain import RAW, Embeddings, Failure, Thresholds, Track
from clapbatch.engine.events import Note, OnEvent, ignore
from clapbatch.engine.limits import read_limits
from clapbatch.engine.recipe import Recipe
from clapbatch.errors import StoreError, UsageError
from clapbatch.library import printable
from clapbatch.registry import Registry
from clapbatch.roles import EmbedderSpec, EncoderCard, Scorer, ScorerSpec
from clapbatch.search.means import Means, listed_rows, open_means
from clapbatch.search.update import embed_new
from clapbatch.store import Store


@dataclass
class Shelf:
    """The songs of a library that are in the store, in the library's order.

    names : as `library.list_songs` gives them. paths : absolute, as the disk has them.
    rows : int64, each song's row in `means`. looked : every file was looked at just now.
    unknown : names of the songs that the store does not know: new ones, and those that failed.
    changed : names of known songs whose file turned out to be another one by now, or gone.
    failures : songs that could not be found, or not be embedded when that was tried just now.
    """

    config: RunConfig
    registry: Registry
    recipe: Recipe
    store: Store
    means: Means
    names: list[str]
    paths: list[bytes]
    rows: NDArray[np.int64]
    looked: bool
    unknown: list[str]
    failures: tuple[Failure, ...] = ()
    changed: list[str] = field(default_factory=list)

    def content(self, i: int) -> str:
        """The sha256 of what a song's file was when it was last looked at."""
        return self.means.content(int(self.rows[i]))

    @property
    def card(self) -> EncoderCard:
        spec = self.registry.get(EmbedderSpec, self.recipe.embedder)
        card: EncoderCard = spec.card(self.recipe.options_of(spec))
        return card

    @property
    def thresholds(self) -> Thresholds:
        """Label limits on scores of sentences: fitted ones if a file was given.

        Raises
        ------
        UsageError
            If calibrated labels are asked for, or the file does not fit.
        """
        config = self.config
        if config.labels != RAW:
            raise UsageError("a search labels raw scores; --labels calibrated goes with multi")
        if config.thresholds is None:
            return self.card.thresholds
        return read_limits(config.thresholds, self.recipe.embedder, self.recipe.scorer, RAW)

    @property
    def scorer(self) -> Scorer:
        spec = self.registry.get(ScorerSpec, self.recipe.scorer)
        scorer: Scorer = spec.make(self.recipe.options_of(spec))
        return scorer

    def song(self, i: int) -> Embeddings | None:
        """A song's segments; None, and it stands in `changed`, if its file is not what it was."""
        sha256, found = self.content(i), None
        if self.looked or self.store.is_unchanged(self.paths[i], sha256):
            found = self.store.get(sha256, self.recipe.audio_fingerprint)
        if found is None:
            self.changed.append(self.names[i])
        return found


def open_shelf(
    config: RunConfig,
    registry: Registry,
    store: Store,
    on_event: OnEvent = ignore,
    update: bool = False,
) -> Shelf:
    """Find a library's songs in the store; with `update` embed those that are not there.

    Without it no file is opened: a song is known if the store has seen a file of that path.
    Whether it still is that file is asked of the songs that are shown (`Shelf.song`).

    Raises
    ------
    ClapbatchError
        If there is no song at all, or none that the store knows.
    """
    recipe = Recipe.of(config, registry)
    listing = library.list_songs(config.songs, recipe.suffixes(registry))
    for note in (*store.notes, *filter(None, [recipe.note])):
        on_event(Note(note))
    failures = listing.failures
    paths = _absolute(listing.paths)
    spec = registry.get(EmbedderSpec, recipe.embedder)
    dim = spec.card(recipe.options_of(spec)).dim
    if update:
        pairs = zip(listing.names, paths, strict=True)
        tracks = [Track(name, Path(os.fsdecode(path))) for name, path in pairs]
        found, failed = embed_new(tracks, recipe, config, store, on_event)
        failures += failed
        # Asked of the files, not of the store: it does not remember what was written just now.
        seen = {os.fsencode(track.path): content.sha256 for track, content in found.items()}
        means = open_means(store, recipe.audio_fingerprint, dim, on_event)
        rows = means.rows_of(paths, seen)
    else:
        means, rows = listed_rows(store, recipe.audio_fingerprint, dim, paths, on_event)
    known = rows >= 0
    shelf = Shelf(
        config=config,
        registry=registry,
        recipe=recipe,
        store=store,
        means=means,
        names=list(compress(listing.names, known)),
        paths=list(compress(paths, known)),
        rows=rows[known],
        looked=update,
        unknown=list(compress(listing.names, ~known)),
        failures=failures,
    )
    if not shelf.names:
        raise StoreError(_nothing_known(shelf, update))
    if shelf.unknown and not update:
        count = len(shelf.unknown)
        are = "song is" if count == 1 else "songs are"
        on_event(Note(f"{count:,} {are} not in the store yet; --update embeds new songs first"))
    return shelf


def _absolute(paths: list[bytes]) -> list[bytes]:
    """Absolute but not resolved: the paths under which the store remembers files."""
    if not paths or os.path.isabs(paths[0]):  # all of a listing, or none
        return paths
    here = os.path.join(os.fsencode(os.getcwd()), b"")
    return [here + path for path in paths]


def _nothing_known(shelf: Shelf, update: bool) -> str:
    songs, encoder = printable(shelf.config.songs), shelf.recipe.embedder
    if update:
        reason = f" ({shelf.failures[0].reason})" if shelf.failures else ""
        return f"no song of {songs} could be embedded{reason}"
    return f"no song of {songs} is in the store yet for the encoder {encoder}; add --update"
