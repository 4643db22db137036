"""Songs decoded in helper processes: the same sound, the same reasons, and nobody left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from clapbatch.config import RunConfig
from clapbatch.domain import Analysis, Track
from clapbatch.engine import decoding
from clapbatch.engine.decoding import Decoders, dismiss
from clapbatch.engine.recipe import Recipe
from clapbatch.engine.run import analyze
from clapbatch.errors import RecordingError, UnknownFormatError
from clapbatch.registry import Registry, make_options
from clapbatch.roles import DecodesOnce, Loader, LoaderSpec
from clapbatch.store import Store
from tests.conftest import FAKES
from tests.reruns import contents

BAD_LOADERS = str(Path(FAKES).with_name("bad_loaders.py"))


def config(songs: Path, **settings: object) -> RunConfig:
    settings = {"encoder": "pitch", "plugins": (FAKES, BAD_LOADERS), "jobs": 4, **settings}
    return RunConfig(songs=songs, queries=("440 Hz",), **settings)


def run(songs: Path, **settings: object) -> Analysis:
    wanted = config(songs, **settings)
    with Store(None) as store:
        return analyze(wanted, Registry(wanted.plugins), store)


@pytest.fixture
def decoders(tones: Path) -> Iterator[Decoders]:
    wanted = config(tones)
    yield Decoders(Recipe.of(wanted, Registry(wanted.plugins)))
    dismiss()


def in_process(name: str) -> Loader:
    spec = Registry().get(LoaderSpec, name)
    return spec.make(make_options(spec, {}))


def helpers() -> list[int]:
    """The processes that decode for this one."""
    found = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(os.getpid())],
        capture_output=True,
        text=True,
    )
    lines = found.stdout.splitlines()
    return [int(line.split()[0]) for line in lines if "decoding import serve" in line]


@pytest.mark.parametrize("name", ["pyav", "soundfile"])
def test_a_helper_gives_the_same_blocks(tones: Path, decoders: Decoders, name: str) -> None:
    song = Track("b220.flac", tones / "b220.flac")
    needs = config_needs(tones)
    here = in_process(name)
    apart = decoders.loader(name, here)
    for _ in range(2):  # the same helper again
        ours, theirs = list(here.blocks(song, needs)), list(apart.blocks(song, needs))
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one, other)
    assert isinstance(here, DecodesOnce)
    assert isinstance(apart, DecodesOnce)
    both = list(apart.blocks_for(song, [needs, needs]))
    assert {which for which, _ in both} == {0, 1}
    assert len(helpers()) == 1


def config_needs(songs: Path):
    wanted = config(songs)
    return Recipe.of(wanted, Registry(wanted.plugins)).needs


def test_errors_arrive_as_they_were_raised(tmp_path: Path, decoders: Decoders) -> None:
    broken = tmp_path / "broken.mp3"
    broken.write_bytes(b"no music" * 100)
    loader = decoders.loader("pyav", in_process("pyav"))
    needs = config_needs(tmp_path)
    with pytest.raises(RecordingError) as apart:
        list(loader.blocks(Track("broken.mp3", broken), needs))
    with pytest.raises(type(apart.value)) as here:
        list(in_process("pyav").blocks(Track("broken.mp3", broken), needs))
    assert str(apart.value) == str(here.value)
    assert isinstance(apart.value, UnknownFormatError) == isinstance(here.value, UnknownFormatError)
    first = helpers()
    with pytest.raises(RecordingError):
        list(loader.blocks(Track("broken.mp3", broken), needs))
    assert helpers() == first, "a broken song does not cost a process"


def test_who_stops_early_does_not_leave_a_helper_amid_a_song(
    tones: Path, decoders: Decoders
) -> None:
    loader = decoders.loader("pyav", in_process("pyav"))
    song, needs = Track("b220.flac", tones / "b220.flac"), config_needs(tones)
    whole = [block.tobytes() for block in loader.blocks(song, needs)]
    blocks = loader.blocks(song, needs)
    next(blocks)
    blocks.close()  # type: ignore[attr-defined]
    assert [block.tobytes() for block in loader.blocks(song, needs)] == whole


def test_a_loader_that_kills_its_process_costs_one_song(tones: Path) -> None:
    analysis = run(tones, loader="crashing")
    assert [(f.track, f.plugin, f.reason) for f in analysis.failures] == [
        ("a110.wav", "crashing", "the process that decoded it ended with code 7")
    ]
    assert analysis.song_names == ["high/c440.wav"]


def test_a_second_run_of_the_same_program_gets_new_helpers(tones: Path) -> None:
    assert not run(tones).failures
    assert not helpers(), "they end with the run"
    assert not run(tones).failures


def test_what_a_loader_prints_does_not_get_among_the_blocks(tones: Path) -> None:
    assert not run(tones, loader="printing").failures


def test_an_error_that_cannot_be_sent_is_told_in_words(tones: Path) -> None:
    reasons = {failure.reason for failure in run(tones, loader="raising-odd").failures}
    assert reasons == {"OddError: an error that cannot be sent"}


def test_a_loader_that_hangs_is_given_up_and_its_process_ended(tones: Path) -> None:
    before = time.monotonic()
    analysis = run(tones, loader="hanging", timeout=2.0)
    assert {failure.stage for failure in analysis.failures} == {"load"}
    assert all("no sound came" in failure.reason for failure in analysis.failures)
    assert not helpers()
    assert time.monotonic() - before < 60, "an hour of sleep is not waited for"


def test_the_bytes_are_those_of_one_job(tones: Path, tmp_path: Path) -> None:
    queries = tmp_path / "queries.txt"
    queries.write_text("440 Hz\n")
    reports = []
    for jobs in (1, 4):
        command = ("multi", tones, queries, "--encoder", "pitch", "--plugin", FAKES)
        more = ("--jobs", jobs, "--no-store", "--out", tmp_path / str(jobs), "--quiet")
        subprocess.run([sys.executable, "-m", "clapbatch", *map(str, command + more)], check=True)
        reports.append(contents(tmp_path / str(jobs)))
    assert reports[0] == reports[1]


def test_a_helper_ends_when_its_program_is_killed(tones: Path) -> None:
    program = f"""
import sys, time
from pathlib import Path
sys.path[:] = {sys.path!r}
from tests.engine.test_decoding import Decoders, Recipe, Registry, config
wanted = config(Path({str(tones)!r}))
decoders = Decoders(Recipe.of(wanted, Registry(wanted.plugins)))
print("started", flush=True)
time.sleep(3600)
"""
    running = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "started\n"
    running.kill()
    running.communicate(timeout=30)  # standard error ends when nobody holds it any more


def test_few_jobs_need_no_helpers(tones: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(recipe: Recipe) -> None:
        raise AssertionError("a helper was started")

    monkeypatch.setattr(decoding, "_Helper", none)
    assert not run(tones, jobs=2).failures
    # Started again, what is bundled with its Python would be the whole program.
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert not run(tones, jobs=4).failures
