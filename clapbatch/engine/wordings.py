"""The wordings of queries, scored on songs and compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from clapbatch.config import RunConfig
from clapbatch.domain import Analysis, FloatArray, Query, Thresholds
from clapbatch.engine.events import OnEvent, ignore
from clapbatch.engine.run import analyze
from clapbatch.evaluation.agreement import WordingComparison, compare_wordings
from clapbatch.language.wording import Wording, WordingTable, variants
from clapbatch.registry import Registry
from clapbatch.store import Store


@dataclass(frozen=True)
class Worded:
    """A query's wordings, itself first. scores : float32 (songs, wordings), and what they show."""

    query: str
    wordings: tuple[Wording, ...]
    scores: FloatArray
    comparison: WordingComparison


@dataclass(frozen=True)
class WordingReport:
    """agreement_raw, agreement_calibrated : share of songs and pairs of synonyms (templates take
    no part) whose labels agree, 0..1; nan without synonyms or without calibrated scores.
    """

    queries: tuple[Worded, ...]
    songs: tuple[str, ...]
    thresholds: Thresholds
    encoder: str
    agreement_raw: float
    agreement_calibrated: float


def wordings_of(queries: Sequence[Query], table: WordingTable) -> dict[str, tuple[Wording, ...]]:
    """For each query its wordings: its own prompts, then what `language.wording` makes of it."""
    found = {}
    for query in queries:
        own = [Wording(prompt, "prompt") for prompt in query.prompts if prompt != query.id]
        made = variants(query.id, table)
        known = {wording.text.casefold() for wording in made}
        found[query.id] = (*made, *(w for w in own if w.text.casefold() not in known))
    return found


def score_wordings(
    queries: Sequence[Query],
    table: WordingTable,
    config: RunConfig,
    registry: Registry,
    store: Store,
    on_event: OnEvent = ignore,
) -> WordingReport:
    """Score every wording of every query on the songs of `config`, and compare.

    Raises
    ------
    ClapbatchError
        As a run does.
    """
    found = wordings_of(queries, table)
    texts = tuple(dict.fromkeys(w.text for wordings in found.values() for w in wordings))
    analysis = analyze(replace(config, queries=texts), registry, store, on_event)
    column = {text: j for j, text in enumerate(analysis.query_ids)}
    worded = []
    for query, wordings in found.items():
        scores = analysis.scores.value[:, [column[w.text] for w in wordings]]
        comparison = compare_wordings(scores, [w.text for w in wordings], analysis.thresholds)
        worded.append(Worded(query, wordings, scores, comparison))
    raw, calibrated = _agreement(analysis, found, column)
    return WordingReport(
        tuple(worded),
        tuple(analysis.song_names),
        analysis.thresholds,
        str(analysis.provenance["encoder"]["name"]),
        raw,
        calibrated,
    )


def _agreement(
    analysis: Analysis, found: dict[str, tuple[Wording, ...]], column: dict[str, int]
) -> tuple[float, float]:
    labels = label_table(analysis)
    if labels is None:
        return float("nan"), float("nan")
    groups = [
        [column[w.text] for w in wordings if w.how in ("as given", "synonym")]
        for wordings in found.values()
    ]
    return tuple(pair_agreement(table, groups) for table in labels)  # type: ignore[return-value]


def label_table(analysis: Analysis) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Raw and calibrated labels, int64 (songs, queries): 0 LOW, 1 MODERATE, 2 HIGH."""
    calibrated = analysis.trust.calibrated if analysis.trust else None
    if calibrated is None:
        return None
    both = (
        (analysis.scores.value, analysis.thresholds),
        (
            calibrated,
            analysis.calibrated_thresholds,
        ),
    )
    raw, other = (
        (values > limits.moderate).astype(np.int64) + (values > limits.high)
        for values, limits in both
    )
    return raw, other


def pair_agreement(labels: NDArray[np.int64], groups: Sequence[Sequence[int]]) -> float:
    """Share of songs and pairs of columns of a group that carry one label; nan without pairs."""
    same = [
        labels[:, a] == labels[:, b]
        for group in groups
        for at, a in enumerate(group)
        for b in group[at + 1 :]
    ]
    return float(np.mean(same)) if same else float("nan")
