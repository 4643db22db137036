"""A store that was damaged gives a sentence or the right numbers, never a traceback or others."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from clapbatch.domain import Embeddings
from clapbatch.errors import StoreError
from clapbatch.store import SCHEMA_VERSION, Store, TextVector

RECIPE = '{"embedder":{"name":"x"}}'
PAGE = 4096
TRIALS = 25

Damage = Callable[[random.Random, bytearray], None]


def embeddings(seed: int, segments: int) -> Embeddings:
    vectors = np.random.default_rng(seed).standard_normal((segments, 300)).astype(np.float32)
    starts = np.arange(segments) * 1.0
    return Embeddings(vectors, starts, starts + 1, float(segments))


SONGS = {f"{i:064x}": embeddings(i, (6, 1, 30)[i % 3]) for i in range(20)}
TEXTS = {f"text {i}": embeddings(i, 1).vectors[0] for i in range(10)}


def same(kept: Embeddings, found: Embeddings) -> bool:
    return (
        np.array_equal(kept.vectors, found.vectors)
        and np.array_equal(kept.starts, found.starts)
        and np.array_equal(kept.ends, found.ends)
        and kept.duration == found.duration
    )


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a good store."""
    path = tmp_path_factory.mktemp("sound") / "s.sqlite"
    with Store(path) as store:
        for sha256, song in SONGS.items():
            store.add(sha256, "r1", RECIPE, song)
        store.add_texts("t1", {text: TextVector(v, "a note") for text, v in TEXTS.items()})
    return path.read_bytes()


def one_byte(generator: random.Random, data: bytearray) -> None:
    _flip(generator, data, generator.randrange(len(data)))


def many_bytes(generator: random.Random, data: bytearray) -> None:
    for _ in range(50):
        _flip(generator, data, generator.randrange(len(data)))


def header(generator: random.Random, data: bytearray) -> None:
    _flip(generator, data, generator.randrange(100))


def schema(generator: random.Random, data: bytearray) -> None:
    _flip(generator, data, generator.randrange(100, PAGE))
    _flip(generator, data, generator.randrange(PAGE - 1500, PAGE))


def page_header(generator: random.Random, data: bytearray) -> None:
    page = generator.randrange(len(data) // PAGE)
    for _ in range(3):
        _flip(generator, data, page * PAGE + generator.randrange(16))


def hole(generator: random.Random, data: bytearray) -> None:
    start = generator.randrange(len(data))
    end = min(len(data), start + generator.randrange(1, 3 * PAGE))
    data[start:end] = bytes(end - start)


def cut(generator: random.Random, data: bytearray) -> None:
    del data[generator.randrange(len(data)) :]


def _flip(generator: random.Random, data: bytearray, position: int) -> None:
    data[position] ^= generator.randrange(1, 256)


@pytest.mark.parametrize(
    "damage",
    [one_byte, many_bytes, header, schema, page_header, hole, cut],
    ids=lambda damage: damage.__name__,
)
def test_a_damaged_store_gives_right_numbers_or_a_sentence_and_can_be_filled_again(
    damage: Damage, sound: bytes, tmp_path: Path
) -> None:
    refused = []
    for seed in range(TRIALS):
        spoiled = bytearray(sound)
        damage(random.Random(seed), spoiled)
        path = tmp_path / f"{seed}.sqlite"
        path.write_bytes(spoiled)
        try:
            store = Store(path)
        except StoreError as error:
            refused.append(str(error))
            continue
        with store:
            _read_and_refill(store)
        with Store(path) as again:
            assert all(same(song, again.get(sha, "r1")) for sha, song in SONGS.items())
    assert len(refused) < TRIALS // 2, "most damage must not keep anybody from working"
    assert all("choose another file with --store" in sentence for sentence in refused)


def _read_and_refill(store: Store) -> None:
    store.info()
    store.remembered()
    for sha256, song in SONGS.items():
        found = store.get(sha256, "r1")
        assert found is None or same(song, found), "other numbers than were stored"
        if found is None:
            store.add(sha256, "r1", RECIPE, song)
    for text, vector in store.get_texts("t1", list(TEXTS)).items():
        assert np.array_equal(vector.vector, TEXTS[text])
        assert vector.note == "a note"
    assert store.known("r1") >= set(SONGS)


def test_what_is_sound_in_a_damaged_store_is_kept(sound: bytes, tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    victim = embeddings(7, (6, 1, 30)[7 % 3]).vectors.tobytes()
    at = sound.index(victim[:64])
    path.write_bytes(sound[:at] + b"?" + sound[at + 1 :])
    with Store(path) as store:
        lost = [sha256 for sha256 in SONGS if store.get(sha256, "r1") is None]
        assert lost == [f"{7:064x}"]
        assert len(store.notes) == 1
        assert "was damaged and has been rebuilt; " in store.notes[0]
        assert store.known("r1") == set(SONGS) - set(lost)
    assert [file.name for file in tmp_path.iterdir()] == ["s.sqlite"]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE embeddings SET duration = duration + 1 WHERE rowid = 1",
        "UPDATE embeddings SET segments = 2, data = substr(data, 1, 40) WHERE rowid = 1",
        "UPDATE embeddings SET data = zeroblob(length(data)) WHERE rowid = 1",
        "UPDATE embeddings SET data = 'text' WHERE rowid = 1",
        "UPDATE embeddings SET recipe = 'r2' WHERE rowid = 1",
        "UPDATE embeddings SET checksum = -checksum WHERE rowid = 1",
    ],
)
def test_every_column_of_a_row_is_covered_by_its_checksum(
    change: str, sound: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "s.sqlite"
    path.write_bytes(sound)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        assert db.execute(change).rowcount == 1
    first, second = list(SONGS)[:2]
    with Store(path) as store:
        assert [store.get(first, recipe) for recipe in ("r1", "r2")] == [None, None]
        assert store.get(second, "r1") is not None


def test_two_rows_that_damage_swapped_are_not_taken_for_each_other(
    sound: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "s.sqlite"
    path.write_bytes(sound)
    one, other = list(SONGS)[:2]
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for old, new in ((one, "x"), (other, one), ("x", other)):
            db.execute("UPDATE embeddings SET sha256 = ? WHERE sha256 = ?", (new, old))
    with Store(path) as store:
        assert store.get(one, "r1") is None
        assert store.get(other, "r1") is None


def test_a_damaged_store_that_another_program_has_open_is_left_alone(
    sound: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "s.sqlite"
    path.write_bytes(sound)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE embeddings SET duration = 0 WHERE rowid = 1")
        with (
            Store(path) as store,
            pytest.raises(StoreError, match="damaged and in use by another program; run again"),
        ):
            store.get(next(iter(SONGS)), "r1")
        assert other.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert [file.name for file in tmp_path.iterdir()] == ["s.sqlite"]


def test_another_programs_database_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "bookmarks.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("CREATE TABLE bookmarks (address)")
    with pytest.raises(StoreError, match=r"is a database of another program.*--store"):
        Store(path)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("bookmarks",)]


def test_a_store_from_an_older_version_is_begun_anew_with_a_note(
    sound: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "s.sqlite"
    path.write_bytes(sound)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION - 1}")
        db.execute("ALTER TABLE embeddings DROP COLUMN segments")
    with Store(path) as store:
        assert "older clapbatch; its songs are embedded again" in store.notes[0]
        assert store.known("r1") == set()
        store.add("abc", "r1", RECIPE, embeddings(1, 3))
    with Store(path) as store:
        assert same(embeddings(1, 3), store.get("abc", "r1"))
        assert not store.notes
