"""Analyses made for tests: songs whose sections lean towards styles, queries that name them.

A song is a row of sections, a query a mixture of styles, both directions in one space; so a test
can say which song must come first for a query, and when.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clapbatch.api import Analysis, Failure, Query, Scores, Thresholds, Track

STYLES = (
    "solo piano", "string orchestra", "jazz trumpet", "acoustic guitar", "techno", "choir",
    "heavy metal", "flute and harp", "female vocalist", "drum kit", "ambient pad", "brass band",
)  # fmt: skip
TURNS = ("", "slow ", "happy ", "sad ", "old recording of ", "live ")
WINDOW, HOP, DIM = 10.0, 5.0, 48


def song_names(count: int) -> list[str]:
    style = [STYLES[i % len(STYLES)] for i in range(count)]
    return [f"{s}/{i // len(STYLES) + 1:02d} {s.title()}.ogg" for i, s in enumerate(style)]


def query_names(count: int) -> list[str]:
    return [f"{TURNS[i // len(STYLES)]}{STYLES[i % len(STYLES)]}" for i in range(count)]


def make_analysis(
    songs: int | Sequence[str] = 12,
    queries: int | Sequence[str] = 8,
    *,
    folder: Path = Path("songs"),
    seconds: float = 120.0,
    notes: tuple[str, ...] = (),
    warnings: tuple[str, ...] = (),
    query_notes: dict[int, str] | None = None,
    failures: tuple[Failure, ...] = (),
    provenance: dict[str, Any] | None = None,
) -> Analysis:
    """Song number i is of style i mod 12, and most itself in its second half."""
    names = song_names(songs) if isinstance(songs, int) else list(songs)
    wanted = query_names(queries) if isinstance(queries, int) else list(queries)
    draw = np.random.default_rng(42)
    styles = draw.normal(size=(len(STYLES), DIM))
    common = draw.normal(size=DIM) * 1.5  # music is more like music than like words
    texts = _unit(np.stack([_text(styles, i, draw) for i in range(len(wanted))] or [common])) + 0.0
    starts = np.arange(0, max(seconds - WINDOW, 0) + 1e-9, HOP)
    if starts[-1] + WINDOW < seconds:
        starts = np.append(starts, seconds - WINDOW)  # aligned to the end
    ends = np.minimum(starts + WINDOW, seconds)
    timelines, means = [], []
    for song in range(len(names)):
        share = (
            np.linspace(0.4, 1.3, len(starts))[:, None] + 0.25 * np.sin(starts / 9 + song)[:, None]
        )
        noise = draw.normal(size=(len(starts), DIM)) * 0.8 + draw.normal(size=DIM) * 0.7
        segments = _unit(common + share * styles[song % len(STYLES)] * 1.4 + noise)
        timelines.append((segments @ texts[: len(wanted)].T).astype(np.float32))
        means.append(segments.mean(axis=0))
    return Analysis(
        tracks=tuple(Track(name, folder / name) for name in names),
        queries=tuple(Query(name, (name,)) for name in wanted),
        query_notes=tuple((query_notes or {}).get(i, "") for i in range(len(wanted))),
        scores=_scores(timelines, len(wanted)),
        timelines=timelines,
        starts=[starts] * len(names),
        ends=[ends] * len(names),
        durations=np.full(len(names), seconds),
        song_vectors=_unit(np.stack(means)).astype(np.float32)
        if means
        else np.zeros((0, DIM), np.float32),
        thresholds=Thresholds(0.3, 0.15),
        song_thresholds=Thresholds(0.8, 0.6),
        failures=failures,
        notes=notes,
        warnings=warnings,
        provenance=provenance
        or {
            "clapbatch": "0.1.0",
            "encoder": {"name": "example", "version": "1", "options": {}},
            "window_sec": WINDOW,
            "hop_sec": HOP,
        },
        timing={"seconds": 12.3},
    )


def _text(styles: np.ndarray, query: int, draw: np.random.Generator) -> np.ndarray:
    return np.asarray(styles[query % len(STYLES)] + draw.normal(size=DIM) * 0.9)


def _unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def _scores(timelines: list[np.ndarray], queries: int) -> Scores:
    if not timelines:
        empty = np.empty((0, queries), np.float32)
        return Scores(empty, empty, empty, empty, np.empty((0, queries), np.int64))
    return Scores(
        np.stack([t.mean(axis=0) for t in timelines]),
        np.stack([t.max(axis=0) for t in timelines]),
        np.stack([t.min(axis=0) for t in timelines]),
        np.stack([t.std(axis=0) for t in timelines]),
        np.stack([t.argmax(axis=0) for t in timelines]),
    )
