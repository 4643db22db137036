"""Rankings: the right songs, the very numbers of a full run, and what is left out."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from clapbatch.config import RunConfig
from clapbatch.engine.events import Event, Note
from clapbatch.engine.run import analyze
from clapbatch.errors import ClapbatchError, StoreError, UsageError
from clapbatch.search import ranking as module
from clapbatch.search.prompts import read_prompts
from clapbatch.search.ranking import ask_sentences, rank
from clapbatch.search.reference import find_reference
from clapbatch.search.shelf import Shelf
from clapbatch.store import Store
from clapbatch.testing import tone
from tests.conftest import FAKES
from tests.search.conftest import OpenShelf, age


def names(shelf: Shelf, sentence: str, k: int = 4, **others: list[str]) -> list[str]:
    prompts = read_prompts(sentence, others.get("also", ()), others.get("without", ()))
    return [hit.name for hit in ask_sentences(shelf, prompts, k).hits]


def test_the_song_that_sounds_like_the_sentence_comes_first(
    library: Path, opened: OpenShelf
) -> None:
    shelf = opened(library)
    assert names(shelf, "110 Hz")[0] == "a110.wav"
    assert names(shelf, "880 Hz") == ["high/d880.ogg", "high/c440.wav", "b220.flac", "a110.wav"]


def test_a_hit_tells_score_label_best_moment_and_why(tmp_path: Path, opened: OpenShelf) -> None:
    sound = np.concatenate([tone(110, 4, 8000), tone(880, 2, 8000), tone(110, 4, 8000)])
    soundfile.write(tmp_path / "song.wav", sound, 8000)
    shelf = opened(tmp_path / "song.wav", update=True)
    prompts = read_prompts("880 Hz", ["110 Hz:0.5"], ["whale song:1"])
    (hit,) = ask_sentences(shelf, prompts, 5).hits
    assert 3.5 <= hit.start < hit.end <= 6.5
    assert hit.duration == pytest.approx(10)
    assert hit.path == os.fspath(tmp_path / "song.wav")
    high, low, unwanted = hit.reasons
    assert (high.text, high.weight, low.weight, unwanted.weight) == ("880 Hz", 1, 0.5, -1)
    assert high.moment == pytest.approx(1, abs=1e-3)
    assert high.score < 0.5 < low.score
    assert unwanted.note == "it reads only pitches such as 440 Hz"
    wanted = (high.score + 0.5 * low.score) / 1.5 - max(unwanted.score, 0)
    assert hit.score == pytest.approx(wanted)
    assert hit.label == shelf.card.thresholds.label(hit.score)


@pytest.mark.parametrize("scorer", ["mean", "max", "top-k", "softmax"])
def test_scores_and_moments_are_those_of_a_full_run(
    tmp_path: Path, opened: OpenShelf, store: Store, scorer: str
) -> None:
    generator = np.random.default_rng(1)
    for song in range(12):
        parts = [tone(float(generator.integers(60, 1500)), 1.5, 8000) for _ in range(5)]
        soundfile.write(tmp_path / f"{song}.wav", np.concatenate(parts), 8000)
    shelf = opened(tmp_path, update=True, scorer=scorer)
    found = ask_sentences(shelf, read_prompts("440 Hz"), 12).hits
    config = RunConfig(
        songs=tmp_path, queries=("440 Hz",), encoder="pitch", plugins=(FAKES,), scorer=scorer
    )
    whole = analyze(config, shelf.registry, store)
    order = np.argsort(-whole.scores.value[:, 0], kind="stable")
    assert [hit.name for hit in found] == [whole.song_names[i] for i in order]
    for hit, i in zip(found, order, strict=True):
        assert hit.score == pytest.approx(float(whole.scores.value[i, 0]), abs=1e-6)
        assert hit.start == whole.starts[i][whole.scores.best[i, 0]]
        assert hit.label == whole.label(int(i), 0)


def test_similarities_are_those_of_a_full_run(
    library: Path, opened: OpenShelf, store: Store
) -> None:
    shelf = opened(library)
    reference = find_reference(shelf, "b220.flac")
    found = rank(shelf, reference.question, 4)
    config = RunConfig(songs=library, encoder="pitch", plugins=(FAKES,))
    whole = analyze(config, shelf.registry, store)
    row = whole.song_similarity(slice(None))[1]
    wanted = dict(zip(whole.song_names, row.tolist(), strict=True))
    assert {hit.name: hit.score for hit in found.hits} == pytest.approx(wanted, abs=1e-6)


def test_only_the_segments_of_the_songs_shown_are_read(
    library: Path, opened: OpenShelf, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(opened(library), "440 Hz")  # builds the index
    read: list[str] = []
    real = store.get
    monkeypatch.setattr(store, "get", lambda sha, recipe: read.append(sha) or real(sha, recipe))
    assert names(opened(library), "440 Hz", k=1) == ["high/c440.wav"]
    assert len(read) == 1


def test_a_scorer_that_needs_segments_says_that_it_reads_them(
    library: Path, opened: OpenShelf
) -> None:
    events: list[Event] = []
    ask_sentences(opened(library, scorer="max"), read_prompts("440 Hz"), 1, events.append)
    assert Note("the scorer max reads every segment of all 4 songs") in events


def test_equal_songs_stand_in_the_librarys_order(library: Path, opened: OpenShelf) -> None:
    for name in ("z.wav", "m.wav", "0.wav"):
        shutil.copy(library / "a110.wav", library / name)
    age(library)
    shelf = opened(library, update=True)
    assert names(shelf, "110 Hz") == ["0.wav", "a110.wav", "m.wav", "z.wav"]
    assert names(shelf, "110 Hz", k=2) == ["0.wav", "a110.wav"]


def test_rough_scores_that_are_off_by_a_bit_do_not_change_the_answer(
    library: Path, opened: OpenShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        soundfile.write(library / f"{number}.wav", tone(400 + number / 50, 3, 8000), 8000)
    age(library)
    shelf = opened(library, update=True)
    wanted = names(shelf, "440 Hz", k=6)
    noise = np.random.default_rng(3).uniform(-1, 1, len(shelf.means.vectors)) * module.ROUGH / 2.1
    real = module.Sentences.rough
    monkeypatch.setattr(module.Sentences, "rough", lambda self, means: real(self, means) + noise)
    assert names(shelf, "440 Hz", k=6) == wanted


def test_unwanted_sentences_push_songs_down(library: Path, opened: OpenShelf) -> None:
    shelf = opened(library)
    assert names(shelf, "300 Hz", k=1) == ["b220.flac"]
    assert names(shelf, "300 Hz", k=1, without=["220 Hz:1"]) == ["high/c440.wav"]


def test_a_new_song_is_counted_and_update_embeds_it(library: Path, opened: OpenShelf) -> None:
    soundfile.write(library / "new.wav", tone(1500, 3, 8000), 8000)
    events: list[Event] = []
    shelf = opened(library, events=events)
    assert shelf.unknown == ["new.wav"]
    assert Note("1 song is not in the store yet; --update embeds new songs first") in events
    assert "new.wav" not in names(shelf, "1500 Hz")
    assert names(opened(library, update=True), "1500 Hz", k=1) == ["new.wav"]


def test_a_song_that_was_deleted_is_no_answer(library: Path, opened: OpenShelf) -> None:
    (library / "high" / "c440.wav").unlink()
    assert names(opened(library), "440 Hz", k=1) == ["b220.flac"]


def test_a_song_that_was_swapped_is_left_out_and_told(library: Path, opened: OpenShelf) -> None:
    soundfile.write(library / "high" / "c440.wav", tone(60, 3, 8000), 8000)
    shelf = opened(library)
    events: list[Event] = []
    found = ask_sentences(shelf, read_prompts("440 Hz"), 1, events.append)
    assert [hit.name for hit in found.hits] == ["b220.flac"]
    assert found.changed == ("high/c440.wav",)
    assert any("left out: 1 song is not the file it was" in e.text for e in events)  # type: ignore[union-attr]
    assert names(opened(library, update=True), "60 Hz", k=1) == ["high/c440.wav"]


def test_a_song_that_failed_does_not_end_an_update(library: Path, opened: OpenShelf) -> None:
    for name in ("broken.wav", "copy of broken.wav"):
        (library / name).write_bytes(b"no music")
    shelf = opened(library, update=True)
    assert [failure.track for failure in shelf.failures] == ["broken.wav", "copy of broken.wav"]
    assert len(names(shelf, "440 Hz")) == 4


def test_a_library_that_is_part_of_a_larger_store_has_its_own_songs_only(
    library: Path, opened: OpenShelf
) -> None:
    assert names(opened(library / "high"), "110 Hz") == ["c440.wav", "d880.ogg"]


def test_a_list_of_songs_and_a_relative_folder_work(
    library: Path, opened: OpenShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    (library / "two.m3u8").write_text("a110.wav\nhigh/d880.ogg\n")
    assert names(opened(library / "two.m3u8"), "880 Hz") == ["high/d880.ogg", "a110.wav"]
    monkeypatch.chdir(library.parent)
    assert names(opened(Path("tones")), "880 Hz", k=1) == ["high/d880.ogg"]


def test_a_store_without_the_songs_is_a_sentence(tones: Path, opened: OpenShelf) -> None:
    with pytest.raises(StoreError, match=r"no song of .* is in the store yet .* add --update"):
        opened(tones)


def test_songs_that_cannot_be_embedded_are_a_sentence(tmp_path: Path, opened: OpenShelf) -> None:
    (tmp_path / "x.wav").write_bytes(b"no music")
    with pytest.raises(ClapbatchError, match=r"no song of .* could be embedded"):
        opened(tmp_path, update=True)


def test_asking_for_no_song_is_refused(library: Path, opened: OpenShelf) -> None:
    with pytest.raises(UsageError, match="at least 1, not 0"):
        names(opened(library), "440 Hz", k=0)


def test_more_songs_than_there_are_is_all_of_them(library: Path, opened: OpenShelf) -> None:
    assert len(names(opened(library), "440 Hz", k=1000)) == 4


def test_an_encoder_without_a_text_side_is_refused_in_words(
    library: Path, opened: OpenShelf
) -> None:
    shelf = opened(library, update=True, encoder="deaf-to-words")
    with pytest.raises(UsageError, match="no text side"):
        names(shelf, "440 Hz")
    reference = find_reference(shelf, "a110.wav")
    assert rank(shelf, reference.question, 2, leave_out=reference.name).hits[0].name == "b220.flac"


def test_fitted_thresholds_label_the_answer(
    library: Path, opened: OpenShelf, tmp_path: Path
) -> None:
    path = tmp_path / "limits.toml"
    limits = {"encoder": "pitch", "scorer": "mean", "labels": "raw"}
    keys = "\n".join(f'{key} = "{value}"' for key, value in limits.items())
    path.write_text(f"{keys}\nhigh = 1.5\nmoderate = 0.9\n")
    shelf = opened(library, thresholds=path)
    (hit,) = ask_sentences(shelf, read_prompts("440 Hz"), 1).hits
    assert (round(hit.score, 3), hit.label) == (1.0, "MODERATE")


def test_calibrated_labels_are_refused_in_words(library: Path, opened: OpenShelf) -> None:
    with pytest.raises(UsageError, match="--labels calibrated goes with multi"):
        names(opened(library, labels="calibrated"), "440 Hz")
