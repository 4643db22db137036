"""The embedding store: one SQLite file that remembers what was embedded before.

A cache: deleting it loses time, never results. Keyed by the file's bytes and the recipe's
fingerprint; path, name, number of jobs and device index are not in the key.
"""

from __future__ import annotations

import os
import sqlite3
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clapbatch.domain import Embeddings, Failure, FloatArray, Track
from clapbatch.errors import StoreError
from clapbatch.fingerprint import file_sha256
from clapbatch.library import printable

SCHEMA_VERSION = 1
# A file touched less than this before it was hashed may change again within the clock's grain,
# with the same size and time: such a hash is used but not remembered.
SETTLED_NS = 2_000_000_000

_SCHEMA = """
CREATE TABLE files (
    path BLOB PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, sha256 TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE recipes (fingerprint TEXT PRIMARY KEY, description TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE embeddings (
    sha256 TEXT NOT NULL, recipe TEXT NOT NULL, segments INTEGER NOT NULL,
    duration REAL NOT NULL, data BLOB NOT NULL, checksum INTEGER NOT NULL,
    UNIQUE (sha256, recipe)
);
CREATE TABLE texts (
    recipe TEXT NOT NULL, text TEXT NOT NULL, note TEXT NOT NULL,
    data BLOB NOT NULL, checksum INTEGER NOT NULL,
    PRIMARY KEY (recipe, text)
) WITHOUT ROWID;
"""


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
    """Open (and create, or migrate) a store; use as a context manager.

    path : the SQLite file, or None for one in memory that is forgotten.

    Raises
    ------
    StoreError
        If the file cannot be opened, or was written by a newer clapbatch.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.notes: list[str] = []
        self._db = self._open(path)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()

    def _open(self, path: Path | None) -> sqlite3.Connection:
        if path is None:
            return _create(_connect(":memory:"))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(_cannot(path, error.strerror or str(error))) from error
        with self._explained():
            try:
                return self._checked(path)
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
                return self._rebuilt(path)
        raise AssertionError("unreachable")

    def _checked(self, path: Path) -> sqlite3.Connection:
        db = _connect(os.fspath(path))
        try:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version == 0:
                _create(db)
            elif version > SCHEMA_VERSION:
                raise StoreError(
                    f"the store {printable(path)} was written by a newer clapbatch (schema "
                    f"{version}, this one knows {SCHEMA_VERSION}); update clapbatch or choose "
                    "another file with --store"
                )
            db.execute("SELECT COUNT(*) FROM recipes").fetchone()
            return db
        except BaseException:
            db.close()
            raise

    def _rebuilt(self, path: Path) -> sqlite3.Connection:
        """A file that is no database any more is set aside, never deleted: it may be not ours."""
        aside = path.with_name(path.name + ".damaged")
        os.replace(path, aside)
        for ending in ("-wal", "-shm"):
            Path(f"{path}{ending}").unlink(missing_ok=True)
        self.notes.append(
            f"the store {printable(path)} was damaged; it was set aside as {aside.name} "
            "and a new one begun"
        )
        return self._checked(path)

    # --- recordings -------------------------------------------------------------------------

    def identify(
        self, tracks: Sequence[Track], workers: int = 1
    ) -> tuple[dict[Track, Content], list[Failure]]:
        """Each track's Content; a file that did not change since it was last seen is not read."""
        with self._explained():
            remembered = {
                path: Content(sha256, size, mtime_ns)
                for path, size, mtime_ns, sha256 in self._db.execute("SELECT * FROM files")
            }
        contents: dict[Track, Content] = {}
        failures = []
        fresh = []
        with ThreadPoolExecutor(workers) as pool:
            looks = pool.map(lambda track: _look(track, remembered.get(_key(track))), tracks)
            for track, look in zip(tracks, looks, strict=True):
                if isinstance(look, str):
                    failures.append(Failure(track.name, "read", "", look))
                    continue
                contents[track] = look
                if remembered.get(_key(track)) != look and _settled(look):
                    fresh.append((_key(track), look.size, look.mtime_ns, look.sha256))
        with self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", fresh)
        return contents, failures

    def remembered(self) -> dict[bytes, tuple[int, int, str]]:
        """Every file seen before: absolute path -> (size, mtime_ns, sha256) as it was then.

        No file is looked at, so that a hundred thousand cost a tenth of a second.
        """
        with self._explained():
            rows = self._db.execute("SELECT path, size, mtime_ns, sha256 FROM files").fetchall()
        return {path: (size, mtime_ns, sha256) for path, size, mtime_ns, sha256 in rows}

    def known(self, recipe: str) -> set[str]:
        """The hashes of all files that have embeddings under this recipe."""
        query = "SELECT sha256 FROM embeddings WHERE recipe = ?"
        with self._explained():
            return {sha256 for (sha256,) in self._db.execute(query, (recipe,))}

    def add(self, sha256: str, recipe: str, description: str, embeddings: Embeddings) -> None:
        """Keep one recording's embeddings: one transaction, whole or not at all."""
        data = _pack(embeddings)
        with self._transaction():
            self._db.execute("INSERT OR IGNORE INTO recipes VALUES (?, ?)", (recipe, description))
            self._db.execute(
                "INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?, ?, ?, ?)",
                (
                    sha256,
                    recipe,
                    len(embeddings.vectors),
                    embeddings.duration,
                    data,
                    zlib.crc32(data),
                ),
            )

    def get(self, sha256: str, recipe: str) -> Embeddings | None:
        """One recording's embeddings; None if they are not there or are damaged."""
        with self._explained():
            row = self._db.execute(
                "SELECT segments, duration, data, checksum FROM embeddings "
                "WHERE sha256 = ? AND recipe = ?",
                (sha256, recipe),
            ).fetchone()
        if row is None or zlib.crc32(row[2]) != row[3]:
            return None
        return _unpack(*row[:3])

    # --- texts ------------------------------------------------------------------------------

    def add_texts(self, recipe: str, vectors: dict[str, TextVector]) -> None:
        rows = []
        for text, kept in vectors.items():
            data = kept.vector.astype("<f4").tobytes()
            rows.append((recipe, text, kept.note, data, zlib.crc32(data)))
        with self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO texts VALUES (?, ?, ?, ?, ?)", rows)

    def get_texts(self, recipe: str, texts: Iterable[str]) -> dict[str, TextVector]:
        """The texts among `texts` that were embedded before."""
        found = {}
        with self._explained():
            for text in texts:
                row = self._db.execute(
                    "SELECT note, data, checksum FROM texts WHERE recipe = ? AND text = ?",
                    (recipe, text),
                ).fetchone()
                if row and zlib.crc32(row[1]) == row[2]:
                    vector = np.frombuffer(row[1], "<f4").astype(np.float32)
                    found[text] = TextVector(vector, row[0])
        return found

    # --- housekeeping -----------------------------------------------------------------------

    def info(self) -> StoreInfo:
        def count(table: str) -> int:
            return int(self._db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])

        with self._explained():
            files, embeddings, texts = count("files"), count("embeddings"), count("texts")
            recipes = self._db.execute(
                "SELECT description, COUNT(sha256) FROM recipes "
                "LEFT JOIN embeddings ON recipe = fingerprint GROUP BY fingerprint ORDER BY 1"
            ).fetchall()
        size = self.path.stat().st_size if self.path else 0
        name = printable(self.path) if self.path else "(in memory)"
        return StoreInfo(name, size, files, embeddings, texts, tuple(recipes))

    def prune(self) -> int:
        """Forget files that are gone or changed, and the embeddings that only they had."""
        with self._explained():
            gone = [
                (path,)
                for path, size, mtime_ns, _ in self._db.execute("SELECT * FROM files").fetchall()
                if not _unchanged(path, size, mtime_ns)
            ]
        with self._transaction():
            self._db.executemany("DELETE FROM files WHERE path = ?", gone)
            removed = self._db.execute(
                "DELETE FROM embeddings WHERE sha256 NOT IN (SELECT sha256 FROM files)"
            ).rowcount
            self._db.execute(
                "DELETE FROM recipes WHERE fingerprint NOT IN (SELECT recipe FROM embeddings)"
            )
        self._compact()
        return removed

    def clear(self) -> None:
        """Forget everything."""
        with self._transaction():
            for table in ("files", "recipes", "embeddings", "texts"):
                self._db.execute(f"DELETE FROM {table}")
        self._compact()

    def _compact(self) -> None:
        with self._explained():
            self._db.execute("VACUUM")

    # --- plumbing ---------------------------------------------------------------------------

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._explained():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise StoreError(_cannot(self.path, str(error))) from error
        except OSError as error:
            raise StoreError(_cannot(self.path, error.strerror or str(error))) from error


def _connect(name: str) -> sqlite3.Connection:
    db = sqlite3.connect(name, timeout=60.0, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    # In WAL mode NORMAL survives a kill; a power cut may lose the last songs, never the file.
    db.execute("PRAGMA synchronous = NORMAL")
    return db


def _create(db: sqlite3.Connection) -> sqlite3.Connection:
    db.execute("BEGIN IMMEDIATE")
    # Asked again under the lock: two programs may have found the same empty file.
    if db.execute("PRAGMA user_version").fetchone() == (0,):
        for statement in _SCHEMA.split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    db.execute("COMMIT")
    return db


def _cannot(path: Path | None, reason: str) -> str:
    name = printable(path) if path else "(in memory)"
    return (
        f"the store {name} cannot be used ({reason}); make room or repair its folder, choose "
        "another file with --store, or go without with --no-store"
    )


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
