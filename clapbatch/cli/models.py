"""`models`: list, download, verify, path, remove."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from clapbatch.builtin.embedders.clap.records import Record

_debug = click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks.")
_name = click.argument("name")


@click.group()
def models() -> None:
    """Look after the checkpoints of the encoder clap.

    NAME is one of those that `clapbatch models list` shows, or the path of a .pt or .safetensors
    file of your own. Each is fetched once, checked against its sha256, and kept as safetensors in
    the model folder ($CLAPBATCH_HOME/models).
    """


@models.command("list")
@_debug
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def list_models(as_json: bool) -> None:
    """Say which checkpoints there are and which are on disk."""
    from clapbatch.builtin.embedders.clap import checkpoints
    from clapbatch.builtin.embedders.clap.catalogue import PUBLISHED

    rows = []
    for entry in PUBLISHED.values():
        record = checkpoints.ready(entry.name)
        rows.append(_row(entry.name, entry.summary, entry.file.sha256, record))
    for own in checkpoints.own_records():
        rows.append(_row(own.source, "your own", own.sha256, own))
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for row in rows:
        state = "on disk" if row["on_disk"] else "not here"
        click.echo(f"{row['name']:22} {state:9} {row['summary']}")


def _row(name: str, summary: str, sha256: str, record: Record | None) -> dict[str, str | bool]:
    known = record.sha256 if record else sha256
    return {"name": name, "on_disk": record is not None, "summary": summary, "sha256": known}


@models.command()
@_debug
@_name
def download(name: str) -> None:
    """Fetch a checkpoint and the tokenizer's files, check them, make them safe."""
    from clapbatch.builtin.embedders.clap import checkpoints
    from clapbatch.builtin.embedders.clap.catalogue import PUBLISHED

    _check(name)
    path = checkpoints.weights_path(name)
    checkpoints.tokenizer_folder(name)
    record = checkpoints.ready(name)
    click.echo(path)
    if record:
        pinned = name in PUBLISHED and PUBLISHED[name].file.sha256
        what = "as published" if pinned else "not known before, now recorded"
        click.echo(f"sha256 {record.sha256} ({what})", err=True)


@models.command()
@_debug
@_name
def verify(name: str) -> None:
    """Read a checkpoint's files again and compare their sha256 with the record."""
    from clapbatch.builtin.embedders.clap import checkpoints
    from clapbatch.errors import ModelError

    _check(name)
    if fault := checkpoints.verify(name):
        raise ModelError(f"{fault}; clapbatch models remove {name}, then download it again")
    click.echo(f"{name} is as it was when it was converted")


@models.command()
@_debug
@_name
def path(name: str) -> None:
    """Print where a checkpoint's safetensors file is."""
    from clapbatch.builtin.embedders.clap import checkpoints

    _check(name)
    checkpoints.require_ready(name)
    click.echo(checkpoints.weights_path(name))


@models.command()
@_debug
@_name
def remove(name: str) -> None:
    """Delete a converted checkpoint and its graphs; a file of your own is left alone."""
    from clapbatch.builtin.embedders.clap import checkpoints

    _check(name)
    gone = checkpoints.remove(name)
    click.echo(f"{name} removed" if gone else f"{name} was not on disk")


def _check(name: str) -> None:
    from clapbatch.builtin.embedders.clap.catalogue import PUBLISHED
    from clapbatch.errors import UsageError
    from clapbatch.registry import did_you_mean

    if name not in PUBLISHED and not Path(name).suffix:
        raise UsageError(f"there is no model {name!r}{did_you_mean(name, PUBLISHED)}")
