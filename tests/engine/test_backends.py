"""Backends: who computes differs, what is computed does not; a worker that dies is replaced."""

from __future__ import annotations

import importlib.util
import sys
import threading
from dataclasses import replace
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import soundfile

from clapbatch.config import RunConfig
from clapbatch.domain import Analysis, Track
from clapbatch.engine import backends
from clapbatch.engine.events import Event, SongDone
from clapbatch.engine.pipeline import Job
from clapbatch.engine.recipe import Recipe
from clapbatch.engine.run import analyze
from clapbatch.errors import PluginError, UsageError
from clapbatch.registry import Registry
from clapbatch.store import Content, Store
from clapbatch.testing import tone
from tests.conftest import FAKES

PITCHES = (110, 220, 330, 440, 550, 660)


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    """Six songs of one pitch each."""
    folder = tmp_path / "six"
    folder.mkdir()
    for hertz in PITCHES:
        soundfile.write(folder / f"{hertz}.wav", tone(hertz, 3, 8000), 8000)
    return folder


def run(songs: Path, *, events: list[Event] | None = None, **settings: object) -> Analysis:
    fault = settings.pop("fault", {})
    config = RunConfig(
        songs=songs,
        queries=("440 Hz",),
        encoder="pitch",
        plugins=(FAKES,),
        options={"embedder": fault},
        **{"jobs": 2, **settings},
    )
    with Store(None) as store:
        listen = events.append if events is not None else lambda _: None
        return analyze(config, Registry(config.plugins), store, listen)


def assert_only_the_deadly_song_is_lost(analysis: Analysis) -> None:
    assert [(f.track, f.stage) for f in analysis.failures] == [("330.wav", "worker")]
    assert "died, twice" in analysis.failures[0].reason
    assert analysis.song_names == [f"{hertz}.wav" for hertz in PITCHES if hertz != 330]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_song_that_kills_its_process_twice_is_one_failure(songs: Path, jobs: int) -> None:
    events: list[Event] = []
    analysis = run(songs, backend="loky", jobs=jobs, fault={"deadly": "330"}, events=events)
    assert_only_the_deadly_song_is_lost(analysis)
    told = [event.song for event in events if isinstance(event, SongDone)]
    assert sorted(told) == [f"{hertz}.wav" for hertz in PITCHES], "each song is told of once"


def test_a_single_song_that_kills_its_process_leaves_the_program_alive(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "330.wav", tone(330, 3, 8000), 8000)
    analysis = run(tmp_path / "330.wav", backend="loky", fault={"deadly": "330"})
    assert [f.stage for f in analysis.failures] == ["worker"]


def test_a_process_that_dies_once_costs_nothing(songs: Path, tmp_path: Path) -> None:
    marker = tmp_path / "died"
    fault = {"fault": "die", "marker": str(marker)}
    analysis = run(songs, backend="loky", fault=fault)
    assert marker.exists()
    assert not analysis.failures
    assert np.array_equal(analysis.scores.value, run(songs, backend="threads").scores.value)


def test_dask_replaces_a_worker_that_a_song_kills(songs: Path, dask_address: str) -> None:
    fault = {"deadly": "330"}
    analysis = run(songs, backend="dask", scheduler=dask_address, fault=fault)
    assert_only_the_deadly_song_is_lost(analysis)


