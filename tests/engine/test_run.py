"""Whole runs with a tiny encoder: what is embedded, what is reused, what fails."""

from __future__ import annotations

import re
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from clapbatch.config import RunConfig
from clapbatch.domain import Analysis
from clapbatch.engine.events import Event, Found, Looked, Note, Reading, SongDone
from clapbatch.engine.recipe import Recipe
from clapbatch.engine.run import analyze
from clapbatch.errors import PluginError, UsageError
from clapbatch.evaluation.calibration import bank_queries
from clapbatch.registry import Registry
from clapbatch.store import Store
from clapbatch.testing import noise, tone
from tests.conftest import FAKES

BAD_LOADERS = str(Path(FAKES).with_name("bad_loaders.py"))


def config(songs: Path, *queries: str, **settings: object) -> RunConfig:
    return RunConfig(
        songs=songs,
        queries=queries or ("440 Hz",),
        **{"encoder": "pitch", "plugins": (FAKES,), "jobs": 2, **settings},
    )


def run(wanted: RunConfig, store: Store, events: list[Event] | None = None) -> Analysis:
    registry = Registry(wanted.plugins)
    return analyze(wanted, registry, store, events.append if events is not None else lambda _: None)


def best(analysis: Analysis, query: int) -> str:
    return analysis.song_names[int(np.argmax(analysis.scores.value[:, query]))]


def test_each_query_finds_the_song_that_sounds_like_it(tones: Path, store: Store) -> None:
    analysis = run(config(tones, "110 Hz", "220 Hz", "440 Hz", "880 Hz"), store)
    assert [best(analysis, j) for j in range(4)] == [
        "a110.wav",
        "b220.flac",
        "high/c440.wav",
        "high/d880.ogg",
    ]
    assert analysis.label(0, 0) == "HIGH"
    assert analysis.label(0, 3) == "LOW"
    assert analysis.durations.tolist() == pytest.approx([3, 4, 5, 6], abs=0.05)


def test_the_best_moment_is_where_the_sound_is(tmp_path: Path, store: Store) -> None:
    sound = np.concatenate([tone(110, 4, 8000), tone(880, 2, 8000), tone(110, 4, 8000)])
    soundfile.write(tmp_path / "song.wav", sound, 8000)
    analysis = run(config(tmp_path / "song.wav", "880 Hz"), store)
    at = analysis.scores.best[0, 0]
    assert 3.9 <= analysis.starts[0][at] <= 5.1


def test_like_songs_are_nearer_than_unlike_ones(tones: Path, store: Store) -> None:
    soundfile.write(tones / "a115.wav", tone(115, 3, 8000), 8000)
    analysis = run(config(tones), store)
    similarity = analysis.song_similarity(slice(None))
    assert np.allclose(similarity, similarity.T)
    assert np.allclose(np.diag(similarity), 1)
    names = analysis.song_names
    row = similarity[names.index("a110.wav")].copy()
    row[names.index("a110.wav")] = -1
    assert names[int(row.argmax())] == "a115.wav"


def test_what_was_embedded_before_is_not_embedded_again(tones: Path, store: Store) -> None:
    first = run(config(tones, "440 Hz"), store)
    events: list[Event] = []
    second = run(config(tones, "220 Hz"), store, events)
    assert first.timing["songs_embedded"] == 4
    assert second.timing["songs_embedded"] == 0
    looked = [Looked(files, 4) for files in range(1, 5)]
    assert events == [*looked, Found(4, 4, 0), Reading(1)]
    assert best(second, 0) == "b220.flac"


def test_a_sentence_is_encoded_once(tones: Path, store: Store) -> None:
    assert run(config(tones, "440 Hz", "220 Hz"), store).timing["queries_encoded"] == 2
    assert run(config(tones, "440 Hz", "110 Hz"), store).timing["queries_encoded"] == 1


def test_sentences_and_the_bank_are_read_together_and_once(tones: Path, store: Store) -> None:
    def read(*queries: str) -> list[int]:
        events: list[Event] = []
        run(config(tones, *queries), store, events)
        return [event.sentences for event in events if isinstance(event, Reading)]

    assert read("440 Hz", "220 Hz") == [2 + len(bank_queries())]
    assert read("440 Hz", "110 Hz") == [1]
    assert read("440 Hz") == []


def test_a_renamed_or_moved_song_is_still_known(tones: Path, store: Store) -> None:
    run(config(tones), store)
    (tones / "a110.wav").rename(tones / "high" / "renamed.wav")
    assert run(config(tones), store).timing["songs_embedded"] == 0


def test_equal_files_are_embedded_once_and_both_reported(tones: Path, store: Store) -> None:
    shutil.copy(tones / "a110.wav", tones / "copy.wav")
    events: list[Event] = []
    analysis = run(config(tones), store, events)
    assert sum(isinstance(event, SongDone) for event in events) == 4
    rows = [analysis.song_names.index(name) for name in ("a110.wav", "copy.wav")]
    assert np.array_equal(*analysis.scores.value[rows])


