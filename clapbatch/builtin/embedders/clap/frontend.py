"""Sound -> log-mel spectrogram, as LAION-CLAP was trained (its non-fusion models).

Numpy and scipy alone: a warm run imports no torch. One spectrogram serves a stretch of audio:
where windows overlap by whole hops, the frames they share are computed once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.fft
import scipy.sparse
from numpy.lib.stride_tricks import sliding_window_view

from clapbatch.api import FloatArray, Segment

SAMPLE_RATE = 48_000
WINDOW_SAMPLES = 480_000
FFT = 1024
HOP = 480
FRAMES = WINDOW_SAMPLES // HOP + 1
MELS = 64
LOWEST, HIGHEST = 50.0, 14_000.0  # Hz
FLOOR = 1e-10  # of power, -100 dB
# Frames that see samples mirrored at an edge of the window; only the others can be shared.
FIRST_INNER = -(-FFT // 2 // HOP)
LAST_INNER = (WINDOW_SAMPLES - FFT // 2) // HOP


class LogMel:
    """Segments of one recording -> log-mel spectrograms in dB. Holds tables only: thread-safe."""

    def __init__(self) -> None:
        turn = 2 * np.pi * np.arange(FFT) / FFT
        self._hann = (0.5 - 0.5 * np.cos(turn)).astype(np.float32)
        # Sparse, not for speed alone: unlike a dense product it treats every frame the same,
        # whatever its place among the others, to the last bit.
        self._filters = scipy.sparse.csr_array(mel_filters())

    def __call__(self, segments: Sequence[Segment]) -> FloatArray:
        """Float32 (n, 1001, 64) for n segments of mono float32 sound at 48 kHz.

        A frame's bits do not depend on whether it was computed here or shared with the segment
        before.
        """
        spectrograms = np.empty((len(segments), FRAMES, MELS), np.float32)
        for index, segment in enumerate(segments):
            fresh = list(range(FRAMES))
            if index:
                shared = _shared_hops(segments[index - 1], segment)
                if shared is not None:
                    inner = slice(FIRST_INNER, LAST_INNER + 1 - shared)
                    before = slice(FIRST_INNER + shared, LAST_INNER + 1)
                    spectrograms[index, inner] = spectrograms[index - 1, before]
                    fresh[inner] = []
            sound = np.pad(fill_window(round_trip(segment.content)), FFT // 2, mode="reflect")
            frames = sliding_window_view(sound, FFT)[::HOP]
            spectrograms[index, fresh] = self._log_mel(frames[fresh])
        return spectrograms

    def _log_mel(self, frames: FloatArray) -> FloatArray:
        """(n, 1024) samples -> (n, 64) dB."""
        spectrum = scipy.fft.rfft(frames * self._hann, workers=1)
        power = spectrum.real**2 + spectrum.imag**2
        mel = (self._filters @ power.T).T
        decibels: FloatArray = 10 * np.log10(np.maximum(mel, np.float32(FLOOR)))
        return decibels


def round_trip(samples: FloatArray) -> FloatArray:
    """To 16-bit integers and back, truncating: what the models heard in training."""
    whole = np.trunc(np.clip(samples, -1, 1) * np.float32(32767))
    quantised: FloatArray = whole / np.float32(32767)
    return quantised


def fill_window(samples: FloatArray) -> FloatArray:
    """A sound shorter than ten seconds, repeated as often as it fits whole, then zeros.

    Raises
    ------
    ValueError
        If it is empty or longer than a window: nothing is cropped here, least of all at random.
    """
    if not 0 < len(samples) <= WINDOW_SAMPLES:
        raise ValueError(f"a window holds 1 to {WINDOW_SAMPLES} samples, not {len(samples)}")
    repeated = np.tile(samples, WINDOW_SAMPLES // len(samples))
    return np.pad(repeated, (0, WINDOW_SAMPLES - len(repeated)))


def mel_filters() -> FloatArray:
    """Triangular filters of equal area on Slaney's mel scale: float32 (64, 513).

    Linear below 1 kHz, logarithmic above; as in Slaney's Auditory Toolbox (1998) and librosa.
    """
    low, high = _hertz_to_mel(np.array([LOWEST, HIGHEST]))
    corners = _mel_to_hertz(np.linspace(low, high, MELS + 2))
    bins = np.arange(FFT // 2 + 1) * (SAMPLE_RATE / FFT)
    left, centre, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    rise, fall = (bins - left) / (centre - left), (right - bins) / (right - centre)
    filters: FloatArray = np.maximum(0, np.minimum(rise, fall)) * (2 / (right - left))
    return filters.astype(np.float32)


_LINEAR = 200 / 3  # Hz a mel below the break
_BREAK = 1000.0  # Hz
_STEP = np.log(6.4) / 27  # natural log of frequency a mel above the break


def _hertz_to_mel(hertz: np.ndarray) -> np.ndarray:
    above = _BREAK / _LINEAR + np.log(np.maximum(hertz, _BREAK) / _BREAK) / _STEP
    return np.where(hertz < _BREAK, hertz / _LINEAR, above)


def _mel_to_hertz(mel: np.ndarray) -> np.ndarray:
    above = _BREAK * np.exp(_STEP * (mel - _BREAK / _LINEAR))
    return np.where(mel < _BREAK / _LINEAR, mel * _LINEAR, above)


def _shared_hops(before: Segment, segment: Segment) -> int | None:
    """How many frames later this segment starts, if the two share any; else None."""
    hops, rest = divmod(segment.offset - before.offset, HOP)
    whole = len(before.content) == len(segment.content) == WINDOW_SAMPLES
    overlap = whole and rest == 0 and 0 <= hops <= LAST_INNER - FIRST_INNER
    return hops if overlap else None
