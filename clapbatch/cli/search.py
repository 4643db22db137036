"""`search`, `similar` and `playlist`: songs of the store that answer a question."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clapbatch.cli.options import run_options
from clapbatch.cli.questions import answer_options, exit_code, opened_shelf

if TYPE_CHECKING:
    from clapbatch.cli.progress import Progress
    from clapbatch.language.request import Request
    from clapbatch.search.ranking import Ranking
    from clapbatch.search.shelf import Shelf


@click.command()
@click.argument("songs", type=Path)
@click.argument("sentence")
@answer_options("sentences", "k", "update", "approximate", "json", "csv")
@click.option(
    "--hubs",
    type=click.Choice(("none", "csls", "inverted-softmax")),
    default="none",
    help="Rank songs down that answer everything (see `clapbatch check SONGS`).",
)
@click.option("--literal", is_flag=True, help='Send "no vocals" as it is; else it is taken apart.')
@run_options
def search(songs: Path, sentence: str, also: tuple[str, ...], without: tuple[str, ...],
           k: int, update: bool, approximate: bool, literal: bool, hubs: str,
           **flags: Any) -> int:  # fmt: skip
    """Rank the songs of the store by a sentence, or by several.

    SONGS is a folder, a list (.m3u, .m3u8, .txt) or one file. A sentence may end in a weight:
    "solo piano:2". The score is the weighted mean of the wanted sentences' scores, less those of
    the unwanted ones. Say what should not be heard by its name: --not drums. A sentence in which
    there is more than an encoder can hear ("calm piano, no vocals", "latin around 120 bpm, like
    buena vista") is taken apart as `clapbatch ask` does, and shown so; --literal sends it as it is.

    \b
    Examples:
      clapbatch search ~/Music "chill afternoon acoustic guitar"
      clapbatch search ~/Music "solo piano" --and "sad:0.5" --not vocals -k 50
      clapbatch search ~/Music "applause" --scorer max --json
    """
    from clapbatch.cli.ask import answer_request, show_request
    from clapbatch.cli.hits import show
    from clapbatch.engine.events import Note
    from clapbatch.errors import UsageError
    from clapbatch.language.understand import understand
    from clapbatch.search.asked import rewrite
    from clapbatch.search.hubs import ask_without_hubs
    from clapbatch.search.prompts import read_prompts
    from clapbatch.search.ranking import ask_sentences

    if approximate and hubs != "none":
        raise UsageError("--hubs looks at every song; leave out --approximate")
    prompts = read_prompts(sentence, also, without)
    requests: tuple[Request, ...] = ()
    left_out = False
    if not literal:
        request = understand(prompts[0].query.id)
        if request.tempo or request.references or request.unwanted_references:
            if not (also or without or approximate) and hubs == "none":
                return answer_request(songs, request, k, update, flags)
            left_out = True
        prompts, requests = rewrite(prompts)
    with opened_shelf(songs, update, flags, [p.query for p in prompts]) as (shelf, progress):
        if left_out:
            progress(Note("a tempo or a song to resemble counts only in a sentence by itself"))
        if hubs == "none":
            ranking = ask_sentences(shelf, prompts, k, progress, approximate)
        else:
            ranking = ask_without_hubs(shelf, prompts, k, hubs, progress)
    if not (flags["as_json"] or flags["as_csv"]):
        for request in requests:
            show_request(request, as_json=False)
    understood = {"understood": [request.to_json() for request in requests]} if requests else {}
    show(ranking, flags["as_json"], flags["as_csv"], understood)
    return exit_code(shelf)


@click.command()
@click.argument("songs", type=Path)
@click.argument("song")
@answer_options("k", "update", "approximate", "json", "csv")
@run_options
def similar(songs: Path, song: str, k: int, update: bool, approximate: bool, **flags: Any) -> int:
    """Rank the songs of the store by their likeness to one song, or to a moment of it.

    SONG is a name in the library, a part that only one name has, or any file. It may end in a
    moment: song.mp3@1:30.

    \b
    Examples:
      clapbatch similar ~/Music "Blue Train.flac"
      clapbatch similar ~/Music "blue train@1:30" -k 5
      clapbatch similar ~/Music ~/Downloads/new.mp3
    """
    from clapbatch.cli.hits import show

    with opened_shelf(songs, update, flags) as (shelf, progress):
        ranking = _similar(shelf, progress, song, k, approximate)
    show(ranking, flags["as_json"], flags["as_csv"])
    return exit_code(shelf)


@click.command()
@click.argument("songs", type=Path)
@click.argument("sentence", required=False)
@answer_options("sentences")
@click.option("--like", metavar="SONG", help="Songs like this one, instead of a sentence.")
@click.option("--out", type=Path, default="playlist.m3u8", show_default=True, metavar="FILE.m3u8")
@answer_options("k", "update", "approximate", "json", "csv")
@run_options
def playlist(songs: Path, sentence: str | None, also: tuple[str, ...], without: tuple[str, ...],
             like: str | None, out: Path, k: int, update: bool, approximate: bool,
             **flags: Any) -> int:  # fmt: skip
    """Write the answer of `search`, or with --like of `similar`, as a playlist.

    Songs are named by paths relative to the playlist. --json and --csv print what is in it.

    \b
    Examples:
      clapbatch playlist ~/Music "slow piano" --not vocals -k 30 --out slow.m3u8
      clapbatch playlist ~/Music --like "blue train" --out like-blue-train.m3u8
    """
    from clapbatch.cli.hits import show
    from clapbatch.errors import UsageError
    from clapbatch.library import printable
    from clapbatch.search.playlist import check_name, write_playlist
    from clapbatch.search.prompts import read_prompts
    from clapbatch.search.ranking import ask_sentences

    if (sentence is None) == (like is None):
        raise UsageError("a playlist needs either a sentence or --like SONG")
    if like is not None and (also or without):
        raise UsageError("--and and --not go with a sentence, not with --like")
    check_name(out)
    prompts = read_prompts(sentence, also, without) if sentence is not None else ()
    with opened_shelf(songs, update, flags, [p.query for p in prompts]) as (shelf, progress):
        if like is not None:
            ranking = _similar(shelf, progress, like, k, approximate)
        else:
            ranking = ask_sentences(shelf, prompts, k, progress, approximate)
    write_playlist(ranking.hits, out, ranking.question)
    show(ranking, flags["as_json"], flags["as_csv"])
    if not (flags["as_json"] or flags["as_csv"]):
        click.echo(f"playlist: {printable(out)}")
    return exit_code(shelf)


def _similar(shelf: Shelf, progress: Progress, song: str, k: int, approximate: bool) -> Ranking:
    from clapbatch.search.ranking import rank
    from clapbatch.search.reference import find_reference

    reference = find_reference(shelf, song, progress)
    return rank(shelf, reference.question, k, progress, reference.name, approximate)
