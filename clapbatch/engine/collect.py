"""Stored songs and embedded queries -> an Analysis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from clapbatch.domain import Analysis, Embeddings, Failure, FloatArray, Query, TimeArray, Track
from clapbatch.engine.recipe import Recipe
from clapbatch.engine.scoring import cosines, mean_vector, score
from clapbatch.engine.texts import EmbeddedQueries
from clapbatch.registry import Registry
from clapbatch.roles import EmbedderSpec, ScorerSpec


class Collection:
    """Gathers a run's songs, in the order in which they are added, and its failures.

    Of each song it keeps the cosines and one mean vector; the segments' vectors stay in the store.
    """

    def __init__(
        self,
        recipe: Recipe,
        registry: Registry,
        queries: Sequence[Query],
        texts: EmbeddedQueries,
    ) -> None:
        embedder = registry.get(EmbedderSpec, recipe.embedder)
        scorer = registry.get(ScorerSpec, recipe.scorer)
        self._recipe = recipe
        self._card = embedder.card(recipe.options_of(embedder))
        self._scorer = scorer.make(recipe.options_of(scorer))
        self._queries = tuple(queries)
        self._texts = texts
        self._tracks: list[Track] = []
        self._timelines: list[FloatArray] = []
        self._starts: list[TimeArray] = []
        self._ends: list[TimeArray] = []
        self._durations: list[float] = []
        self._vectors: list[FloatArray] = []
        self._failures: list[Failure] = []

    def add(self, track: Track, song: Embeddings) -> None:
        self._tracks.append(track)
        self._timelines.append(cosines(song, self._texts.vectors))
        self._starts.append(song.starts)
        self._ends.append(song.ends)
        self._durations.append(song.duration)
        self._vectors.append(mean_vector(song, self._card.song_axes))

    def fail(self, failure: Failure) -> None:
        self._failures.append(failure)

    def analysis(self, notes: tuple[str, ...], timing: dict[str, Any]) -> Analysis:
        card = self._card
        axes = card.song_axes or card.dim
        vectors = np.stack(self._vectors) if self._vectors else np.empty((0, axes), np.float32)
        return Analysis(
            tracks=tuple(self._tracks),
            queries=self._queries,
            query_notes=self._texts.notes,
            scores=score(self._timelines, self._scorer, len(self._queries)),
            timelines=self._timelines,
            starts=self._starts,
            ends=self._ends,
            durations=np.array(self._durations, dtype=np.float64),
            song_vectors=vectors,
            thresholds=card.thresholds,
            song_thresholds=card.song_thresholds,
            failures=tuple(sorted(self._failures, key=lambda failure: failure.track)),
            notes=notes,
            provenance=self._recipe.provenance(),
            timing=timing,
        )
