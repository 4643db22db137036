"""Several encoders hear one decoding of a song: nothing differs but who decodes."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clapbatch.builtin.loaders import pyav, soundfile
from clapbatch.config import RunConfig
from clapbatch.domain import Analysis
from clapbatch.engine.events import Event, Found
from clapbatch.engine.run import analyze
from clapbatch.engine.together import embed_for_all
from clapbatch.registry import Registry
from clapbatch.store import Store
from tests.conftest import FAKES, SAMPLE_SONGS

WORDS = str(Path(FAKES).with_name("fake_words.py"))
BAD_LOADERS = str(Path(FAKES).with_name("bad_loaders.py"))


def configs(songs: Path, *encoders: str, **settings: object) -> list[RunConfig]:
    usual = {"queries": ("110 Hz",), "jobs": 2}
    common = RunConfig(songs=songs, plugins=(FAKES, WORDS), **{**usual, **settings})
    return [replace(common, encoder=encoder) for encoder in encoders]


def together(runs: list[RunConfig]) -> list[Analysis]:
    registry = Registry(runs[0].plugins)
    with Store(None) as store:
        embed_for_all(runs, registry, store)
        return [analyze(run, registry, store) for run in runs]


def apart(runs: list[RunConfig]) -> list[Analysis]:
    analyses = []
    for run in runs:
        with Store(None) as store:
            analyses.append(analyze(run, Registry(run.plugins), store))
    return analyses


def assert_same(ours: list[Analysis], theirs: list[Analysis]) -> None:
    for a, b in zip(ours, theirs, strict=True):
        assert a.song_names == b.song_names
        assert a.failures == b.failures
        assert np.array_equal(a.scores.value, b.scores.value)
        assert np.array_equal(a.song_vectors, b.song_vectors)


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file was decoded to its end, by name."""
    counted: Counter[str] = Counter()
    for module, name in ((pyav, "_frames"), (soundfile, "_decoded")):
        decode = getattr(module, name)

        def counting(path, *rest, decode=decode):
            yield from decode(path, *rest)
            counted[path.name] += 1

        monkeypatch.setattr(module, name, counting)
    return counted


def test_each_song_is_decoded_once(tones: Path, decodings: Counter[str]) -> None:
    ours = together(configs(tones, "pitch", "words"))
    assert decodings == {"a110.wav": 1, "b220.flac": 1, "c440.wav": 1, "d880.ogg": 1}
    decodings.clear()
    theirs = apart(configs(tones, "pitch", "words"))
    assert set(decodings.values()) == {2}
    assert_same(ours, theirs)


@pytest.mark.parametrize("backend", ["threads", "loky", "sequential"])
def test_encoders_of_other_rates_get_the_bits_they_get_alone(tmp_path: Path, backend: str) -> None:
    shutil.copy(SAMPLE_SONGS / "fur_elise.ogg", tmp_path)
    runs = configs(tmp_path, "musicnn", "pitch", backend=backend, queries=())
    assert_same(together(runs), apart(runs))


def test_what_one_encoder_knows_is_left_to_the_other(tones: Path, decodings: Counter[str]) -> None:
    pitch, words = configs(tones, "pitch", "words")
    registry = Registry(pitch.plugins)
    events: list[Event] = []
    with Store(None) as store:
        analyze(replace(pitch, songs=tones / "a110.wav"), registry, store)
        embed_for_all([pitch, words], registry, store, events.append)
        assert decodings == {"a110.wav": 1, "b220.flac": 1, "c440.wav": 1, "d880.ogg": 1}
        assert Found(4, 1, 3) in events
        analyze(words, registry, store)
    assert decodings["a110.wav"] == 2


def test_known_songs_are_not_decoded_at_all(tones: Path, decodings: Counter[str]) -> None:
    runs = configs(tones, "pitch", "words")
    registry = Registry(runs[0].plugins)
    events: list[Event] = []
    with Store(None) as store:
        embed_for_all(runs, registry, store)
        decodings.clear()
        embed_for_all(runs, registry, store, events.append)
    assert not decodings
    assert not [event for event in events if isinstance(event, Found)]


def test_a_broken_song_is_told_by_each_encoder_with_the_reason_it_has_alone(tones: Path) -> None:
    (tones / "broken.flac").write_bytes((tones / "b220.flac").read_bytes()[:100])
    (tones / "text.wav").write_text("no song")
    runs = configs(tones, "pitch", "words")
    ours = together(runs)
    assert {failure.track for failure in ours[0].failures} == {"broken.flac", "text.wav"}
    assert_same(ours, apart(runs))


@pytest.mark.parametrize("fault", ["raise", "nan", "shape"])
def test_an_encoder_that_fails_takes_nothing_from_the_other(
    tones: Path, decodings: Counter[str], fault: str
) -> None:
    pitch, words = configs(tones, "pitch", "words")
    faulty = replace(pitch, options={"embedder": {"fault": fault}})
    with Store(None) as store:
        registry = Registry(words.plugins)
        embed_for_all([faulty, words], registry, store)
        heard = Counter(decodings)
        good = analyze(words, registry, store)
        bad = analyze(faulty, registry, store)
    assert len(good.tracks) == 4
    assert set(heard.values()) == {1}, "it heard them while the other failed"
    assert {(f.stage, f.plugin) for f in bad.failures} == {("embed", "pitch")}


def with_bad_loader(tones: Path, name: str) -> list[RunConfig]:
    runs = configs(tones / "a110.wav", "pitch", "words", loader=name, timeout=0.3)
    return [replace(run, plugins=(*run.plugins, BAD_LOADERS)) for run in runs]


def test_a_loader_that_hangs_is_given_up(tones: Path) -> None:
    for analysis in together(with_bad_loader(tones, "hanging-for-all")):
        (failure,) = analysis.failures
        assert failure.plugin == "hanging-for-all"
        assert "no sound came" in failure.reason


def test_a_loader_that_cannot_share_is_left_to_each_run(tones: Path) -> None:
    runs = with_bad_loader(tones, "raising")
    assert_same(together(runs), apart(runs))
