"""The promise: same songs, sentences and recipe, same bytes.

For any number of jobs, any backend, and whether the run is fresh, finds half or all of the songs
in the store, or goes on after a kill -9. Every CSV and HTML file is compared byte for byte, and
the manifest but for its `timing`, with one run of one thread that found nothing stored.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.reruns import beginnings, contents, killed, stored, without_songs

SONGS = 4
STATES = ("fresh", "half-cached", "cached", "resumed")


@dataclass(frozen=True)
class Known:
    """What one run of one thread gave, and stores with no song, half of them and all of them.

    All three know the sentences, which take longer to read than these songs.
    """

    songs: Path
    queries: Path
    encoder: tuple[str, ...]
    report: dict[str, bytes]
    sentences: Path
    half: Path
    whole: Path

    def command(self, store: Path, out: Path, *more: object) -> tuple[object, ...]:
        places = ("--store", store, "--out", out)
        return ("multi", self.songs, self.queries, *self.encoder, *places, "--quiet", *more)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CLAP of the real shape and a small size, with random weights."""
    from tests.builtin.clap_reference import write_small_checkpoint

    return write_small_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="module", params=["musicnn", "clap"])
def known(
    request: pytest.FixtureRequest,
    checkpoint: Path,
    tmp_path_factory: pytest.TempPathFactory,
    kept_graphs: Path,
) -> Known:
    folder = tmp_path_factory.mktemp(request.param)
    songs = beginnings(folder / "songs", 12.0, SONGS)
    (songs / "broken.mp3").write_bytes(b"no music" * 100)
    (folder / "half.m3u").write_text("".join(f"{p}\n" for p in sorted(songs.glob("*.flac"))[::2]))
    queries = folder / "queries.txt"
    queries.write_text("solo piano\nloud drums\nthe sound of the sea\n")
    encoder: tuple[str, ...] = ("--encoder", request.param)
    if request.param == "clap":
        encoder += ("-o", f"embedder.checkpoint={checkpoint}")
    (folder / "home").mkdir()
    (folder / "home" / "graphs").symlink_to(kept_graphs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLAPBATCH_HOME", str(folder / "home"))
        one = ("--backend", "sequential", "--jobs", "1")
        stores = [folder / f"{name}.sqlite" for name in ("sentences", "half", "whole")]
        whole = Known(songs, queries, encoder, {}, *stores)
        code = _main(*whole.command(whole.whole, folder / "report", *one))
        assert code == 3, "the broken song must be told of"
        without_songs(whole.whole, whole.sentences)
        half = (folder / "half.m3u", queries, *encoder, "--store", whole.half, *one)
        assert _main("multi", *half, "--out", folder / "half", "--quiet") == 0
    report = contents(folder / "report")
    assert len(report) == 8
    return replace(whole, report=report)


def _main(*arguments: object) -> object:
    from clapbatch.cli.main import main

    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return stopped.value.code


def _prepare(state: str, known: Known, store: Path, out: Path, *how: object) -> None:
    """A store as it is found in that state."""
    found = {"half-cached": known.half, "cached": known.whole}.get(state, known.sentences)
    shutil.copy(found, store)
    if state == "resumed":
        assert killed("add:3", *known.command(store, out, *how))
        assert len(stored(store)) == 2


def _assert_same(known: Known, folder: Path, *how: object) -> None:
    out = known.songs.parent / "report"  # always there: the page names songs as seen from itself
    for state in STATES:
        shutil.rmtree(out)
        store = folder / f"{state}.sqlite"
        _prepare(state, known, store, out, *how)
        assert _main(*known.command(store, out, *how)) == 3
        found = contents(out)
        different = [name for name in known.report if found.get(name) != known.report[name]]
        assert not different, f"{state}: {different}"
        assert found.keys() == known.report.keys()
        assert len(stored(store)) == SONGS


@pytest.mark.parametrize("jobs", [1, 2, 4])
@pytest.mark.parametrize("backend", ["threads", "loky", "dask"])
def test_the_same_bytes_whoever_computes_and_whatever_was_stored_before(
    known: Known,
    backend: str,
    jobs: int,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    how: tuple[object, ...] = ("--backend", backend, "--jobs", jobs)
    if backend == "dask":
        how += ("--scheduler", request.getfixturevalue("dask_address"))
    _assert_same(known, tmp_path, *how)


@pytest.mark.filterwarnings("default")  # ray's own
def test_the_same_bytes_with_ray(known: Known, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="clapbatch[ray] is not installed")
    _assert_same(known, tmp_path, "--backend", "ray", "--jobs", 2)


def test_the_store_that_the_matrix_starts_from_is_really_half_full(known: Known) -> None:
    assert len(stored(known.half)) == SONGS // 2
    assert len(stored(known.whole)) == SONGS


def test_another_recipe_gives_other_bytes(
    known: Known, tmp_path: Path, clapbatch: Callable[..., object]
) -> None:
    """The comparison can fail: it is not blind."""
    clapbatch(*known.command(tmp_path / "s.sqlite", tmp_path / "r", "--hop", "1.5"))
    assert contents(tmp_path / "r")["scores.csv"] != known.report["scores.csv"]
