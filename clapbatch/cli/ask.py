"""`ask`: a sentence as people say it, understood, shown, and answered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clapbatch.cli.options import run_options
from clapbatch.cli.questions import answer_options, exit_code, opened_shelf

if TYPE_CHECKING:
    from clapbatch.language.request import Request
    from clapbatch.search.asked import Answer


@click.command()
@click.argument("songs", type=Path)
@click.argument("sentence")
@click.option(
    "--set",
    "corrections",
    multiple=True,
    metavar="KIND=VALUE",
    help="Correct one attribute: voice=none, genre=jazz, tempo=any. Repeatable.",
)
@click.option("--dry-run", is_flag=True, help="Only show how the sentence is understood.")
@answer_options("k", "update", "json", "csv")
@run_options
def ask(songs: Path, sentence: str, corrections: tuple[str, ...], dry_run: bool, k: int,
        update: bool, **flags: Any) -> int:  # fmt: skip
    """Find songs by a sentence as people say it.

    The sentence is taken apart by word lists, with no language model: wanted things become prompts,
    unwanted ones are scored apart and subtracted, a tempo in figures is measured and lets songs
    through or not, and songs of your library that are named are mixed in by likeness. How it was
    understood is always shown; --set corrects one kind (genre, mood, instrument, voice, tempo, era,
    use, song).

    \b
    Examples:
      clapbatch ask songs/ "calm piano, no vocals" --update
      clapbatch ask songs/ "something like fur elise without drums"
      clapbatch ask songs/ "upbeat latin around 120 bpm" --set tempo=any
    """
    from clapbatch.language.understand import understand

    request = _corrected(understand(sentence), corrections)
    if dry_run:
        show_request(request, flags["as_json"])
        return 0
    return answer_request(songs, request, k, update, flags)


def answer_request(songs: Path, request: Request, k: int, update: bool, flags: Any) -> int:
    """Answer a sentence that was taken apart, and show how it was understood; an exit code."""
    from clapbatch.cli.hits import show
    from clapbatch.search.asked import answer

    with opened_shelf(songs, update, flags) as (shelf, progress):
        meter = None
        if request.tempo is not None:
            from clapbatch.search.tempo import TempoMeter

            meter = TempoMeter(shelf)
        found = answer(shelf, request, k, progress, meter)
        if meter:
            meter.save()
    if not (flags["as_json"] or flags["as_csv"]):
        show_request(request, as_json=False)
    show(found.ranking, flags["as_json"], flags["as_csv"], {"understood": _told(found)})
    if found.tempi and not (flags["as_json"] or flags["as_csv"]):
        click.echo(_tempi(found))
    return exit_code(shelf)


def _corrected(request: Request, corrections: tuple[str, ...]) -> Request:
    from clapbatch.errors import UsageError
    from clapbatch.language.understand import correct

    for correction in corrections:
        kind, equals, value = correction.partition("=")
        if not equals:
            raise UsageError(f"--set takes KIND=VALUE, such as voice=none, not {correction!r}")
        request = correct(request, kind.strip(), value)
    return request


def _told(found: Answer) -> dict[str, Any]:
    return {
        **found.request.to_json(),
        "songs_taken_for": found.references,
        "tempi": {name: round(bpm, 1) for name, bpm in found.tempi.items()},
    }


def show_request(request: Request, as_json: bool) -> None:
    """How a sentence was understood, as a table or as JSON."""
    import json

    from rich.text import Text

    from clapbatch.builtin.reporters.terminal import make_console, make_table, visible

    if as_json:
        click.echo(json.dumps(request.to_json(), indent=2, ensure_ascii=False))
        return
    console = make_console()
    table = make_table("text", "kind", "value", "meant", "prompt")
    for row in request.rows():
        cells = (row["text"], row["kind"], row["value"], row["polarity"], row["prompt"])
        style = {"unwanted": "red", "not understood": "yellow"}.get(row["polarity"], "")
        table.add_row(*(Text(visible(cell), style=style) for cell in cells))
    console.print(table)
    for note in (*(row["note"] for row in request.rows()), *request.notes):
        if note:
            console.print(Text(f"note: {visible(note)}", style="yellow"))


def _tempi(found: Answer) -> str:
    from clapbatch.builtin.reporters.terminal import visible

    shown = [
        f"{visible(hit.name)} {found.tempi[hit.name]:.0f}"
        for hit in found.ranking.hits
        if hit.name in found.tempi
    ]
    left = len(found.tempi) - len(shown)
    told = "; ".join(shown) or "no song"
    return f"beats a minute: {told} ({left} of {len(found.tempi)} measured songs are outside)"
