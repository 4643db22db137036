"""`evaluate`: how well an encoder finds what a person says is right."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clapbatch.cli.options import make_config, run_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clapbatch.evaluation.judgements import Judgement
    from clapbatch.evaluation.metrics import Ties
    from clapbatch.evaluation.report import Compared, Evaluation, ScoreTable

COLUMNS = ("run", "direction", "metric", "value", "low", "high", "chance", "queries")


@click.command()
@click.argument("songs", type=Path)
@click.argument("truth", type=Path, metavar="TRUTH.csv")
@click.option(
    "--compare",
    "other",
    metavar="ENCODER_OR_REPORT",
    help="A second run: an encoder (NAME or NAME:OPTION=VALUE), or a report's folder.",
)
@click.option("--optimistic-ties", is_flag=True, help="Count equal scores as published scripts do.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--csv", "as_csv", is_flag=True, help="Print a row a metric.")
@run_options
def evaluate(
    songs: Path, truth: Path, other: str | None, optimistic_ties: bool, **flags: Any
) -> None:
    """Judge retrieval and tags against what a person says is right.

    TRUTH.csv has the columns song and query (or caption, label, tag, text), a line a pair, and
    perhaps relevance (0, 1 or a gain). Its sentences are the queries. SONGS is a folder, a list, a
    file, or the folder of a report, whose scores.csv is judged as it stands.

    Equal scores are counted by their mean over all orders; --optimistic-ties puts the right ones
    first, as scripts do that count only strictly better items. Intervals hold 95 % of 10,000
    bootstrap resamples; two runs are compared on the same resampled queries.

    \b
    Examples:
      clapbatch evaluate songs/ truth.csv
      clapbatch evaluate songs/ truth.csv --encoder clap --compare musicnn
      clapbatch evaluate reports/before truth.csv --compare reports/after --json
    """
    from clapbatch.evaluation.judgements import read_judgements
    from clapbatch.evaluation.report import compare_runs
    from clapbatch.evaluation.report import evaluate as judge

    judgements = read_judgements(truth)
    ties: Ties = "optimistic" if optimistic_ties else "expected"
    first = _scores(songs, flags.get("encoder"), judgements, flags)
    compared = None
    if other is None:
        runs = {_name(songs, first[1]): judge(first[0], judgements, ties)}
    else:
        is_report = _is_report(Path(other))
        second = _scores(Path(other) if is_report else songs, other, judgements, flags)
        a, b, compared = compare_runs(first[0], second[0], judgements, ties)
        names = _name(songs, first[1]), _name(Path(other), second[1]) if is_report else second[1]
        runs = dict(zip(_told_apart(names), (a, b), strict=True))
    if flags["as_json"]:
        click.echo(json.dumps(_json(runs, compared), indent=2, ensure_ascii=False))
    elif flags["as_csv"]:
        click.echo(_csv(runs), nl=False)
    else:
        _print(runs, compared)


def _scores(
    songs: Path, encoder: str | None, judgements: Sequence[Judgement], flags: dict[str, Any]
) -> tuple[ScoreTable, str]:
    """A run's scores, read from a report or made now, and the encoder's name ("" if read)."""
    from clapbatch.cli.encoders import analyze_each
    from clapbatch.evaluation.report import ScoreTable

    if _is_report(songs):
        return _read_report(songs), ""
    queries = tuple(dict.fromkeys(judgement.query for judgement in judgements))
    config = make_config(flags, songs=songs, queries=queries)
    quiet = flags["quiet"] or flags["as_json"] or flags["as_csv"]
    (analysis,) = analyze_each(config, [encoder or config.encoder], quiet)
    table = ScoreTable(
        tuple(analysis.song_names),
        tuple(analysis.query_ids),
        analysis.scores.value.astype("float64"),
    )
    return table, encoder or str(analysis.provenance["encoder"]["name"])


def _is_report(folder: Path) -> bool:
    return (folder / "manifest.json").is_file() and (folder / "scores.csv").is_file()


def _read_report(folder: Path) -> ScoreTable:
    """scores.csv as a table. Its four decimals make some scores equal that were not."""
    import numpy as np

    from clapbatch.builtin.reporters.csv import read_text_cell
    from clapbatch.errors import UsageError
    from clapbatch.evaluation.report import ScoreTable

    try:
        with open(folder / "scores.csv", encoding="utf-8", newline="") as file:
            heading, *rows = csv.reader(file)
        values = np.array([row[1:] for row in rows], dtype=np.float64)
    except (OSError, ValueError) as error:
        raise UsageError(f"{folder / 'scores.csv'} cannot be read: {error}") from error
    if not values.size:
        raise UsageError(f"{folder / 'scores.csv'} holds no score")
    queries = tuple(map(read_text_cell, heading[1:]))
    return ScoreTable(tuple(read_text_cell(row[0]) for row in rows), queries, values)


def _name(songs: Path, encoder: str) -> str:
    return encoder or songs.name


def _told_apart(names: tuple[str, str]) -> tuple[str, str]:
    return names if names[0] != names[1] else (f"{names[0]} (A)", f"{names[1]} (B)")


def _rows(runs: dict[str, Evaluation]) -> list[dict[str, Any]]:
    return [
        {
            "run": run,
            "direction": direction.name,
            "metric": metric,
            "value": _rounded(interval.value),
            "low": _rounded(interval.low),
            "high": _rounded(interval.high),
            "chance": _rounded(direction.chance[metric]),
            "queries": interval.count,
        }
        for run, evaluation in runs.items()
        for direction in evaluation.directions
        for metric, interval in direction.intervals.items()
    ]


def _csv(runs: dict[str, Evaluation]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_rows(runs))
    return text.getvalue()


def _json(runs: dict[str, Evaluation], compared: Compared | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "ties": next(iter(runs.values())).directions[0].retrieval.ties,
        "runs": {run: _summary(evaluation) for run, evaluation in runs.items()},
        "metrics": _rows(runs),
    }
    if compared:
        told["compared"] = _differences(compared)
    return told


def _summary(evaluation: Evaluation) -> dict[str, Any]:
    tags, labels, pairs = evaluation.tags, evaluation.labels, evaluation.pairs
    return {
        "songs": len(evaluation.table.songs),
        "queries": len(evaluation.table.queries),
        "tied_queries": {d.name: d.retrieval.tied for d in evaluation.directions},
        "tags": tags
        and {
            "mean_roc_auc": _rounded(tags.roc_auc),
            "mean_pr_auc": _rounded(tags.pr_auc),
            "counted": tags.counted,
            "per_tag": [
                {
                    "tag": tag.tag,
                    "songs": tag.songs,
                    "roc_auc": None if tag.roc_auc is None else _rounded(tag.roc_auc),
                    "pr_auc": None if tag.pr_auc is None else _rounded(tag.pr_auc),
                    "pr_auc_by_chance": _rounded(tag.share),
                }
                for tag in tags.per_tag
            ],
        },
        "labels": labels
        and {
            "accuracy": _rounded(labels.accuracy),
            "macro_f1": _rounded(labels.macro_f1),
            "most_frequent_label_alone": _rounded(labels.chance),
        },
        "against_shuffled_pairs": pairs and {"severity": pairs.severity, "told": pairs.sentence},
        "not_at_hand": list(evaluation.unknown),
    }


def _differences(compared: Compared) -> list[dict[str, Any]]:
    return [
        {
            "direction": direction,
            "metric": metric,
            "difference": _rounded(found.difference.value),
            "low": _rounded(found.difference.low),
            "high": _rounded(found.difference.high),
            "p_value": _rounded(found.p_value),
            "better": found.better,
            "worse": found.worse,
            "equal": found.equal,
        }
        for (direction, metric), found in compared.differences.items()
    ]


def _rounded(value: float) -> float:
    return round(value, 6)


def _print(runs: dict[str, Evaluation], compared: Compared | None) -> None:
    from clapbatch.builtin.reporters.terminal import make_console, visible

    console = make_console()
    for run, evaluation in runs.items():
        table = _table("metric", *(d.name for d in evaluation.directions))
        for metric in evaluation.directions[0].intervals:
            table.add_row(metric, *(_interval(d, metric) for d in evaluation.directions))
        songs, queries = len(evaluation.table.songs), len(evaluation.table.queries)
        told = f"{visible(run)}: {songs} songs, {queries} sentences"
        console.print(told, style="bold", markup=False)
        console.print(table)
        for line in _lines(evaluation):
            console.print(line, markup=False)
    if compared:
        table = _table("direction", "metric", "B − A", "95 %", "p", "B better / worse / equal")
        for row in _differences(compared):
            table.add_row(
                row["direction"],
                row["metric"],
                f"{row['difference']:+.3f}",
                f"{row['low']:+.3f} … {row['high']:+.3f}",
                f"{row['p_value']:.3f}",
                f"{row['better']} / {row['worse']} / {row['equal']}",
            )
        console.print(
            f"paired, on {compared.songs} songs and {compared.queries} sentences; of ranks the "
            "lower is the better",
            markup=False,
        )
        console.print(table)


def _interval(direction: Any, metric: str) -> str:
    found = direction.intervals[metric]
    known = direction.chance[metric]
    return f"{found.value:.3f} ({found.low:.3f} … {found.high:.3f}; chance {known:.3f})"


def _lines(evaluation: Evaluation) -> list[str]:
    lines = []
    if tags := evaluation.tags:
        lines.append(
            f"tags: ROC-AUC {tags.roc_auc:.3f} (chance 0.5), PR-AUC {tags.pr_auc:.3f}, means over "
            f"{tags.counted} tags"
        )
    if labels := evaluation.labels:
        lines.append(
            f"one label a song: accuracy {labels.accuracy:.3f}, macro F1 {labels.macro_f1:.3f}; "
            f"always the most frequent label: {labels.chance:.3f}"
        )
    if evaluation.pairs:
        lines.append(evaluation.pairs.sentence)
    for direction in evaluation.directions:
        if direction.retrieval.tied:
            lines.append(f"{direction.name}: {direction.retrieval.tied} answers share their score")
    lines += [f"left out: {told}" for told in evaluation.unknown[:5]]
    return lines


def _table(*columns: str) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table
