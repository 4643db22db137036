"""`duplicates`: groups of songs that are one recording."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clapbatch.cli.options import run_options
from clapbatch.cli.questions import answer_options, exit_code, opened_shelf

if TYPE_CHECKING:
    from clapbatch.search.duplicates import Copy
    from clapbatch.search.shelf import Shelf

COLUMNS = (
    "group",
    "audio_file",
    "relation",
    "similarity",
    "timeline",
    "duration_sec",
    "bytes",
)


@click.command()
@click.argument("songs", type=Path)
@answer_options("update", "json", "csv")
@run_options
def duplicates(songs: Path, update: bool, **flags: Any) -> int:
    """Find songs of the store that are the same recording, or nearly.

    The same bytes, other encodings of one recording, and versions with half a second more or less
    at an end. Likeness is told to the first song of a group. Nothing is deleted.

    \b
    Examples:
      clapbatch duplicates ~/Music
      clapbatch duplicates ~/Music --csv > duplicates.csv
    """
    from clapbatch.search.duplicates import find_duplicates

    with opened_shelf(songs, update, flags) as (shelf, _):
        groups = find_duplicates(shelf)
    if flags["as_json"]:
        click.echo(json.dumps(_json(groups, shelf), indent=2, ensure_ascii=False))
    elif flags["as_csv"]:
        sys.stdout.write(_csv(groups))
    else:
        _table(groups, shelf)
    return exit_code(shelf)


def _rows(groups: Sequence[Sequence[Copy]]) -> list[dict[str, Any]]:
    from clapbatch.builtin.reporters.csv import number

    return [
        {
            "group": place,
            "audio_file": copy.name,
            "relation": copy.relation,
            "similarity": float(number(copy.cosine)),
            "timeline": None if copy.timeline is None else float(number(copy.timeline)),
            "duration_sec": float(number(copy.duration)),
            "bytes": copy.size,
        }
        for place, group in enumerate(groups, 1)
        for copy in group
    ]


def _json(groups: Sequence[Sequence[Copy]], shelf: Shelf) -> dict[str, Any]:
    return {
        "encoder": shelf.recipe.embedder,
        "songs_searched": len(shelf.names),
        "songs_not_in_store": len(shelf.unknown),
        "groups": len(groups),
        "songs": _rows(groups),
    }


def _csv(groups: Sequence[Sequence[Copy]]) -> str:
    from clapbatch.builtin.reporters.csv import number, text_cell

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in _rows(groups):
        row["audio_file"] = text_cell(row["audio_file"])
        for column in ("similarity", "timeline", "duration_sec"):
            row[column] = "" if row[column] is None else number(row[column])
        writer.writerow([row[column] for column in COLUMNS])
    return text.getvalue()


def _table(groups: Sequence[Sequence[Copy]], shelf: Shelf) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from clapbatch.builtin.reporters.terminal import clock, make_console, visible

    console = make_console()
    songs = "1 song" if len(shelf.names) == 1 else f"{len(shelf.names):,} songs"
    if not groups:
        console.print(f"no two of {songs} are the same recording (encoder {shelf.recipe.embedder})")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("song", overflow="fold")
    table.add_column("relation", no_wrap=True)
    for column in ("similarity", "timeline", "length", "MB"):
        table.add_column(column, justify="right", no_wrap=True)
    for group in groups:
        for copy in group:
            table.add_row(
                Text(visible(copy.name)),
                copy.relation,
                f"{copy.cosine:.3f}",
                "–" if copy.timeline is None else f"{copy.timeline:.3f}",
                clock(copy.duration),
                f"{copy.size / 1e6:.2f}",
                end_section=copy is group[-1],
            )
    console.print(table)
    found = "1 group" if len(groups) == 1 else f"{len(groups)} groups"
    console.print(f"{found} among {songs}, encoder {shelf.recipe.embedder}")
