"""`wording`: how much do scores depend on how a query is put?"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clapbatch.cli.options import make_config, run_options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clapbatch.engine.wordings import Worded, WordingReport
    from clapbatch.language.wording import Wording, WordingTable

COLUMNS = (
    "query",
    "wording",
    "how",
    "mean_score",
    "lowest",
    "highest",
    "agreement",
    "flips",
    "preferred",
)


@click.command()
@click.argument("queries")
@click.option("--songs", type=Path, metavar="SONGS", help="Score the wordings on these songs.")
@click.option("--table", type=Path, metavar="FILE.toml", help="Synonyms, as queries/wordings.toml.")
@click.option("--out", type=Path, metavar="FOLDER", help="Write CSV files and a picture there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--csv", "as_csv", is_flag=True, help="Print a row a wording.")
@run_options
def wording(
    queries: str, songs: Path | None, table: Path | None, out: Path | None, **flags: Any
) -> None:
    """Compare the ways to put each query, and name the one to prefer.

    QUERIES is a file as for `multi`. Each query's wordings are its synonyms from the table, its
    singular or plural, and its family's templates; without --songs they are only listed. On songs:
    how each wording's ranking agrees with the others' (mean Spearman rank correlation), on how many
    songs its label differs from that of the query as given, and which wording is the most like all
    the others. --out writes wording.csv, wording_scores.csv and wording.svg.

    \b
    Examples:
      clapbatch wording queries/voices.txt
      clapbatch wording queries/voices.txt --songs songs/ --out reports/wording
    """
    from clapbatch import folders
    from clapbatch.cli.progress import Progress
    from clapbatch.engine.wordings import score_wordings, wordings_of
    from clapbatch.library import read_queries
    from clapbatch.registry import Registry
    from clapbatch.store import Store

    asked, _ = read_queries(queries)
    synonyms = _table(table)
    if songs is None:
        _list(wordings_of(asked, synonyms), flags["as_json"], flags["as_csv"])
        return
    config = make_config(flags, songs=songs)
    quiet = flags["quiet"] or flags["as_json"] or flags["as_csv"]
    path = (config.store or folders.store()) if config.use_store else None
    with Store(path) as store, Progress(quiet) as progress:
        report = score_wordings(asked, synonyms, config, Registry(config.plugins), store, progress)
    if out:
        _write(report, out)
    if flags["as_json"]:
        click.echo(json.dumps(_json(report), indent=2, ensure_ascii=False))
    elif flags["as_csv"]:
        _print_csv(COLUMNS, _rows(report))
    else:
        _print(report, out)


def _table(path: Path | None) -> WordingTable:
    """The table that was named, else the one that comes with the program."""
    from importlib.resources import as_file, files

    from clapbatch.language.wording import read_wordings

    if path:
        return read_wordings(path)
    with as_file(files("clapbatch.language") / "data" / "wordings.toml") as shipped:
        return read_wordings(shipped)


def _list(found: Mapping[str, Sequence[Wording]], as_json: bool, as_csv: bool) -> None:
    rows = [
        {"query": query, "wording": one.text, "how": one.how}
        for query, wordings in found.items()
        for one in wordings
    ]
    if as_json:
        click.echo(json.dumps({"wordings": rows}, indent=2, ensure_ascii=False))
    elif as_csv:
        _print_csv(("query", "wording", "how"), rows)
    else:
        from clapbatch.builtin.reporters.terminal import make_console, make_table, visible

        table = make_table("query", "wording", "how")
        for row in rows:
            table.add_row(*(visible(cell) for cell in row.values()))
        make_console().print(table)


def _rows(report: WordingReport) -> list[dict[str, Any]]:
    from clapbatch.builtin.reporters.csv import number

    rows = []
    for worded in report.queries:
        found = worded.comparison
        for j, one in enumerate(worded.wordings):
            scores = worded.scores[:, j]
            rows.append(
                {
                    "query": worded.query,
                    "wording": one.text,
                    "how": one.how,
                    "mean_score": number(float(scores.mean())),
                    "lowest": number(float(scores.min())),
                    "highest": number(float(scores.max())),
                    "agreement": number(float(found.agreement[j])),
                    "flips": number(float(found.flips[0, j])),
                    "preferred": "yes" if j == found.preferred else "no",
                }
            )
    return rows


def _json(report: WordingReport) -> dict[str, Any]:
    return {
        "encoder": report.encoder,
        "songs": list(report.songs),
        "label_agreement_of_synonyms": {
            "raw": _share(report.agreement_raw),
            "calibrated": _share(report.agreement_calibrated),
        },
        "queries": [
            {
                "query": worded.query,
                "preferred": worded.wordings[worded.comparison.preferred].text,
                "reason": worded.comparison.reason,
                "fragile_songs": int(worded.comparison.fragile.sum()),
                "worst": _worst(worded, report.songs),
            }
            for worded in report.queries
        ],
        "wordings": _rows(report),
    }


def _share(value: float) -> float | None:
    return None if value != value else round(value, 4)


def _worst(worded: Worded, songs: Sequence[str]) -> str:
    """The song on which two wordings with different labels lie furthest apart, as a sentence."""
    worst = worded.comparison.worst
    if worst is None:
        return ""
    higher, lower = worded.wordings[worst.higher].text, worded.wordings[worst.lower].text
    scores = worded.scores[worst.song]
    return (
        f"{songs[worst.song]}: {higher!r} {scores[worst.higher]:.3f} {worst.higher_label}, "
        f"{lower!r} {scores[worst.lower]:.3f} {worst.lower_label}"
    )


def _print(report: WordingReport, out: Path | None) -> None:
    from rich.text import Text

    from clapbatch.builtin.reporters.terminal import make_console, make_table, visible

    console = make_console()
    for worded in report.queries:
        found = worded.comparison
        table = make_table("wording", "how", "mean", "agreement", "flips")
        for j, one in enumerate(worded.wordings):
            table.add_row(
                Text(visible(one.text), style="bold" if j == found.preferred else ""),
                one.how,
                f"{worded.scores[:, j].mean():.3f}",
                f"{found.agreement[j]:.2f}",
                f"{found.flips[0, j]:.0%}",
            )
        console.print(Text(visible(worded.query), style="bold"))
        console.print(table)
        best = worded.wordings[found.preferred].text
        console.print(Text(f"prefer {visible(best)!r}: {visible(found.reason)}"))
        if worst := _worst(worded, report.songs):
            console.print(Text(f"furthest apart on {visible(worst)}", style="yellow"))
        console.print()
    raw, calibrated = report.agreement_raw, report.agreement_calibrated
    if raw == raw:
        console.print(
            f"synonyms give a song the same label: raw {raw:.1%}, calibrated {calibrated:.1%}"
        )
    if out:
        from clapbatch.library import printable

        click.echo(f"written: {printable(out)}")


def _print_csv(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    import sys

    _csv(sys.stdout, columns, rows)


def _csv(file: Any, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    from clapbatch.builtin.reporters.csv import text_cell

    texts = ("query", "wording", "audio_file")
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: text_cell(v) if k in texts else v for k, v in row.items()} for row in rows)


def _write(report: WordingReport, folder: Path) -> None:
    from clapbatch.builtin.reporters.csv import number
    from clapbatch.errors import UsageError
    from clapbatch.evaluation.heatmap import heat_map
    from clapbatch.library import printable

    scores = [
        {
            "query": worded.query,
            "wording": one.text,
            "audio_file": song,
            "score": number(float(worded.scores[i, j])),
            "label": report.thresholds.label(float(worded.scores[i, j])),
        }
        for worded in report.queries
        for j, one in enumerate(worded.wordings)
        for i, song in enumerate(report.songs)
    ]
    blocks = [(w.query, [one.text for one in w.wordings], w.scores.T) for w in report.queries]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / "wording.csv", "w", encoding="utf-8", newline="") as file:
            _csv(file, COLUMNS, _rows(report))
        with open(folder / "wording_scores.csv", "w", encoding="utf-8", newline="") as file:
            _csv(file, ("query", "wording", "audio_file", "score", "label"), scores)
        picture = heat_map(blocks, report.songs, report.thresholds)
        (folder / "wording.svg").write_text(picture, "utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"{printable(folder)} cannot be written ({reason})") from error
