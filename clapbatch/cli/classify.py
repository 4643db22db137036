"""`classify`: the nearest of several labels, for every song."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from clapbatch.cli.options import run_options
from clapbatch.cli.questions import answer_options, exit_code, opened_shelf


@click.command()
@click.argument("songs", type=Path)
@click.argument("source", metavar="LABELS")
@click.option(
    "--template",
    "templates",
    multiple=True,
    metavar="TEXT",
    help="Sentence with {label} in it. Repeatable: several are averaged.",
)
@click.option("--segments", is_flag=True, help="Every segment's label too.")
@click.option("--truth", type=Path, metavar="CSV", help="True labels; columns file and label.")
@click.option("--truth-folder", is_flag=True, help="A song's folder is its true label.")
@answer_options("update", "json", "csv")
@run_options
def classify(
    songs: Path,
    source: str,
    templates: tuple[str, ...],
    segments: bool,
    truth: Path | None,
    truth_folder: bool,
    update: bool,
    **flags: Any,
) -> int:
    """Give every song of the store the nearest of several labels.

    LABELS is a text file with one label a line, a TOML file with prompts for each, or a list such
    as jazz,rock,choir. A probability compares these labels with each other: it says nothing of
    whether any of them fits.

    \b
    Examples:
      clapbatch classify ~/Music jazz,rock,classical
      clapbatch classify ~/Music genres.txt --template "This audio is a {label} song."
      clapbatch classify ~/Music genres.txt --truth labels.csv --json
      clapbatch classify ~/ByGenre jazz,rock --truth-folder
    """
    from clapbatch.cli.labels import show
    from clapbatch.errors import UsageError
    from clapbatch.search.truth import folder_labels, judge, read_truth
    from clapbatch.search.zero_shot import TEMPLATES, in_templates, read_labels
    from clapbatch.search.zero_shot import classify as run

    if truth and truth_folder:
        raise UsageError("the truth comes from --truth or from --truth-folder, not from both")
    queries = in_templates(read_labels(source), templates or TEMPLATES)
    told = read_truth(truth) if truth else {}
    with opened_shelf(songs, update, flags) as (shelf, progress):
        if truth_folder:
            told = folder_labels(shelf.names, shelf.paths)
        classes = run(shelf, queries, segments, progress)
    judged = judge(classes, told) if truth or truth_folder else None
    show(classes, judged, flags["as_json"], flags["as_csv"])
    return exit_code(shelf)
