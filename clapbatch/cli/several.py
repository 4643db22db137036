"""`--encoder clap,musicnn`: the same songs and sentences under several encoders, side by side.

Each encoder is a run of its own, with its own windows and sample rate, and a report of its own;
here they are joined. A song is decoded once for all of them.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clapbatch.cli.main import DONE, NOTHING_DONE, SOME_FAILED

if TYPE_CHECKING:
    from clapbatch.config import RunConfig
    from clapbatch.domain import Analysis

JOINED = "encoders.csv"


def single_song(config: RunConfig, flags: dict[str, Any]) -> int:
    """`single` with several encoders: a row a query, columns for each encoder."""
    runs = _runs(config, flags)
    for analysis in runs.values():
        for failure in analysis.failures:
            raise click.ClickException(f"{failure.track}: {failure.reason}")
    _show(runs, flags)
    return DONE


def many_songs(config: RunConfig, folder: Path, flags: dict[str, Any]) -> int:
    """`multi` with several encoders: a report each in FOLDER/ENCODER, and encoders.csv."""
    from clapbatch.engine.reports import check_folder, make_reporters, write_report
    from clapbatch.errors import UsageError
    from clapbatch.library import printable
    from clapbatch.registry import Registry

    reporters = make_reporters(config, Registry(config.plugins))
    for name in _names(config):
        check_folder(folder / _file_name(name))
    runs = _runs(config, flags)
    for name, analysis in runs.items():
        write_report(analysis, folder / _file_name(name), reporters)
    draft = folder / f".{JOINED}.{os.getpid()}"
    try:
        draft.write_text(joined_csv(runs), encoding="utf-8")
        os.replace(draft, folder / JOINED)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"{printable(folder)} cannot be written ({reason})") from error
    if not flags["quiet"] or flags["as_json"] or flags["as_csv"]:
        _show(runs, flags)
    if not (flags["as_json"] or flags["as_csv"] or flags["quiet"]):
        click.echo(f"reports: {printable(folder)}")
    if not any(analysis.tracks for analysis in runs.values()):
        return NOTHING_DONE
    return SOME_FAILED if any(analysis.failures for analysis in runs.values()) else DONE


def _names(config: RunConfig) -> list[str]:
    from clapbatch.cli.encoders import encoder_names
    from clapbatch.errors import UsageError

    names = encoder_names(config.encoder)
    if len(set(names)) < len(names) or not all(names):
        raise UsageError(f"--encoder names each encoder once, not {config.encoder!r}")
    return names


def _file_name(encoder: str) -> str:
    """clap:checkpoint=music as a folder's name."""
    return "".join(c if c.isalnum() or c in "-_.=" else "_" for c in encoder)


def _runs(config: RunConfig, flags: dict[str, Any]) -> dict[str, Analysis]:
    from clapbatch.cli.encoders import analyze_each

    names = _names(config)
    quiet = bool(flags["quiet"] or flags["as_json"] or flags["as_csv"])
    return dict(zip(names, analyze_each(config, names, quiet), strict=True))


def joined_rows(runs: dict[str, Analysis]) -> Iterator[dict[str, Any]]:
    """Song × query, of songs that every encoder heard: each one's score, label and rank.

    labels_agree : yes if all labels are equal. rank_gap : highest minus lowest rank.
    """
    from clapbatch.builtin.reporters.csv import song_ranks

    analyses = list(runs.values())
    first = analyses[0]
    songs = [s for s in first.song_names if all(s in a.song_names for a in analyses[1:])]
    places = [[a.song_names.index(song) for song in songs] for a in analyses]
    ranks = [song_ranks(a.scores.value[rows]) for a, rows in zip(analyses, places, strict=True)]
    for i, song in enumerate(songs):
        for j, query in enumerate(first.query_ids):
            labels = [a.label(rows[i], j) for a, rows in zip(analyses, places, strict=True)]
            own = [int(rank[i, j]) for rank in ranks]
            row: dict[str, Any] = {"audio_file": song, "query": query}
            for name, a, rows, label, rank in zip(runs, analyses, places, labels, own, strict=True):
                row[f"similarity {name}"] = float(a.scores.value[rows[i], j])
                row[f"label {name}"] = label
                row[f"rank {name}"] = rank
            row["labels_agree"] = "yes" if len(set(labels)) == 1 else "no"
            row["rank_gap"] = max(own) - min(own)
            yield row


def joined_csv(runs: dict[str, Analysis]) -> str:
    from clapbatch.builtin.reporters.csv import number, text_cell

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_columns(list(runs)))
    for row in joined_rows(runs):
        cells = (number(v) if isinstance(v, float) else str(v) for v in row.values())
        writer.writerow(map(_harmless(text_cell), cells))
    return text.getvalue()


def _harmless(text_cell: Any) -> Any:
    """Numbers stay as they are: a minus sign is no formula there."""
    return lambda cell: cell if _is_number(cell) else text_cell(cell)


def _is_number(cell: str) -> bool:
    return cell.lstrip("-").replace(".", "", 1).isdigit()


def _columns(names: Sequence[str]) -> list[str]:
    each = [f"{what} {name}" for name in names for what in ("similarity", "label", "rank")]
    return ["audio_file", "query", *each, "labels_agree", "rank_gap"]


def _show(runs: dict[str, Analysis], flags: dict[str, Any]) -> None:
    rows = list(joined_rows(runs))
    warnings = {name: list(analysis.warnings) for name, analysis in runs.items()}
    if flags["as_csv"]:
        click.echo(joined_csv(runs), nl=False)
    elif flags["as_json"]:
        rounded = [
            {k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()} for row in rows
        ]
        told = {"encoders": list(runs), "warnings": warnings, "rows": rounded}
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        _print(runs, rows, warnings)


def _print(
    runs: dict[str, Analysis], rows: list[dict[str, Any]], warnings: dict[str, list[str]]
) -> None:
    from rich.text import Text

    from clapbatch.builtin.reporters.terminal import make_console, make_table, visible

    console = make_console()
    for name, told in warnings.items():
        for warning in told:
            console.print(Text(f"WARNING: {name}: {visible(warning)}", style="bold red"))
    table = make_table("query", "best song", *runs, "agree")
    best: dict[str, dict[str, Any]] = {}
    for row in rows:  # the song whose ranks are the best taken together
        ranks = [row[f"rank {name}"] for name in runs]
        known = best.get(row["query"])
        if known is None or sum(ranks) < sum(known[f"rank {name}"] for name in runs):
            best[row["query"]] = row
    for row in best.values():
        cells = [
            f"{row[f'similarity {name}']:.3f} {row[f'label {name}']} #{row[f'rank {name}']}"
            for name in runs
        ]
        table.add_row(visible(row["query"]), visible(row["audio_file"]), *cells,
                      row["labels_agree"])  # fmt: skip
    console.print(table)
    agree = sum(row["labels_agree"] == "yes" for row in rows)
    console.print(f"all encoders give one label to {agree} of {len(rows)} pairs", markup=False)