def test_options_that_affect_output_embed_anew_and_others_do_not(tones: Path, store: Store) -> None:
    run(config(tones), store)
    for settings, embedded in (
        ({"jobs": 1}, 0),
        ({"backend": "sequential"}, 0),
        ({"options": {"embedder": {"pause": "0.0001"}}}, 0),
        ({"scorer": "max"}, 0),
        ({"hop": 0.25}, 4),
        ({"window": 0.5}, 4),
        ({"precision": "bf16"}, 4),
    ):
        wanted = config(tones, **settings)
        assert run(wanted, store).timing["songs_embedded"] == embedded, settings


def test_a_broken_song_among_good_ones_costs_one_row(tones: Path, store: Store) -> None:
    (tones / "broken.mp3").write_bytes(b"this is no music" * 100)
    (tones / "empty.wav").write_bytes(b"")
    soundfile.write(tones / "silence.wav", np.zeros(8000, np.float32), 8000)
    analysis = run(config(tones), store)
    assert len(analysis.tracks) == 4
    assert [failure.track for failure in analysis.failures] == [
        "broken.mp3",
        "empty.wav",
        "silence.wav",
    ]
    assert "silence" in analysis.failures[2].reason
    assert all(failure.reason and failure.plugin for failure in analysis.failures)


def test_copies_of_a_broken_song_are_all_reported(tones: Path, store: Store) -> None:
    for name in ("x.wav", "y.wav"):
        (tones / name).write_bytes(b"no music")
    analysis = run(config(tones), store)
    assert [failure.track for failure in analysis.failures] == ["x.wav", "y.wav"]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("raise", "ZeroDivisionError: the encoder tripped"),
        ("shape", r"the encoder returned an array of shape \(\d, 15\) instead of \(\d, 16\)"),
        ("nan", "the encoder returned vectors that are not finite"),
        ("scale", "the encoder returned rows that are not unit vectors"),
    ],
)
def test_an_encoder_that_breaks_its_contract_is_reported_by_name(
    tones: Path, store: Store, fault: str, reason: str
) -> None:
    analysis = run(config(tones, options={"embedder": {"fault": fault}}), store)
    assert not analysis.tracks
    assert {(f.stage, f.plugin) for f in analysis.failures} == {("embed", "pitch")}
    assert all(re.fullmatch(reason, failure.reason) for failure in analysis.failures)


def test_a_loader_that_raises_is_reported_and_the_next_one_is_tried(
    tones: Path, store: Store
) -> None:
    plugins = (FAKES, BAD_LOADERS)
    alone = run(config(tones, plugins=plugins, loader="raising"), store)
    assert {(f.stage, f.plugin) for f in alone.failures} == {("load", "raising")}
    assert "no such thing" in alone.failures[0].reason
    helped = run(config(tones, plugins=plugins, loader="raising,soundfile"), store)
    assert not helped.failures


def test_a_loader_that_is_named_finds_the_files_whose_ending_it_knows(
    tones: Path, store: Store
) -> None:
    analysis = run(config(tones, loader="raising", plugins=(FAKES, BAD_LOADERS)), store)
    assert [f.track for f in analysis.failures] == ["a110.wav", "high/c440.wav"]
    assert analysis.notes == ("left out of the folder: 2 other files (1 .flac, 1 .ogg)",)


def test_a_loader_that_hangs_is_given_up(tones: Path, store: Store) -> None:
    wanted = config(tones, plugins=(FAKES, BAD_LOADERS), loader="hanging", timeout=0.3)
    analysis = run(wanted, store)
    assert [f.track for f in analysis.failures] == ["a110.wav", "high/c440.wav"]
    assert "no sound came for 0.3 s" in analysis.failures[0].reason
    assert analysis.failures[0].plugin == "hanging"


def test_a_file_that_changes_while_it_is_read_is_reported(tones: Path, store: Store) -> None:
    analysis = run(config(tones, plugins=(FAKES, BAD_LOADERS), loader="writing"), store)
    assert {(f.stage, f.reason) for f in analysis.failures} == {
        ("read", "the file changed while it was read; run again")
    }


def test_a_damaged_entry_of_the_store_is_embedded_again(tones: Path, store: Store) -> None:
    before = run(config(tones), store)
    with sqlite3.connect(store.path) as db:
        db.execute("UPDATE embeddings SET checksum = checksum + 1 WHERE rowid = 1")
    db.close()
    events: list[Event] = []
    after = run(config(tones), store, events)
    assert np.array_equal(before.scores.value, after.scores.value)
    assert sum(isinstance(event, SongDone) for event in events) == 1


