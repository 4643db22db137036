"""Rank a library: all songs roughly by their mean vectors, the best ones exactly by their segments.

The rough scores differ from the exact ones in their last bits only. Whoever comes within that of
the last place shown is scored exactly too, so the answer is the one that a pass over all segments
would give; that pass is made where a scorer asks for more than the mean.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from clapbatch.domain import Embeddings, FloatArray, Thresholds
from clapbatch.engine.determinism import one_blas_thread
from clapbatch.engine.events import Note, OnEvent, ignore
from clapbatch.engine.scoring import cosines, mean_vector
from clapbatch.engine.texts import embed_queries
from clapbatch.errors import UsageError
from clapbatch.search.means import Means
from clapbatch.search.prompts import Prompt, combine
from clapbatch.search.shelf import Shelf

# How far a score from float32 mean vectors may lie from the one from segments: both are sums of
# products of unit vectors; twice the error of a float32 product, generously.
ROUGH = 4e-6
PLAIN_MEAN = "mean"


@dataclass(frozen=True, slots=True)
class Reason:
    """One part of a score. score : the song's. moment : the cosine at its best moment.

    weight : below 0 for a sentence that was not wanted. note : the encoder's doubts about it.
    """

    text: str
    weight: float
    score: float
    moment: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """A song of the answer. start, end : its best moment in seconds; duration : seconds."""

    name: str
    path: str
    score: float
    label: str
    start: float
    end: float
    duration: float
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Ranking:
    """hits : best first. searched : songs compared. unknown : songs not in the store.

    changed : songs left out because their files are not what they were. question : the sentences
    or the song asked for, as text.
    """

    hits: tuple[Hit, ...]
    question: str
    encoder: str
    searched: int
    unknown: int
    changed: tuple[str, ...]


class Question(Protocol):
    """What songs are ranked by."""

    text: str
    thresholds: Thresholds

    def rough(self, means: Means) -> NDArray[np.float64]:
        """Scores from the mean vectors, float64 (rows of the means,)."""

    def direction(self) -> tuple[FloatArray, bool]:
        """Where a graph of mean vectors is searched: float32 (axes,), and whether by cosine."""

    def judge(self, song: Embeddings) -> tuple[float, int, tuple[Reason, ...]]:
        """A song's exact score, its best segment, and why."""


class Sentences:
    """Weighted prompts. Each is scored apart; see `prompts.combine`.

    vectors : float32 (prompts, dim), unit rows. notes : the encoder's doubts, one a prompt.
    """

    def __init__(
        self, prompts: Sequence[Prompt], vectors: FloatArray, notes: Sequence[str], shelf: Shelf
    ) -> None:
        self._prompts = prompts
        self._vectors = vectors
        self._notes = notes
        self._scorer = shelf.scorer
        self.thresholds = shelf.thresholds
        self.text = "; ".join(_spoken(prompt) for prompt in prompts)

    def rough(self, means: Means) -> NDArray[np.float64]:
        return combine(means.products(self._vectors), self._prompts)

    def direction(self) -> tuple[FloatArray, bool]:
        weights = np.array([p.weight if p.wanted else -p.weight for p in self._prompts])
        vector: FloatArray = (weights @ self._vectors).astype(np.float32)
        return vector, False

    def judge(self, song: Embeddings) -> tuple[float, int, tuple[Reason, ...]]:
        timeline = cosines(song, self._vectors)
        scores = np.asarray(self._scorer.score(timeline), np.float32)
        best = int(combine(timeline, self._prompts).argmax())
        reasons = tuple(
            Reason(
                prompt.query.id,
                prompt.weight if prompt.wanted else -prompt.weight,
                float(scores[j]),
                float(timeline[best, j]),
                self._notes[j],
            )
            for j, prompt in enumerate(self._prompts)
        )
        return float(combine(scores, self._prompts)), best, reasons


class Likeness:
    """A song, or a moment of one, as a unit vector: float32 (axes,)."""

    def __init__(self, text: str, vector: FloatArray, shelf: Shelf) -> None:
        self.text = text
        self._vector = vector
        self._scorer = shelf.scorer
        self._by_mean = shelf.recipe.scorer == PLAIN_MEAN
        self.thresholds = shelf.card.song_thresholds

    def rough(self, means: Means) -> NDArray[np.float64]:
        found: NDArray[np.float64] = means.cosines(self._vector[None])[:, 0].astype(np.float64)
        return found

    def direction(self) -> tuple[FloatArray, bool]:
        return self._vector, True

    def judge(self, song: Embeddings) -> tuple[float, int, tuple[Reason, ...]]:
        axes = len(self._vector)
        timeline = unit_rows(song.vectors[:, :axes]) @ self._vector
        best = int(timeline.argmax())
        if self._by_mean:
            score = float(np.clip(mean_vector(song, axes) @ self._vector, -1, 1))
        else:
            score = float(self._scorer.score(timeline[:, None])[0])
        return score, best, (Reason(self.text, 1.0, score, float(timeline[best])),)


