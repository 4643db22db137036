"""The CSV files: what a spreadsheet opens and a script reads. Every column: reports/README.md.

Numbers have four decimals, everywhere. A text cell that a spreadsheet would run as a formula gets
a leading apostrophe, and so does one that already starts with an apostrophe: whoever reads the
files back drops exactly one leading apostrophe and has the exact text.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clapbatch.api import Analysis, FloatArray, ReporterSpec, Trust, hookimpl, option

# What spreadsheets take for the start of a formula, and the apostrophe that defuses it.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "'")
# Song–song products are made in blocks of this many rows: a fixed shape gives fixed bits.
BLOCK = 256
LONG_COLUMNS = (
    "audio_file",
    "query",
    "similarity",
    "label",
    "max_score",
    "min_score",
    "std_score",
    "num_segments",
    "duration_sec",
    "best_start",
    "best_end",
    "rank",
    "z",
    "percentile",
    "z_among_songs",
    "spread",
    "fragile",
    "note",
)


@dataclass(frozen=True)
class CsvOptions:
    all_pairs: bool = option(False, "write the whole song-to-song matrix however large")
    matrix_limit: int = option(2000, "songs up to which the whole matrix is written")
    nearest: int = option(50, "nearest songs kept of each song beyond that limit")
    segments: bool = option(True, "write segments.csv")


def text_cell(text: str) -> str:
    """The text, made harmless for spreadsheets."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def read_text_cell(cell: str) -> str:
    """The exact text that `text_cell` was given."""
    return cell.removeprefix("'")


def number(value: float) -> str:
    """Four decimals; never minus zero."""
    text = f"{value:.4f}"
    return "0.0000" if text == "-0.0000" else text


def long_rows(analysis: Analysis) -> Iterator[dict[str, str]]:
    """The rows of scores_long.csv: song × query, songs first."""
    scores = analysis.scores
    ranks = song_ranks(scores.value)
    for i, track in enumerate(analysis.tracks):
        for j, query in enumerate(analysis.queries):
            best = int(scores.best[i, j])
            yield {
                "audio_file": text_cell(track.name),
                "query": text_cell(query.id),
                "similarity": number(scores.value[i, j]),
                "label": analysis.label(i, j),
                "max_score": number(scores.maximum[i, j]),
                "min_score": number(scores.minimum[i, j]),
                "std_score": number(scores.deviation[i, j]),
                "num_segments": str(len(analysis.starts[i])),
                "duration_sec": number(analysis.durations[i]),
                "best_start": number(analysis.starts[i][best]),
                "best_end": number(analysis.ends[i][best]),
                "rank": str(ranks[i, j]),
                **_trust(analysis.trust, i, j),
                "note": text_cell(analysis.query_notes[j]),
            }


def _trust(trust: Trust | None, song: int, query: int) -> dict[str, str]:
    """The cells that tell how far a score can be trusted; empty where nothing can be told."""
    tables = (trust.z, trust.percentile, trust.among_songs) if trust else (None, None, None)
    cells = ["" if table is None else number(table[song, query]) for table in tables]
    several = trust is not None and not np.isnan(trust.spread[song, query])
    spread = number(trust.spread[song, query]) if trust and several else ""
    fragile = "yes" if trust and trust.fragile[song, query] else "no"
    return {
        **dict(zip(("z", "percentile", "z_among_songs"), cells, strict=True)),
        "spread": spread,
        "fragile": fragile if several else "",
    }


def song_ranks(scores: FloatArray) -> NDArray[np.int64]:
    """Each song's rank within each query, from 1; equal scores share the better rank.

    scores : (songs, queries).
    """
    ranks = np.empty(scores.shape, np.int64)
    for j, column in enumerate(scores.T):
        ascending = np.sort(column)
        ranks[:, j] = len(column) - np.searchsorted(ascending, column, side="right") + 1
    return ranks


