"""The file of mean vectors: right, built bit by bit, and never out of date or damaged unnoticed."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from clapbatch.domain import Embeddings
from clapbatch.engine.events import Event, Note
from clapbatch.errors import StoreError
from clapbatch.search import means as module
from clapbatch.search.means import folder_of, forget, listed_rows, open_means
from clapbatch.store import Content, Store

RECIPE, DIM = "r" * 64, 5


def fill(store: Store, first: int, last: int) -> None:
    """Songs named by the hex of their number, with a few unit segments each."""
    for number in range(first, last):
        generator = np.random.default_rng(number)
        vectors = generator.standard_normal((1 + number % 4, DIM)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        starts = np.arange(len(vectors), dtype=np.float64)
        song = Embeddings(vectors, starts, starts + 1, float(number))
        store.add(f"{number:064x}", RECIPE, "{}", song)


def index_file(store: Store) -> Path:
    assert store.path
    (file,) = folder_of(store.path).rglob("*.f32")
    return file


def assert_whole(store: Store, count: int) -> None:
    means = open_means(store, RECIPE, DIM)
    assert sorted(means.row) == [f"{number:064x}" for number in range(count)]
    for sha256, row in means.row.items():
        song = store.get(sha256, RECIPE)
        assert song is not None
        assert np.allclose(means.vectors[row], song.vectors.mean(axis=0), atol=1e-7)
        assert means.durations[row] == song.duration


def test_each_row_is_the_mean_of_a_songs_segments(store: Store) -> None:
    fill(store, 0, 10)
    assert_whole(store, 10)


def test_an_empty_store_has_no_rows(store: Store) -> None:
    means = open_means(store, RECIPE, DIM)
    assert means.vectors.shape == (0, DIM)
    assert means.products(np.zeros((2, DIM), np.float32)).shape == (0, 2)


def test_products_are_the_mean_of_the_segments_cosines(store: Store) -> None:
    fill(store, 0, 20)
    query = np.eye(DIM, dtype=np.float32)[1:3]
    means = open_means(store, RECIPE, DIM)
    products = means.products(query)
    for sha256, row in means.row.items():
        song = store.get(sha256, RECIPE)
        assert song is not None
        assert products[row] == pytest.approx((song.vectors @ query.T).mean(axis=0), abs=1e-6)


def test_blocks_do_not_show(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store, 0, 20)
    query = np.eye(DIM, dtype=np.float32)[:2]
    whole = open_means(store, RECIPE, DIM)
    products, cosines = whole.products(query), whole.cosines(query[:, :3])
    monkeypatch.setattr(module, "BLOCK", 3)
    parts = open_means(store, RECIPE, DIM)
    assert np.allclose(parts.products(query), products, atol=1e-7)
    assert np.allclose(parts.cosines(query[:, :3]), cosines, atol=1e-7)


def test_cosines_are_of_the_first_axes_alone(store: Store) -> None:
    fill(store, 0, 6)
    means = open_means(store, RECIPE, DIM)
    part = means.vectors[:, :3]
    wanted = part[:, 0] / np.linalg.norm(part, axis=1)
    assert means.cosines(np.eye(3, dtype=np.float32)[:1])[:, 0] == pytest.approx(wanted, abs=1e-6)


def test_new_songs_are_added_without_reading_the_old_ones_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, 0, 5)
    open_means(store, RECIPE, DIM)
    fill(store, 5, 8)
    read: list[str] = []
    real = store.get
    monkeypatch.setattr(store, "get", lambda sha, recipe: read.append(sha) or real(sha, recipe))
    open_means(store, RECIPE, DIM)
    assert read == [f"{number:064x}" for number in range(5, 8)]
    monkeypatch.undo()
    assert_whole(store, 8)


def test_a_song_that_left_the_store_is_passed_over(store: Store) -> None:
    fill(store, 0, 5)
    open_means(store, RECIPE, DIM)
    store.clear()
    fill(store, 2, 4)
    assert sorted(open_means(store, RECIPE, DIM).row) == [f"{number:064x}" for number in (2, 3)]


@pytest.mark.parametrize("place", [0, 17, -1])
def test_a_flipped_bit_in_the_vectors_is_noticed_and_mended(store: Store, place: int) -> None:
    fill(store, 0, 9)
    open_means(store, RECIPE, DIM)
    data = bytearray(index_file(store).read_bytes())
    data[place] ^= 4
    index_file(store).write_bytes(data)
    events: list[Event] = []
    open_means(store, RECIPE, DIM, events.append)
    assert events == [Note("the search index was damaged; it is made anew from the store")]
    assert_whole(store, 9)


@pytest.mark.parametrize("spoil", [b"", b"no index", b'{"version": 1}\nxx'])
def test_a_spoiled_table_of_contents_is_noticed_and_mended(store: Store, spoil: bytes) -> None:
    fill(store, 0, 9)
    open_means(store, RECIPE, DIM)
    (index_file(store).parent / module.INDEX).write_bytes(spoil)
    assert_whole(store, 9)


def test_vectors_that_were_cut_short_or_lost_are_made_anew(store: Store) -> None:
    fill(store, 0, 9)
    open_means(store, RECIPE, DIM)
    index_file(store).write_bytes(index_file(store).read_bytes()[:-8])
    assert_whole(store, 9)
    index_file(store).unlink()
    assert_whole(store, 9)


def test_what_a_killed_writer_left_behind_the_last_row_does_not_count(store: Store) -> None:
    fill(store, 0, 5)
    open_means(store, RECIPE, DIM)
    with open(index_file(store), "ab") as file:
        file.write(b"torn" * 7)
    assert_whole(store, 5)
    fill(store, 5, 7)
    assert_whole(store, 7)


def test_another_recipe_has_a_file_of_its_own(store: Store) -> None:
    fill(store, 0, 3)
    open_means(store, RECIPE, DIM)
    assert len(open_means(store, "s" * 64, DIM).row) == 0
    assert_whole(store, 3)


def test_two_searches_at_once_build_one_whole_index(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with Store(path) as store:
        fill(store, 0, 40)
    found: list[int] = []

    def search() -> None:
        with Store(path) as own:
            found.append(len(open_means(own, RECIPE, DIM).row))

    threads = [threading.Thread(target=search) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [40] * 4
    with Store(path) as store:
        assert_whole(store, 40)


def test_a_store_in_memory_has_its_means_in_memory(tmp_path: Path) -> None:
    with Store(None) as store:
        fill(store, 0, 3)
        assert open_means(store, RECIPE, DIM).file is None
        assert_whole(store, 3)


def test_an_index_that_cannot_be_written_is_a_sentence(store: Store) -> None:
    fill(store, 0, 3)
    assert store.path
    folder_of(store.path).write_text("in the way")
    with pytest.raises(StoreError, match=r"search index .* cannot be written \(not a directory\)"):
        open_means(store, RECIPE, DIM)


def test_forgetting_removes_every_file(store: Store) -> None:
    fill(store, 0, 3)
    open_means(store, RECIPE, DIM)
    assert store.path
    forget(store.path)
    assert not folder_of(store.path).exists()
    assert_whole(store, 3)


def remember(store: Store, paths: list[bytes], first: int = 0) -> None:
    """As if the files of these paths had been seen to be the songs from `first` on."""
    contents = {path: Content(f"{i:064x}", 1, 1) for i, path in enumerate(paths, first)}
    store._remember(contents)


def rows_of(store: Store, paths: list[bytes]) -> list[int]:
    means, rows = listed_rows(store, RECIPE, DIM, paths)
    assert [means.content(row) for row in rows if row >= 0] == [
        sha256 for path in paths if (sha256 := store.paths().get(path, "")) in store.known(RECIPE)
    ]
    return [int(row) for row in rows]


PATHS = [b"/a", b"/b", b"/c"]


def test_a_listing_is_found_again_without_asking_for_its_files(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, 0, 3)
    remember(store, PATHS)
    rows = rows_of(store, PATHS)
    assert rows == [0, 1, 2]
    monkeypatch.setattr(Store, "paths", None)
    monkeypatch.setattr(Store, "known", None)
    assert listed_rows(store, RECIPE, DIM, PATHS)[1].tolist() == rows


def test_another_listing_has_other_rows(store: Store) -> None:
    fill(store, 0, 3)
    remember(store, PATHS)
    assert rows_of(store, PATHS) == [0, 1, 2]
    assert rows_of(store, PATHS[::-1]) == [2, 1, 0]
    assert rows_of(store, [b"/new", *PATHS]) == [-1, 0, 1, 2]


def test_a_listing_is_looked_up_again_when_the_store_has_changed(store: Store) -> None:
    fill(store, 0, 3)
    remember(store, PATHS[:2])
    assert rows_of(store, PATHS) == [0, 1, -1]
    remember(store, PATHS)  # a file more is known
    assert rows_of(store, PATHS) == [0, 1, 2]
    remember(store, PATHS[:1], first=2)  # a file has become another song
    assert rows_of(store, PATHS) == [2, 1, 2]
    remember(store, PATHS[:1], first=7)  # and one that was not embedded
    assert rows_of(store, PATHS) == [-1, 1, 2]
    fill(store, 7, 8)  # until it is
    assert rows_of(store, PATHS) == [3, 1, 2]
    store._database.write(lambda db: db.execute("DELETE FROM embeddings WHERE rowid = 2"))
    assert rows_of(store, PATHS) == [3, -1, 2]
    forget(store.path or Path())
    assert rows_of(store, PATHS) == [2, -1, 1]


@pytest.mark.parametrize("spoil", [b"", b"no line", b"{}\n", b"[1, 2]\nabc"])
def test_spoiled_rows_are_looked_up_again(store: Store, spoil: bytes) -> None:
    fill(store, 0, 3)
    remember(store, PATHS)
    rows_of(store, PATHS)
    (file,) = folder_of(store.path or Path()).rglob("rows.bin")
    whole = file.read_bytes()
    for damaged in (spoil, whole[:-1], whole[:-8] + b"\x01" * 8):
        file.write_bytes(damaged)
        assert rows_of(store, PATHS) == [0, 1, 2]


def test_rows_that_cannot_be_kept_are_looked_up_every_time(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, 0, 3)
    remember(store, PATHS)
    open_means(store, RECIPE, DIM)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    for _ in range(2):
        assert rows_of(store, PATHS) == [0, 1, 2]
    assert not list(folder_of(store.path or Path()).rglob("*.draft"))
