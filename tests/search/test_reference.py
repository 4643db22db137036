"""Naming a song: by name, by part, by path, at a moment, from outside the library."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from clapbatch.errors import RecordingError, UsageError
from clapbatch.search.ranking import rank
from clapbatch.search.reference import find_reference, seconds
from clapbatch.search.shelf import Shelf
from clapbatch.testing import tone
from tests.search.conftest import OpenShelf, age


def nearest(shelf: Shelf, song: str, k: int = 1) -> list[str]:
    reference = find_reference(shelf, song)
    return [hit.name for hit in rank(shelf, reference.question, k, leave_out=reference.name).hits]


@pytest.fixture
def changing(library: Path) -> Path:
    """A song of 110 Hz for four seconds, then of 880 Hz."""
    sound = np.concatenate([tone(110, 4, 8000), tone(880, 4, 8000)])
    soundfile.write(library / "changing.wav", sound, 8000)
    age(library)
    return library


@pytest.mark.parametrize(
    ("clock", "value"), [("90", 90), ("1:30", 90), ("1:02:03", 3723), ("0:01.5", 1.5)]
)
def test_a_moment_is_read_in_seconds_minutes_and_hours(clock: str, value: float) -> None:
    assert seconds(clock) == value


@pytest.mark.parametrize("wanted", ["b220.flac", "b220", "B220", "20.f"])
def test_a_song_is_found_by_its_name_or_a_part_that_only_one_has(
    library: Path, opened: OpenShelf, wanted: str
) -> None:
    reference = find_reference(opened(library), wanted)
    assert reference.name == "b220.flac"
    assert reference.question.text == "b220.flac"


def test_a_song_is_found_by_its_path(
    library: Path, opened: OpenShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = opened(library)
    assert find_reference(shelf, os.fspath(library / "b220.flac")).name == "b220.flac"
    monkeypatch.chdir(library / "high")
    assert find_reference(shelf, "../b220.flac").name == "b220.flac"


def test_the_song_itself_is_not_among_its_neighbours(library: Path, opened: OpenShelf) -> None:
    assert nearest(opened(library), "a110.wav", k=9) == [
        "b220.flac",
        "high/c440.wav",
        "high/d880.ogg",
    ]


def test_a_moment_has_other_neighbours_than_the_song(changing: Path, opened: OpenShelf) -> None:
    shelf = opened(changing, update=True)
    assert nearest(shelf, "changing.wav@0:01") == ["a110.wav"]
    assert nearest(shelf, "changing@6.5") == ["high/d880.ogg"]


def test_the_best_moment_is_the_one_most_like_the_song(changing: Path, opened: OpenShelf) -> None:
    shelf = opened(changing, update=True)
    found = rank(shelf, find_reference(shelf, "d880").question, 9).hits
    (hit,) = [hit for hit in found if hit.name == "changing.wav"]
    assert 3.5 <= hit.start <= 7


def test_a_scorer_other_than_the_mean_finds_songs_that_hold_such_a_moment(
    changing: Path, opened: OpenShelf
) -> None:
    shelf = opened(changing, update=True, scorer="max")
    assert nearest(shelf, "d880") == ["changing.wav"]


def test_a_song_from_outside_is_embedded(library: Path, opened: OpenShelf, tmp_path: Path) -> None:
    outside = tmp_path / "outside.wav"
    soundfile.write(outside, tone(430, 3, 8000), 8000)
    shelf = opened(library)
    assert nearest(shelf, os.fspath(outside)) == ["high/c440.wav"]
    assert find_reference(shelf, f"{outside}@0:02").question.text == "outside.wav@0:02"
    assert "outside.wav" not in shelf.names


def test_a_file_that_is_no_music_is_told_with_its_reason(
    library: Path, opened: OpenShelf, tmp_path: Path
) -> None:
    (tmp_path / "text.wav").write_text("no music")
    with pytest.raises(RecordingError, match=r"^text.wav: "):
        find_reference(opened(library), os.fspath(tmp_path / "text.wav"))


def test_a_name_that_looks_like_a_moment_is_a_name(library: Path, opened: OpenShelf) -> None:
    soundfile.write(library / "live@1982.wav", tone(500, 2, 8000), 8000)
    age(library)
    shelf = opened(library, update=True)
    assert find_reference(shelf, "live@1982.wav").name == "live@1982.wav"
    assert find_reference(shelf, "LIVE@1982").name == "live@1982.wav"
    assert find_reference(shelf, "live@1982.wav@0:01").question.text == "live@1982.wav@0:01"


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("0", r"'0' fits 4 songs: 'a110.wav', 'b220.flac', .* write more of the name"),
        ("b222.flac", r"no song 'b222.flac' .* did you mean 'b220.flac'"),
        ("something else entirely", r"there is no song .*, and no such file$"),
        ("b220.flac@0:59", r"b220.flac@0:59: the song is only 4\.\d s long"),
        ("b220.flac@9999", "the song is only"),
    ],
)
def test_a_name_that_fits_no_song_or_several_is_a_sentence(
    library: Path, opened: OpenShelf, wanted: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        find_reference(opened(library), wanted)


def test_a_song_that_is_not_stored_yet_is_told_so(library: Path, opened: OpenShelf) -> None:
    soundfile.write(library / "new.wav", tone(500, 2, 8000), 8000)
    with pytest.raises(UsageError, match=r"new.wav is not in the store yet; add --update"):
        find_reference(opened(library), "new")
