"""A report's CSV files and manifest -> an Analysis, as far as four decimals can hold it.

What is not the same as in the run that wrote them: every number has four decimals; song vectors
are made from the cosines between songs and are the same only up to a rotation; `timing` is that of
the run. What is in no file is left out: timelines without segments.csv, song vectors without
song_similarity.csv, and where the songs lie (see `read_analysis`).
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import numpy as np
from numpy.typing import NDArray

from clapbatch.builtin.reporters.csv import read_text_cell
from clapbatch.builtin.reporters.html import FILE_NAME, HtmlReporter
from clapbatch.builtin.reporters.html.data import shown
from clapbatch.domain import (
    Analysis,
    Failure,
    FloatArray,
    Query,
    Scores,
    Thresholds,
    TimeArray,
    Track,
    Trust,
)
from clapbatch.engine.reports import MANIFEST
from clapbatch.errors import UsageError
from clapbatch.fingerprint import file_sha256
from clapbatch.library import printable

# What `reports.manifest` puts beside the provenance.
_NOT_PROVENANCE = {
    "songs", "failures", "queries", "notes", "warnings", "thresholds", "versions", "machine",
    "files", "timing",
}  # fmt: skip
_PAGE_DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)
UNKNOWN_PLACE = "where the songs lie is in no CSV file; --songs FOLDER lets the page play them"


def read_analysis(folder: Path, songs: Path | None = None) -> tuple[Analysis, list[str]]:
    """Read a report folder back; and notes for the person on what could not be.

    songs : the folder that the songs' names are relative to. Without it their places are taken
    from the page that is there; if there is none, nothing is known of them.

    Raises
    ------
    UsageError
        If the folder is no report, or one of its files is missing or not as it was written.
    """
    manifest = _manifest(folder)
    try:
        return _read(folder, manifest, songs)
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise UsageError(
            f"the files in {printable(folder)} do not fit together ({error}); run multi again"
        ) from error


def rewrite_page(analysis: Analysis, folder: Path) -> Path:
    """Put a new report.html into a report folder and its sha256 into the manifest.

    Raises
    ------
    UsageError
        If they cannot be written.
    """
    manifest = _manifest(folder)
    folder = Path(os.path.abspath(folder))
    draft = None
    try:
        # Beside the folder: from there the songs' relative paths are the same.
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.{os.getpid()}.", dir=folder.parent))
        HtmlReporter().write(analysis, draft)
        manifest["files"][FILE_NAME] = file_sha256(draft / FILE_NAME)
        text = json.dumps(manifest, indent=2, sort_keys=True) + "\n"
        (draft / MANIFEST).write_text(text, encoding="utf-8")
        for name in (FILE_NAME, MANIFEST):
            os.replace(draft / name, folder / name)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"{printable(folder / FILE_NAME)} cannot be written ({reason})") from error
    finally:
        if draft is not None:
            shutil.rmtree(draft, ignore_errors=True)
    return folder / FILE_NAME


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
        assert "audio_fingerprint" in manifest
    except (OSError, ValueError, AssertionError, TypeError) as error:
        raise UsageError(
            f"{printable(folder)} is no report of clapbatch: it has no {MANIFEST} that can be read"
        ) from error
    return manifest


def _read(folder: Path, manifest: dict[str, Any], songs: Path | None) -> tuple[Analysis, list[str]]:
    names = [read_text_cell(row[0]) for row in _rows(folder / "scores.csv")][1:]
    queries = tuple(Query(q["id"], tuple(q["prompts"])) for q in manifest["queries"])
    long = list(_dicts(folder / "scores_long.csv"))
    shape = (len(names), len(queries))
    durations = _column(long, "duration_sec", shape)[:, :1].reshape(-1).astype(np.float64)
    counts = _column(long, "num_segments", shape).astype(np.int64)
    starts, ends, timelines, notes = _segments(folder, manifest, durations, counts, len(queries))
    tracks, unplaced = _tracks(folder, names, songs)
    vectors, unmapped = _song_vectors(folder, len(names))
    changed = [
        f"{name} is not as it was written any more"
        for name, sha256 in sorted(manifest["files"].items())
        if name != FILE_NAME and (folder / name).exists() and file_sha256(folder / name) != sha256
    ]
    limits = [Thresholds(**manifest["thresholds"][key]) for key in ("song_query", "song_song")]
    best_starts = _column(long, "best_start", shape)
    analysis = Analysis(
        tracks=tracks,
        queries=queries,
        query_notes=tuple(read_text_cell(row["note"]) for row in long[: len(queries)])
        or ("",) * len(queries),
        scores=Scores(
            _column(long, "similarity", shape),
            _column(long, "max_score", shape),
            _column(long, "min_score", shape),
            _column(long, "std_score", shape),
            _nearest(starts, best_starts),
        ),
        timelines=timelines,
        starts=starts,
        ends=ends,
        durations=durations if len(queries) else np.zeros(len(names)),
        song_vectors=vectors,
        thresholds=limits[0],
        song_thresholds=limits[1],
        failures=tuple(map(_failure, _dicts(folder / "failures.csv"))),
        notes=tuple(manifest["notes"]),
        warnings=tuple(manifest.get("warnings", ())),
        provenance={k: v for k, v in manifest.items() if k not in _NOT_PROVENANCE},
        timing=manifest["timing"],
        trust=_trust(long, shape),
        labels_by=str(manifest.get("labels", "raw")),
    )
    return analysis, [*changed, *notes, *unplaced, *unmapped]


def _failure(row: Mapping[str, str]) -> Failure:
    name, reason = read_text_cell(row["audio_file"]), read_text_cell(row["reason"])
    return Failure(name, row["stage"], row["plugin"], reason)


def _rows(path: Path) -> Iterator[list[str]]:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            yield from csv.reader(file)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{printable(path)} cannot be read ({reason.lower()})") from error


def _dicts(path: Path) -> Iterator[dict[str, str]]:
    rows = _rows(path)
    columns = next(rows, [])
    return (dict(zip(columns, row, strict=True)) for row in rows)


def _column(long: Sequence[Mapping[str, str]], name: str, shape: tuple[int, int]) -> FloatArray:
    """A column of scores_long.csv as (songs, queries); an empty cell is nan."""
    cells = [row[name] for row in long]
    values = np.array([float(cell) if cell else np.nan for cell in cells], np.float32)
    return values.reshape(shape)


def _segments(
    folder: Path,
    manifest: Mapping[str, Any],
    durations: TimeArray,
    counts: NDArray[np.int64],
    queries: int,
) -> tuple[list[TimeArray], list[TimeArray], list[FloatArray], list[str]]:
    """Each song's starts, ends and timeline, from segments.csv, song by song."""
    if not queries:
        nothing = [np.zeros(1)] * len(counts)
        return nothing, nothing, [np.empty((1, 0), np.float32)] * len(counts), []
    if "segments.csv" not in manifest["files"]:
        starts = [
            _windows(float(manifest["hop_sec"]), float(manifest["window_sec"]), duration, int(n[0]))
            for duration, n in zip(durations, counts, strict=True)
        ]
        ends = [
            np.minimum(start + float(manifest["window_sec"]), duration)
            for start, duration in zip(starts, durations, strict=True)
        ]
        unknown = [np.full((len(start), queries), np.nan, np.float32) for start in starts]
        return starts, ends, unknown, ["segments.csv was not written: the page has no timelines"]
    rows = _rows(folder / "segments.csv")
    next(rows)
    starts, ends, timelines = [], [], []
    for count in counts[:, 0]:
        lines = [row[3:6] for row in islice(rows, queries * int(count))]
        cells = np.array(lines, np.float64).reshape(queries, int(count), 3)
        starts.append(cells[0, :, 0].copy())
        ends.append(cells[0, :, 1].copy())
        timelines.append(np.ascontiguousarray(cells[:, :, 2].T).astype(np.float32))
    return starts, ends, timelines, []


