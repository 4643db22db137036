"""`store`: info, prune, clear."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from clapbatch.store import Store

_file = click.option(
    "--store", "path", type=Path, metavar="FILE", help="This store, not the usual one."
)
_debug = click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks.")


@click.group()
def store() -> None:
    """Look after the store: a cache of embeddings, safe to delete at any time."""


@store.command()
@_file
@_debug
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def info(path: Path | None, as_json: bool) -> None:
    """Say where the store is and what it holds."""
    with _open(path) as opened:
        found = opened.info()
    encoders = [
        {**_encoder(description), "songs": songs} for description, songs in found.per_recipe
    ]
    if as_json:
        told = {
            "path": found.path,
            "bytes": found.size,
            "files": found.files,
            "embeddings": found.embeddings,
            "texts": found.texts,
            "recipes": encoders,
        }
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    click.echo(f"{found.path}: {found.size / 1e6:.1f} MB")
    click.echo(f"{found.files} files seen, {found.embeddings} embedded, {found.texts} sentences")
    for row in encoders:
        click.echo(
            f"  {row['songs']} songs by {row['encoder']} {row['precision']}, "
            f"windows of {row['window']:g} s every {row['hop']:g} s"
        )


@store.command()
@_file
@_debug
def prune(path: Path | None) -> None:
    """Forget files that are gone or changed, and what only they had."""
    with _open(path) as opened:
        removed = opened.prune()
    click.echo(f"{removed} embeddings removed")


@store.command()
@_file
@_debug
@click.option("--yes", is_flag=True, help="Do not ask.")
def clear(path: Path | None, yes: bool) -> None:
    """Forget everything; the songs will be embedded again."""
    from clapbatch.search.means import forget

    with _open(path) as opened:
        count = opened.info().embeddings
        if not yes:
            click.confirm(f"Forget {count} embeddings?", abort=True, err=True)
        opened.clear()
        if opened.path is not None:
            forget(opened.path)
    click.echo(f"{count} embeddings removed")


def _open(path: Path | None) -> Store:
    from clapbatch import folders
    from clapbatch.store import Store

    return Store(path or folders.store())


def _encoder(description: str) -> dict[str, object]:
    identity = json.loads(description)
    return {
        "encoder": identity["embedder"]["name"],
        "precision": identity["runtime"]["precision"],
        "window": identity["needs"]["window"],
        "hop": identity["needs"]["hop"],
    }
