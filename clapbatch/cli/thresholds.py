"""`thresholds`: label limits from what a person says is right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clapbatch.cli.options import make_config, run_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clapbatch.domain import Analysis
    from clapbatch.evaluation.judgements import Relevance
    from clapbatch.evaluation.thresholds import FittedThresholds, Rate


@click.command()
@click.argument("songs", type=Path)
@click.argument("queries")
@click.argument("truth", type=Path, metavar="TRUTH.csv")
@click.option("--out", type=Path, default="thresholds.toml", show_default=True, metavar="FILE")
@click.option(
    "--right",
    type=click.FloatRange(0.5, 1.0),
    default=0.9,
    show_default=True,
    help="How often HIGH must be right: its precision on your labels.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@run_options
def thresholds(
    songs: Path, queries: str, truth: Path, out: Path, right: float, **flags: Any
) -> None:
    """Fit HIGH and MODERATE to your own judgements and save them for later runs.

    TRUTH.csv has the columns song, query and relevance (1 or yes, 0 or no); twenty lines or more
    about sentences of QUERIES, noes too. MODERATE has the highest F1; HIGH is right as often as
    --right asks. The file is for `--thresholds FILE` of `single` and `multi`, with the same
    encoder, scorer and --labels.

    \b
    Examples:
      clapbatch thresholds songs/ queries.txt truth.csv
      clapbatch multi songs/ queries.txt --thresholds thresholds.toml
    """
    from clapbatch.cli.analyze import run_analysis
    from clapbatch.engine.limits import Limits, write_limits
    from clapbatch.evaluation.judgements import read_judgements, relevance_matrix
    from clapbatch.evaluation.thresholds import fit_thresholds
    from clapbatch.registry import Registry

    judgements = read_judgements(truth)
    config = make_config(flags, songs=songs, queries=queries, thresholds=None)
    quiet = flags["quiet"] or flags["as_json"]
    analysis, _ = run_analysis(config, Registry(config.plugins), quiet)
    relevance = relevance_matrix(judgements, analysis.song_names, analysis.query_ids)
    scores = _scores(analysis)
    fitted = fit_thresholds(
        scores.T[relevance.listed], relevance.gains[relevance.listed] > 0, precision=right
    )
    encoder = str(analysis.provenance["encoder"]["name"])
    scorer = str(analysis.provenance["scorer"]["name"])
    write_limits(Limits(fitted.thresholds, encoder, scorer, config.labels), out, _figures(fitted))
    if flags["as_json"]:
        click.echo(json.dumps(_json(fitted, relevance, out), indent=2, ensure_ascii=False))
    else:
        _print(fitted, relevance, out)


def _scores(analysis: Analysis) -> Any:
    """What labels are taken from: the scores, or the calibrated ones."""
    from clapbatch.domain import CALIBRATED

    if analysis.labels_by == CALIBRATED and analysis.trust is not None:
        return analysis.trust.calibrated
    return analysis.scores.value


def _rows(fitted: FittedThresholds) -> list[tuple[str, float | None, Rate, Rate]]:
    return [
        ("HIGH", fitted.high.threshold, fitted.high.precision, fitted.high.recall),
        ("MODERATE", fitted.moderate.threshold, fitted.moderate.precision, fitted.moderate.recall),
        ("MODERATE, held out", None, fitted.held_out_precision, fitted.held_out_recall),
    ]


def _rate(rate: Rate) -> str:
    if not rate.count:
        return "nothing above it"
    return f"{rate.value:.0%} ({rate.low:.0%} … {rate.high:.0%}; {rate.hits} of {rate.count})"


def _figures(fitted: FittedThresholds) -> list[str]:
    """The figures as lines of a comment."""
    lines = [f"fitted to {fitted.labels} labels, {fitted.relevant} of them yes; 95 % intervals"]
    lines += [
        f"{name}: precision {_rate(precision)}, recall {_rate(recall)}"
        for name, _, precision, recall in _rows(fitted)
    ]
    return [*lines, *fitted.notes]


def _json(fitted: FittedThresholds, relevance: Relevance, out: Path) -> dict[str, Any]:
    def told(rate: Rate) -> dict[str, Any]:
        value = None if rate.value != rate.value else round(rate.value, 6)
        return {
            "value": value,
            "low": round(rate.low, 6),
            "high": round(rate.high, 6),
            "hits": rate.hits,
            "count": rate.count,
        }

    return {
        "labels": fitted.labels,
        "relevant": fitted.relevant,
        "fits": [
            {
                "label": name,
                "threshold": threshold,
                "precision": told(precision),
                "recall": told(recall),
            }
            for name, threshold, precision, recall in _rows(fitted)
        ],
        "notes": list(fitted.notes),
        "not_at_hand": list(map(str, relevance.unknown)),
        "file": out.as_posix(),
    }


def _print(fitted: FittedThresholds, relevance: Relevance, out: Path) -> None:
    from clapbatch.builtin.reporters.terminal import make_console, make_table, visible
    from clapbatch.library import printable

    console = make_console()
    table = make_table("label", "above", "precision", "recall")
    for name, threshold, precision, recall in _rows(fitted):
        above = "" if threshold is None else f"{threshold:.4f}"
        table.add_row(name, above, _rate(precision), _rate(recall))
    console.print(f"{fitted.labels} labels, {fitted.relevant} of them yes", markup=False)
    console.print(table)
    notes: Sequence[str] = [*fitted.notes, *(f"left out: {u}" for u in relevance.unknown[:5])]
    for note in notes:
        console.print(visible(note), style="yellow", markup=False)
    console.print(f"saved: {printable(out)}; use it with --thresholds", markup=False)
