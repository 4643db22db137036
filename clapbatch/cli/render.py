"""An Analysis on standard output: tables, JSON or CSV."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from clapbatch.builtin.reporters.csv import LONG_COLUMNS, long_rows, number
from clapbatch.builtin.reporters.terminal import clock
from clapbatch.library import printable
from clapbatch.registry import make_options, option_names
from clapbatch.roles import ReporterSpec

if TYPE_CHECKING:
    from clapbatch.cli.progress import Progress
    from clapbatch.config import RunConfig
    from clapbatch.domain import Analysis
    from clapbatch.registry import Registry


def terminal(analysis: Analysis, config: RunConfig, registry: Registry) -> None:
    """The terminal reporter's tables."""
    spec = registry.get(ReporterSpec, "terminal")
    given = config.options.get("reporter", {})
    options = make_options(spec, {k: v for k, v in given.items() if k in option_names(spec)})
    spec.make(options).write(analysis, Path())


def long_csv(analysis: Analysis) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, LONG_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(long_rows(analysis))
    return text.getvalue()


def single_json(analysis: Analysis) -> str:
    """One song as a JSON object; numbers as in the CSV files."""
    scores = analysis.scores
    queries = []
    for j, query in enumerate(analysis.queries):
        best = int(scores.best[0, j])
        queries.append(
            {
                "query": query.id,
                "score": _number(scores.value[0, j]),
                "label": analysis.label(0, j),
                "max": _number(scores.maximum[0, j]),
                "min": _number(scores.minimum[0, j]),
                "std": _number(scores.deviation[0, j]),
                "best_start": _number(analysis.starts[0][best]),
                "best_end": _number(analysis.ends[0][best]),
                **_trust(analysis, j),
                "note": analysis.query_notes[j],
            }
        )
    return _json(
        {
            "audio_file": analysis.song_names[0],
            "duration_sec": _number(analysis.durations[0]),
            "num_segments": len(analysis.starts[0]),
            "encoder": analysis.provenance["encoder"]["name"],
            "warnings": list(analysis.warnings),
            "queries": queries,
        }
    )


def _trust(analysis: Analysis, query: int) -> dict[str, Any]:
    """The only song's trust in one score; None where nothing can be told."""
    trust = analysis.trust
    if trust is None or trust.z is None or trust.percentile is None:
        z = percentile = None
    else:
        z, percentile = _number(trust.z[0, query]), _number(trust.percentile[0, query])
    several = trust is not None and not np.isnan(trust.spread[0, query])
    return {
        "z": z,
        "percentile": percentile,
        "spread": _number(trust.spread[0, query]) if trust and several else None,
        "fragile": bool(trust.fragile[0, query]) if trust and several else None,
    }


def summary_json(analysis: Analysis, folder: Path, progress: Progress) -> str:
    best = best_songs(analysis)
    return _json(
        {
            "songs": len(analysis.tracks),
            "failures": len(analysis.failures),
            "queries": len(analysis.queries),
            "songs_embedded": analysis.timing["songs_embedded"],
            "songs_from_store": progress.found.stored,
            "seconds": analysis.timing["seconds"],
            "encoder": analysis.provenance["encoder"]["name"],
            "folder": printable(folder),
            "warnings": list(analysis.warnings),
            "best": [
                {"query": query, "song": song, "score": _number(score)}
                for query, song, score in best
            ],
        }
    )


def best_songs(analysis: Analysis) -> list[tuple[str, str, float]]:
    """(query, its best song, score); the first of equals."""
    if not analysis.tracks:
        return []
    values = analysis.scores.value
    return [
        (query, analysis.song_names[i], float(values[i, j]))
        for j, (query, i) in enumerate(
            zip(analysis.query_ids, np.argmax(values, axis=0).tolist(), strict=True)
        )
    ]


def summary(analysis: Analysis, folder: Path, progress: Progress) -> None:
    """What was done, how fast, and where the files are."""
    songs, failures = len(analysis.tracks), len(analysis.failures)
    embedded = analysis.timing["songs_embedded"]
    told = (
        f"{songs} {'song' if songs == 1 else 'songs'} × {len(analysis.queries)} "
        f"{'query' if len(analysis.queries) == 1 else 'queries'} in "
        f"{analysis.timing['seconds']:.1f} s"
    )
    if embedded:
        told += (
            f"; {embedded} embedded ({clock(progress.audio_seconds)} of audio, "
            f"{progress.speed:.0f} × real time)"
        )
    told += f", {songs - embedded} from the store" if songs > embedded else ""
    click.echo(f"{told}; encoder {analysis.provenance['encoder']['name']}")
    if failures:
        click.secho(f"{failures} failed; failures.csv says why:", fg="red", err=True)
        for failure in analysis.failures[:5]:
            click.echo(f"  {printable(failure.track)!r}: {failure.reason}", err=True)
        if failures > 5:
            click.echo(f"  … and {failures - 5} more", err=True)
    click.echo(f"report: {printable(folder)}")


def _number(value: Any) -> float:
    return float(number(float(value)))


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
