"""Duplicates: other encodings and half a second more or less; never two different songs."""

from __future__ import annotations

import shutil
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import soxr

from clapbatch.domain import Embeddings, FloatArray
from clapbatch.search.duplicates import find_duplicates, timeline_likeness
from clapbatch.testing import tone
from tests.conftest import SAMPLE_SONGS
from tests.search.conftest import OpenShelf, age

PIECES = ("fur_elise", "warehouse_two", "red_lights", "si_bheag_si_mhor")


def encode(sound: FloatArray, rate: int, path: Path, codec: str, bits: int) -> None:
    """Mono sound through one of PyAV's encoders."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=rate, layout="mono")
        stream.bit_rate = bits
        frame = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
        frame.sample_rate = rate
        size = stream.codec_context.frame_size or 1024
        resampler = av.AudioResampler(stream.format, stream.layout, rate, frame_size=size)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            file.mux(stream.encode(part))
        file.mux(stream.encode(None))


def versions(folder: Path, piece: str) -> None:
    """One recording as many files: formats, bit rates, rates, and a little off either end."""
    sound, rate = soundfile.read(SAMPLE_SONGS / f"{piece}.ogg", dtype="float32", always_2d=True)
    mono = soxr.resample(sound.mean(axis=1), rate, 44_100).astype(np.float32)
    soundfile.write(folder / f"{piece}.flac", mono, 44_100)
    soundfile.write(folder / f"{piece} 22k.wav", soxr.resample(mono, 44_100, 22_050), 22_050)
    soundfile.write(folder / f"{piece}.ogg", mono, 44_100, format="OGG", subtype="VORBIS")
    encode(mono, 44_100, folder / f"{piece} 128.mp3", "libmp3lame", 128_000)
    encode(mono, 44_100, folder / f"{piece} 64.mp3", "libmp3lame", 64_000)
    soundfile.write(folder / f"{piece} late.flac", mono[22_050:], 44_100)
    soundfile.write(folder / f"{piece} early.flac", mono[:-22_050], 44_100)
    shutil.copy(folder / f"{piece}.flac", folder / f"{piece} copy.flac")
    # Half the song is not the song.
    soundfile.write(folder / f"half of {piece}.flac", mono[: len(mono) // 2], 44_100)


def test_versions_of_a_recording_are_one_group_and_other_songs_are_not_in_it(
    tmp_path: Path, opened: OpenShelf
) -> None:
    for piece in PIECES:
        versions(tmp_path, piece)
    groups = find_duplicates(opened(tmp_path, update=True, encoder="musicnn"))
    assert len(groups) == len(PIECES)
    for piece, group in zip(sorted(PIECES), groups, strict=True):
        assert {copy.name for copy in group} == {
            *(f"{piece}{e}" for e in (".flac", ".ogg", " 22k.wav", " copy.flac")),
            *(f"{piece} {e}" for e in ("128.mp3", "64.mp3", "late.flac", "early.flac")),
        }
        relations = {copy.name: copy.relation for copy in group}
        assert relations[group[0].name] == "first"
        assert relations[f"{piece}.flac"] == "same bytes"
        assert relations[f"{piece} 64.mp3"] == "same recording"


def test_the_sample_songs_are_all_different(opened: OpenShelf) -> None:
    assert find_duplicates(opened(SAMPLE_SONGS, update=True, encoder="musicnn")) == ()


def test_a_copy_is_told_with_its_size_and_likeness(library: Path, opened: OpenShelf) -> None:
    shutil.copy(library / "b220.flac", library / "high" / "again.flac")
    age(library)
    ((first, second),) = find_duplicates(opened(library, update=True))
    assert (first.name, second.name) == ("b220.flac", "high/again.flac")
    assert second.relation == "same bytes"
    assert second.cosine == pytest.approx(1)
    assert second.size == (library / "b220.flac").stat().st_size
    assert second.duration == pytest.approx(4)


def test_like_songs_of_other_lengths_are_not_the_same(tmp_path: Path, opened: OpenShelf) -> None:
    for seconds in (3, 5, 7):
        soundfile.write(tmp_path / f"{seconds}.wav", tone(440, seconds, 8000), 8000)
    assert find_duplicates(opened(tmp_path, update=True)) == ()


def test_songs_with_one_mean_that_move_otherwise_are_not_the_same(
    tmp_path: Path, opened: OpenShelf
) -> None:
    low, high = tone(300, 1, 8000), tone(420, 1, 8000)
    for name, parts in {
        "a.wav": [low, low, low, high, high, high],
        "b.wav": [high, high, high, low, low, low],
        "c.flac": [low, low, low, high, high, high],
    }.items():
        soundfile.write(tmp_path / name, np.concatenate(parts), 8000)
    ((first, second),) = find_duplicates(opened(tmp_path, update=True))
    assert (first.name, second.name) == ("a.wav", "c.flac")


def test_a_copy_that_is_gone_by_now_is_nobodys_copy(library: Path, opened: OpenShelf) -> None:
    shutil.copy(library / "b220.flac", library / "copy.flac")
    age(library)
    opened(library, update=True)
    shelf = opened(library)
    (library / "copy.flac").unlink()
    assert find_duplicates(shelf) == ()
    assert shelf.changed == ["copy.flac"]


def test_many_songs_are_compared_in_blocks_with_the_same_result(
    tmp_path: Path, opened: OpenShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, hertz in enumerate([100, 200, 400, 800, 1600]):
        for ending in ("wav", "flac"):
            soundfile.write(
                tmp_path / f"{hertz}.{ending}", tone(hertz, 3 + number / 10, 8000), 8000
            )
    shelf = opened(tmp_path, update=True)
    whole = find_duplicates(shelf)
    assert len(whole) == 5
    monkeypatch.setattr("clapbatch.search.duplicates.BLOCK", 3)
    assert find_duplicates(shelf) == whole


def song(rows: list[list[float]]) -> Embeddings:
    vectors = np.array(rows, np.float32)
    starts = np.arange(len(rows), dtype=np.float64)
    return Embeddings(vectors, starts, starts + 1, float(len(rows)))


def test_songs_that_rise_and_fall_together_correlate_whatever_their_mean() -> None:
    one = song([[1, 0], [0, 1], [1, 0], [0, 1]])
    assert timeline_likeness(one, one, None) == pytest.approx(1)
    other = song([[0, 1], [1, 0], [0, 1], [1, 0]])
    assert timeline_likeness(one, other, None) == pytest.approx(-1)


def test_short_or_even_songs_have_no_timeline() -> None:
    assert timeline_likeness(song([[1, 0]] * 3), song([[1, 0]] * 3), None) is None
    assert timeline_likeness(song([[1, 0]] * 9), song([[1, 0]] * 9), None) is None