def test_queries_may_be_left_out(tones: Path, store: Store) -> None:
    analysis = run(replace(config(tones), queries=()), store)
    assert analysis.scores.value.shape == (4, 0)
    assert analysis.song_similarity(slice(None)).shape == (4, 4)


def test_an_encoder_without_a_text_side_compares_songs_only(tones: Path, store: Store) -> None:
    wanted = config(tones, encoder="deaf-to-words")
    with pytest.raises(UsageError, match="no text side"):
        run(wanted, store)
    assert len(run(replace(wanted, queries=()), store).tracks) == 4


def test_words_outside_the_vocabulary_are_flagged(tones: Path, store: Store) -> None:
    analysis = run(config(tones, "440 Hz", "whale song"), store)
    assert analysis.query_notes == ("", "it reads only pitches such as 440 Hz")


def test_several_prompts_are_averaged(tones: Path, store: Store, tmp_path: Path) -> None:
    path = tmp_path / "q.toml"
    path.write_text('[[query]]\nid = "low"\nprompts = ["110 Hz", "220 Hz"]\n')
    analysis = run(replace(config(tones), queries=path), store)
    value = dict(zip(analysis.song_names, analysis.scores.value[:, 0], strict=True))
    assert min(value["a110.wav"], value["b220.flac"]) > value["high/c440.wav"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"encoder": "picth"}, "no embedder called 'picth'; did you mean pitch"),
        ({"scorer": "median"}, "no scorer called 'median'"),
        ({"encoder": "reader"}, "no loader handles lyrics, which reader wants"),
        ({"segmenter": "lines"}, "segmenter lines handles lyrics, but embedder pitch wants audio"),
        ({"window": 0.5, "hop": 0.6}, "hop .* is larger than the window"),
        ({"window": 5.0}, "hears at most 1 s at once"),
        ({"options": {"embedder": {"nope": "1"}}}, "no option 'nope'"),
        ({"options": {"loader": {"x": "1"}}}, "need one named with --loader"),
    ],
)
def test_a_wrong_wish_is_one_sentence(
    tones: Path, store: Store, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        run(config(tones, **settings), store)


def test_a_worker_whose_plugins_differ_refuses(tones: Path) -> None:

    registry = Registry([FAKES])
    recipe = Recipe.of(config(tones), registry)
    recipe.check(registry)
    other = replace(recipe, audio_identity=recipe.audio_identity.replace('"pitch"', '"patch"'))
    with pytest.raises(PluginError, match="differ from the sender's"):
        other.check(registry)


def test_where_auto_finds_a_card_sentences_stay_on_the_processor(
    tones: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry([FAKES])

    def sides(**settings: object) -> tuple[tuple[str, str, str], tuple[str, str, str]]:
        recipe = Recipe.of(config(tones, **settings), registry)
        return (recipe.engine, recipe.device, recipe.precision), recipe.text_side

    on_processor = ("openvino", "cpu", "float32")
    assert sides() == (on_processor, on_processor)
    texts = Recipe.of(config(tones), registry).text_fingerprint
    monkeypatch.setattr("clapbatch.runtime._cuda_is_there", lambda: True)
    assert sides() == (("torch", "cuda", "float32"), on_processor)
    assert sides(precision="bf16") == (("torch", "cuda", "bf16"), on_processor)
    assert sides(runtime="torch") == (("torch", "cuda", "float32"), ("torch", "cpu", "float32"))
    assert sides(device="cuda") == (("torch", "cuda", "float32"),) * 2
    assert sides(device="cpu") == (on_processor, on_processor)
    recipe = Recipe.of(config(tones), registry)
    assert recipe.text_fingerprint == texts, "what a processor embedded serves the card's songs"
    recipe.check(registry)


def test_a_song_shorter_than_a_window_is_one_segment(tmp_path: Path, store: Store) -> None:
    soundfile.write(tmp_path / "short.wav", noise(0.3, 8000), 8000)
    analysis = run(config(tmp_path), store)
    assert len(analysis.starts[0]) == 1
    assert analysis.durations[0] == pytest.approx(0.3)


def test_auto_falls_back_with_one_stable_note_and_says_why_on_the_side(
    tones: Path, store: Store
) -> None:
    events: list[Event] = []
    analysis = run(config(tones, encoder="auto"), store, events)
    told = [event.text for event in events if isinstance(event, Note)]
    assert analysis.provenance["encoder"]["name"] == "musicnn"
    assert analysis.notes == (told[0],)
    assert told[0].startswith("using musicnn, because clap's checkpoint is not at hand")
    assert "CLAPBATCH_OFFLINE" in told[1]


def test_auto_takes_the_encoder_that_knows_the_options(tones: Path, store: Store) -> None:
    wanted = config(tones, encoder="auto", options={"embedder": {"checkpoint": "gone.pt"}})
    with pytest.raises(
        UsageError, match=r"no encoder can be used: there is no checkpoint gone\.pt"
    ):
        run(wanted, store)
