"""Every stored song's mean vector in one memory-mapped file: what a search reads.

The mean over a song's segments of their cosine with a sentence is the sentence's product with the
mean of the segments' unit vectors. So these means, not renormalised, give the exact mean scores,
and a search need not read a single segment but those of the songs it shows.

The file is derived from the store, kept beside it, and made again from it at any time. A row
belongs to a content (sha256) under one recipe and never changes, so no row can be out of date. A
row whose song left the store is passed over. A checksum of the rows and one of the table of
contents tell a damaged file from a good one whenever it is opened.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clapbatch.domain import FloatArray, TimeArray
from clapbatch.engine.events import Note, OnEvent, ignore
from clapbatch.errors import StoreError
from clapbatch.library import printable
from clapbatch.store import Store

VERSION = 1
INDEX = "index.bin"
# The last listing's rows in it.
ROWS = "rows.bin"
# Rows per product and per write: fixed, because the last bit of a product depends on it.
BLOCK = 4096
# Fewer songs are read so quickly that nobody needs to be told.
MANY = 2000


@dataclass(frozen=True)
class Means:
    """Mean vectors of the songs in a store, under one recipe.

    vectors : float32 (rows, dim), means of unit vectors, of length 0 to 1.
    hashes : the rows' sha256, 64 characters each, one after the other. durations : seconds,
    float64 (rows,). file : where the vectors lie, None if only in memory. total : their checksum.
    known : contents that the store has; None for all.
    """

    vectors: FloatArray
    hashes: str
    durations: TimeArray
    file: Path | None = None
    total: int = 0
    known: Set[str] | None = None

    @cached_property
    def row(self) -> dict[str, int]:
        """sha256 -> row, of what the store has."""
        rows = {self.content(i): i for i in range(len(self.durations))}
        if self.known is None or len(rows) == len(self.known):
            return rows
        return {sha256: i for sha256, i in rows.items() if sha256 in self.known}

    @property
    def file_state(self) -> str:
        """Another one whenever a row may stand elsewhere."""
        return f"{self.file and self.file.name} {len(self.durations)} {self.total}"

    def rows_of(self, paths: Sequence[bytes], seen: Mapping[bytes, str]) -> NDArray[np.int64]:
        """The row of each file; -1 for none. seen : path -> sha256 of what the file was."""
        return np.array([self.row.get(seen.get(path, ""), -1) for path in paths], np.int64)

    def content(self, row: int) -> str:
        """The sha256 of a row."""
        return self.hashes[64 * row : 64 * row + 64]

    def products(self, vectors: FloatArray) -> FloatArray:
        """Scores of all rows: float32 (m, dim) unit rows -> float32 (rows, m)."""
        return np.concatenate([block @ vectors.T for block in self._blocks()])

    def cosines(self, vectors: FloatArray) -> FloatArray:
        """Cosines of all rows with float32 (m, axes) unit rows, on the first `axes` axes alone.

        A song whose segments cancel out exactly is like no other: 0.
        """
        axes = vectors.shape[1]
        found = []
        for block in self._blocks():
            part = block[:, :axes]
            norms = np.sqrt(np.einsum("ij,ij->i", part, part))[:, None]
            products = part @ vectors.T
            found.append(np.divide(products, norms, out=np.zeros_like(products), where=norms > 0))
        return np.concatenate(found)

    def _blocks(self) -> Iterator[FloatArray]:
        for first in range(0, max(len(self.vectors), 1), BLOCK):
            yield self.vectors[first : first + BLOCK]


def open_means(store: Store, recipe: str, dim: int, on_event: OnEvent = ignore) -> Means:
    """The means of all songs that the store has under a recipe; songs new to it are added first.

    recipe : fingerprint. dim : length of a vector.

    Raises
    ------
    StoreError
        If the file beside the store cannot be written.
    """
    known = store.known(recipe)
    if store.path is None:
        return _in_memory(store, recipe, dim, known)
    folder = folder_of(store.path) / recipe[:32]
    with _explained(folder):
        means = _read(folder, dim)
        if means is not None and _is_complete(means, known):
            return replace(means, known=known)
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            means = _read(folder, dim)  # another program may have been quicker
            if means is None and (folder / INDEX).exists():
                on_event(Note("the search index was damaged; it is made anew from the store"))
            if means is None or len(means.row) > 2 * len(known) + BLOCK:
                means = _begin(folder, dim)
            missing = sorted(known - means.row.keys())
            if len(missing) >= MANY:
                on_event(Note(f"reading {len(missing):,} stored songs into the search index, once"))
            _append(folder, means, _from_store(store, recipe, missing))
            return replace(_read(folder, dim) or means, known=known)


def listed_rows(
    store: Store, recipe: str, dim: int, paths: Sequence[bytes], on_event: OnEvent = ignore
) -> tuple[Means, NDArray[np.int64]]:
    """The means, and the row in them of every file of a listing; -1 where the store knows none.

    What was found for the listing before is found again at once, if neither it nor the store has
    changed: to ask the store for every file takes longer than to search among them.

    paths : absolute, as the store has them.

    Raises
    ------
    StoreError
        As `open_means` does.
    """
    if store.path is None:
        means = open_means(store, recipe, dim, on_event)
        return means, means.rows_of(paths, store.paths())
    folder = folder_of(store.path) / recipe[:32]
    # Asked before the store is read: what another program adds meanwhile makes it another.
    asked = [blake2b(b"\0".join(paths)).hexdigest(), store.state(recipe)]
    if (known := _read(folder, dim)) is not None:
        remembered = _remembered_rows(folder, [*asked, known.file_state])
        if remembered is not None and len(remembered) == len(paths):
            return known, remembered
    means = open_means(store, recipe, dim, on_event)
    rows = means.rows_of(paths, store.paths())
    _remember_rows(folder, [*asked, means.file_state], rows)
    return means, rows


def _remembered_rows(folder: Path, key: list[str]) -> NDArray[np.int64] | None:
    try:
        line, data = (folder / ROWS).read_bytes().split(b"\n", 1)
        if json.loads(line) != [VERSION, *key, zlib.crc32(data)]:
            return None
        return np.frombuffer(data, "<i8")
    except (OSError, ValueError):
        return None


def _remember_rows(folder: Path, key: list[str], rows: NDArray[np.int64]) -> None:
    data = rows.astype("<i8").tobytes()
    about = json.dumps([VERSION, *key, zlib.crc32(data)]).encode()
    draft = folder / f"{ROWS}.{os.getpid()}.draft"
    try:
        draft.write_bytes(about + b"\n" + data)
        os.replace(draft, folder / ROWS)
    except OSError:  # the next search asks the store again
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def folder_of(store: Path) -> Path:
    """Where the files derived from a store lie."""
    return store.with_name(store.name + ".index")


def forget(store: Path) -> None:
    """Remove what was derived from a store; it is made again when it is asked for."""
    shutil.rmtree(folder_of(store), ignore_errors=True)


Row = tuple[str, float, FloatArray]


def _from_store(store: Store, recipe: str, contents: Iterable[str]) -> Iterator[Row]:
    for sha256 in contents:
        song = store.get(sha256, recipe)
        if song is not None:
            mean = song.vectors.astype(np.float64).mean(axis=0).astype(np.float32)
            yield sha256, song.duration, mean


def _in_memory(store: Store, recipe: str, dim: int, known: set[str]) -> Means:
    rows = list(_from_store(store, recipe, sorted(known)))
    vectors = np.stack([mean for *_, mean in rows]) if rows else np.empty((0, dim), np.float32)
    durations = np.array([duration for _, duration, _ in rows], np.float64)
    return Means(vectors, "".join(sha256 for sha256, *_ in rows), durations)


def _is_complete(means: Means, known: set[str]) -> bool:
    return known <= means.row.keys() and len(means.row) <= 2 * len(known) + BLOCK


# --- the files ------------------------------------------------------------------------------------
# index.bin: a line of JSON (version, dim, name and checksum of the file of vectors, checksum of
# the rest), then a record a row. It is replaced as a whole; the file of vectors only grows, and
# what the index counts is never touched again. So a reader needs no lock, and a writer that is
# killed leaves nothing half done.

_RECORD = np.dtype([("sha256", "V32"), ("duration", "<f8")])


def _stride(dim: int) -> int:
    """Floats a row in the file: even, so that the rows are whole 64-bit words."""
    return dim + dim % 2


def _read(folder: Path, dim: int) -> Means | None:
    """What the folder holds; None if that is nothing, or not whole and undamaged."""
    try:
        line, data = (folder / INDEX).read_bytes().split(b"\n", 1)
        about = json.loads(line)
        if [about["version"], about["dim"], about["crc32"]] != [VERSION, dim, zlib.crc32(data)]:
            return None
        records = np.frombuffer(data, _RECORD)
        file, shape = folder / about["file"], (len(records), _stride(dim))
        vectors: NDArray[Any] = np.empty((0, _stride(dim)), "<f4")
        if len(records):
            vectors = np.memmap(file, "<f4", mode="r", shape=shape)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if _sum(vectors) != about["sum"]:
        return None
    hashes = records["sha256"].tobytes().hex()
    return Means(vectors[:, :dim], hashes, records["duration"].copy(), file, about["sum"])


def _begin(folder: Path, dim: int) -> Means:
    """Begin anew, in a file of another name: somebody may still be reading the old one."""
    for old in folder.glob("*"):
        if old.name != "lock":
            old.unlink(missing_ok=True)
    handle, name = tempfile.mkstemp(prefix="means-", suffix=".f32", dir=folder)
    os.close(handle)
    return Means(np.empty((0, dim), np.float32), "", np.empty(0), Path(name))


def _append(folder: Path, means: Means, rows: Iterator[Row]) -> None:
    assert means.file is not None
    stride = _stride(means.vectors.shape[1])
    hashes, durations, total = [means.hashes], means.durations.tolist(), means.total
    with open(means.file, "r+b") as file:
        # What a writer that was killed left behind its last row goes.
        file.truncate(len(durations) * stride * 4)
        file.seek(0, os.SEEK_END)
        while chunk := list(islice(rows, BLOCK)):
            block = np.zeros((len(chunk), stride), "<f4")
            block[:, : means.vectors.shape[1]] = [mean for *_, mean in chunk]
            file.write(block.tobytes())
            total = (total + _sum(block)) % 2**64
            hashes += [sha256 for sha256, *_ in chunk]
            durations += [duration for _, duration, _ in chunk]
        file.flush()
        os.fsync(file.fileno())
    records = np.empty(len(durations), _RECORD)
    records["sha256"] = np.frombuffer(bytes.fromhex("".join(hashes)), "V32")
    records["duration"] = durations
    about = {
        "version": VERSION,
        "dim": means.vectors.shape[1],
        "file": means.file.name,
        "sum": total,
        "crc32": zlib.crc32(records.tobytes()),
    }
    draft = folder / f"{INDEX}.draft"
    draft.write_bytes(json.dumps(about).encode() + b"\n" + records.tobytes())
    os.replace(draft, folder / INDEX)


def _sum(vectors: NDArray[Any]) -> int:
    """The rows as 64-bit words, added up without carry: as quick as reading them."""
    words = np.ascontiguousarray(vectors).reshape(-1).view("<u8")
    return int(np.sum(words, dtype=np.uint64))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    import filelock

    with filelock.FileLock(folder / "lock"):
        yield


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"the search index {printable(folder)} cannot be written "
            f"({(error.strerror or str(error)).lower()}); make room or choose another --store"
        ) from error
