"""Zero-shot labels: probabilities, templates, segments, and the comparison with the truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from clapbatch.domain import Query
from clapbatch.errors import UsageError
from clapbatch.search.truth import folder_labels, judge, read_truth
from clapbatch.search.zero_shot import (
    TEMPLATES,
    Classes,
    classify,
    in_templates,
    probabilities,
    read_labels,
)
from clapbatch.testing import tone
from tests.conftest import SAMPLE_SONGS
from tests.search.conftest import OpenShelf

PITCHES = "110 Hz,220 Hz,440 Hz,880 Hz"


def pitches(library: Path, opened: OpenShelf, segments: bool = False) -> Classes:
    return classify(opened(library), read_labels(PITCHES), segments)


def test_each_song_gets_the_label_it_sounds_like(library: Path, opened: OpenShelf) -> None:
    classes = pitches(library, opened)
    assert [song.answer.label for song in classes.songs] == PITCHES.split(",")
    first = classes.songs[0].answer
    assert first.runner_up == "220 Hz"
    assert first.margin == first.probability - first.runner_up_probability
    assert 0 < first.runner_up_probability < first.probability <= 1


def test_probabilities_are_a_softmax_under_the_encoders_temperature() -> None:
    assert probabilities(np.array([0.1, 0.1]), 100) == pytest.approx([0.5, 0.5])
    shares = probabilities(np.array([[0.30, 0.28, -1.0]]), 100)
    assert shares[0, 0] / shares[0, 1] == pytest.approx(np.exp(2))
    assert shares.sum() == pytest.approx(1)
    assert np.isfinite(probabilities(np.array([1.0, -1.0]), 1e6)).all()


def test_the_cards_logit_scale_is_used(library: Path, opened: OpenShelf) -> None:
    shelf = opened(library)
    classes = classify(shelf, read_labels(PITCHES))
    assert classes.scale == shelf.card.logit_scale == 100.0
    song = classes.songs[2]
    assert song.answer.probability == probabilities(song.scores, 100.0)[2]


def test_labels_over_time_follow_the_song(tmp_path: Path, opened: OpenShelf) -> None:
    sound = np.concatenate([tone(110, 4, 8000), tone(880, 4, 8000)])
    soundfile.write(tmp_path / "x.wav", sound, 8000)
    shelf = opened(tmp_path, update=True)
    (song,) = classify(shelf, read_labels(PITCHES), segments=True).songs
    spans = zip(song.starts, song.ends, song.segments, strict=True)
    for start, end, answer in spans:
        if end <= 4 or start >= 4:
            assert answer.label == ("110 Hz" if end <= 4 else "880 Hz")
    assert not classify(shelf, read_labels(PITCHES)).songs[0].segments


def test_several_templates_are_averaged_as_unit_vectors(library: Path, opened: OpenShelf) -> None:
    labels = read_labels("110,880")
    (low, high) = in_templates(labels, ["{label} Hz", "{label} Hz twice"])
    assert low.prompts == ("110 Hz", "110 Hz twice")
    found = classify(opened(library), (low, high)).songs
    assert [song.answer.label for song in found][::3] == ["110", "880"]


def test_a_label_with_prompts_of_its_own_keeps_them(tmp_path: Path) -> None:
    (tmp_path / "l.toml").write_text(
        '[[query]]\nid = "a"\nprompts = ["x", "y"]\n[[query]]\nid = "b"'
    )
    assert in_templates(read_labels(str(tmp_path / "l.toml")), TEMPLATES) == (
        Query("a", ("x", "y")),
        Query("b", ("This audio is a b song.",)),
    )


def test_labels_come_from_a_file_or_a_list(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("# genres\njazz\n\nhip hop\n")
    wanted = (Query("jazz", ("jazz",)), Query("hip hop", ("hip hop",)))
    assert read_labels(str(tmp_path / "labels.txt")) == wanted
    assert read_labels(" jazz ,hip  hop,, jazz") == wanted


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("jazz", "fewer than two labels"),
        (",,", "fewer than two labels"),
        ("jazz,jazz", "fewer than two labels"),
        ("nothing.txt", "nothing.txt: no such file"),
    ],
)
def test_too_few_labels_are_a_sentence(source: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_labels(source)


def test_an_empty_label_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("# none\n")
    with pytest.raises(UsageError, match=r"empty.txt holds no query"):
        read_labels(str(tmp_path / "empty.txt"))


def test_a_template_without_a_place_for_the_label_is_refused() -> None:
    with pytest.raises(UsageError, match=r"has no \{label\} in it"):
        in_templates(read_labels("a,b"), ["This audio is a song."])


def test_answers_are_judged_against_the_truth(library: Path, opened: OpenShelf) -> None:
    classes = pitches(library, opened)
    truth = {"a110.wav": "110 hz", "b220.flac": "440 Hz", "c440.wav": "440 Hz", "d880.ogg": "?"}
    judged = judge(classes, truth)
    assert judged.truth == {"a110.wav": "110 Hz", "b220.flac": "440 Hz", "high/c440.wav": "440 Hz"}
    assert judged.unjudged == 1
    assert judged.result.accuracy == pytest.approx(2 / 3)
    assert judged.result.confusion[2].tolist() == [0, 1, 1, 0]


def test_a_full_name_is_believed_before_a_files_name(library: Path, opened: OpenShelf) -> None:
    truth = {"high/c440.wav": "440 Hz", "c440.wav": "110 Hz"}
    assert judge(pitches(library, opened), truth).result.accuracy == 1


def test_a_folders_name_can_be_the_truth(library: Path, opened: OpenShelf) -> None:
    shelf = opened(library)
    told = folder_labels(shelf.names, shelf.paths)
    assert told["high/c440.wav"] == "high"
    assert told["a110.wav"] == "tones"


def test_truth_about_other_songs_or_labels_is_a_sentence(library: Path, opened: OpenShelf) -> None:
    with pytest.raises(UsageError, match="no song's true label is among the labels"):
        judge(pitches(library, opened), {"other.wav": "110 Hz", "a110.wav": "jazz"})


def test_truth_is_read_from_the_columns_that_name_it(tmp_path: Path) -> None:
    for header in ("file,label", "audio_file,genre", "label,song"):
        row = "x.mp3,jazz" if not header.startswith("label") else "jazz,x.mp3"
        (tmp_path / "t.csv").write_text(f"{header}\n{row}\n")
        assert read_truth(tmp_path / "t.csv") == {"x.mp3": "jazz"}


@pytest.mark.parametrize("text", ["", "file,label\n", "title,label\nx,jazz\n", "file\nx\n"])
def test_truth_without_its_columns_is_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(UsageError, match=r"t.csv needs a header with a column"):
        read_truth(tmp_path / "t.csv")


def test_truth_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no.csv cannot be read as CSV \(no such file"):
        read_truth(tmp_path / "no.csv")


def test_the_sample_songs_get_their_labels(opened: OpenShelf) -> None:
    truth = read_truth(SAMPLE_SONGS / "labels.csv")
    shelf = opened(SAMPLE_SONGS, update=True, encoder="musicnn")
    labels = read_labels(",".join(sorted(set(truth.values()))))
    classes = classify(shelf, in_templates(labels, TEMPLATES), segments=True)
    result = judge(classes, truth).result
    assert result.chance == pytest.approx(1 / 12)
    assert result.accuracy >= 11 / 12
    segments = [a.label == truth[song.name] for song in classes.songs for a in song.segments]
    assert np.mean(segments) > 0.8
    confidence = [a.probability for song in classes.songs for a in song.segments]
    assert 0.6 < np.mean(confidence) < 0.98
