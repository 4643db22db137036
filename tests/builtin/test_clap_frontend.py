"""The log-mel spectrogram is the one CLAP was trained on, and sharing frames changes no bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import ClapFeatureExtractor

from clapbatch.api import Segment
from clapbatch.builtin.embedders.clap.frontend import (
    HOP,
    WINDOW_SAMPLES,
    LogMel,
    fill_window,
    mel_filters,
    round_trip,
)
from clapbatch.testing import noise

SONG = noise(45, 48_000)


def _segment(offset: int, length: int = WINDOW_SAMPLES) -> Segment:
    return Segment(0, 0.0, 0.0, offset, SONG[offset : offset + length])


def test_it_is_the_spectrogram_of_transformers_feature_extractor() -> None:
    extractor = ClapFeatureExtractor(frequency_min=50, truncation="rand_trunc")
    segments = [_segment(0), _segment(240_000), _segment(1000, 150_000)]
    sounds = [round_trip(segment.content) for segment in segments]
    theirs = extractor(sounds, sampling_rate=48_000, return_tensors="np")["input_features"][:, 0]
    assert np.abs(LogMel()(segments) - theirs).max() < 5e-5


def test_the_filters_are_those_of_transformers_on_slaneys_scale() -> None:
    theirs = ClapFeatureExtractor(frequency_min=50).mel_filters_slaney.T
    assert np.abs(mel_filters() - theirs).max() < 1e-8


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 900_000), min_size=1, max_size=3), st.sampled_from([1, HOP]))
def test_frames_shared_between_overlapping_windows_keep_their_bits(
    steps: list[int], unit: int
) -> None:
    offsets = np.minimum(np.cumsum([0, *(step // unit * unit for step in steps)]), 1_600_000)
    segments = [_segment(int(offset)) for offset in offsets]
    log_mel = LogMel()
    together = log_mel(segments)
    for index, segment in enumerate(segments):
        assert np.array_equal(together[index], log_mel([segment])[0])


def test_digital_silence_is_a_hundred_decibels_down() -> None:
    silent = Segment(0, 0.0, 10.0, 0, np.zeros(WINDOW_SAMPLES, np.float32))
    assert np.abs(LogMel()([silent]) + 100).max() < 1e-4


def test_sixteen_bits_truncate_toward_zero_and_clip() -> None:
    step = np.float32(1 / 32767)
    sound = np.array([0.6 * step, -0.6 * step, 1.4 * step, 2.0, -2.0], np.float32)
    assert round_trip(sound).tolist() == [0, 0, step, 1, -1]


def test_a_short_sound_is_repeated_whole_and_then_followed_by_zeros() -> None:
    third = noise(3, 48_000)
    filled = fill_window(third)
    assert filled.shape == (WINDOW_SAMPLES,)
    assert np.array_equal(filled[: 3 * len(third)], np.tile(third, 3))
    assert not filled[3 * len(third) :].any()


@pytest.mark.parametrize("length", [0, WINDOW_SAMPLES + 1])
def test_what_is_no_window_is_refused_rather_than_cropped(length: int) -> None:
    with pytest.raises(ValueError, match=f"not {length}"):
        fill_window(np.zeros(length, np.float32))
