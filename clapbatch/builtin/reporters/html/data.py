"""Analysis -> the plain data that the page holds, small enough for a browser."""

from __future__ import annotations

import base64
import os
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from clapbatch.api import CALIBRATED, Analysis, Scores, fragile_notes
from clapbatch.builtin.reporters.html.layout import similar_together, song_map

# What one page holds at most; what is left out is said on the page.
MOST_SCORES = 1_000_000
MOST_TIMELINE_VALUES = 8_000_000
NEAREST = 10
# Rows per product of the similarity; fixed, because the last bit depends on it.
BLOCK = 256

MISSING = -32768  # of an int16
# Controls that turn the direction of the text around them; harmless inside a name's own box,
# but a name should show what it is.
_TURNING = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def page_data(analysis: Analysis, folder: Path) -> tuple[dict[str, Any], list[str | None]]:
    """What the page shows, as JSON values: the data, and the songs' timelines.

    The timelines stand apart because the page reads them only when a song is opened: base64 of
    int16 (segments, queries) in thousandths, or None for a song whose timeline was left out.
    """
    limits: list[str] = []
    whole = analysis
    analysis = _most_prominent(analysis, limits)
    scores = analysis.scores
    data: dict[str, Any] = {
        "counts": {
            "songs": len(whole.tracks),
            "queries": len(whole.queries),
            "failures": len(whole.failures),
        },
        "encoder": encoder_name(analysis.provenance),
        "notes": [shown(note) for note in analysis.notes],
        "warnings": [shown(warning) for warning in analysis.warnings],
        "songs": [shown(name) for name in analysis.song_names],
        "links": [_link(track.path, folder) for track in analysis.tracks],
        "durations": _rounded(analysis.durations),
        "windows": [
            _windows(starts, ends)
            for starts, ends in zip(analysis.starts, analysis.ends, strict=True)
        ],
        "queries": [
            {
                "name": shown(query.id),
                "prompts": [shown(p) for p in query.prompts if p != query.id],
                "note": shown("; ".join(filter(None, (note, fragile)))),
            }
            for query, note, fragile in zip(
                analysis.queries, analysis.query_notes, fragile_notes(whole), strict=True
            )
        ],
        "thresholds": [analysis.thresholds.high, analysis.thresholds.moderate],
        "songThresholds": [analysis.song_thresholds.high, analysis.song_thresholds.moderate],
        "labels": _calibrated_labels(analysis),
        # Scores are kept whole: labels and ranks hang on their last bit.
        "value": packed(scores.value.astype("<f4")),
        "maximum": packed(_thousandths(scores.maximum)),
        "minimum": packed(_thousandths(scores.minimum)),
        "deviation": packed(_thousandths(scores.deviation)),
        "best": packed(scores.best.astype("<u4")),
        "songOrder": similar_together(_comparable(scores.value)),
        "queryOrder": similar_together(_comparable(scores.value).T),
        "failures": [
            [shown(f.track), shown(f.stage), shown(f.plugin), shown(f.reason)]
            for f in analysis.failures
        ],
        "settings": [[shown(key), shown(value)] for key, value in settings(analysis.provenance)],
        **_neighbours(analysis),
    }
    timelines = _timelines(analysis, limits)
    if data["labels"] is not None:
        limits.append(
            "Labels are calibrated (docs/trust.md): they come from z, not from the limits of the "
            "scores that the colour scale shows."
        )
    data["limits"] = limits
    return data, timelines


def _calibrated_labels(analysis: Analysis) -> str | None:
    """Labels that do not follow from scores: uint8 (songs, queries), 0 HIGH, 1 MODERATE, 2 LOW."""
    calibrated = analysis.trust.calibrated if analysis.trust else None
    if analysis.labels_by != CALIBRATED or calibrated is None:
        return None
    limits = analysis.calibrated_thresholds
    labels = 2 - (calibrated > limits.moderate).astype("u1") - (calibrated > limits.high)
    return packed(labels.astype("u1"))


def shown(text: str) -> str:
    """Text as the page shows it: control characters are spelled out, all else stays."""
    return "".join(
        character.encode("unicode_escape").decode("ascii")
        if character in _TURNING or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        else character
        for character in text
    )


def packed(array: NDArray[Any]) -> str:
    """An array's bytes, little-endian and row by row, as base64."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")


def encoder_name(provenance: Mapping[str, Any]) -> str:
    """What the provenance calls the encoder; "" if it says nothing."""
    encoder = provenance.get("encoder", "")
    return shown(str(encoder.get("name", "") if isinstance(encoder, Mapping) else encoder))


def settings(value: Any, key: str = "") -> list[tuple[str, str]]:
    """A nested mapping as (dotted key, text) lines, sorted by key."""
    if isinstance(value, Mapping):
        inner = sorted((f"{key}.{name}" if key else str(name), value[name]) for name in value)
        return [line for name, part in inner for line in settings(part, name)]
    if isinstance(value, list | tuple) and any(isinstance(part, Mapping) for part in value):
        return [
            line
            for number, part in enumerate(value, 1)
            for line in settings(part, f"{key} {number}")
        ]
    if isinstance(value, list | tuple):
        return [(key, ", ".join(map(str, value)))]
    if isinstance(value, bool):
        return [(key, "yes" if value else "no")]
    if value is None:
        return [(key, "none")]
    return [(key, str(value))] if value != "" else []


def _link(path: Path, folder: Path) -> str | None:
    """The song's place relative to the report's folder, as a URL; None if there is no such path.

    Not resolved through symbolic links: a browser, too, takes `..` away by the letters.
    """
    try:
        relative = os.path.relpath(os.path.abspath(path), os.path.abspath(folder))
    except ValueError:  # another drive
        return None
    return quote(os.fsencode(relative.replace(os.sep, "/")), safe="/")


def _rounded(seconds: NDArray[np.float64]) -> list[float]:
    return [round(float(second), 3) for second in seconds]


def _windows(starts: NDArray[np.float64], ends: NDArray[np.float64]) -> dict[str, Any]:
    """A song's windows in few words where they are regular: start, hop, length, the last start."""
    n = len(starts)
    hop = float(starts[1] - starts[0]) if n > 1 else 0.0
    length = float(ends[0] - starts[0])
    regular = starts[0] + hop * np.arange(n)
    regular[-1] = starts[-1]  # the last one is aligned to the song's end
    if np.allclose(regular, starts, atol=1e-3, rtol=0) and np.allclose(
        starts + length, ends, atol=1e-3, rtol=0
    ):
        first, last = float(starts[0]), float(starts[-1])
        return {
            "count": n,
            "first": round(first, 3),
            "hop": round(hop, 6),
            "length": round(length, 3),
            "last": round(last, 3),
        }
    return {"count": n, "starts": _rounded(starts), "ends": _rounded(ends)}


