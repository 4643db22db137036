"""musicnn's log-mel spectrogram agrees with slow and obvious ones."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from clapbatch.builtin.embedders.musicnn.frontend import (
    BANDS,
    FFT_SIZE,
    FRAMES,
    HOP,
    PATCH_SAMPLES,
    SAMPLE_RATE,
    SPAN_SAMPLES,
    LogMel,
    mel_filters,
)
from clapbatch.testing import noise, tone


def slow_log_mel(span: NDArray[np.float32]) -> NDArray[np.float64]:
    """One span, frame by frame, in double precision: a Fourier transform as a sum of waves."""
    positions = np.arange(FFT_SIZE)
    waves = np.exp(-2j * np.pi * np.outer(np.arange(FFT_SIZE // 2 + 1), positions) / FFT_SIZE)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * positions / FFT_SIZE)
    rows = []
    for frame in range(FRAMES):
        samples = span[frame * HOP : frame * HOP + FFT_SIZE].astype(np.float64)
        power = np.abs(waves @ (samples * window)) ** 2
        half = (mel_filters() @ power).astype(np.float16)
        rows.append(np.log10(10_000 * half.astype(np.float64) + 1))
    return np.array(rows)


def test_the_filters_are_those_of_slaney() -> None:
    audio_utils = pytest.importorskip("transformers.audio_utils")
    oracle = audio_utils.mel_filter_bank(
        FFT_SIZE // 2 + 1, BANDS, 0.0, SAMPLE_RATE / 2, SAMPLE_RATE, "slaney", "slaney"
    )
    np.testing.assert_allclose(mel_filters(), oracle.T, atol=1e-12)


def test_every_band_hears_something_and_lies_above_the_one_before() -> None:
    loudest = mel_filters().argmax(axis=1)
    assert (mel_filters().max(axis=1) > 0).all()
    assert (np.diff(loudest) >= 0).all()


def test_it_agrees_with_a_slow_double_precision_one() -> None:
    span = noise(SPAN_SAMPLES / SAMPLE_RATE, SAMPLE_RATE) + tone(
        440, SPAN_SAMPLES / SAMPLE_RATE, SAMPLE_RATE
    )
    # A sum that falls on the other side of a rounding step of half precision: 2 ** -11 of it.
    np.testing.assert_allclose(LogMel().of_spans(span[None])[0], slow_log_mel(span), atol=5e-4)


@pytest.mark.parametrize("hertz", [100, 440, 1000, 3000, 7000])
def test_a_tone_is_loudest_in_its_own_band(hertz: float) -> None:
    patch = tone(hertz, 3, SAMPLE_RATE)[None]
    band = int(LogMel()(patch)[0].mean(axis=0).argmax())
    centre = mel_filters()[band].argmax() * SAMPLE_RATE / FFT_SIZE
    assert abs(centre - hertz) < max(40, 0.05 * hertz)


def test_a_patch_has_187_frames_and_keeps_its_bits_beside_others() -> None:
    patches = np.stack([noise(3, SAMPLE_RATE, seed) for seed in range(5)])
    together = LogMel()(patches)
    assert together.shape == (5, FRAMES, BANDS)
    assert together.dtype == np.float32
    for patch, expected in zip(patches, together, strict=True):
        np.testing.assert_array_equal(LogMel()(patch[None])[0], expected)


def test_a_steady_sound_stays_steady_up_to_the_edges_of_a_patch() -> None:
    frames = LogMel()(tone(1000, 3, SAMPLE_RATE)[None])[0].max(axis=1)
    assert np.ptp(frames) < 0.05


def test_sound_far_too_loud_stays_finite() -> None:
    assert np.isfinite(LogMel()(1e4 * noise(3, SAMPLE_RATE)[None, :PATCH_SAMPLES])).all()
