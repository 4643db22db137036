"""Tables for a person at a terminal, on standard output."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clapbatch.api import Analysis, ReporterSpec, fragile_notes, hookimpl, option

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

STYLES = {"HIGH": "bold green", "MODERATE": "yellow", "LOW": "dim"}
# Wide enough for any row when nobody looks: a pipe has no edge to wrap at.
PIPE_WIDTH = 200
# Beside a label that changes with the wording.
FRAGILE = "~"
NUMERIC = ("score", "max", "min", "std", "next", "rho")


@dataclass(frozen=True)
class TerminalOptions:
    rows: int = option(20, "rows shown before the rest is only counted")


class TerminalReporter:
    """One song: a row a query. Several songs: the best songs of each query."""

    def __init__(self, options: TerminalOptions) -> None:
        self._rows = options.rows

    def write(self, analysis: Analysis, folder: Path) -> list[str]:
        from rich.text import Text

        console = make_console()
        for warning in analysis.warnings:
            console.print(Text(f"WARNING: {visible(warning)}", style="bold red"))
        if len(analysis.tracks) == 1:
            self._one_song(analysis, console)
        elif analysis.tracks:
            self._many_songs(analysis, console)
        return []

    def _one_song(self, analysis: Analysis, console: Console) -> None:
        from rich.text import Text

        segments = len(analysis.starts[0])
        encoder = analysis.provenance["encoder"]["name"]
        console.print(
            Text(
                f"{visible(analysis.song_names[0])}: {clock(float(analysis.durations[0]))}, "
                f"{segments} {'segment' if segments == 1 else 'segments'}, encoder {encoder}"
            )
        )
        if not analysis.queries:
            return
        table = make_table("query", "score", "label", "max", "min", "std", "best moment")
        scores = analysis.scores
        for j in range(len(analysis.queries)):
            best = int(scores.best[0, j])
            table.add_row(
                _query(analysis, j),
                f"{scores.value[0, j]:.3f}",
                _label(analysis, 0, j),
                f"{scores.maximum[0, j]:.3f}",
                f"{scores.minimum[0, j]:.3f}",
                f"{scores.deviation[0, j]:.3f}",
                _moment(analysis, 0, best),
            )
        console.print(table)
        _doubts(analysis, console)

    def _many_songs(self, analysis: Analysis, console: Console) -> None:
        if not analysis.queries:
            return
        table = make_table("query", "best song", "score", "label", "best moment", "next")
        values = analysis.scores.value
        for j in range(min(len(analysis.queries), self._rows)):
            order = np.argsort(-values[:, j], kind="stable")
            first, second = int(order[0]), int(order[1])
            best = int(analysis.scores.best[first, j])
            table.add_row(
                _query(analysis, j),
                visible(analysis.song_names[first]),
                f"{values[first, j]:.3f}",
                _label(analysis, first, j),
                _moment(analysis, first, best),
                f"{values[second, j]:.3f}",
            )
        console.print(table)
        more = len(analysis.queries) - self._rows
        if more > 0:
            console.print(f"… and {more} more queries; all of them are in the report", style="dim")
        _doubts(analysis, console)


def make_console() -> Console:
    """Standard output as rich sees it; honours NO_COLOR and the width of a real terminal."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False)


def visible(text: str) -> str:
    """A name with its control characters shown, so that it cannot steer the terminal."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def clock(seconds: float) -> str:
    """Seconds as m:ss, or h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def make_table(*columns: str) -> Table:
    """A plain table; columns of numbers are set to the right, long texts are wrapped."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        numeric = column in NUMERIC
        table.add_column(
            column,
            justify="right" if numeric else "left",
            no_wrap=numeric or column in ("label", "best moment"),
            overflow="fold",
        )
    return table


def _query(analysis: Analysis, j: int) -> Text:
    from rich.text import Text

    mark = " (?)" if analysis.query_notes[j] else ""
    return Text(visible(analysis.query_ids[j]) + mark)


def _label(analysis: Analysis, song: int, query: int) -> Text:
    """The label; with a mark if another of the query's wordings would change it."""
    from rich.text import Text

    label = analysis.label(song, query)
    fragile = analysis.trust is not None and analysis.trust.fragile[song, query]
    return Text(f"{label} {FRAGILE}" if fragile else label, style=STYLES[label])


def _moment(analysis: Analysis, song: int, segment: int) -> str:
    start, end = analysis.starts[song][segment], analysis.ends[song][segment]
    return f"{clock(float(start))}–{clock(float(end))}"


def _doubts(analysis: Analysis, console: Console) -> None:
    from rich.text import Text

    for query, note in zip(analysis.query_ids, analysis.query_notes, strict=True):
        if note:
            console.print(Text(f"(?) {visible(query)}: {note}", style="yellow"))
    for query, note in zip(analysis.query_ids, fragile_notes(analysis), strict=True):
        if note:
            console.print(Text(f"{FRAGILE} {visible(query)}: {note}", style="yellow"))


@hookimpl
def register_reporters() -> list[ReporterSpec]:
    return [
        ReporterSpec(
            name="terminal",
            version="1",
            summary="tables on standard output",
            options=TerminalOptions,
            make=TerminalReporter,
        )
    ]