class CsvReporter:
    def __init__(self, options: CsvOptions) -> None:
        self._options = options

    def write(self, analysis: Analysis, folder: Path) -> list[str]:
        whole = self._options.all_pairs or len(analysis.tracks) <= self._options.matrix_limit
        tables = [
            ("scores.csv", _matrix(analysis)),
            ("scores_long.csv", _dicts(LONG_COLUMNS, long_rows(analysis))),
            ("song_pairs.csv", _pairs(analysis, None if whole else self._options.nearest)),
            ("failures.csv", _failures(analysis)),
        ]
        if self._options.segments:
            tables.append(("segments.csv", _segments(analysis)))
        if whole:
            tables.append(("song_similarity.csv", _similarity(analysis)))
        else:
            tables.append(("song_nearest.csv", _nearest(analysis, self._options.nearest)))
        for name, rows in tables:
            with open(folder / name, "w", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows(rows)
        return sorted(name for name, _ in tables)


Rows = Iterator[Sequence[str]]


def _dicts(columns: Sequence[str], rows: Iterable[dict[str, str]]) -> Rows:
    yield columns
    for row in rows:
        yield [row[column] for column in columns]


def _matrix(analysis: Analysis) -> Rows:
    yield ["song", *map(text_cell, analysis.query_ids)]
    for name, row in zip(analysis.song_names, analysis.scores.value, strict=True):
        yield [text_cell(name), *map(number, row.tolist())]


def _segments(analysis: Analysis) -> Rows:
    yield ["audio_file", "query", "segment", "start_sec", "end_sec", "score", "label"]
    queries = [text_cell(query) for query in analysis.query_ids]
    for i, name in enumerate(map(text_cell, analysis.song_names)):
        starts = [number(start) for start in analysis.starts[i].tolist()]
        ends = [number(end) for end in analysis.ends[i].tolist()]
        for query, scores in zip(queries, analysis.timelines[i].T.tolist(), strict=True):
            for k, score in enumerate(scores):
                label = analysis.thresholds.label(score)
                yield [name, query, str(k), starts[k], ends[k], number(score), label]


def _similarity(analysis: Analysis) -> Rows:
    names = [text_cell(name) for name in analysis.song_names]
    yield ["song", *names]
    for first in range(0, len(names), BLOCK):
        rows = analysis.song_similarity(slice(first, first + BLOCK))
        for name, row in zip(names[first:], rows.tolist(), strict=False):
            yield [name, *map(number, row)]


def _nearest(analysis: Analysis, count: int) -> Rows:
    yield ["song", "rank", "nearest", "similarity", "label"]
    names = [text_cell(name) for name in analysis.song_names]
    for i, others, similarities in nearest_songs(analysis, count):
        for rank, (j, value) in enumerate(zip(others, similarities, strict=True), 1):
            label = analysis.song_thresholds.label(value)
            yield [names[i], str(rank), names[j], number(value), label]


def _pairs(analysis: Analysis, nearest: int | None) -> Rows:
    yield ["song1", "song2", "similarity", "label"]
    names = [text_cell(name) for name in analysis.song_names]
    first, second, values = [], [], []
    for i, others, similarities in nearest_songs(analysis, nearest or len(names)):
        for j, value in zip(others, similarities, strict=True):
            first.append(min(i, j))
            second.append(max(i, j))
            values.append(value)
    pairs = np.array([first, second], np.int64).reshape(2, -1)
    # A pair is met from both of its songs, once or twice; the first meeting counts.
    keys = pairs[0] * max(len(names), 1) + pairs[1]
    _, met = np.unique(keys, return_index=True)
    similarity = np.array(values, np.float64)[met]
    for k in met[np.lexsort((keys[met], -similarity))]:
        i, j, value = int(pairs[0, k]), int(pairs[1, k]), values[k]
        yield [names[i], names[j], number(value), analysis.song_thresholds.label(value)]


def nearest_songs(analysis: Analysis, count: int) -> Iterator[tuple[int, list[int], list[float]]]:
    """Of each song its `count` nearest others and their cosines, nearest first.

    Equal similarities stand in the songs' order.
    """
    songs = len(analysis.tracks)
    for first in range(0, songs, BLOCK):
        block = analysis.song_similarity(slice(first, first + BLOCK))
        for i, row in enumerate(block, first):
            order = np.argsort(-row, kind="stable")
            others = order[order != i][:count]
            yield i, others.tolist(), row[others].tolist()


def _failures(analysis: Analysis) -> Rows:
    yield ["audio_file", "stage", "plugin", "reason"]
    for failure in analysis.failures:
        yield [text_cell(failure.track), failure.stage, failure.plugin, text_cell(failure.reason)]


@hookimpl
def register_reporters() -> list[ReporterSpec]:
    return [
        ReporterSpec(
            name="csv",
            version="2",
            summary="tables for spreadsheets and scripts",
            options=CsvOptions,
            make=CsvReporter,
        )
    ]
