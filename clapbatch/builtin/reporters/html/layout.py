"""What stands beside what: an order that puts like beside like, and a flat map of songs.

Both are plain numpy. scipy has a clustering too, but importing it costs more than this takes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

# Beyond this many, a square matrix of distances is too much; groups are halved first.
LARGEST_CLUSTERING = 2000


def similar_together(points: Points) -> list[int]:
    """An order of the rows of (n, d) points in which similar rows are neighbours.

    Average-linkage clustering; at every merge the two groups are turned so that their closest
    ends meet. Distances are rounded, so that ties are ties on every machine and the first wins.
    """
    return [int(row) for row in _halved(points, np.arange(len(points)))]


def _halved(points: Points, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Split along the direction of largest spread until a group is small enough to cluster."""
    if len(rows) <= LARGEST_CLUSTERING:
        return rows[_clustered(points[rows])]
    along = principal_axes(points[rows], 1)[0][:, 0].round(9)
    ranked = rows[np.argsort(along, kind="stable")]
    middle = len(ranked) // 2
    return np.concatenate([_halved(points, np.sort(half)) for half in np.split(ranked, [middle])])


def _clustered(points: Points) -> list[int]:
    """Average linkage by chains of nearest neighbours: n² time and memory."""
    n = len(points)
    if n < 2:
        return list(range(n))
    squares = (points**2).sum(axis=1)
    apart_squared = squares[:, None] + squares - 2 * points @ points.T
    between = np.sqrt(np.maximum(apart_squared.round(9), 0))  # rounded first: a root enlarges dust
    apart = between.copy()  # between single rows; `between` becomes distances of groups
    np.fill_diagonal(between, np.inf)
    groups = {row: [row] for row in range(n)}
    chain: list[int] = []
    while len(groups) > 1:
        if not chain:
            chain = [min(groups)]
        last = chain[-1]
        near = int(between[last].argmin())
        # Prefer to turn back on a tie, or the chain would go round for ever.
        if len(chain) < 2 or between[last, chain[-2]] > between[last, near]:
            chain.append(near)
            continue
        near = chain[-2]
        del chain[-2:]
        keep, gone = min(last, near), max(last, near)
        sizes = len(groups[keep]), len(groups[gone])
        merged = (between[keep] * sizes[0] + between[gone] * sizes[1]) / sum(sizes)
        between[keep] = between[:, keep] = merged
        between[gone] = between[:, gone] = np.inf
        between[keep, keep] = np.inf
        groups[keep] = _joined(groups[keep], groups.pop(gone), apart)
    return groups[0]


def _joined(left: list[int], right: list[int], apart: Points) -> list[int]:
    """The two groups in a row, each turned so that the ends which meet are the closest."""
    turns = [(a, b) for a in (left, left[::-1]) for b in (right, right[::-1])]
    first, second = min(turns, key=lambda turn: apart[turn[0][-1], turn[1][0]])
    return first + second


def song_map(vectors: NDArray[np.float32]) -> tuple[Points, float]:
    """Songs as points on a plane, float64 (n, 2) within -1..1, and the share of variance kept.

    Principal components, which for unit vectors is classical scaling of their cosines. Rounded
    to what a screen can show: the last bits of an eigenvector are not worth keeping.
    """
    coordinates, share = principal_axes(vectors.astype(np.float64), 2)
    largest = np.abs(coordinates).max(initial=0.0)
    if largest > 0:
        coordinates = coordinates / largest
    return coordinates.round(4) + 0.0, round(share, 4)


def principal_axes(points: Points, count: int) -> tuple[Points, float]:
    """Coordinates (n, count) along the axes of largest variance, and the share of it they keep.

    The sign of each axis is fixed: the coordinate of largest magnitude is positive.
    """
    n = len(points)
    coordinates = np.zeros((n, count))
    centred = points - points.mean(axis=0) if n else points
    total = float((centred**2).sum())
    if total <= 1e-12:  # one song, or all alike
        return coordinates, 1.0
    if n <= centred.shape[1]:
        values, axes = np.linalg.eigh(centred @ centred.T)
        found = axes * np.sqrt(np.maximum(values, 0))
    else:
        values, axes = np.linalg.eigh(centred.T @ centred)
        found = centred @ axes
    found = found[:, ::-1][:, :count]
    for axis in range(found.shape[1]):
        column = found[:, axis]
        extreme = np.abs(column).round(9).argmax()
        coordinates[:, axis] = column if column[extreme] > 0 else -column
    return coordinates, float(np.maximum(values[::-1][:count], 0).sum() / total)
