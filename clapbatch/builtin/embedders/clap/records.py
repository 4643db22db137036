"""What is on disk: a record beside each converted checkpoint, and the hashes of users' files."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clapbatch.api import ModelError, downloads, file_sha256, folders

RECORD = "record.json"
# Raised when converted files change in form; older ones are then made again.
FORMAT = 1


@dataclass(frozen=True)
class Record:
    """What is known of a converted checkpoint.

    source : repository, revision and file, or a user's path. sha256, size : of the source file,
    size in bytes. converted_sha256 : of weights.safetensors. logit_scale : the factor on cosines
    that the audio tower was trained with.
    """

    source: str
    sha256: str
    size: int
    converted_sha256: str
    logit_scale: float
    format: int = FORMAT


def read_record(folder: Path) -> Record | None:
    """A folder's record; None if there is none, or one of another format."""
    try:
        values = json.loads((folder / RECORD).read_text("utf-8"))
        record = Record(**values)
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
        return None
    return record if record.format == FORMAT else None


def own_sha256(path: Path) -> str:
    """The sha256 of a user's file, computed only if the file is new or has changed.

    Raises
    ------
    ModelError
        If there is no such file.
    """
    known = known_sha256(path)
    if known:
        return known
    if not path.is_file():
        raise ModelError(f"there is no checkpoint {path}")
    before = _stamp(path)
    sha256 = file_sha256(path)
    with downloads.locked(_known_path()):
        write_json(_known_path(), _known() | {str(path.absolute()): [*before, sha256]})
    return sha256


def known_sha256(path: Path) -> str | None:
    """A user's file's hash from an earlier run, if size and time of change are still the same."""
    entry = _known().get(str(path.absolute()))
    try:
        return entry[2] if entry and entry[:2] == _stamp(path) else None
    except FileNotFoundError:
        return None


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _known() -> dict[str, list[Any]]:
    try:
        known = json.loads(_known_path().read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Whole or not at all."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", "utf-8")
    os.replace(draft, path)


def own_folder(sha256: str) -> Path:
    return folders.models() / "clap" / "own" / sha256


def _known_path() -> Path:
    return folders.models() / "clap" / "own" / "known.json"