def _windows(hop: float, window: float, duration: float, count: int) -> TimeArray:
    """Where windows start: every hop, the last one aligned to the end."""
    starts: TimeArray = np.arange(count, dtype=np.float64) * hop
    if count > 1:
        starts[-1] = max(min(starts[-1], duration - window), 0.0)
    return starts


def _nearest(starts: Sequence[TimeArray], wanted: FloatArray) -> NDArray[np.int64]:
    """Of each song the segment that starts where a row says; int64 like `wanted`."""
    found = np.zeros(wanted.shape, np.int64)
    for i, times in enumerate(starts):
        for j in range(wanted.shape[1]):
            found[i, j] = np.abs(times - wanted[i, j]).argmin()
    return found


def _song_vectors(folder: Path, songs: int) -> tuple[FloatArray, list[str]]:
    """Unit vectors with the cosines of song_similarity.csv: its Gram matrix, factorised."""
    if not (folder / "song_similarity.csv").exists():
        note = "song_similarity.csv is not there: the page has no map and no nearest songs"
        return np.empty((songs, 0), np.float32), [note]
    rows = list(_rows(folder / "song_similarity.csv"))[1:]
    cosines = np.array([row[1:] for row in rows], np.float64).reshape(songs, songs)
    values, axes = np.linalg.eigh((cosines + cosines.T) / 2)
    vectors = axes * np.sqrt(np.maximum(values, 0))
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)
    return unit.astype(np.float32), []


def _tracks(
    folder: Path, names: Sequence[str], songs: Path | None
) -> tuple[tuple[Track, ...], list[str]]:
    if songs is not None:
        if not songs.is_dir():
            raise UsageError(f"{printable(songs)} is not a folder")
        return tuple(Track(name, songs / name) for name in names), []
    places = _places(folder)
    notes = [] if all(shown(name) in places for name in names) else [UNKNOWN_PLACE]
    return tuple(Track(name, places.get(shown(name), folder / name)) for name in names), notes


def _places(folder: Path) -> dict[str, Path]:
    """Where the page that is there says that the songs lie, by the names that it shows."""
    try:
        found = _PAGE_DATA.search((folder / FILE_NAME).read_text("utf-8"))
        data = json.loads(found[1]) if found else {"songs": [], "links": []}
        pairs = zip(data["songs"], data["links"], strict=True)
        return {name: folder / os.fsdecode(unquote_to_bytes(link)) for name, link in pairs if link}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _trust(long: Sequence[Mapping[str, str]], shape: tuple[int, int]) -> Trust | None:
    if not long or "fragile" not in long[0]:
        return None
    tables = {name: _column(long, name, shape) for name in ("z", "percentile", "z_among_songs")}
    spread = _column(long, "spread", shape)
    fragile = np.array([row["fragile"] == "yes" for row in long], np.bool_).reshape(shape)
    known = {name: None if np.isnan(table).all() else table for name, table in tables.items()}
    if np.isnan(spread).all() and not any(table is not None for table in known.values()):
        return None
    return Trust(spread, fragile, known["z"], known["percentile"], known["z_among_songs"])
