"""The store: what it keeps, what it forgets, and what it says when it cannot."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from clapbatch.domain import Embeddings, Track
from clapbatch.errors import StoreError
from clapbatch.store import SCHEMA_VERSION, Store, TextVector

RECIPE = '{"embedder":{"name":"x"}}'


def embeddings(segments: int = 3, seed: int = 1) -> Embeddings:
    vectors = np.random.default_rng(seed).standard_normal((segments, 5)).astype(np.float32)
    starts = np.arange(segments) * 0.1
    return Embeddings(vectors, starts, starts + 0.3, float(starts[-1] + 0.3))


def same(a: Embeddings, b: Embeddings | None) -> bool:
    return b is not None and all(
        np.array_equal(x, y)
        for x, y in zip(
            (a.vectors, a.starts, a.ends, a.duration),
            (b.vectors, b.starts, b.ends, b.duration),
            strict=True,
        )
    )


def song(folder: Path, name: str = "a.wav", data: bytes = b"sound", age: float = 60) -> Track:
    path = folder / name
    path.write_bytes(data)
    moment = path.stat().st_mtime - age
    os.utime(path, (moment, moment))
    return Track(name, path)


def test_embeddings_come_back_bit_for_bit(store: Store) -> None:
    kept = embeddings()
    store.add("abc", "r1", RECIPE, kept)
    assert same(kept, store.get("abc", "r1"))


def test_another_recipe_or_file_is_another_entry(store: Store) -> None:
    store.add("abc", "r1", RECIPE, embeddings())
    assert store.get("abc", "r2") is None
    assert store.get("abd", "r1") is None
    assert store.known("r1") == {"abc"}


def test_a_store_survives_being_closed(tmp_path: Path) -> None:
    with Store(tmp_path / "s.sqlite") as store:
        store.add("abc", "r1", RECIPE, embeddings())
    with Store(tmp_path / "s.sqlite") as store:
        assert same(embeddings(), store.get("abc", "r1"))


def test_a_file_is_known_by_its_bytes_whatever_its_name(store: Store, tmp_path: Path) -> None:
    tracks = [song(tmp_path, "a.wav"), song(tmp_path, "b.wav"), song(tmp_path, "c.wav", b"other")]
    contents, failures = store.identify(tracks)
    assert not failures
    assert contents[tracks[0]].sha256 == contents[tracks[1]].sha256
    assert contents[tracks[0]].sha256 != contents[tracks[2]].sha256


def test_an_unchanged_file_is_not_read_again(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    track = song(tmp_path)
    first, _ = store.identify([track])
    monkeypatch.setattr("clapbatch.store.file_sha256", lambda path: pytest.fail("read again"))
    assert store.identify([track])[0] == first


def test_what_was_seen_is_told_without_looking_at_the_files(store: Store, tmp_path: Path) -> None:
    track = song(tmp_path)
    contents, _ = store.identify([track])
    seen = contents[track]
    track.path.unlink()
    assert store.remembered() == {
        os.fsencode(track.path): (seen.size, seen.mtime_ns, seen.sha256),
    }


def test_a_seen_file_is_unchanged_until_it_is_touched_swapped_or_gone(
    store: Store, tmp_path: Path
) -> None:
    track = song(tmp_path)
    contents, _ = store.identify([track])
    key, sha256 = os.fsencode(track.path), contents[track].sha256
    assert store.paths() == {key: sha256}
    assert store.is_unchanged(key, sha256)
    assert not store.is_unchanged(key, "0" * 64)
    assert not store.is_unchanged(key + b"x", sha256)
    song(tmp_path, data=b"other")
    assert not store.is_unchanged(key, sha256)
    track.path.unlink()
    assert not store.is_unchanged(key, sha256)


def test_a_damaged_memory_of_a_file_is_not_believed(store: Store, tmp_path: Path) -> None:
    track = song(tmp_path)
    contents, _ = store.identify([track])
    key, sha256 = os.fsencode(track.path), contents[track].sha256
    store._database.write(lambda db: db.execute("UPDATE files SET checksum = checksum + 1"))
    assert not store.is_unchanged(key, sha256)


def test_a_changed_file_is_read_again(store: Store, tmp_path: Path) -> None:
    first, _ = store.identify([song(tmp_path)])
    second, _ = store.identify([song(tmp_path, data=b"grown", age=30)])
    assert {c.sha256 for c in first.values()}.isdisjoint(c.sha256 for c in second.values())


def test_a_file_written_just_now_is_not_remembered(store: Store, tmp_path: Path) -> None:
    track = song(tmp_path, age=0)
    store.identify([track])
    assert store.info().files == 0


def test_a_file_that_vanished_is_a_failure(store: Store, tmp_path: Path) -> None:
    contents, failures = store.identify([Track("gone.wav", tmp_path / "gone.wav")])
    assert not contents
    assert [(f.track, f.stage) for f in failures] == [("gone.wav", "read")]
    assert "no such file" in failures[0].reason


def test_what_is_no_file_is_not_opened(store: Store, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    _, failures = store.identify([Track("pipe.wav", tmp_path / "pipe.wav")])
    assert failures[0].reason == "not a regular file"


def test_texts_are_kept_with_what_the_encoder_says_of_them(store: Store) -> None:
    vector = np.array([0.6, 0.8], np.float32)
    store.add_texts("t1", {"jazz": TextVector(vector, "unsure")})
    found = store.get_texts("t1", ["jazz", "rock"])
    assert list(found) == ["jazz"]
    assert np.array_equal(found["jazz"].vector, vector)
    assert found["jazz"].note == "unsure"
    assert store.get_texts("t2", ["jazz"]) == {}


def test_a_damaged_entry_counts_as_missing(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with Store(path) as store:
        store.add("abc", "r1", RECIPE, embeddings())
        store.add_texts("t1", {"jazz": TextVector(np.ones(2, np.float32), "")})
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE embeddings SET data = zeroblob(length(data))")
        db.execute("UPDATE texts SET data = zeroblob(length(data))")
    with Store(path) as store:
        assert store.get("abc", "r1") is None
        assert store.get_texts("t1", ["jazz"]) == {}


def test_a_file_that_is_no_store_is_set_aside_not_deleted(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    path.write_bytes(b"my only copy of a poem, not a database at all " * 100)
    with Store(path) as store:
        store.add("abc", "r1", RECIPE, embeddings())
        assert "set aside as s.sqlite.damaged" in store.notes[0]
    assert b"poem" in (tmp_path / "s.sqlite.damaged").read_bytes()


def test_a_store_from_a_newer_version_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    Store(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(StoreError, match=r"written by a newer clapbatch.*--store"):
        Store(path)


@pytest.mark.parametrize("name", ["file/s.sqlite", "folder"])
def test_a_store_that_cannot_be_opened_is_a_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match=r"cannot be used.*--no-store"):
        Store(tmp_path / name)


def test_two_programs_may_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    problems = []

    def write(start: int) -> None:
        try:
            with Store(path) as store:
                for i in range(start, start + 20):
                    store.add(f"{i}", "r1", RECIPE, embeddings())
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=write, args=(start,)) for start in (0, 10, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    with Store(path) as store:
        assert store.known("r1") == {str(i) for i in range(40)}


def test_pruning_forgets_what_no_file_has_any_more(store: Store, tmp_path: Path) -> None:
    tracks = [song(tmp_path, "a.wav"), song(tmp_path, "b.wav", b"other")]
    contents, _ = store.identify(tracks)
    for track in tracks:
        store.add(contents[track].sha256, "r1", RECIPE, embeddings())
    tracks[1].path.unlink()
    assert store.prune() == 1
    assert store.known("r1") == {contents[tracks[0]].sha256}


def test_clearing_forgets_everything(store: Store) -> None:
    store.add("abc", "r1", RECIPE, embeddings())
    store.clear()
    assert store.info().embeddings == 0
    assert store.get("abc", "r1") is None


def test_a_store_in_memory_leaves_nothing_behind(tmp_path: Path) -> None:
    with Store(None) as store:
        store.add("abc", "r1", RECIPE, embeddings())
        assert same(embeddings(), store.get("abc", "r1"))
    assert not list(tmp_path.glob("*.sqlite"))
