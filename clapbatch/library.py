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
from urllib.parse import unquote_to_bytes, urlsplit

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


@dataclass(frozen=True, slots=True)
class Listing:
    """A Library in plain strings: names, sorted, and each file's path as the disk has it."""

    names: list[str]
    paths: list[bytes]
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()


def list_songs(songs: Path, suffixes: Collection[str]) -> Listing:
    """What `read_tracks` finds, without a record a song: quick for a hundred thousand of them.

    Raises
    ------
    UsageError
        If `songs` does not exist or holds no recording.
    """
    if songs.is_dir():
        return _list_folder(songs, suffixes)
    library = read_tracks(songs, suffixes)
    paths = [os.fsencode(track.path) for track in library.tracks]
    names = [track.name for track in library.tracks]
    return Listing(names, paths, library.failures, library.notes)


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
    file has `[[query]]` tables with an `id`, `prompts` (several wordings of one query) and a
    `template` (genre, instrument, voice or mood: each prompt is put into that set's sentences).
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
    found = _list_folder(root, suffixes)
    pairs = zip(found.names, found.paths, strict=True)
    tracks = tuple(Track(name, Path(os.fsdecode(path))) for name, path in pairs)
    return Library(tracks, found.failures, found.notes)


def _list_folder(root: Path, suffixes: Collection[str]) -> Listing:
    """In bytes, as the disk has the names: decoding each by itself costs more than finding it."""
    base = os.fsencode(root)
    endings = {suffix.encode() for suffix in suffixes}
    songs: list[bytes] = []
    failures: list[Failure] = []
    others: Counter[str] = Counter()
    seen: set[tuple[int, int]] = set()
    folders = [b""]
    while folders:
        prefix = folders.pop()
        folder = os.path.join(base, prefix)
        try:
            status = os.stat(folder)
            if (status.st_dev, status.st_ino) in seen:  # reached again through a link
                continue
            seen.add((status.st_dev, status.st_ino))
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            name = printable(os.fsdecode(prefix[:-1] or b"."))
            failures.append(Failure(name, "find", "", _os_reason(error)))
            continue
        subfolders = []
        for entry in entries:
            name_bytes = entry.name
            dot = name_bytes.rfind(b".")
            ending = name_bytes[dot:].lower() if dot > 0 else b""
            if name_bytes.startswith(b"."):
                others["hidden"] += 1
            elif _is_folder(entry):
                subfolders.append(prefix + name_bytes + b"/")
            elif ending in endings:
                songs.append(prefix + name_bytes)
            else:
                others[printable(os.fsdecode(ending.rstrip(b"."))) or "no ending"] += 1
        folders += reversed(subfolders)
    if not songs and not failures:
        raise UsageError(f"{printable(root)} holds no recording that a loader knows by its ending")
    notes = []
    if others:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(others.items()))
        number = sum(others.values())
        files = "1 other file" if number == 1 else f"{number} other files"
        notes.append(f"left out of the folder: {files} ({kinds})")
    return Listing(*_named(songs, base), tuple(failures), tuple(notes))


def _named(songs: list[bytes], base: bytes) -> tuple[list[str], list[bytes]]:
    """Names and paths, in the order of the names."""
    songs.sort()
    try:
        # All at once; UTF-8 sorts as the characters do. No file name holds a zero byte.
        names = b"\0".join(songs).decode("utf-8").split("\0") if songs else []
    except UnicodeDecodeError:
        pairs = sorted((song.decode("utf-8", "backslashreplace"), song) for song in songs)
        names, songs = [name for name, _ in pairs], [song for _, song in pairs]
    prefix = os.path.join(base, b"")
    return names, [prefix + song for song in songs]


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
        local = _from_address(entry) if entry.startswith("file://") else entry
        paths.append(Path(os.path.normpath(path.absolute().parent / local)))
    base = Path(os.path.commonpath([p.parent for p in paths])) if paths else path.parent
    tracks = [Track(printable(p.relative_to(base).as_posix()), p) for p in dict.fromkeys(paths)]
    repeated = len(entries) - len(tracks) - len(failures)
    notes = (f"{repeated} repeated entries of the list were merged",) if repeated else ()
    return Library(_in_order(tracks), tuple(failures), notes)


def _from_address(address: str) -> str:
    """The path in a file:// address; it may hold bytes that are not UTF-8."""
    return os.fsdecode(unquote_to_bytes(urlsplit(address).path))


def _is_folder(entry: os.DirEntry[bytes]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself: whoever opens it will say so
        return False


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
        unknown = set(table) - {"id", "prompts", "template"}
        prompts = table.get("prompts", [table.get("id")])
        try:
            if unknown:
                raise ValueError(f"unknown keys {', '.join(sorted(unknown))}")
            queries.append(Query(table["id"], tuple(prompts), table.get("template", "")))
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
        template = earlier.template if earlier else query.template
        merged[query.id] = Query(query.id, tuple(dict.fromkeys(prompts)), template)
    repeated = len(queries) - len(merged)
    notes = (f"{repeated} repeated queries were merged",) if repeated else ()
    return tuple(merged.values()), notes


def _os_reason(error: OSError) -> str:
    reason = (error.strerror or str(error)).lower()
    return "no such file or folder" if isinstance(error, FileNotFoundError) else reason