def ask_sentences(
    shelf: Shelf,
    prompts: Sequence[Prompt],
    k: int,
    on_event: OnEvent = ignore,
    approximate: bool = False,
) -> Ranking:
    """The k songs that are most like the wanted sentences and least like the others.

    Raises
    ------
    UsageError
        If k is below 1 or the encoder has no text side.
    """
    texts = embed_queries(
        [prompt.query for prompt in prompts],
        shelf.recipe,
        shelf.registry,
        shelf.store,
        workers=1,  # for a few sentences a second thread is not worth its start
    )
    question = Sentences(prompts, texts.vectors, texts.notes, shelf)
    return rank(shelf, question, k, on_event, approximate=approximate)


def rank(
    shelf: Shelf,
    question: Question,
    k: int,
    on_event: OnEvent = ignore,
    leave_out: str = "",
    approximate: bool = False,
) -> Ranking:
    """The k best songs, best first; equal ones in the library's order.

    leave_out : the name of a song that is not an answer. approximate : let a graph find the songs
    that are scored exactly; it may miss some.

    Raises
    ------
    UsageError
        If k is below 1, or the graph cannot be used.
    """
    if k < 1:
        raise UsageError(f"-k must be at least 1, not {k}")
    by_mean = shelf.recipe.scorer == PLAIN_MEAN
    if approximate and not by_mean:
        raise UsageError("--approximate goes with --scorer mean: the graph knows no segments")
    with one_blas_thread():
        if approximate:
            rough = _from_graph(shelf, question, k, on_event)
        elif by_mean:
            rough = question.rough(shelf.means)[shelf.rows]
        else:
            rough = _read_all(shelf, question, on_event)
        hits = _best(shelf, question, rough, k, leave_out)
    if shelf.changed:
        count = len(shelf.changed)
        told = "1 song is not the file it was" if count == 1 else f"{count} songs are not the files"
        were = "" if count == 1 else " they were"
        on_event(Note(f"left out: {told}{were} when embedded; --update embeds what is there now"))
    return Ranking(
        hits=hits,
        question=question.text,
        encoder=shelf.recipe.embedder,
        searched=len(shelf.names),
        unknown=len(shelf.unknown),
        changed=tuple(shelf.changed),
    )


def _best(
    shelf: Shelf, question: Question, rough: NDArray[np.float64], k: int, leave_out: str
) -> tuple[Hit, ...]:
    order = np.argsort(-rough, kind="stable")
    found: list[tuple[float, int, Hit]] = []
    last_place = np.inf
    for i in map(int, order):
        if (len(found) >= k and rough[i] < last_place - ROUGH) or rough[i] == -np.inf:
            break
        song = None if shelf.names[i] == leave_out else shelf.song(i)
        if song is None:
            continue
        score, best, reasons = question.judge(song)
        hit = Hit(
            name=shelf.names[i],
            path=os.fsdecode(shelf.paths[i]),
            score=score,
            label=question.thresholds.label(score),
            start=float(song.starts[best]),
            end=float(song.ends[best]),
            duration=song.duration,
            reasons=reasons,
        )
        found.append((-score, i, hit))
        if len(found) == k:
            last_place = rough[i]
    return tuple(hit for *_, hit in sorted(found, key=lambda row: row[:2])[:k])


def _from_graph(shelf: Shelf, question: Question, k: int, on_event: OnEvent) -> NDArray[np.float64]:
    """Scores of the songs that the graph finds; -inf for all others."""
    from clapbatch.search.approximate import nearest_rows

    rows = nearest_rows(shelf.means, *question.direction(), count=k, on_event=on_event)
    scores = np.full(len(shelf.means.vectors), -np.inf)
    scores[rows] = question.rough(replace(shelf.means, vectors=shelf.means.vectors[rows]))
    return scores[shelf.rows]


def _read_all(shelf: Shelf, question: Question, on_event: OnEvent) -> NDArray[np.float64]:
    """Exact scores of all songs, by reading every segment."""
    count = len(shelf.names)
    on_event(Note(f"the scorer {shelf.recipe.scorer} reads every segment of all {count:,} songs"))
    scores = np.full(count, -np.inf)
    for i in range(count):
        song = shelf.song(i)
        if song is not None:
            scores[i] = question.judge(song)[0]
    return scores


def unit_rows(vectors: FloatArray) -> FloatArray:
    """Rows brought back to unit length; rows of zeros stay."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: FloatArray = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)
    return unit


def _spoken(prompt: Prompt) -> str:
    weight = "" if prompt.weight == 1 else f":{prompt.weight:g}"
    return f"{'' if prompt.wanted else 'not '}{prompt.query.id}{weight}"
