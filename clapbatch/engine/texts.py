"""Queries -> unit vectors: asked of the encoder once, kept in the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from clapbatch.domain import FloatArray, Query
from clapbatch.engine.events import OnEvent, Reading, ignore
from clapbatch.engine.pipeline import vectors_problem
from clapbatch.engine.recipe import Recipe
from clapbatch.engine.scoring import mean_direction
from clapbatch.errors import PluginError, UsageError
from clapbatch.language.wording import FAMILIES, fill, templates
from clapbatch.registry import Registry, did_you_mean
from clapbatch.roles import EmbedderSpec, KnowsItsVocabulary
from clapbatch.store import Store, TextVector


@dataclass(frozen=True)
class EmbeddedQueries:
    """vectors : float32 (queries, dim), unit rows. notes : the encoder's doubts, a query each.

    prompts : each query's prompts, float32 (prompts, dim). encoded : prompts new to the store.
    """

    vectors: FloatArray
    notes: tuple[str, ...]
    encoded: int
    prompts: tuple[FloatArray, ...] = ()


def in_templates(queries: Sequence[Query]) -> tuple[Query, ...]:
    """Queries with a template set get its sentences as prompts; the others stay as they are.

    Raises
    ------
    UsageError
        If there is no such set.
    """
    return tuple(_filled(query) if query.template else query for query in queries)


def _filled(query: Query) -> Query:
    family = next((family for family in FAMILIES if family == query.template), None)
    if family is None:
        near = did_you_mean(query.template, FAMILIES)
        raise UsageError(
            f"the query {query.id!r} asks for the template {query.template!r}, but the sets are "
            f"{', '.join(FAMILIES)}{near}"
        )
    filled = [fill(sentence, prompt) for prompt in query.prompts for sentence in templates(family)]
    return replace(query, prompts=tuple(dict.fromkeys(filled)))


def embed_queries(
    queries: Sequence[Query],
    recipe: Recipe,
    registry: Registry,
    store: Store,
    workers: int,
    also: Sequence[Query] = (),
    on_event: OnEvent = ignore,
) -> EmbeddedQueries:
    """Each query's prompts, averaged as unit vectors.

    also : queries that will be asked for next. Read with these, they cost no second text side.

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
    own = {prompt for query in queries for prompt in query.prompts}
    prompts = list(dict.fromkeys(p for query in (*queries, *also) for p in query.prompts))
    known = store.get_texts(recipe.text_fingerprint, prompts)
    new = [prompt for prompt in prompts if prompt not in known]
    if new:
        on_event(Reading(len(new)))
        side = embedder.make_text(recipe.options_of(embedder), recipe.text_runtime(workers))
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
    wordings = tuple(np.stack([known[p].vector for p in q.prompts]) for q in queries)
    rows = [mean_direction(wording) for wording in wordings]
    doubts = tuple(
        "; ".join(dict.fromkeys(filter(None, (known[p].note for p in q.prompts)))) for q in queries
    )
    return EmbeddedQueries(np.stack(rows), doubts, len(own.intersection(new)), wordings)
