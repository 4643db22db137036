"""`single` and `multi`: parse, call the engine, render."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clapbatch.cli.main import DONE, NOTHING_DONE, SOME_FAILED
from clapbatch.cli.options import make_config, run_options

if TYPE_CHECKING:
    from clapbatch.cli.progress import Progress
    from clapbatch.config import RunConfig
    from clapbatch.domain import Analysis
    from clapbatch.registry import Registry


@click.command()
@click.argument("audio", type=Path)
@click.argument("queries", nargs=-1, required=True, metavar="QUERY [QUERY ...]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the rows of scores_long.csv.")
@run_options
def single(audio: Path, queries: tuple[str, ...], **flags: Any) -> int:
    """Score one song against one or more sentences.

    \b
    Examples:
      clapbatch single song.mp3 "female vocalist"
      clapbatch single song.flac "jazz" "rock music" --json
      clapbatch single concert.mp3 "applause" --scorer max
    """
    from clapbatch.cli import render
    from clapbatch.registry import Registry

    config = make_config(flags, songs=audio, queries=queries, reporters=("terminal",))
    _refuse_folder(audio)
    if "," in config.encoder:
        from clapbatch.cli.several import single_song

        return single_song(config, flags)
    registry = Registry(config.plugins)
    analysis, _ = run_analysis(config, registry, quiet=flags["quiet"] or flags["as_json"])
    for failure in analysis.failures:
        raise click.ClickException(f"{failure.track}: {failure.reason}")
    if flags["as_json"]:
        click.echo(render.single_json(analysis))
    elif flags["as_csv"]:
        click.echo(render.long_csv(analysis), nl=False)
    else:
        render.terminal(analysis, config, registry)
    return DONE


@click.command()
@click.argument("songs", type=Path)
@click.argument("queries", metavar="QUERIES")
@click.option("--out", type=Path, metavar="FOLDER", help="Report folder; reports/NAME by default.")
@click.option("--no-html", "html", flag_value=False, default=True, help="No report.html.")
@click.option("--all-pairs", is_flag=True, help="The whole song-to-song matrix past 2,000 songs.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as a JSON object.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the rows of scores_long.csv.")
@run_options
def multi(songs: Path, queries: str, html: bool, all_pairs: bool, **flags: Any) -> int:
    """Score many songs against many sentences and write a report.

    SONGS is a folder (searched recursively), a list (.m3u, .m3u8, .txt) or one file. QUERIES is a
    text file with one sentence a line (# starts a comment), a TOML file with several prompts a
    query, or - for standard input.

    \b
    Examples:
      clapbatch multi ~/Music queries.txt
      clapbatch multi party.m3u queries.toml --out reports/party
      clapbatch multi ~/Music - --jobs 1 < queries.txt
      clapbatch multi ~/Music queries.txt --encoder clap,musicnn
    """
    from clapbatch.cli import render
    from clapbatch.engine.reports import check_folder, make_reporters, write_report
    from clapbatch.registry import Registry

    if all_pairs:
        flags["assignments"] = (*flags["assignments"], "reporter.all_pairs=true")
    config = make_config(flags, songs=songs, queries=queries)
    if not html:
        config = replace(config, reporters=tuple(r for r in config.reporters if r != "html"))
    folder = flags["out"] or default_folder(songs)
    if "," in config.encoder:
        from clapbatch.cli.several import many_songs

        return many_songs(config, folder, flags)
    registry = Registry(config.plugins)
    reporters = make_reporters(config, registry)
    check_folder(folder)
    quiet = flags["quiet"] or flags["as_json"] or flags["as_csv"]
    analysis, progress = run_analysis(config, registry, quiet)
    write_report(analysis, folder, reporters)
    if flags["as_json"]:
        click.echo(render.summary_json(analysis, folder, progress))
    elif flags["as_csv"]:
        click.echo(render.long_csv(analysis), nl=False)
    elif not flags["quiet"]:
        render.terminal(analysis, config, registry)
        render.summary(analysis, folder, progress)
    if not analysis.tracks:
        return NOTHING_DONE
    return SOME_FAILED if analysis.failures else DONE


def default_folder(songs: Path) -> Path:
    """reports/<name of the songs' folder, list or file>."""
    name = songs.resolve().name if songs.is_dir() else songs.stem
    return Path("reports") / (name or "songs")


def run_analysis(config: RunConfig, registry: Registry, quiet: bool) -> tuple[Analysis, Progress]:
    """Run the engine on the configured store, with progress on standard error."""
    from clapbatch import folders
    from clapbatch.cli.progress import Progress
    from clapbatch.engine.run import analyze
    from clapbatch.store import Store

    path = (config.store or folders.store()) if config.use_store else None
    with Store(path) as store, Progress(quiet) as progress:
        return analyze(config, registry, store, progress), progress


def _refuse_folder(audio: Path) -> None:
    from clapbatch.errors import UsageError

    if audio.is_dir():
        raise UsageError(f"{audio} is a folder; `single` takes one file, `multi` takes a folder")
