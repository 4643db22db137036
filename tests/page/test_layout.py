"""The order that puts like beside like, and the flat map, against slow and plain oracles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import pdist, squareform

from clapbatch.builtin.reporters.html import layout
from clapbatch.builtin.reporters.html.layout import principal_axes, similar_together, song_map


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_every_cluster_that_scipy_finds_stands_together(seed: int, n: int, dim: int) -> None:
    points = np.random.default_rng(seed).normal(size=(n, dim))
    order = similar_together(points)
    assert sorted(order) == list(range(n))
    if n < 2:
        return
    places = np.argsort(order)
    members = {row: [row] for row in range(n)}
    for number, (left, right, _, _) in enumerate(linkage(points, "average")):
        members[n + number] = members[int(left)] + members[int(right)]
        taken = sorted(places[members[n + number]])
        assert taken == list(range(taken[0], taken[0] + len(taken)))


def test_points_on_a_line_come_in_their_order() -> None:
    line = np.random.default_rng(1).permutation(30).astype(float)[:, None]
    ordered = line[similar_together(line), 0]
    assert abs(np.diff(ordered)).max() <= 2  # ties between equal gaps may turn a pair round


def test_ties_and_copies_end() -> None:
    assert sorted(similar_together(np.zeros((50, 3)))) == list(range(50))
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 5, float)
    ordered = corners[similar_together(corners)]
    changes = (np.diff(ordered, axis=0) != 0).any(axis=1).sum()
    assert changes == 3  # the copies of a corner stand together


def test_the_order_does_not_hang_on_the_last_bit() -> None:
    points = np.random.default_rng(2).integers(0, 3, size=(40, 2)).astype(float)  # many ties
    noise = np.random.default_rng(3).uniform(-1e-13, 1e-13, size=points.shape)
    assert similar_together(points + noise) == similar_together(points)


def test_many_rows_are_halved_first(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(4)
    groups = draw.normal(size=(6, 5)) * 20
    points = np.concatenate([group + draw.normal(size=(40, 5)) for group in groups])
    monkeypatch.setattr(layout, "LARGEST_CLUSTERING", 100)
    order = similar_together(points)
    assert sorted(order) == list(range(240))
    neighbours = np.abs(np.diff(points[order], axis=0)).mean()
    assert neighbours < np.abs(np.diff(points[draw.permutation(240)], axis=0)).mean() / 4


@pytest.mark.parametrize("dim", [3, 60])
def test_what_is_flat_stays_as_it_is(dim: int) -> None:
    """Points of a plane in a larger space: their distances, up to scale, are the map's."""
    draw = np.random.default_rng(5)
    flat = draw.normal(size=(30, 2)) * (3, 1)
    turned = flat @ np.linalg.qr(draw.normal(size=(dim, 2)))[0].T + draw.normal(size=dim)
    places, share = song_map(turned.astype(np.float32))
    assert share == pytest.approx(1)
    wanted, found = squareform(pdist(flat)), squareform(pdist(places))
    np.testing.assert_allclose(found / found.max(), wanted / wanted.max(), atol=1e-3)
    assert np.abs(places).max() == 1


def test_the_share_is_the_variance_kept() -> None:
    points = np.random.default_rng(6).normal(size=(200, 5)) * (5, 3, 1, 1, 1)
    _, share = principal_axes(points, 2)
    values = np.sort(np.linalg.eigvalsh(np.cov(points.T)))[::-1]
    assert share == pytest.approx(values[:2].sum() / values.sum())


def test_signs_are_fixed() -> None:
    points = np.random.default_rng(7).normal(size=(20, 4))
    places, _ = principal_axes(points, 2)
    assert (places[np.abs(places).argmax(axis=0), [0, 1]] > 0).all()


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_few_songs(n: int) -> None:
    places, share = song_map(np.eye(3, dtype=np.float32)[:n])
    assert places.shape == (n, 2)
    assert np.isfinite(places).all()
    assert 0 < share <= 1
