"""Scores and judgements -> all figures of `clapbatch evaluate`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clapbatch.errors import UsageError
from clapbatch.evaluation.bootstrap import (
    Interval,
    PairedDifference,
    paired_bootstrap,
    retrieval_intervals,
)
from clapbatch.evaluation.classification import Classification, Tagging, classification, tagging
from clapbatch.evaluation.judgements import Judgement, Relevance, relevance_matrix
from clapbatch.evaluation.metrics import Retrieval, Ties, chance, retrieval
from clapbatch.evaluation.selfcheck import Finding, check_pairs

Floats = NDArray[np.float64]
DIRECTIONS = ("text to music", "music to text")
# Fewer songs can be shuffled in too few ways to tell.
MINIMUM_FOR_PAIRS = 8


@dataclass(frozen=True)
class ScoreTable:
    """Scores of one run: float64 (songs, queries), and their names."""

    songs: tuple[str, ...]
    queries: tuple[str, ...]
    values: Floats

    def select(self, songs: Sequence[str], queries: Sequence[str]) -> ScoreTable:
        """The rows and columns of these names, in this order; all must be there."""
        rows = [self.songs.index(song) for song in songs]
        columns = [self.queries.index(query) for query in queries]
        return ScoreTable(tuple(songs), tuple(queries), self.values[np.ix_(rows, columns)])


@dataclass(frozen=True)
class Direction:
    """Retrieval one way. chance : what knowing nothing gives on the same judgements."""

    name: str
    retrieval: Retrieval
    intervals: dict[str, Interval]
    chance: dict[str, float]


@dataclass(frozen=True)
class Evaluation:
    """directions : text to music, music to text. tags : None if no tag parts the songs.

    labels : accuracy and macro F1, None unless every judged song has exactly one sentence.
    pairs : whether scores beat shuffled pairs, None with fewer than eight judged songs.
    unknown : sentences about songs of the truth that are not at hand.
    """

    table: ScoreTable
    relevance: Relevance
    directions: tuple[Direction, ...]
    tags: Tagging | None
    labels: Classification | None
    pairs: Finding | None
    unknown: tuple[str, ...]


@dataclass(frozen=True)
class Compared:
    """Run B against run A: (direction, metric) -> difference. songs, queries : in both runs."""

    differences: dict[tuple[str, str], PairedDifference]
    songs: int
    queries: int


def evaluate(
    table: ScoreTable, judgements: Sequence[Judgement], ties: Ties = "expected"
) -> Evaluation:
    """Judge a run's scores.

    Every song of the run is ranked, those without a judgement too: they answer no sentence. Tags
    and labels are judged on songs with at least one line in the truth.

    Raises
    ------
    UsageError
        If no judged sentence and song is among the scores.
    """
    relevance = relevance_matrix(judgements, table.songs, table.queries)
    gains, scores = relevance.gains, table.values
    if not (gains > 0).any():
        told = "; ".join(map(str, relevance.unknown[:3]))
        raise UsageError(f"no song of the truth is among these {len(table.songs)} songs: {told}")
    known = np.flatnonzero(relevance.listed.any(axis=0))
    true = gains[:, known].T > 0
    return Evaluation(
        table=table,
        relevance=relevance,
        directions=(
            _direction(DIRECTIONS[0], scores.T, gains, ties),
            _direction(DIRECTIONS[1], scores, gains.T, ties),
        ),
        tags=_tags(scores[known], true, table.queries),
        labels=_labels(scores[known], true, table.queries),
        pairs=check_pairs(scores[known], true) if len(known) >= MINIMUM_FOR_PAIRS else None,
        unknown=tuple(map(str, relevance.unknown)),
    )


def compare_runs(
    a: ScoreTable, b: ScoreTable, judgements: Sequence[Judgement], ties: Ties = "expected"
) -> tuple[Evaluation, Evaluation, Compared]:
    """Two runs on the songs and sentences that both have, query by query.

    Raises
    ------
    UsageError
        If they have no judged song or no sentence in common.
    """
    songs = [song for song in a.songs if song in set(b.songs)]
    queries = [query for query in a.queries if query in set(b.queries)]
    if not songs or not queries:
        raise UsageError("the two runs have no song, or no sentence, in common")
    first = evaluate(a.select(songs, queries), judgements, ties)
    second = evaluate(b.select(songs, queries), judgements, ties)
    differences = {
        (one.name, metric): paired_bootstrap(values, other.retrieval.values[metric])
        for one, other in zip(first.directions, second.directions, strict=True)
        for metric, values in one.retrieval.values.items()
    }
    return first, second, Compared(differences, len(songs), len(queries))


def _direction(name: str, scores: Floats, gains: Floats, ties: Ties) -> Direction:
    result = retrieval(scores, gains, ties=ties)
    return Direction(name, result, retrieval_intervals(result), chance(gains).summary())


def _tags(scores: Floats, true: NDArray[np.bool_], tags: Sequence[str]) -> Tagging | None:
    counts = true.sum(axis=0)
    if not ((counts > 0) & (counts < len(true))).any():
        return None
    return tagging(scores, true, tags)


def _labels(
    scores: Floats, true: NDArray[np.bool_], labels: Sequence[str]
) -> Classification | None:
    if len(labels) < 2 or not (true.sum(axis=1) == 1).all():
        return None
    return classification(scores, true.argmax(axis=1), labels)
