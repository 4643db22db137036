"""The answer to a search on standard output: a table, JSON or CSV."""

from __future__ import annotations

import csv
import io
import json
import sys
from typing import TYPE_CHECKING, Any

import click

from clapbatch.builtin.reporters.csv import number, text_cell
from clapbatch.builtin.reporters.terminal import STYLES, clock, make_console, visible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clapbatch.search.ranking import Hit, Ranking, Reason

COLUMNS = ("rank", "audio_file", "score", "label", "best_start", "best_end", "duration_sec")


def show(
    ranking: Ranking, as_json: bool, as_csv: bool, more: Mapping[str, Any] | None = None
) -> None:
    """Print an answer the way that was asked for. more : what JSON says besides."""
    if as_json:
        click.echo(json.dumps({**(more or {}), **_json(ranking)}, indent=2, ensure_ascii=False))
    elif as_csv:
        sys.stdout.write(_csv(ranking))
    else:
        _table(ranking)


def _json(ranking: Ranking) -> dict[str, Any]:
    return {
        "question": ranking.question,
        "encoder": ranking.encoder,
        "songs_searched": ranking.searched,
        "songs_not_in_store": ranking.unknown,
        "songs_changed": list(ranking.changed),
        "results": [
            {
                "rank": rank,
                "audio_file": hit.name,
                "score": _float(hit.score),
                "label": hit.label,
                "best_start": _float(hit.start),
                "best_end": _float(hit.end),
                "duration_sec": _float(hit.duration),
                "why": [
                    {
                        "text": reason.text,
                        "weight": reason.weight,
                        "score": _float(reason.score),
                        "at_best_moment": _float(reason.moment),
                        "note": reason.note,
                    }
                    for reason in hit.reasons
                ],
            }
            for rank, hit in enumerate(ranking.hits, 1)
        ],
    }


def _csv(ranking: Ranking) -> str:
    """One column more a sentence: its own score, those of unwanted ones headed "not …"."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    reasons = ranking.hits[0].reasons if ranking.hits else ()
    writer.writerow([*COLUMNS, *(text_cell(_name(reason)) for reason in reasons)])
    for rank, hit in enumerate(ranking.hits, 1):
        writer.writerow(
            [
                rank,
                text_cell(hit.name),
                number(hit.score),
                hit.label,
                number(hit.start),
                number(hit.end),
                number(hit.duration),
                *(number(reason.score) for reason in hit.reasons),
            ]
        )
    return text.getvalue()


def _table(ranking: Ranking) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    console = make_console()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("#", justify="right")
    table.add_column("song", overflow="fold")
    table.add_column("score", justify="right")
    table.add_column("label", no_wrap=True)
    table.add_column("best moment", no_wrap=True)
    table.add_column("why", overflow="fold")
    for rank, hit in enumerate(ranking.hits, 1):
        table.add_row(
            str(rank),
            Text(visible(hit.name)),
            f"{hit.score:.3f}",
            Text(hit.label, style=STYLES[hit.label]),
            f"{clock(hit.start)}–{clock(hit.end)}",
            Text(_why(hit)),
        )
    console.print(table)
    songs = "1 song" if ranking.searched == 1 else f"{ranking.searched:,} songs"
    console.print(Text(f"{visible(ranking.question)}: {songs} compared, encoder {ranking.encoder}"))
    if ranking.hits and all(hit.label == "LOW" for hit in ranking.hits):
        console.print(Text("all are LOW: no song answers this well", style="yellow"))
    for reason in ranking.hits[0].reasons if ranking.hits else ():
        if reason.note:
            console.print(Text(f"(?) {visible(reason.text)}: {reason.note}", style="yellow"))


def _why(hit: Hit) -> str:
    """Each part's score over the song, and what it reaches at the best moment."""
    if len(hit.reasons) == 1:
        return f"{hit.reasons[0].moment:.3f} at its best"
    return "; ".join(
        f"{visible(_name(reason))} {reason.score:.3f} ({reason.moment:.3f})"
        for reason in hit.reasons
    )


def _name(reason: Reason) -> str:
    return f"not {reason.text}" if reason.weight < 0 else reason.text


def _float(value: float) -> float:
    return float(number(value))