def _thousandths(cosines: NDArray[np.float32]) -> NDArray[np.int16]:
    """Three decimals are what the page shows; two bytes hold them."""
    wide = cosines.astype(np.float64) * 1000
    known = np.isfinite(wide)
    whole = np.clip(np.rint(np.where(known, wide, 0)), -32767, 32767)
    return np.where(known, whole, MISSING).astype("<i2")


def _comparable(value: NDArray[np.float32]) -> NDArray[np.float64]:
    """Scores with each query brought to mean 0 and deviation 1, so that every query counts."""
    wide = np.nan_to_num(value.astype(np.float64))
    if not wide.size:
        return wide
    centred = wide - wide.mean(axis=0)
    spread = centred.std(axis=0)
    compared: NDArray[np.float64] = centred / np.where(spread > 0, spread, 1.0)
    return compared


def _prominence(analysis: Analysis) -> NDArray[np.intp]:
    """Songs by their best rank in any query, best first; the order of the songs if no queries."""
    value = np.nan_to_num(analysis.scores.value, nan=-np.inf)
    if not value.size:
        return np.arange(len(analysis.tracks))
    ranks = np.argsort(np.argsort(-value, axis=0, kind="stable"), axis=0, kind="stable")
    return np.argsort(ranks.min(axis=1), kind="stable")


def _most_prominent(analysis: Analysis, limits: list[str]) -> Analysis:
    """The analysis itself, or as many of its songs as a page can hold."""
    songs, queries = len(analysis.tracks), max(1, len(analysis.queries))
    room = max(1, MOST_SCORES // queries)
    if songs <= room:
        return analysis
    limits.append(
        f"This page holds {room:,} of {songs:,} songs: those that rank highest for at least one "
        "query. The CSV files beside it hold all."
    )
    keep = np.sort(_prominence(analysis)[:room])
    scores = analysis.scores
    return replace(
        analysis,
        tracks=tuple(analysis.tracks[song] for song in keep),
        scores=Scores(
            scores.value[keep],
            scores.maximum[keep],
            scores.minimum[keep],
            scores.deviation[keep],
            scores.best[keep],
        ),
        timelines=_Chosen(analysis.timelines, keep),
        starts=_Chosen(analysis.starts, keep),
        ends=_Chosen(analysis.ends, keep),
        durations=analysis.durations[keep],
        trust=analysis.trust and analysis.trust.of_songs(keep),
        song_vectors=analysis.song_vectors[keep],
    )


class _Chosen(Sequence[Any]):
    """Some items of a sequence that may make them one by one, as the page comes to need them."""

    def __init__(self, items: Sequence[Any], chosen: NDArray[np.intp]) -> None:
        self.items, self.chosen = items, chosen

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, place: Any) -> Any:
        return self.items[int(self.chosen[place])]


def _timelines(analysis: Analysis, limits: list[str]) -> list[str | None]:
    songs, queries = len(analysis.tracks), len(analysis.queries)
    kept: list[str | None] = [None] * songs
    if not queries:
        return kept
    room = MOST_TIMELINE_VALUES
    chosen = []
    for song in _prominence(analysis):
        room -= len(analysis.starts[song]) * queries
        if room < 0:
            break
        chosen.append(int(song))
    for song in sorted(chosen):
        kept[song] = packed(_thousandths(analysis.timelines[song]))
    if len(chosen) < songs:
        limits.append(
            f"Timelines are kept for {len(chosen):,} of {songs:,} songs: those that rank highest "
            "for at least one query. segments.csv holds all."
        )
    return kept


def _neighbours(analysis: Analysis) -> dict[str, Any]:
    """Each song's nearest and the map; nothing if songs were not compared with each other."""
    songs = len(analysis.tracks)
    if songs < 2 or analysis.song_vectors.shape[1] == 0:
        return {"nearest": None}
    count = min(NEAREST, songs - 1)
    nearest = np.empty((songs, count), "<u4")
    closeness = np.empty((songs, count), "<f4")
    for first in range(0, songs, BLOCK):
        similarity = analysis.song_similarity(slice(first, first + BLOCK)).copy()
        own = np.arange(len(similarity))
        similarity[own, first + own] = -np.inf
        for place in range(count):  # the best of what is left; of equals the first
            best = similarity.argmax(axis=1)
            nearest[first : first + BLOCK, place] = best
            closeness[first : first + BLOCK, place] = similarity[own, best]
            similarity[own, best] = -np.inf
    places, share = song_map(analysis.song_vectors)
    return {
        "nearest": {"count": count, "songs": packed(nearest), "similarity": packed(closeness)},
        "map": {"x": places[:, 0].tolist(), "y": places[:, 1].tolist(), "share": share},
    }
