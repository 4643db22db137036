"""What the commands that ask the store share: their options, the library, the exit code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from clapbatch.cli.main import DONE, SOME_FAILED
from clapbatch.cli.options import make_config

if TYPE_CHECKING:
    from clapbatch.cli.progress import Progress
    from clapbatch.domain import Query
    from clapbatch.search.shelf import Shelf

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = {
    "sentences": (
        click.option("--and", "also", multiple=True, metavar="SENTENCE", help="And like this."),
        click.option("--not", "without", multiple=True, metavar="SENTENCE", help="Not like this."),
    ),
    "k": (
        click.option("-k", type=click.IntRange(1), default=20, show_default=True, help="Songs."),
    ),
    "update": (click.option("--update", is_flag=True, help="Embed new and changed songs first."),),
    "approximate": (
        click.option("--approximate", is_flag=True, help="Search a graph: for millions of songs."),
    ),
    "json": (click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),),
    "csv": (click.option("--csv", "as_csv", is_flag=True, help="Print CSV rows."),),
}


def answer_options(*names: str) -> Callable[[F], F]:
    """Some of the options above, in that order."""

    def decorate(command: F) -> F:
        for name in reversed(names):
            for option in reversed(_OPTIONS[name]):
                command = option(command)
        return command

    return decorate


@contextmanager
def opened_shelf(
    songs: Path, update: bool, flags: dict[str, Any], queries: Sequence[Query] = ()
) -> Iterator[tuple[Shelf, Progress]]:
    """The library as the store knows it, and who is told of notes.

    queries : sentences that will be asked; they are embedded meanwhile.

    Raises
    ------
    ClapbatchError
        If there is no store, or no song of the library in it.
    """
    from clapbatch import folders
    from clapbatch.cli.progress import Progress
    from clapbatch.errors import UsageError
    from clapbatch.registry import Registry
    from clapbatch.search.ahead import reading_ahead
    from clapbatch.search.shelf import open_shelf
    from clapbatch.store import Store

    config = make_config(flags, songs=songs)
    if not config.use_store:
        raise UsageError("this command reads from the store; leave out --no-store")
    registry = Registry(config.plugins)
    quiet = flags["quiet"] or flags["as_json"]
    with Store(config.store or folders.store()) as store, Progress(quiet) as progress:
        # With --update the encoder is busy hearing songs first.
        with reading_ahead(() if update else queries, config, registry, store):
            shelf = open_shelf(config, registry, store, progress, update)
        yield shelf, progress


def exit_code(shelf: Shelf) -> int:
    """Tell of songs that failed by name; the others were searched all the same."""
    from clapbatch.builtin.reporters.terminal import visible

    for failure in shelf.failures:
        click.echo(f"failed: {visible(failure.track)}: {failure.reason}", err=True)
    return SOME_FAILED if shelf.failures else DONE