@pytest.mark.parametrize("backend", ["threads", "loky", "dask"])
def test_an_error_of_the_whole_run_ends_it_with_its_own_sentence(
    songs: Path, dask_address: str, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Recipe.of.__func__  # type: ignore[attr-defined]
    calls = iter([True])

    def of(cls: type[Recipe], config: RunConfig, registry: Registry) -> Recipe:
        recipe = right(cls, config, registry)
        if not next(calls, False):  # a worker's own view of the recipe
            return recipe
        return replace(recipe, audio_identity=recipe.audio_identity.replace("windows", "doors"))

    monkeypatch.setattr(Recipe, "of", classmethod(of))
    scheduler = dask_address if backend == "dask" else None
    with pytest.raises(PluginError, match=r"^this worker's plugins, .* differ from the sender's"):
        run(songs, backend=backend, scheduler=scheduler)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"backend": "dask"}, "--backend dask needs --scheduler ADDRESS"),
        ({"backend": "loky", "scheduler": "tcp://x:1"}, "goes with --backend dask or ray"),
    ],
)
def test_a_scheduler_is_asked_for_where_there_is_one(
    songs: Path, settings: dict[str, str], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        run(songs, **settings)


@pytest.mark.parametrize("package", ["distributed", "ray"])
def test_a_missing_extra_is_one_sentence_that_says_what_to_install(
    songs: Path, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == package else found(name)
    )
    backend = {"distributed": "dask", "ray": "ray"}[package]
    with pytest.raises(UsageError, match=rf"needs the package {package}: pip install 'clapbatch\["):
        run(songs, backend=backend, scheduler="tcp://127.0.0.1:1")


def test_a_scheduler_that_does_not_answer_is_one_sentence(
    songs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed", reason="clapbatch[dask] is not installed")
    from clapbatch.engine import clusters

    monkeypatch.setattr(clusters, "CONNECT_SECONDS", 0.2)
    with pytest.raises(UsageError, match=r"no dask scheduler answers at tcp://127\.0\.0\.1:9"):
        run(songs, backend="dask", scheduler="tcp://127.0.0.1:9")


@pytest.mark.parametrize("address", ["127.0.0.1:9", "ray://127.0.0.1:9", "nowhere"])
def test_a_ray_cluster_that_does_not_answer_is_one_sentence(
    songs: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without ray as well: it is not asked before somebody listens there."""
    made_up = ModuleType("ray")
    made_up.exceptions = SimpleNamespace(RaySystemError=RuntimeError)  # type: ignore[attr-defined]
    made_up.shutdown = lambda: None  # type: ignore[attr-defined]
    made_up.__spec__ = ModuleSpec("ray", None)
    monkeypatch.setitem(sys.modules, "ray", made_up)
    with pytest.raises(UsageError, match=f"no ray cluster answers at {address}"):
        run(songs, backend="ray", scheduler=address)


def test_a_scheduler_without_workers_is_one_sentence(songs: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="clapbatch[dask] is not installed")
    with (
        distributed.LocalCluster(n_workers=0, dashboard_address=":0", silence_logs=50) as cluster,
        pytest.raises(UsageError, match="has no worker; start one with `dask worker tcp://"),
    ):
        run(songs, backend="dask", scheduler=cluster.scheduler_address)


def test_one_long_song_keeps_several_threads_of_the_encoder_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests import fakes

    soundfile.write(tmp_path / "long.wav", tone(440, 60, 8000), 8000)
    together = threading.Barrier(2, timeout=30)
    embed = fakes.Pitch.embed
    first = iter([True, True])

    def meeting(self: fakes.Pitch, segments: object) -> object:
        if next(first, False):
            together.wait()  # passes only if a second batch is under way at the same time
        return embed(self, segments)

    monkeypatch.setattr("tests.fakes.Pitch.embed", meeting)
    config = RunConfig(
        songs=tmp_path / "long.wav", encoder="pitch", plugins=("tests.fakes",), jobs=2
    )
    with Store(None) as store:
        analysis = analyze(config, Registry(config.plugins), store)
    assert not analysis.failures
    assert not together.broken


def test_no_more_recordings_are_under_way_than_there_are_workers(songs: Path) -> None:
    """What is under way bounds what a dying worker makes suspect."""
    config = RunConfig(songs=songs, encoder="pitch", plugins=(FAKES,), jobs=2, backend="threads")
    recipe = Recipe.of(config, Registry(config.plugins))
    under_way: set[Job] = set()
    most = []

    def embed(job: Job, recipe: Recipe, threads: int) -> tuple[Job, object]:
        under_way.add(job)
        most.append(len(under_way))
        under_way.discard(job)
        return job, None

    jobs = [Job(Track(str(i), songs / str(i)), Content(str(i), 0, 0)) for i in range(20)]
    outcomes = list(backends.run(embed, jobs, recipe, config))  # type: ignore[arg-type]
    assert {job for job, _ in outcomes} == set(jobs)
    assert max(most) <= 2
