"""`check`: is the encoder alive?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clapbatch.cli.main import DONE, NOTHING_DONE
from clapbatch.cli.options import make_config, run_options

if TYPE_CHECKING:
    from clapbatch.evaluation.selfcheck import Finding

MARKS = {
    "ok": ("ok", "green"),
    "warning": ("WARNING", "bold yellow"),
    "error": ("ERROR", "bold red"),
}


@click.command()
@click.argument("songs", type=Path, required=False)
@click.option("--truth", type=Path, metavar="TRUTH.csv", help="Do scores beat shuffled pairs?")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@run_options
def check(songs: Path | None, truth: Path | None, as_json: bool, **flags: Any) -> int:
    """Look for what makes scores meaningless: collapsed vectors, unknown weights, hubs.

    Without SONGS: are the weights known ones, do different sentences and different sounds get
    different vectors? With SONGS also: does music score higher than silence and noise, and do a
    few songs answer every query? With --truth (columns song and query): do songs score higher for
    their own sentences than for shuffled ones? Exit code 1 if scores mean nothing.

    \b
    Examples:
      clapbatch check
      clapbatch check songs/ --encoder musicnn
      clapbatch check songs/ --truth truth.csv --json
    """
    from clapbatch import folders
    from clapbatch.cli.analyze import run_analysis
    from clapbatch.engine.check import check_encoder, check_songs
    from clapbatch.engine.recipe import Recipe
    from clapbatch.engine.trust import embed_bank
    from clapbatch.errors import UsageError
    from clapbatch.evaluation.calibration import bank_queries
    from clapbatch.evaluation.selfcheck import worst
    from clapbatch.registry import Registry
    from clapbatch.store import Store

    if truth and not songs:
        raise UsageError("--truth is about songs: name their folder before it")
    config = make_config(flags, songs=songs or folders.home(), queries=bank_queries())
    registry = Registry(config.plugins)
    recipe = Recipe.of(config, registry)
    with Store((config.store or folders.store()) if config.use_store else None) as store:
        bank = embed_bank(bank_queries(), recipe, registry, store, config.workers)
        findings = check_encoder(recipe, registry, bank)
    if songs:
        analysis, _ = run_analysis(config, registry, flags["quiet"] or as_json)
        findings += check_songs(analysis, bank, recipe, registry)
    if truth:
        findings += _against_truth(truth, config, registry, flags["quiet"] or as_json)
    if as_json:
        click.echo(json.dumps(_json(recipe.embedder, findings), indent=2, ensure_ascii=False))
    else:
        _print(recipe.embedder, findings)
    return NOTHING_DONE if worst(findings) == "error" else DONE


def _against_truth(truth: Path, config: Any, registry: Any, quiet: bool) -> list[Finding]:
    from dataclasses import replace

    from clapbatch.cli.analyze import run_analysis
    from clapbatch.errors import UsageError
    from clapbatch.evaluation.judgements import read_judgements
    from clapbatch.evaluation.report import MINIMUM_FOR_PAIRS, ScoreTable, evaluate

    judgements = read_judgements(truth)
    queries = tuple(dict.fromkeys(judgement.query for judgement in judgements))
    analysis, _ = run_analysis(replace(config, queries=queries), registry, quiet)
    values = analysis.scores.value.astype("float64")
    table = ScoreTable(tuple(analysis.song_names), tuple(analysis.query_ids), values)
    pairs = evaluate(table, judgements).pairs
    if pairs is None:
        raise UsageError(f"{truth}: fewer than {MINIMUM_FOR_PAIRS} judged songs are at hand")
    return [pairs]


def _json(encoder: str, findings: list[Finding]) -> dict[str, Any]:
    from clapbatch.evaluation.selfcheck import worst

    return {
        "encoder": encoder,
        "worst": worst(findings),
        "findings": [
            {
                "severity": finding.severity,
                "check": finding.check,
                "sentence": finding.sentence,
                "value": round(float(finding.value), 6),
            }
            for finding in findings
        ],
    }


def _print(encoder: str, findings: list[Finding]) -> None:
    from rich.table import Table
    from rich.text import Text

    from clapbatch.builtin.reporters.terminal import make_console, visible

    console = make_console()
    console.print(Text(f"encoder {visible(encoder)}", style="bold"))
    table = Table(box=None, pad_edge=False, show_header=False)
    for finding in sorted(findings, key=lambda f: ("error", "warning", "ok").index(f.severity)):
        mark, style = MARKS[finding.severity]
        table.add_row(Text(mark, style=style), finding.check, Text(visible(finding.sentence)))
    console.print(table)
