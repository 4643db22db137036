"""Labels of songs on standard output: a table, JSON or CSV."""

from __future__ import annotations

import csv
import io
import json
import sys
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from clapbatch.builtin.reporters.csv import number, text_cell
from clapbatch.builtin.reporters.terminal import clock, make_console, visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from clapbatch.search.truth import Judged
    from clapbatch.search.zero_shot import Answer, Classes, Classified

ANSWER = ("label", "probability", "runner_up", "runner_up_probability", "margin")


def show(classes: Classes, judged: Judged | None, as_json: bool, as_csv: bool) -> None:
    """Print all songs' labels the way that was asked for."""
    if as_json:
        click.echo(json.dumps(_json(classes, judged), indent=2, ensure_ascii=False))
    elif as_csv:
        sys.stdout.write(_csv(classes, judged))
    else:
        _tables(classes, judged)


def _values(answer: Answer) -> dict[str, Any]:
    return {
        "label": answer.label,
        "probability": float(number(answer.probability)),
        "runner_up": answer.runner_up,
        "runner_up_probability": float(number(answer.runner_up_probability)),
        "margin": float(number(answer.margin)),
    }


def _json(classes: Classes, judged: Judged | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "encoder": classes.encoder,
        "logit_scale": classes.scale,
        "labels": [
            {"label": label, "note": note}
            for label, note in zip(classes.labels, classes.notes, strict=True)
        ],
        "songs": [_song(song, judged) for song in classes.songs],
    }
    if judged:
        result = judged.result
        told["truth"] = {
            "judged": len(judged.truth),
            "not_judged": judged.unjudged,
            "accuracy": float(number(result.accuracy)),
            "macro_f1": float(number(result.macro_f1)),
            "most_frequent_label_alone": float(number(result.chance)),
            "confusion": [[float(number(cell)) for cell in row] for row in result.confusion],
        }
    return told


def _song(song: Classified, judged: Judged | None) -> dict[str, Any]:
    told = {"audio_file": song.name, **_values(song.answer)}
    if judged:
        told["true_label"] = judged.truth.get(song.name)
    if song.segments:
        told["segments"] = [
            {"start_sec": float(number(start)), "end_sec": float(number(end)), **_values(answer)}
            for start, end, answer in zip(song.starts, song.ends, song.segments, strict=True)
        ]
    return told


def _csv(classes: Classes, judged: Judged | None) -> str:
    """A row a song; with segments a row a segment, its times beside it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    over_time = any(song.segments for song in classes.songs)
    times = ["start_sec", "end_sec"] if over_time else []
    writer.writerow(["audio_file", *times, *ANSWER, *(["true_label"] if judged else [])])
    for song in classes.songs:
        true = [text_cell(judged.truth.get(song.name, ""))] if judged else []
        spans = [[number(a), number(b)] for a, b in zip(song.starts, song.ends, strict=True)]
        rows = zip(spans, song.segments, strict=True) if over_time else [([], song.answer)]
        for span, answer in rows:
            cells = map(_cell, _values(answer).values())
            writer.writerow([text_cell(song.name), *span, *cells, *true])
    return text.getvalue()


def _cell(value: str | float) -> str:
    return text_cell(value) if isinstance(value, str) else number(value)


def _tables(classes: Classes, judged: Judged | None) -> None:
    from rich.text import Text

    console = make_console()
    columns = ("song", "label", "probability", "runner-up", "margin")
    table = _table(*columns, *(["true"] if judged else []))
    for song in classes.songs:
        answer = song.answer
        true = judged.truth.get(song.name, "") if judged else ""
        cells: list[Text | str] = [
            Text(visible(song.name)),
            Text(visible(answer.label), style="bold"),
            f"{answer.probability:.3f}",
            Text(f"{visible(answer.runner_up)} {answer.runner_up_probability:.3f}"),
            f"{answer.margin:.3f}",
            Text(visible(true), style="" if true == answer.label else "red"),
        ]
        table.add_row(*cells[: len(table.columns)])
        for line in _runs(song):
            table.add_row(Text(f"  {line}", style="dim"))
    console.print(table)
    for label, note in zip(classes.labels, classes.notes, strict=True):
        if note:
            console.print(Text(f"(?) {visible(label)}: {note}", style="yellow"))
    if judged:
        _judgement(classes, judged, console)


def _runs(song: Classified) -> list[str]:
    """Neighbouring segments of one label as one line."""
    lines = []
    for label, run in groupby(range(len(song.segments)), lambda i: song.segments[i].label):
        places = list(run)
        mean = sum(song.segments[i].probability for i in places) / len(places)
        span = f"{clock(song.starts[places[0]])}–{clock(song.ends[places[-1]])}"
        lines.append(f"{span} {visible(label)} {mean:.3f}")
    return lines


def _judgement(classes: Classes, judged: Judged, console: Console) -> None:
    from rich.text import Text

    result = judged.result
    table = _table("true \\ answered", *classes.labels)
    for label, row in zip(classes.labels, result.confusion, strict=True):
        if row.sum():
            table.add_row(Text(visible(label)), *(f"{cell:g}" if cell else "·" for cell in row))
    console.print(table)
    songs = len(judged.truth)
    console.print(
        Text(
            f"accuracy {result.accuracy:.3f} ({result.correct.sum():g} of {songs}), macro F1 "
            f"{result.macro_f1:.3f}; always the most frequent label: {result.chance:.3f}"
        )
    )
    if judged.unjudged:
        console.print(Text(f"{judged.unjudged} songs have no true label among these"))


def _table(*columns: str) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        words = column in ("song", "label", "runner-up", "true", "true \\ answered")
        table.add_column(
            Text(visible(column)), justify="left" if words else "right", overflow="fold"
        )
    return table
