"""The log-mel spectrogram that musicnn was trained on, in numpy alone.

librosa's defaults: periodic Hann window, power spectrum, Slaney's mel scale and area
normalisation. No matrix product: its last bit would depend on the BLAS library's threads.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from clapbatch.api import FloatArray

SAMPLE_RATE = 16_000
FFT_SIZE, HOP = 512, 256
BANDS, FRAMES = 96, 187
PATCH_SAMPLES = 48_000
# What 187 whole frames span; a patch lacks 64 samples of it on each side.
SPAN_SAMPLES = (FRAMES - 1) * HOP + FFT_SIZE
MARGIN = (SPAN_SAMPLES - PATCH_SAMPLES) // 2
HALF_MAXIMUM = float(np.finfo(np.float16).max)

# Slaney's scale: linear up to 1000 Hz (15 mel), logarithmic above (27 mel for a factor of 6.4).
_LINEAR_HZ, _KNEE_HZ, _KNEE_MEL = 200.0 / 3.0, 1000.0, 15.0
_LOG_STEP = np.log(6.4) / 27.0


def _hz_to_mel(hz: float) -> float:
    if hz < _KNEE_HZ:
        return hz / _LINEAR_HZ
    return float(_KNEE_MEL + np.log(hz / _KNEE_HZ) / _LOG_STEP)


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = mel * _LINEAR_HZ
    return np.where(mel < _KNEE_MEL, linear, _KNEE_HZ * np.exp((mel - _KNEE_MEL) * _LOG_STEP))


def mel_filters(
    sample_rate: int = SAMPLE_RATE, fft_size: int = FFT_SIZE, bands: int = BANDS
) -> NDArray[np.float64]:
    """Triangles on the mel scale, each of area 1 over Hz: float64 (bands, fft_size // 2 + 1).

    The same as `librosa.filters.mel(sr=…, n_fft=…, n_mels=…)`; Slaney, Auditory Toolbox, 1998.
    """
    bins = np.linspace(0.0, sample_rate / 2, fft_size // 2 + 1)
    corners = _mel_to_hz(np.linspace(0.0, _hz_to_mel(sample_rate / 2), bands + 2))
    low, centre, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    rising = (bins - low) / (centre - low)
    falling = (high - bins) / (high - centre)
    return np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (high - low))


class LogMel:
    """Patches float32 (n, 48000) at 16 kHz -> float32 (n, 187, 96)."""

    def __init__(self) -> None:
        filters = mel_filters()
        bands, self._bins = np.nonzero(filters)
        self._weights = filters[bands, self._bins].astype(np.float32)
        # Where each band's bins begin in that list; no band is empty at this size.
        self._starts = np.searchsorted(bands, np.arange(BANDS))
        phase = 2.0 * np.pi * np.arange(FFT_SIZE) / FFT_SIZE
        self._window = (0.5 - 0.5 * np.cos(phase)).astype(np.float32)

    def __call__(self, patches: FloatArray) -> FloatArray:
        # Mirrored margins: zeros would put a click at each end of every patch.
        return self.of_spans(np.pad(patches, ((0, 0), (MARGIN, MARGIN)), mode="reflect"))

    def of_spans(self, spans: FloatArray) -> FloatArray:
        """Spans of 187 whole frames, float32 (n, 48128) -> float32 (n, 187, 96)."""
        frames = sliding_window_view(spans, FFT_SIZE, axis=1)[:, ::HOP]
        spectrum = np.fft.rfft(frames * self._window, axis=2)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        mel = np.add.reduceat(power[:, :, self._bins] * self._weights, self._starts, axis=2)
        # Rounded to half precision, as the networks' training data was.
        half = np.minimum(mel, HALF_MAXIMUM).astype(np.float16)
        result: FloatArray = np.log10(half.astype(np.float32) * 10_000.0 + 1.0)
        return result
