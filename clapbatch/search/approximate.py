"""A graph over the mean vectors (usearch, HNSW) that finds the nearest without comparing all.

For libraries where even a pass over all mean vectors takes too long. It may miss songs; what it
finds is scored exactly.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clapbatch.domain import FloatArray
from clapbatch.engine.events import Note, OnEvent, ignore
from clapbatch.errors import UsageError
from clapbatch.search.means import Means

# Malkov and Yashunin 2018 (HNSW): links a node, and candidates kept while building.
CONNECTIVITY = 32
EXPANSION_BUILD = 200
# Candidates asked for, and kept while searching, for every song wanted.
CANDIDATES = 10
LEAST_EXPANSION = 400


def nearest_rows(
    means: Means, vector: FloatArray, by_cosine: bool, count: int, on_event: OnEvent = ignore
) -> NDArray[np.int64]:
    """Rows of the means that are probably among the nearest, several times `count`.

    vector : float32 (axes,); the rows' first `axes` axes take part. by_cosine : or by product.

    Raises
    ------
    UsageError
        If usearch is not installed.
    """
    try:
        from usearch.index import Index
    except ImportError as error:
        raise UsageError(
            "--approximate needs the package usearch: pip install 'clapbatch[approximate]'"
        ) from error
    wanted = min(max(CANDIDATES * count, LEAST_EXPANSION), len(means.vectors))
    index = Index(
        ndim=len(vector),
        metric="cos" if by_cosine else "ip",
        dtype="f32",
        connectivity=CONNECTIVITY,
        expansion_add=EXPANSION_BUILD,
        expansion_search=wanted,
    )
    _fill(index, means, len(vector), "cos" if by_cosine else "ip", on_event)
    rows: NDArray[np.int64] = np.asarray(index.search(vector, wanted).keys).astype(np.int64)
    return rows


def _fill(index: Any, means: Means, axes: int, metric: str, on_event: OnEvent) -> None:
    """Open the graph that is kept beside the means, and add to it the rows that came since."""
    rows = len(means.vectors)
    # The name is that of the very file of vectors: a graph over another one is never opened.
    file = Path(f"{means.file}.{metric}{axes}.usearch") if means.file else None
    kept = 0
    # What is read is checked first: a damaged graph can lead foreign code anywhere.
    if file and _seal(file) == _read_seal(file):
        index.view(os.fspath(file))
        if len(index) == rows:
            return
        index.load(os.fspath(file))
        kept = len(index)
    on_event(Note(f"adding {rows - kept:,} songs to the graph, once"))
    index.add(np.arange(kept, rows), np.ascontiguousarray(means.vectors[kept:, :axes]))
    if file:
        draft = file.with_name(file.name + ".draft")
        index.save(os.fspath(draft))
        os.replace(draft, file)
        _sealed(file).write_text(_seal(file))


def _sealed(file: Path) -> Path:
    return file.with_name(file.name + ".sum")


def _read_seal(file: Path) -> str:
    try:
        return _sealed(file).read_text()
    except OSError:
        return "none"


def _seal(file: Path) -> str:
    """Length and checksum of a file, as text; "" if there is none."""
    try:
        with open(file, "rb") as opened:
            checksum, length = 0, 0
            while block := opened.read(1 << 20):
                checksum, length = zlib.crc32(block, checksum), length + len(block)
    except OSError:
        return ""
    return f"{length} {checksum}"
