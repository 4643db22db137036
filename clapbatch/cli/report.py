"""`report`: the page of a report folder, made again from its CSV files."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command()
@click.argument("folder", type=Path)
@click.option("--songs", type=Path, metavar="FOLDER", help="Where the songs lie, to play them.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--quiet", "-q", is_flag=True, help="No notes.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks.")
def report(folder: Path, songs: Path | None, as_json: bool, quiet: bool) -> None:
    """Make report.html of a report folder again, from the CSV files and the manifest in it.

    The numbers on the page then have the four decimals of the CSV files. Songs are looked for
    where the old page had them, or in --songs.

    \b
    Examples:
      clapbatch report reports/Music
      clapbatch report reports/Music --songs ~/Music
    """
    from clapbatch.engine.rebuild import read_analysis, rewrite_page
    from clapbatch.library import printable

    analysis, notes = read_analysis(folder, songs)
    rewrite_page(analysis, folder)
    page = folder / "report.html"
    if as_json:
        told = {
            "page": printable(page),
            "songs": len(analysis.tracks),
            "queries": len(analysis.queries),
            "failures": len(analysis.failures),
            "notes": notes,
        }
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    if not quiet:
        for note in notes:
            click.echo(f"note: {note}", err=True)
    click.echo(f"page: {printable(page)}")
