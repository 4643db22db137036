"""Zero-shot classification: which of several labels a song's sound is nearest to.

As in CLIP (Radford et al. 2021): every label is put into a sentence, or into several whose unit
vectors are averaged; a song's scores, times the encoder's own logit scale, go through a softmax.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clapbatch.domain import Embeddings, Query
from clapbatch.engine.determinism import one_blas_thread
from clapbatch.engine.events import Note, OnEvent, ignore
from clapbatch.engine.scoring import cosines
from clapbatch.engine.texts import embed_queries
from clapbatch.errors import UsageError
from clapbatch.library import printable, read_queries
from clapbatch.search.shelf import Shelf

PLACE = "{label}"
TEMPLATES = ("This audio is a {label} song.",)


@dataclass(frozen=True, slots=True)
class Answer:
    """The best label of a song or segment and the next one, with their probabilities (0..1)."""

    label: str
    probability: float
    runner_up: str
    runner_up_probability: float

    @property
    def margin(self) -> float:
        return self.probability - self.runner_up_probability


@dataclass(frozen=True)
class Classified:
    """One song. scores : float64 (labels,), what the scorer makes of the cosines.

    segments : an Answer each, in order, with starts and ends in seconds; empty if not asked for.
    """

    name: str
    path: str
    duration: float
    answer: Answer
    scores: NDArray[np.float64]
    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    segments: tuple[Answer, ...] = ()


@dataclass(frozen=True)
class Classes:
    """All songs, in the library's order. scale : the factor on scores before the softmax.

    notes : per label what the encoder says of its own limits, "" if nothing.
    """

    labels: tuple[str, ...]
    notes: tuple[str, ...]
    songs: tuple[Classified, ...]
    scale: float
    encoder: str


def read_labels(source: str) -> tuple[Query, ...]:
    """Labels from a text file (one a line), a TOML file (with prompts of its own), or "a, b, c".

    Raises
    ------
    UsageError
        If there are fewer than two different ones.
    """
    path = Path(source)
    if path.is_file() or path.suffix.lower() in (".txt", ".toml"):
        queries, _ = read_queries(path)
    else:
        names = dict.fromkeys(" ".join(part.split()) for part in source.split(","))
        queries = tuple(Query(name, (name,)) for name in names if name)
    if len(queries) < 2:
        raise UsageError(f"{printable(source)} holds fewer than two labels; write jazz,rock,…")
    return queries


def in_templates(labels: Iterable[Query], templates: Sequence[str]) -> tuple[Query, ...]:
    """Each label in every template; a label with prompts of its own keeps them.

    Raises
    ------
    UsageError
        If a template has no place for the label.
    """
    for template in templates:
        if PLACE not in template:
            raise UsageError(f"the template {template!r} has no {PLACE} in it")
    return tuple(
        Query(label.id, tuple(template.replace(PLACE, label.id) for template in templates))
        if label.prompts == (label.id,)
        else label
        for label in labels
    )


def classify(
    shelf: Shelf, labels: Sequence[Query], segments: bool = False, on_event: OnEvent = ignore
) -> Classes:
    """Every song's nearest label; with `segments` every segment's too.

    Raises
    ------
    UsageError
        If the encoder has no text side.
    """
    texts = embed_queries(labels, shelf.recipe, shelf.registry, shelf.store, shelf.config.workers)
    names = tuple(label.id for label in labels)
    scale, scorer = shelf.card.logit_scale, shelf.scorer
    songs = []
    with one_blas_thread():
        for i, name in enumerate(shelf.names):
            song = shelf.song(i)
            if song is None:
                continue
            timeline = cosines(song, texts.vectors)
            scores = np.asarray(scorer.score(timeline), np.float64)
            rows = _answers(timeline, names, scale) if segments else ()
            songs.append(
                _classified(name, os.fsdecode(shelf.paths[i]), song, names, scores, scale, rows)
            )
    if shelf.changed:
        on_event(Note(f"{len(shelf.changed)} changed songs were left out; --update embeds them"))
    return Classes(names, texts.notes, tuple(songs), scale, shelf.recipe.embedder)


def probabilities(scores: NDArray[np.floating], scale: float) -> NDArray[np.float64]:
    """Softmax of scale × scores over the last axis: (…, labels) -> float64 (…, labels)."""
    logits = scale * np.asarray(scores, np.float64)
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares: NDArray[np.float64] = weights / weights.sum(axis=-1, keepdims=True)
    return shares


def _classified(
    name: str,
    path: str,
    song: Embeddings,
    labels: tuple[str, ...],
    scores: NDArray[np.float64],
    scale: float,
    rows: tuple[Answer, ...],
) -> Classified:
    (answer,) = _answers(scores[None], labels, scale)
    return Classified(name, path, song.duration, answer, scores, song.starts, song.ends, rows)


def _answers(
    scores: NDArray[np.floating], labels: tuple[str, ...], scale: float
) -> tuple[Answer, ...]:
    shares = probabilities(scores, scale)
    order = np.argsort(-shares, axis=1, kind="stable")
    return tuple(
        Answer(labels[first], float(row[first]), labels[second], float(row[second]))
        for row, (first, second) in zip(shares, order[:, :2], strict=True)
    )
