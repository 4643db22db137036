"""One SQLite file of ours: opened, explained when it cannot be, and rescued when it is damaged."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from clapbatch.errors import StoreError
from clapbatch.library import printable

T = TypeVar("T")

# What the machine does to a good file. Whatever else SQLite complains of is damage to the file.
NO_DAMAGE = {
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_AUTH,
    sqlite3.SQLITE_NOLFS,
}
# SQLite's complaints, and Python's when it cannot even read their words.
DAMAGE = (sqlite3.DatabaseError, UnicodeDecodeError)
# How long another program may keep the file locked. SQLite waits deaf to Ctrl-C: in short steps.
PATIENCE_SECONDS = 60.0
STEP_SECONDS = 0.25


@dataclass(frozen=True)
class Schema:
    """version : raised when the tables change. script : statements that create them.

    keys : table -> the columns by which each of its rows is found.
    is_sound : whether a row is as it was written.
    """

    version: int
    script: str
    keys: Mapping[str, tuple[str, ...]]
    is_sound: Callable[[Sequence[Any]], bool]


class Database:
    """Open (and create, or empty if it is of an older schema) a database.

    path : the SQLite file, or None for one in memory.
    notes : gets one sentence for each thing that a person should know.

    Raises
    ------
    StoreError
        If the file cannot be used, is another program's, or was written by a newer clapbatch.
    """

    def __init__(self, path: Path | None, schema: Schema, notes: list[str]) -> None:
        self.path = path
        self._schema = schema
        self._notes = notes
        if path is None:
            self._db = self._checked()
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = self._opened(path)
        except (OSError, *DAMAGE) as error:
            raise self._cannot(error) from error

    def close(self) -> None:
        self._db.close()

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do some work. If the file proves damaged, what can be read of it is saved into a new
        one, and the work is done there.

        Raises
        ------
        StoreError
            If the file cannot be used.
        """
        try:
            return _patiently(lambda: work(self._db))
        except DAMAGE as error:
            if self.path is None or not _is_damage(error):
                raise self._cannot(error) from error
        self.rescue()
        try:
            return _patiently(lambda: work(self._db))
        except DAMAGE as error:
            raise self._cannot(error) from error

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do some work in one transaction: whole or not at all."""

        def transaction(db: sqlite3.Connection) -> T:
            db.execute("BEGIN IMMEDIATE")
            try:
                result = work(db)
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:  # SQLite has already rolled back what it could not write
                    db.execute("ROLLBACK")
                raise
            return result

        return self.read(transaction)

    # --- opening ----------------------------------------------------------------------------

    def _opened(self, path: Path) -> sqlite3.Connection:
        try:
            return _patiently(self._checked)
        except DAMAGE as error:
            if not _is_damage(error):
                raise
        # It may be a file of the person's: set aside, never deleted.
        aside = path.with_name(path.name + ".damaged")
        os.replace(path, aside)
        _remove_journal(path)
        self._notes.append(
            f"the store {printable(path)} was damaged; it was set aside as {printable(aside.name)} "
            "and a new one begun"
        )
        return self._checked()

    def _checked(self) -> sqlite3.Connection:
        db = _connect(self.path)
        try:
            self._check(db)
        except BaseException:
            db.close()
            raise
        return db

    def _check(self, db: sqlite3.Connection) -> None:
        db.execute("BEGIN IMMEDIATE" if not _tables(db) else "BEGIN")
        # Asked again under the lock: two programs may have found the same empty file.
        tables = _tables(db)
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if tables and not tables & set(self._schema.keys):
            raise StoreError(
                f"{self._name} is a database of another program, not a store; choose another "
                "file with --store"
            )
        if version > self._schema.version:
            raise StoreError(
                f"the store {self._name} was written by a newer clapbatch (schema {version}, this "
                f"one knows {self._schema.version}); update clapbatch or choose another file "
                "with --store"
            )
        if tables and version < self._schema.version:
            self._notes.append(
                f"the store {self._name} was written by an older clapbatch; its songs are embedded "
                "again"
            )
        if not tables or version < self._schema.version:
            for table in tables:
                db.execute(f'DROP TABLE "{table}"')
            for statement in self._schema.script.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {self._schema.version}")
        for table in self._schema.keys:
            db.execute(f"SELECT * FROM {table} LIMIT 1").fetchone()
        db.execute("COMMIT")

    # --- damage -----------------------------------------------------------------------------

    def rescue(self) -> None:
        """Put a new file in the damaged one's place, with every row that is still sound.

        Raises
        ------
        StoreError
            If there is no room for the new file, or another program has the old one open.
        """
        assert self.path is not None, "memory does not rot"
        try:
            self._replace(self.path)
        except (OSError, *DAMAGE) as error:
            raise self._cannot(error) from error

    def _replace(self, path: Path) -> None:
        draft = path.with_name(f"{path.name}.{os.getpid()}.rescued")
        try:
            new = Database(draft, self._schema, [])
            kept = new.write(lambda target: self._copy_rows(target))
            new.close()
            self._leave_alone()
            self._db.close()
            _remove_journal(path)
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)
            _remove_journal(draft)
        self._db = self._checked()
        self._notes.append(
            f"the store {self._name} was damaged and has been rebuilt; {kept} entries were kept"
        )

    def _copy_rows(self, target: sqlite3.Connection) -> int:
        kept = 0
        for table, columns in self._schema.keys.items():
            place = ", ".join("?" * len(columns))
            find = f"SELECT * FROM {table} WHERE ({', '.join(columns)}) = ({place})"
            for key in self._row_keys(table, columns):
                try:
                    row = self._db.execute(find, key).fetchone()
                except DAMAGE:
                    continue
                if row is not None and self._schema.is_sound(row):
                    values = ", ".join("?" * len(row))
                    kept += target.execute(
                        f"INSERT OR IGNORE INTO {table} VALUES ({values})", row
                    ).rowcount
        return kept

    def _row_keys(self, table: str, columns: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
        """As many keys as can be read: from the first on, and from the last back."""
        found: dict[tuple[Any, ...], None] = {}
        for direction in ("ASC", "DESC"):
            order = ", ".join(f"{column} {direction}" for column in columns)
            try:
                for key in self._db.execute(
                    f"SELECT {', '.join(columns)} FROM {table} ORDER BY {order}"
                ):
                    found[key] = None
                break
            except DAMAGE:
                continue
        return iter(found)

    def _leave_alone(self) -> None:
        """Make sure that no other program has the damaged file open: its journal would be ours."""
        try:
            self._db.execute("PRAGMA journal_mode = DELETE").fetchone()
        except DAMAGE as error:
            if not _is_damage(error):
                raise StoreError(
                    f"the store {self._name} is damaged and in use by another program; run again "
                    "when that has ended"
                ) from error

    # --- words ------------------------------------------------------------------------------

    @property
    def _name(self) -> str:
        return printable(self.path) if self.path else "(in memory)"

    def _cannot(self, error: Exception) -> StoreError:
        reason = str(error)
        if isinstance(error, OSError) and error.strerror:
            reason = error.strerror.lower()
        return StoreError(
            f"the store {self._name} cannot be used ({reason}); make room or repair its folder, "
            "choose another file with --store, or go without with --no-store"
        )


def _connect(path: Path | None) -> sqlite3.Connection:
    name = ":memory:" if path is None else os.fspath(path)
    db = sqlite3.connect(name, timeout=STEP_SECONDS, isolation_level=None)
    try:
        # Text that damage has made no text is some other text: checksums tell.
        db.text_factory = lambda data: data.decode("utf-8", "replace")
        db.execute("PRAGMA cell_size_check = ON")
        db.execute("PRAGMA journal_mode = WAL")
        # docs/decisions/0007: a power cut may cost the last songs, never the file.
        db.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        db.close()
        raise
    return db


def _tables(db: sqlite3.Connection) -> set[str]:
    rows = db.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    )
    return {name for (name,) in rows}


def _patiently(work: Callable[[], T]) -> T:
    """Do some work as soon as other programs leave the file to us."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return work()
        except sqlite3.OperationalError as error:
            busy = _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
            if not busy or time.monotonic() > end:
                raise


def _code(error: Exception) -> int | None:
    """SQLite's primary result code; None if the error is of Python's making."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _is_damage(error: Exception) -> bool:
    return isinstance(error, UnicodeDecodeError) or _code(error) not in (None, *NO_DAMAGE)


def _remove_journal(path: Path) -> None:
    for ending in ("-wal", "-shm", "-journal"):
        Path(f"{path}{ending}").unlink(missing_ok=True)
