"""What both loaders share: from decoded mono blocks to the rate asked for, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clapbatch.api import FloatArray, RecordingError

if TYPE_CHECKING:
    import soxr

# About 1.5 s of 44.1 kHz sound: large enough that Python costs nothing, small enough for the cache.
BLOCK = 1 << 16

# Sample rates that a recording can have. Below, a small file would last for weeks (a whale is
# recorded at 2 kHz); above lies only DSD512, which arrives as 2.8 MHz.
LOWEST_RATE, HIGHEST_RATE = 1_000, 3_000_000

# 32-bit integers stored as floating point reach 2^31. What is louder is no sound, and its square,
# summed over a spectrum's window, would leave float32.
LOUDEST = 2.0**32

# The densest real sound is digital silence in FLAC, about 5,000 samples a byte. More than this is
# a decoder that believes a header and invents the rest.
SAMPLES_PER_BYTE = 10_000

Decoded = Iterator[tuple[int, FloatArray]]


def at_rate(decoded: Decoded, rate: int, size: int) -> Iterator[FloatArray]:
    """Resample a stream of mono blocks to one rate; see `at_rates`. Closing closes `decoded`."""
    with closing(at_rates(decoded, [rate], size)) as blocks:  # type: ignore[type-var]
        for _, block in blocks:
            yield block


def at_rates(decoded: Decoded, rates: Sequence[int], size: int) -> Iterator[tuple[int, FloatArray]]:
    """Resample a stream of mono blocks with soxr (HQ) to several rates, each as if it were alone.

    decoded : (sample rate in Hz, float32 (n,)) blocks in order. The rate may change between two
        blocks: each stretch of one rate is resampled by itself.
    rates : wanted, in Hz. A stretch that has one already is passed untouched.
    size : of the file, in bytes; only to notice a decoder that makes sound out of nothing.

    Yields
    ------
    Which of `rates`, and float32 (n,), n at least 1 and at most about `BLOCK`. Closing closes
    `decoded`.

    Raises
    ------
    RecordingError
        If the sample rate is absurd, a sample is not a number or louder than anything, or nothing
        comes out.
    """
    count = 0
    streams = [_Stream(rate) for rate in rates]
    with closing(decoded):  # type: ignore[type-var]
        for rate, block in decoded:
            count += len(block)
            _refuse_what_is_no_sound(block)
            if count > size * SAMPLES_PER_BYTE:
                raise RecordingError(
                    f"damaged: its {size} bytes pretend to hold more than {count:,} samples"
                )
            for which, stream in enumerate(streams):
                for piece in stream.take(rate, block):
                    yield which, piece
        for which, stream in enumerate(streams):
            for piece in stream.rest():
                yield which, piece
    if count == 0:
        raise RecordingError("holds no sound: 0 samples")
    for stream in streams:
        if stream.given == 0:
            samples = "1 sample" if count == 1 else f"{count} samples"
            raise RecordingError(
                f"holds too little sound to hear: {samples} at {stream.source_rate:,} Hz"
            )


class _Stream:
    """Mono blocks of any rate, brought to one. given : samples that came out so far."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.given = 0
        self.source_rate = -1
        self._resampler: soxr.ResampleStream | None = None
        self._step = BLOCK

    def take(self, rate: int, block: FloatArray) -> Iterator[FloatArray]:
        if rate != self.source_rate:
            yield from self.rest()
            self._start(_sane(rate))
        if self._resampler is None:
            yield from self._give(block)
            return
        for first in range(0, len(block), self._step):
            piece = block[first : first + self._step]
            yield from self._give(self._resampler.resample_chunk(piece))

    def rest(self) -> Iterator[FloatArray]:
        """What the filter still holds of the stretch that ends here."""
        if self._resampler is not None:
            last = self._resampler.resample_chunk(np.empty(0, np.float32), last=True)
            self._resampler = None
            yield from self._give(last)

    def _start(self, source_rate: int) -> None:
        import soxr

        self.source_rate = source_rate
        if source_rate != self.rate:
            self._resampler = soxr.ResampleStream(source_rate, self.rate, 1, "float32", "HQ")
            self._step = max(1, min(BLOCK, BLOCK * source_rate // self.rate))

    def _give(self, samples: FloatArray) -> Iterator[FloatArray]:
        self.given += len(samples)
        for first in range(0, len(samples), 2 * BLOCK):
            yield samples[first : first + 2 * BLOCK]


def mix(channels: list[NDArray[Any]], scale: float, out: FloatArray) -> None:
    """Write the mean of the channels, times `scale`, into `out` float32 (n,)."""
    with np.errstate(all="ignore"):  # NaN and infinity are refused later, in words.
        if len(channels) == 1:
            np.multiply(channels[0], np.float32(scale), out=out, dtype=np.float32)
            return
        np.add(channels[0], channels[1], out=out, dtype=np.float32)
        for channel in channels[2:]:
            np.add(out, channel, out=out, dtype=np.float32)
        out *= np.float32(scale / len(channels))


def library_versions(*names: str) -> dict[str, str]:
    """Installed versions of what decodes and resamples, read without importing it."""
    return {name: version(name) for name in (*names, "soxr")}


def _sane(rate: int) -> int:
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise RecordingError(
            f"has a sample rate of {rate:,} Hz; only {LOWEST_RATE:,} to {HIGHEST_RATE:,} Hz "
            "can be sound"
        )
    return rate


def _refuse_what_is_no_sound(block: FloatArray) -> None:
    if not len(block):
        return
    with np.errstate(invalid="ignore"):
        low, high = float(block.min()), float(block.max())
    # Written so that NaN, for which every comparison is false, is refused too.
    if not (low >= -LOUDEST and high <= LOUDEST):
        if np.isnan(low) or np.isnan(high):
            raise RecordingError("holds samples that are not numbers (NaN)")
        peak = max(-low, high)
        raise RecordingError(f"holds samples as large as {peak:.3g}, where 1 is full volume")
