"""`compare`: the same songs and sentences under two encoders, for people choosing one."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clapbatch.cli.options import make_config, run_options

if TYPE_CHECKING:
    from clapbatch.domain import Analysis


@click.command()
@click.argument("songs", type=Path)
@click.argument("queries")
@click.option(
    "--encoders",
    required=True,
    metavar="A,B",
    help="Two encoders, each NAME or NAME:OPTION=VALUE (clap:checkpoint=music).",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--csv", "as_csv", is_flag=True, help="Print a row a query.")
@run_options
def compare(songs: Path, queries: str, encoders: str, **flags: Any) -> None:
    """Show where two encoders agree about your songs and where they do not.

    Cosines of different encoders have different scales, so rankings are compared: Spearman's rank
    correlation of each query over the songs, each encoder's best song, and the song whose place
    differs most.

    \b
    Examples:
      clapbatch compare songs/ queries.txt --encoders clap,musicnn
      clapbatch compare songs/ queries.txt --encoders clap:checkpoint=music,clap:checkpoint=630k
    """
    from clapbatch.cli.encoders import analyze_each, encoder_names
    from clapbatch.errors import UsageError

    names = encoder_names(encoders)
    if len(names) != 2:
        raise UsageError(f"--encoders takes two encoders with a comma between, not {encoders!r}")
    config = make_config(flags, songs=songs, queries=queries)
    quiet = flags["quiet"] or flags["as_json"] or flags["as_csv"]
    a, b = analyze_each(config, names, quiet)
    rows, summary = _compared(a, b, names)
    if flags["as_json"]:
        click.echo(json.dumps({**summary, "queries": rows}, indent=2, ensure_ascii=False))
    elif flags["as_csv"]:
        writer = csv.DictWriter(sys.stdout, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        _print(rows, summary)


def _compared(
    a: Analysis, b: Analysis, names: list[str]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    from clapbatch.errors import UsageError
    from clapbatch.evaluation.encoders import (
        compare_queries,
        mean_correlation,
        similarity_correlation,
    )

    both = [name for name in a.song_names if name in set(b.song_names)]
    if len(both) < 2:
        raise UsageError("rankings are compared over at least two songs that both encoders heard")
    rows_a = [a.song_names.index(name) for name in both]
    rows_b = [b.song_names.index(name) for name in both]
    compared = compare_queries(a.scores.value[rows_a], b.scores.value[rows_b])
    similarity = [
        x.song_vectors[rows] @ x.song_vectors[rows].T for x, rows in ((a, rows_a), (b, rows_b))
    ]
    rows = [
        {
            "query": query,
            "rank_correlation": _rounded(row.correlation),
            "best_a": both[row.best_a],
            "best_b": both[row.best_b],
            "most_apart": both[row.largest.song],
            "rank_a": row.largest.rank_a,
            "rank_b": row.largest.rank_b,
        }
        for query, row in zip(a.query_ids, compared, strict=True)
    ]
    summary = {
        "a": names[0],
        "b": names[1],
        "songs": len(both),
        "mean_rank_correlation": _rounded(mean_correlation(compared)),
        "song_similarity_correlation": _rounded(similarity_correlation(*similarity)),
        "same_best_song": sum(row.best_a == row.best_b for row in compared),
    }
    return rows, summary


def _rounded(value: float) -> float | None:
    return None if value != value else round(value, 4)


def _print(rows: list[dict[str, Any]], summary: dict[str, Any]) -> None:
    from clapbatch.builtin.reporters.terminal import make_console, make_table, visible

    console = make_console()
    table = make_table("query", "rho", f"best for {summary['a']}", f"best for {summary['b']}")
    table.add_column("most apart")
    for row in rows:
        rho = row["rank_correlation"]
        table.add_row(
            visible(row["query"]),
            "–" if rho is None else f"{rho:.2f}",
            visible(row["best_a"]),
            visible(row["best_b"]),
            f"{visible(row['most_apart'])}: {row['rank_a']:g} and {row['rank_b']:g}",
        )
    console.print(table)
    rho = summary["mean_rank_correlation"]
    told = "no ranking to compare" if rho is None else f"mean rank correlation {rho:.2f}"
    console.print(
        f"{summary['songs']} songs; {told}; the same best song for "
        f"{summary['same_best_song']} of {len(rows)} queries",
        markup=False,
    )
    rho = summary["song_similarity_correlation"]
    if rho is not None:
        console.print(f"between songs: rank correlation of the similarities {rho:.2f}")
