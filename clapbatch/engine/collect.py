"""Stored songs and embedded queries -> an Analysis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clapbatch.config import RunConfig
from clapbatch.domain import (
    CALIBRATED,
    CALIBRATED_THRESHOLDS,
    Analysis,
    Embeddings,
    Failure,
    FloatArray,
    Query,
    Thresholds,
    TimeArray,
    Track,
)
from clapbatch.engine.limits import read_limits
from clapbatch.engine.recipe import Recipe
from clapbatch.engine.scoring import cosines, mean_vector, score
from clapbatch.engine.texts import EmbeddedQueries
from clapbatch.engine.trust import Bank, prompt_trust, trust, warnings
from clapbatch.errors import UsageError
from clapbatch.registry import Registry
from clapbatch.roles import EmbedderSpec, ScorerSpec


class Collection:
    """Gathers a run's songs, in the order in which they are added, and its failures.

    Of each song it keeps the cosines, its scores for the bank and one mean vector; the segments'
    vectors stay in the store. thresholds : None for the encoder's own.
    """

    def __init__(
        self,
        recipe: Recipe,
        registry: Registry,
        queries: Sequence[Query],
        texts: EmbeddedQueries,
        bank: Bank,
        config: RunConfig,
    ) -> None:
        embedder = registry.get(EmbedderSpec, recipe.embedder)
        scorer = registry.get(ScorerSpec, recipe.scorer)
        self._recipe = recipe
        self._registry = registry
        self._card = embedder.card(recipe.options_of(embedder))
        self._scorer = scorer.make(recipe.options_of(scorer))
        self._queries = tuple(queries)
        self._texts = texts
        self._bank = bank
        self._labels_by = config.labels
        self._thresholds, self._calibrated = _limits(config, recipe, self._card.thresholds)
        self._tracks: list[Track] = []
        self._timelines: list[FloatArray] = []
        self._starts: list[TimeArray] = []
        self._ends: list[TimeArray] = []
        self._durations: list[float] = []
        self._vectors: list[FloatArray] = []
        self._bank_scores: list[FloatArray] = []
        self._prompts: list[tuple[FloatArray, NDArray[np.bool_]]] = []
        self._failures: list[Failure] = []

    def add(self, track: Track, song: Embeddings) -> None:
        self._tracks.append(track)
        self._timelines.append(cosines(song, self._texts.vectors))
        self._starts.append(song.starts)
        self._ends.append(song.ends)
        self._durations.append(song.duration)
        self._vectors.append(mean_vector(song, self._card.song_axes))
        self._bank_scores.append(self._scored(song, self._bank.vectors))
        by_prompt = [self._scored(song, prompts) for prompts in self._texts.prompts]
        self._prompts.append(prompt_trust(by_prompt, self._thresholds))

    def _scored(self, song: Embeddings, texts: FloatArray) -> FloatArray:
        """A song's scores for some texts, float32 (texts,)."""
        if not len(texts):
            return np.empty(0, np.float32)
        return np.asarray(self._scorer.score(cosines(song, texts)), np.float32)

    def fail(self, failure: Failure) -> None:
        self._failures.append(failure)

    def analysis(self, notes: tuple[str, ...], timing: dict[str, Any]) -> Analysis:
        card = self._card
        axes = card.song_axes or card.dim
        vectors = np.stack(self._vectors) if self._vectors else np.empty((0, axes), np.float32)
        scores = score(self._timelines, self._scorer, len(self._queries))
        trusted = trust(scores.value, *self._evidence())
        if self._labels_by == CALIBRATED and self._queries and trusted.z is None and self._tracks:
            raise UsageError(
                f"the encoder {self._recipe.embedder} understands too little of the query bank to "
                "calibrate by; use --labels raw"
            )
        return Analysis(
            tracks=tuple(self._tracks),
            queries=self._queries,
            query_notes=self._texts.notes,
            scores=scores,
            timelines=self._timelines,
            starts=self._starts,
            ends=self._ends,
            durations=np.array(self._durations, dtype=np.float64),
            song_vectors=vectors,
            thresholds=self._thresholds,
            song_thresholds=card.song_thresholds,
            failures=tuple(sorted(self._failures, key=lambda failure: failure.track)),
            notes=notes,
            warnings=warnings(self._recipe, self._registry, self._bank, vectors),
            provenance={
                **self._recipe.provenance(),
                "bank": {"version": self._bank.version, "understood": len(self._bank)},
                "labels": self._labels_by,
                "calibrated_thresholds": {
                    "high": self._calibrated.high,
                    "moderate": self._calibrated.moderate,
                },
            },
            timing=timing,
            trust=trusted,
            labels_by=self._labels_by,
            calibrated_thresholds=self._calibrated,
        )

    def _evidence(self) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
        """The songs' scores for the bank, and their spreads and fragilities."""
        if not self._tracks:
            empty = np.empty((0, len(self._queries)), np.float32)
            return np.empty((0, len(self._bank)), np.float32), empty, empty.astype(np.bool_)
        spreads, changes = zip(*self._prompts, strict=True)
        return np.stack(self._bank_scores), np.stack(spreads), np.stack(changes)


def _limits(config: RunConfig, recipe: Recipe, own: Thresholds) -> tuple[Thresholds, Thresholds]:
    """Label limits on raw and on calibrated scores: fitted ones where a file has them."""
    if config.thresholds is None:
        return own, CALIBRATED_THRESHOLDS
    fitted = read_limits(config.thresholds, recipe.embedder, recipe.scorer, config.labels)
    return (own, fitted) if config.labels == CALIBRATED else (fitted, CALIBRATED_THRESHOLDS)
