"""How far the scores of a run can be trusted: calibration, wording, and whether all is well.

What is found depends on vectors alone, never on what was in the store before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clapbatch.domain import FloatArray, Query, Thresholds, Trust
from clapbatch.engine.recipe import Recipe
from clapbatch.engine.texts import embed_queries
from clapbatch.evaluation.agreement import fragile, spread
from clapbatch.evaluation.calibration import BANK_VERSION, bank_queries, calibrate
from clapbatch.evaluation.selfcheck import COLLAPSED, check_collapse
from clapbatch.registry import Registry
from clapbatch.roles import EmbedderSpec
from clapbatch.store import Store

# With fewer understood bank queries a song's mean and deviation are guesses.
MINIMUM_BANK = 30
# With fewer songs the mean and deviation of a query are guesses, and a few recordings by one
# player may be as alike as those of an encoder that hears nothing.
MINIMUM_SONGS = 8
_NO_SPREAD = 1e-6


@dataclass(frozen=True)
class Bank:
    """The bank's queries that the encoder understands: float32 (n, dim), unit rows; perhaps none.

    size : queries of the whole bank.
    """

    vectors: FloatArray
    size: int
    version: int = BANK_VERSION

    def __len__(self) -> int:
        return len(self.vectors)


def bank_as_queries() -> list[Query]:
    """The queries that any query's scores are compared with."""
    return [Query(text, (text,)) for text in bank_queries()]


def embed_bank(
    asked: Sequence[object], recipe: Recipe, registry: Registry, store: Store, workers: int
) -> Bank:
    """The bank, embedded once for each encoder and kept in the store; empty if nothing is asked.

    An encoder that says of a query that it does not understand it is not measured by that query.
    """
    queries = bank_as_queries() if asked else []
    texts = embed_queries(queries, recipe, registry, store, workers)
    understood = [i for i, note in enumerate(texts.notes) if not note]
    if len(understood) < MINIMUM_BANK:
        understood = []
    return Bank(texts.vectors[understood], len(queries))


def prompt_trust(
    scores: Sequence[FloatArray], thresholds: Thresholds
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """One song's spread and fragility: scores by query, each float32 (prompts,) -> (queries,)."""
    several = [len(values) > 1 for values in scores]
    spreads = [
        spread(values[None])[0] if many else np.nan
        for values, many in zip(scores, several, strict=True)
    ]
    changes = [
        many and bool(fragile(values[None], thresholds)[0])
        for values, many in zip(scores, several, strict=True)
    ]
    return np.array(spreads, np.float32), np.array(changes, np.bool_)


def trust(
    value: FloatArray,
    bank_scores: FloatArray,
    spreads: FloatArray,
    changes: NDArray[np.bool_],
) -> Trust:
    """value (songs, queries), bank_scores (songs, bank), perhaps (songs, 0), of one scorer."""
    if not value.size or not bank_scores.shape[1]:
        return Trust(spreads, changes)
    found = calibrate(value, bank_scores)
    among = among_songs(found.z) if len(value) >= MINIMUM_SONGS else None
    return Trust(
        spreads,
        changes,
        z=found.z.astype(np.float32),
        percentile=found.percentile.astype(np.float32),
        among_songs=among,
    )


def among_songs(z: NDArray[np.float64]) -> FloatArray:
    """Where each song's z stands among all songs' z for the query: (songs, queries).

    This takes away what a wording adds to every song alike (docs/decisions/0009-calibration.md).
    0 where all songs have one z.
    """
    deviation = z.std(axis=0)
    scale = np.where(deviation > _NO_SPREAD, deviation, np.inf)
    standing: FloatArray = ((z - z.mean(axis=0)) / scale).astype(np.float32)
    return standing


def warnings(
    recipe: Recipe, registry: Registry, bank: Bank, song_vectors: FloatArray
) -> tuple[str, ...]:
    """Reasons not to trust any score of this run; nothing in a healthy one.

    song_vectors : float32 (songs, axes), unit rows; equal recordings count once.
    """
    spec = registry.get(EmbedderSpec, recipe.embedder)
    found = [spec.doubt(recipe.options_of(spec))]
    if len(bank):
        finding = check_collapse(bank.vectors, "texts")
        found.append(finding.sentence if finding.severity != "ok" else "")
    different = np.unique(song_vectors, axis=0)
    if len(different) >= MINIMUM_SONGS:
        finding = check_collapse(different, "songs")
        # Less than a collapse is common in a library of one kind of music.
        found.append(finding.sentence if finding.value > COLLAPSED else "")
    return tuple(filter(None, found))
