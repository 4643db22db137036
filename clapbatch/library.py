"""A folder -> ordered Tracks; a query file -> ordered Queries."""

from __future__ import annotations

import os
import stat
import sys
import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from urllib.parse import unquote, urlsplit

from clapbatch.domain import Failure, Query, Track
from clapbatch.errors import UsageError

LIST_SUFFIXES = (".m3u", ".m3u8", ".txt")
STDIN = "-"


@dataclass(frozen=True, slots=True)
class Library:
    """tracks, sorted by name; failures of what could not be found; notes for the person."""

    tracks: tuple[Track, ...]
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()


def read_tracks(songs: Path, suffixes: Collection[str]) -> Library:
    """Find the recordings of a folder (recursively), a list (.m3u, .m3u8, .txt) or one file.

    suffixes : lower-case endings (".flac") that count as recordings inside a folder; a file that
        is named outright, alone or in a list, is taken whatever its ending.

    Raises
    ------
    UsageError
        If `songs` does not exist or holds no recording.
    """
    try:
        mode = os.stat(songs).st_mode
    except OSError as error:
        raise UsageError(f"{printable(songs)}: {_os_reason(error)}") from error
    if stat.S_ISDIR(mode):
        return _read_folder(songs, suffixes)
    if songs.suffix.lower() in LIST_SUFFIXES:
        return _read_list(songs)
    return Library((Track(printable(songs.name), songs),))


def read_queries(source: Path | str | Sequence[str]) -> tuple[tuple[Query, ...], tuple[str, ...]]:
    """Queries in order, and notes: from a text or TOML file, "-" (standard input), or sentences.

    A text file has one query a line; blank lines and lines that start with # are skipped. A TOML
    file has `[[query]]` tables with an `id` and `prompts` (several wordings of one query).
    Repeated queries are merged with a note.

    Raises
    ------
    UsageError
        If the source cannot be read, is not UTF-8, is malformed, or holds no query.
    """
    if isinstance(source, str | Path):
        name = printable(source)
        text = _read_text(source)
        is_toml = Path(source).suffix.lower() == ".toml"
        queries = _toml_queries(text, name) if is_toml else _line_queries(text)
    else:
        name = "the command line"
        queries = [Query(text.strip(), (text.strip(),)) for text in source if text.strip()]
    if not queries:
        raise UsageError(f"{name} holds no query; write one sentence a line")
    return _merge_duplicates(queries)


def printable(name: str | PurePath) -> str:
    """A file name as UTF-8 text; bytes that are not UTF-8 appear as \\xNN."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _read_folder(root: Path, suffixes: Collection[str]) -> Library:
    tracks: list[Track] = []
    failures: list[Failure] = []
    others: Counter[str] = Counter()
    seen: set[tuple[int, int]] = set()
    folders = [root]
    while folders:
        folder = folders.pop()
        name = printable(folder.relative_to(root).as_posix())
        try:
            status = os.stat(folder)
            if (status.st_dev, status.st_ino) in seen:  # reached again through a link
                continue
            seen.add((status.st_dev, status.st_ino))
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            failures.append(Failure(name, "find", "", _os_reason(error)))
            continue
        subfolders = []
        for entry in entries:
            path = Path(entry.path)
            if entry.name.startswith("."):
                others["hidden"] += 1
            elif entry.is_dir():
                subfolders.append(path)
            elif path.suffix.lower() in suffixes:
                tracks.append(Track(printable(path.relative_to(root).as_posix()), path))
            else:
                others[path.suffix.lower() or "no ending"] += 1
        folders += reversed(subfolders)
    if not tracks and not failures:
        raise UsageError(f"{printable(root)} holds no recording that a loader knows by its ending")
    notes = []
    if others:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(others.items()))
        number = sum(others.values())
        files = "1 other file" if number == 1 else f"{number} other files"
        notes.append(f"left out of the folder: {files} ({kinds})")
    return Library(_in_order(tracks), tuple(failures), tuple(notes))


def _read_list(path: Path) -> Library:
    """Entries are relative to the list's folder; names are relative to what all have in common."""
    lines = [line.strip() for line in _read_text(path, fallback="latin-1").splitlines()]
    entries = [line for line in lines if line and not line.startswith("#")]
    if not entries:
        raise UsageError(f"{printable(path)} lists no recording")
    unique = list(dict.fromkeys(entries))
    failures = []
    paths = []
    for entry in unique:
        if "://" in entry and not entry.startswith("file://"):
            failures.append(Failure(entry, "find", "", "an address on the network, not a file"))
            continue
        local = unquote(urlsplit(entry).path) if entry.startswith("file://") else entry
        paths.append(Path(os.path.normpath(path.absolute().parent / local)))
    base = Path(os.path.commonpath([p.parent for p in paths])) if paths else path.parent
    tracks = [Track(printable(p.relative_to(base).as_posix()), p) for p in dict.fromkeys(paths)]
    repeated = len(entries) - len(tracks) - len(failures)
    notes = (f"{repeated} repeated entries of the list were merged",) if repeated else ()
    return Library(_in_order(tracks), tuple(failures), notes)


def _in_order(tracks: Iterable[Track]) -> tuple[Track, ...]:
    return tuple(sorted(tracks, key=lambda track: (track.name, os.fsencode(track.path))))


def _read_text(source: Path | str, fallback: str | None = None) -> str:
    try:
        data = sys.stdin.buffer.read() if source == STDIN else Path(source).read_bytes()
    except OSError as error:
        raise UsageError(f"{printable(source)}: {_os_reason(error)}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if fallback:
            return data.decode(fallback)
        line = data[: error.start].count(b"\n") + 1
        raise UsageError(
            f"{printable(source)} is not UTF-8 text (line {line}); save it as UTF-8"
        ) from error


def _line_queries(text: str) -> list[Query]:
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return [Query(line, (line,)) for line in lines if line and not line.startswith("#")]


def _toml_queries(text: str, name: str) -> list[Query]:
    try:
        tables = tomllib.loads(text).get("query", [])
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{name} is not valid TOML: {error}") from error
    queries = []
    for number, table in enumerate(tables, 1):
        unknown = set(table) - {"id", "prompts"}
        prompts = table.get("prompts", [table.get("id")])
        try:
            if unknown:
                raise ValueError(f"unknown keys {', '.join(sorted(unknown))}")
            queries.append(Query(table["id"], tuple(prompts)))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UsageError(
                f"{name}: query {number} needs an id and a list of prompts ({error})"
            ) from error
    return queries


def _merge_duplicates(queries: list[Query]) -> tuple[tuple[Query, ...], tuple[str, ...]]:
    merged: dict[str, Query] = {}
    for query in queries:
        earlier = merged.get(query.id)
        prompts = (earlier.prompts if earlier else ()) + query.prompts
        merged[query.id] = Query(query.id, tuple(dict.fromkeys(prompts)))
    repeated = len(queries) - len(merged)
    notes = (f"{repeated} repeated queries were merged",) if repeated else ()
    return tuple(merged.values()), notes


def _os_reason(error: OSError) -> str:
    reason = (error.strerror or str(error)).lower()
    return "no such file or folder" if isinstance(error, FileNotFoundError) else reason
