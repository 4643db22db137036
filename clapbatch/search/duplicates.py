"""Songs that are one recording: the same bytes, another encoding, a little more or less silence.

Two different songs of one style and length may have nearly the same mean vector, but they do not
rise and fall together. So two things must agree beside the length: the means, and the timelines
after the mean is taken away. docs/searching.md tells what was measured.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from clapbatch.domain import Embeddings, FloatArray
from clapbatch.engine.determinism import one_blas_thread
from clapbatch.engine.scoring import mean_vector
from clapbatch.search.ranking import unit_rows
from clapbatch.search.shelf import Shelf

# Encoders pad by up to a tenth of a second; half a second may be cut at either end.
SECONDS_APART = 1.5
LEAST_COSINE = 0.85
LEAST_TIMELINE = 0.55
# Too short, or too even, for a timeline to tell: then the means must agree more closely.
LEAST_SEGMENTS = 4
LEAST_SPREAD = 1e-3
LEAST_COSINE_ALONE = 0.95
# Songs whose segments are held at once, and rows compared at once.
HELD = 2048
BLOCK = 1024


@dataclass(frozen=True, slots=True)
class Copy:
    """One song of a group. size : bytes; duration : seconds.

    relation : "first", "same bytes" (as an earlier one of the group) or "same recording".
    cosine, timeline : likeness to the group's first song: of the means, and of the rise and fall
    (a correlation; None where the song is too short or too even for one).
    """

    name: str
    path: str
    duration: float
    size: int
    relation: str
    cosine: float
    timeline: float | None


def find_duplicates(shelf: Shelf) -> tuple[tuple[Copy, ...], ...]:
    """Groups of two or more songs, in the library's order; a group's songs too.

    Whoever is like one song of a group is in the group. Songs whose files have changed since they
    were embedded are left out, and stand in `shelf.changed`.
    """
    with one_blas_thread():
        finder = _Finder(shelf)
        return tuple(finder.group(songs) for songs in finder.groups())


class _Finder:
    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._axes = shelf.card.song_axes
        self._song = lru_cache(maxsize=HELD)(shelf.song)
        by_content: dict[str, list[int]] = defaultdict(list)
        for i in range(len(shelf.names)):
            sha256 = shelf.content(i)
            by_content[sha256].append(i)
        self._contents = list(by_content.values())
        self._parent = list(range(len(self._contents)))

    def groups(self) -> list[list[int]]:
        """Songs by group, every group in order."""
        for a, b in self._near_pairs():
            if self._root(a) != self._root(b) and self._is_same(a, b):
                first, second = sorted((self._root(a), self._root(b)))
                self._parent[second] = first
        members: dict[int, list[int]] = defaultdict(list)
        for content, songs in enumerate(self._contents):
            members[self._root(content)] += songs
        found = [sorted(songs) for songs in members.values() if len(songs) > 1]
        # One look at each file: what is not there any more is nobody's copy.
        found = [[i for i in songs if self._song(i) is not None] for songs in found]
        return sorted(songs for songs in found if len(songs) > 1)

    def group(self, songs: Sequence[int]) -> tuple[Copy, ...]:
        names, paths = self._shelf.names, self._shelf.paths
        first = self._song(songs[0])
        contents: set[str] = set()
        copies: list[Copy] = []
        for i in songs:
            song = self._song(i)
            assert song is not None
            assert first is not None
            sha256 = self._shelf.content(i)
            relation = "same bytes" if sha256 in contents else "same recording"
            contents.add(sha256)
            copies.append(
                Copy(
                    name=names[i],
                    path=os.fsdecode(paths[i]),
                    duration=song.duration,
                    size=os.stat(paths[i]).st_size,
                    relation=relation if copies else "first",
                    cosine=self._cosine(first, song),
                    timeline=timeline_likeness(first, song, self._axes),
                )
            )
        return tuple(copies)

    def _near_pairs(self) -> Iterator[tuple[int, int]]:
        """Pairs of contents of nearly one length whose means agree, without reading segments."""
        rows = self._shelf.rows[[songs[0] for songs in self._contents]]
        order = np.argsort(self._shelf.means.durations[rows], kind="stable")
        durations = self._shelf.means.durations[rows][order]
        vectors = unit_rows(np.asarray(self._shelf.means.vectors)[rows[order], : self._axes])
        for first in range(0, len(order), BLOCK):
            block = vectors[first : first + BLOCK]
            longest = durations[min(first + BLOCK, len(order)) - 1] + SECONDS_APART
            last = int(np.searchsorted(durations, longest, side="right"))
            cosines = block @ vectors[first:last].T
            apart = durations[first:last] - durations[first : first + BLOCK, None]
            near = (cosines >= LEAST_COSINE) & (apart <= SECONDS_APART)
            for a, b in np.argwhere(np.triu(near, 1)).tolist():
                yield int(order[first + a]), int(order[first + b])

    def _is_same(self, a: int, b: int) -> bool:
        one, other = self._song(self._contents[a][0]), self._song(self._contents[b][0])
        if one is None or other is None:
            return False
        timeline = timeline_likeness(one, other, self._axes)
        if timeline is None:
            return self._cosine(one, other) >= LEAST_COSINE_ALONE
        return timeline >= LEAST_TIMELINE

    def _cosine(self, one: Embeddings, other: Embeddings) -> float:
        vectors = mean_vector(one, self._axes), mean_vector(other, self._axes)
        return float(np.clip(vectors[0] @ vectors[1], -1, 1))

    def _root(self, content: int) -> int:
        while self._parent[content] != content:
            self._parent[content] = self._parent[self._parent[content]]
            content = self._parent[content]
        return content


def timeline_likeness(one: Embeddings, other: Embeddings, axes: int | None) -> float | None:
    """Do two songs rise and fall together: correlation of their segments' vectors, -1..1.

    Each song's own mean is taken away first. None if there are too few segments, or nothing moves.
    """
    n = min(len(one.vectors), len(other.vectors))
    if n < LEAST_SEGMENTS:
        return None
    moves = [_moves(song.vectors[:n, :axes]) for song in (one, other)]
    spreads = [float(np.linalg.norm(move)) for move in moves]
    if min(spreads) < LEAST_SPREAD * n**0.5:
        return None
    return float((moves[0] * moves[1]).sum() / (spreads[0] * spreads[1]))


def _moves(vectors: FloatArray) -> NDArray[np.float64]:
    wide = vectors.astype(np.float64)
    moved: NDArray[np.float64] = wide - wide.mean(axis=0)
    return moved
