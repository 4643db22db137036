"""The embedding store: one SQLite file that remembers what was embedded before.

A cache: deleting it loses time, never results. Keyed by the file's bytes and the recipe's
fingerprint; path, name, number of jobs and device index are not in the key.
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from sqlite3 import Connection

import numpy as np

from clapbatch.database import Database, Schema
from clapbatch.domain import Embeddings, Failure, FloatArray, Track
from clapbatch.fingerprint import file_sha256
from clapbatch.library import printable

SCHEMA_VERSION = 2
# A file touched less than this before it was hashed may change again within the clock's grain,
# with the same size and time: such a hash is used but not remembered.
SETTLED_NS = 2_000_000_000
# So many files are read before their hashes are kept: what is stopped has not read in vain.
FILES_AT_ONCE = 200

# Each row ends with a checksum of the rest, its key included: see `_checksum`.
_SCRIPT = """
CREATE TABLE files (
    path BLOB PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, sha256 TEXT NOT NULL,
    checksum INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE recipes (
    fingerprint TEXT PRIMARY KEY, description TEXT NOT NULL, checksum INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE embeddings (
    sha256 TEXT NOT NULL, recipe TEXT NOT NULL, segments INTEGER NOT NULL,
    duration REAL NOT NULL, data BLOB NOT NULL, checksum INTEGER NOT NULL,
    UNIQUE (sha256, recipe)
);
CREATE TABLE texts (
    recipe TEXT NOT NULL, text TEXT NOT NULL, note TEXT NOT NULL,
    data BLOB NOT NULL, checksum INTEGER NOT NULL,
    PRIMARY KEY (recipe, text)
) WITHOUT ROWID
"""


def _checksum(*values: object) -> int:
    """CRC-32 of a row. A row that damage moved to another key is not that key's row."""
    data = b"".join(value for value in values if isinstance(value, bytes))
    rest = [value for value in values if not isinstance(value, bytes)]
    return zlib.crc32(data, zlib.crc32(ascii(rest).encode()))


def _is_sound(row: Sequence[object]) -> bool:
    return _checksum(*row[:-1]) == row[-1]


_SCHEMA = Schema(
    SCHEMA_VERSION,
    _SCRIPT,
    {
        "recipes": ("fingerprint",),
        "embeddings": ("rowid",),
        "texts": ("recipe", "text"),
        "files": ("path",),
    },
    _is_sound,
)


@dataclass(frozen=True, slots=True)
class Content:
    """What a track's file held when it was looked at: the hash of its bytes, size and time."""

    sha256: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class TextVector:
    """vector : float32 (dim,), unit length. note : the encoder's doubts about it, or ""."""

    vector: FloatArray
    note: str


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """What `clapbatch store info` shows; sizes in bytes. per_recipe : (description, songs)."""

    path: str
    size: int
    files: int
    embeddings: int
    texts: int
    per_recipe: tuple[tuple[str, int], ...]


class Store:
    """Open (and create) a store; use as a context manager.

    path : the SQLite file, or None for one in memory that is forgotten.
    notes : sentences for the person, about damage that was repaired.

    Raises
    ------
    StoreError
        If the file cannot be used, is another program's, or was written by a newer clapbatch.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.notes: list[str] = []
        self._database = Database(path, _SCHEMA, self.notes)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._database.close()

    # --- recordings -------------------------------------------------------------------------

    def identify(
        self,
        tracks: Sequence[Track],
        workers: int = 1,
        on_look: Callable[[int], None] = lambda looked: None,
    ) -> tuple[dict[Track, Content], list[Failure]]:
        """Each track's Content; a file that did not change since it was last seen is not read.

        on_look : is told, after each file, how many were looked at.
        """
        remembered = {
            path: Content(sha256, size, mtime_ns)
            for path, (size, mtime_ns, sha256) in self.remembered().items()
        }
        contents: dict[Track, Content] = {}
        failures = []
        pool = ThreadPoolExecutor(workers)
        try:
            for first in range(0, len(tracks), FILES_AT_ONCE):
                some = tracks[first : first + FILES_AT_ONCE]
                looks = pool.map(lambda track: _look(track, remembered.get(_key(track))), some)
                fresh = {}
                for number, (track, look) in enumerate(zip(some, looks, strict=True), first + 1):
                    on_look(number)
                    if isinstance(look, str):
                        failures.append(Failure(track.name, "read", "", look))
                        continue
                    contents[track] = look
                    if remembered.get(_key(track)) != look and _settled(look):
                        fresh[_key(track)] = look
                self._remember(fresh)
        finally:
            # Whoever is interrupted does not wait for the files that are being read.
            pool.shutdown(wait=False, cancel_futures=True)
        return contents, failures

    def remembered(self) -> dict[bytes, tuple[int, int, str]]:
        """Every file seen before: absolute path -> (size, mtime_ns, sha256) as it was then.

        No file is looked at, so that a hundred thousand cost part of a second.
        """
        rows = self._database.read(lambda db: db.execute("SELECT * FROM files").fetchall())
        return {
            path: (size, mtime_ns, sha256)
            for path, size, mtime_ns, sha256, checksum in rows
            if _is_sound((path, size, mtime_ns, sha256, checksum))
        }

    def paths(self) -> dict[bytes, str]:
        """Every file seen before: absolute path -> sha256, quickly and therefore unchecked.

        Whoever shows such a file to somebody asks `is_unchanged` first.
        """
        query = "SELECT path, sha256 FROM files"
        return dict(self._database.read(lambda db: db.execute(query).fetchall()))

    def state(self, recipe: str) -> str:
        """Something else whenever `paths`, or `known` under this recipe, would answer otherwise."""
        files = "SELECT COUNT(*), SUM(checksum) FROM files"
        # As one value: a row for each would take three times as long.
        songs = "SELECT CAST(group_concat(sha256, '') AS BLOB) FROM embeddings WHERE recipe = ?"

        def read(db: Connection) -> str:
            (contents,) = db.execute(songs, (recipe,)).fetchone()
            count, checksums = db.execute(files).fetchone()
            return f"{count} {checksums} {blake2b(contents or b'').hexdigest()}"

        return self._database.read(read)

    def is_unchanged(self, path: bytes, sha256: str) -> bool:
        """Whether the file at an absolute path is, by size and time, the one of that hash."""
        query = "SELECT * FROM files WHERE path = ?"
        row = self._database.read(lambda db: db.execute(query, (path,)).fetchone())
        if row is None or not _is_sound(row) or row[3] != sha256:
            return False
        return _unchanged(path, row[1], row[2])

    def _remember(self, contents: dict[bytes, Content]) -> None:
        if not contents:
            return
        rows = []
        for path, content in contents.items():
            row = (path, content.size, content.mtime_ns, content.sha256)
            rows.append((*row, _checksum(*row)))
        insert = "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)"
        self._database.write(lambda db: db.executemany(insert, rows))

    def known(self, recipe: str) -> set[str]:
        """The hashes of all files that have embeddings under this recipe."""
        query = "SELECT sha256 FROM embeddings WHERE recipe = ?"
        rows = self._database.read(lambda db: db.execute(query, (recipe,)).fetchall())
        return {sha256 for (sha256,) in rows}

    def add(self, sha256: str, recipe: str, description: str, embeddings: Embeddings) -> None:
        """Keep one recording's embeddings: one transaction, whole or not at all."""
        data = _pack(embeddings)
        row = (sha256, recipe, len(embeddings.vectors), float(embeddings.duration), data)
        about = (recipe, description)

        def insert(db: Connection) -> None:
            db.execute(
                "INSERT OR IGNORE INTO recipes VALUES (?, ?, ?)", (*about, _checksum(*about))
            )
            db.execute(
                "INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?, ?, ?, ?)",
                (*row, _checksum(*row)),
            )

        self._database.write(insert)

    def get(self, sha256: str, recipe: str) -> Embeddings | None:
        """One recording's embeddings; None if they are not there or are damaged."""
        query = (
            "SELECT segments, duration, data, checksum FROM embeddings "
            "WHERE sha256 = ? AND recipe = ?"
        )
        key = (sha256, recipe)
        row = self._database.read(lambda db: db.execute(query, key).fetchone())
        if row is not None and not _is_sound((*key, *row)):
            self._database.rescue()
            row = self._database.read(lambda db: db.execute(query, key).fetchone())
        return None if row is None else _unpack(*row[:3])

    # --- texts ------------------------------------------------------------------------------

    def add_texts(self, recipe: str, vectors: dict[str, TextVector]) -> None:
        rows = []
        for text, kept in vectors.items():
            data = kept.vector.astype("<f4").tobytes()
            row = (recipe, text, kept.note, data)
            rows.append((*row, _checksum(*row)))
        insert = "INSERT OR REPLACE INTO texts VALUES (?, ?, ?, ?, ?)"
        self._database.write(lambda db: db.executemany(insert, rows))

    def get_texts(self, recipe: str, texts: Iterable[str]) -> dict[str, TextVector]:
        """The texts among `texts` that were embedded before."""
        query = "SELECT note, data, checksum FROM texts WHERE recipe = ? AND text = ?"
        keys = [(recipe, text) for text in texts]
        rows = self._database.read(lambda db: [db.execute(query, key).fetchone() for key in keys])
        found = {}
        for key, row in zip(keys, rows, strict=True):
            if row is not None and _is_sound((*key, *row)):
                vector = np.frombuffer(row[1], "<f4").astype(np.float32)
                found[key[1]] = TextVector(vector, row[0])
        return found

    # --- housekeeping -----------------------------------------------------------------------

    def info(self) -> StoreInfo:
        def count(table: str) -> int:
            query = f"SELECT COUNT(*) FROM {table}"
            return int(self._database.read(lambda db: db.execute(query).fetchone()[0]))

        per_recipe = (
            "SELECT recipes.*, COUNT(sha256) FROM recipes "
            "LEFT JOIN embeddings ON recipe = fingerprint GROUP BY fingerprint ORDER BY 2"
        )
        rows = self._database.read(lambda db: db.execute(per_recipe).fetchall())
        recipes = tuple((row[1], row[-1]) for row in rows if _is_sound(row[:-1]))
        size = self.path.stat().st_size if self.path else 0
        name = printable(self.path) if self.path else "(in memory)"
        return StoreInfo(name, size, count("files"), count("embeddings"), count("texts"), recipes)

    def prune(self) -> int:
        """Forget files that are gone or changed, and the embeddings that only they had."""
        gone = [
            (path,)
            for path, (size, mtime_ns, _) in self.remembered().items()
            if not _unchanged(path, size, mtime_ns)
        ]

        def forget(db: Connection) -> int:
            db.executemany("DELETE FROM files WHERE path = ?", gone)
            removed = db.execute(
                "DELETE FROM embeddings WHERE sha256 NOT IN (SELECT sha256 FROM files)"
            ).rowcount
            db.execute(
                "DELETE FROM recipes WHERE fingerprint NOT IN (SELECT recipe FROM embeddings)"
            )
            return removed

        removed = self._database.write(forget)
        self._compact()
        return removed

    def clear(self) -> None:
        """Forget everything."""

        def forget(db: Connection) -> None:
            for table in _SCHEMA.keys:
                db.execute(f"DELETE FROM {table}")

        self._database.write(forget)
        self._compact()

    def _compact(self) -> None:
        self._database.read(lambda db: db.execute("VACUUM"))


def _key(track: Track) -> bytes:
    return os.fsencode(track.path.absolute())


def _look(track: Track, remembered: Content | None) -> Content | str:
    """The file's Content, or the reason why it has none."""
    try:
        status = os.stat(track.path)
        if remembered and (status.st_size, status.st_mtime_ns) == (
            remembered.size,
            remembered.mtime_ns,
        ):
            return remembered
        if not os.path.isfile(track.path):
            return "not a regular file"
        sha256 = file_sha256(track.path)
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return Content(sha256, status.st_size, status.st_mtime_ns)


def _settled(content: Content) -> bool:
    return time.time_ns() - content.mtime_ns > SETTLED_NS


def _unchanged(path: bytes, size: int, mtime_ns: int) -> bool:
    try:
        status = os.stat(path)
    except OSError:
        return False
    return (status.st_size, status.st_mtime_ns) == (size, mtime_ns)


def _pack(embeddings: Embeddings) -> bytes:
    """starts, ends (float64), then vectors (float32), little-endian, C order."""
    return b"".join(
        (
            embeddings.starts.astype("<f8").tobytes(),
            embeddings.ends.astype("<f8").tobytes(),
            embeddings.vectors.astype("<f4").tobytes(),
        )
    )


def _unpack(segments: int, duration: float, data: bytes) -> Embeddings:
    times = np.frombuffer(data, "<f8", 2 * segments).astype(np.float64)
    vectors = np.frombuffer(data, "<f4", offset=16 * segments).astype(np.float32)
    return Embeddings(vectors.reshape(segments, -1), times[:segments], times[segments:], duration)
