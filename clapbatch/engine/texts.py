"""Queries -> unit vectors: asked of the encoder once, kept in the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clapbatch.domain import FloatArray, Query
from clapbatch.engine.pipeline import vectors_problem
from clapbatch.engine.recipe import Recipe
from clapbatch.engine.scoring import mean_direction
from clapbatch.errors import PluginError, UsageError
from clapbatch.registry import Registry
from clapbatch.roles import EmbedderSpec, KnowsItsVocabulary
from clapbatch.store import Store, TextVector


@dataclass(frozen=True)
class EmbeddedQueries:
    """vectors : float32 (queries, dim), unit rows. notes : the encoder's doubts, a query each."""

    vectors: FloatArray
    notes: tuple[str, ...]
    encoded: int


def embed_queries(
    queries: Sequence[Query], recipe: Recipe, registry: Registry, store: Store, workers: int
) -> EmbeddedQueries:
    """Each query's prompts, averaged as unit vectors.

    Raises
    ------
    UsageError
        If the encoder has no text side.
    """
    embedder = registry.get(EmbedderSpec, recipe.embedder)
    dim = embedder.card(recipe.options_of(embedder)).dim
    if not queries:
        return EmbeddedQueries(np.empty((0, dim), np.float32), (), 0)
    if embedder.make_text is None:
        raise UsageError(
            f"the encoder {embedder.name} has no text side: it compares songs with songs only"
        )
    prompts = list(dict.fromkeys(prompt for query in queries for prompt in query.prompts))
    known = store.get_texts(recipe.text_fingerprint, prompts)
    new = [prompt for prompt in prompts if prompt not in known]
    if new:
        side = embedder.make_text(recipe.options_of(embedder), recipe.runtime(workers))
        vectors = np.asarray(side.embed(new))
        problem = vectors_problem(vectors, len(new), dim)
        if problem:
            raise PluginError(f"the text side of {embedder.name} {problem}")
        notes = side.limits(new) if isinstance(side, KnowsItsVocabulary) else [""] * len(new)
        fresh = {
            prompt: TextVector(vector, note)
            for prompt, vector, note in zip(new, vectors, notes, strict=True)
        }
        store.add_texts(recipe.text_fingerprint, fresh)
        known |= fresh
    rows = [mean_direction(np.stack([known[p].vector for p in q.prompts])) for q in queries]
    doubts = tuple(
        "; ".join(dict.fromkeys(filter(None, (known[p].note for p in q.prompts)))) for q in queries
    )
    return EmbeddedQueries(np.stack(rows), doubts, len(new))
