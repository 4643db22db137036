"""Sliding windows: from 0 every hop while a whole window fits, then one aligned to the end."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from clapbatch.api import (
    FloatArray,
    Needs,
    NoOptions,
    PluginError,
    RecordingError,
    Segment,
    SegmenterSpec,
    UsageError,
    hookimpl,
)


class Windows:
    """The segmenter `windows`."""

    def segments(self, blocks: Iterator[FloatArray], needs: Needs) -> Iterator[Segment]:
        """Cut mono sound into windows of `needs.window_units` samples.

        blocks : float32 (n,) each, any n, in order, at `needs.rate` Hz. They are copied, so a
            loader may use its memory again.

        Yields
        ------
        Segments in order; their contents are arrays of their own. A window starts at every
        multiple of the hop where a whole one fits; if the last of these does not reach the end of
        the recording, one more ends exactly there. A recording shorter than a window is one
        segment with what there is, not padded.

        Raises
        ------
        RecordingError
            If there is not a single sample, or every sample is zero: silence has no direction.
        """
        window, hop, rate = needs.window_units, needs.hop_units, needs.rate
        if not 1 <= hop <= window:
            raise UsageError(
                f"a hop of {needs.hop} s does not fit a window of {needs.window} s: "
                "it must be longer than 0 and at most the window"
            )
        tail = _Tail(window)
        index = start = 0
        silent = True

        def segment(offset: int, length: int) -> Segment:
            content = tail.copy(offset, length)
            return Segment(index, offset / rate, (offset + length) / rate, offset, content)

        for block in blocks:
            if block.ndim != 1 or block.dtype != np.float32:
                raise PluginError(
                    "the loader must deliver mono float32 blocks of shape (n,), "
                    f"not {block.dtype} of shape {block.shape}"
                )
            silent = silent and not block.any()
            for piece in _pieces(block, tail.most):
                tail.append(piece)
                while start + window <= tail.end:
                    yield segment(start, window)
                    index, start = index + 1, start + hop
        if tail.end == 0:
            raise RecordingError("holds no sound: 0 samples")
        if silent:
            raise RecordingError("holds digital silence only")
        if index == 0:
            yield segment(0, tail.end)
        elif start - hop + window < tail.end:
            yield segment(tail.end - window, window)


def _pieces(block: FloatArray, most: int) -> Iterator[FloatArray]:
    for first in range(0, len(block), most):
        yield block[first : first + most]


class _Tail:
    """The last samples of a stream: always the last `window` of them, at times a little more.

    most : the most samples that one `append` takes.
    end : how many samples the stream had so far.
    """

    def __init__(self, window: int) -> None:
        # A quarter of a window of room: old samples move up once in that many, not at every block.
        self.most = window // 4 + 1
        self.end = 0
        self._window = window
        self._samples = np.empty(min(window, 1 << 16), dtype=np.float32)
        self._filled = 0

    def append(self, piece: FloatArray) -> None:
        if self._filled + len(piece) > len(self._samples):
            self._make_room(len(piece))
        self._samples[self._filled : self._filled + len(piece)] = piece
        self._filled += len(piece)
        self.end += len(piece)

    def copy(self, offset: int, length: int) -> FloatArray:
        """The samples from `offset` in the stream, float32 (length,), an array of its own."""
        first = offset - (self.end - self._filled)
        return self._samples[first : first + length].copy()

    def _make_room(self, wanted: int) -> None:
        # Every window that ended before is cut; one that is still to come starts no earlier than
        # a window before the end, because a hop is never longer than a window.
        kept = min(self._filled, self._window)
        old = self._samples[self._filled - kept : self._filled]
        if kept + wanted > len(self._samples):
            # Doubled, so that a short song with a long window asks for little memory.
            size = max(kept + wanted, 2 * len(self._samples))
            self._samples = np.empty(min(size, self._window + self.most), dtype=np.float32)
        # numpy copies overlapping slices as if through a temporary array.
        self._samples[:kept] = old
        self._filled = kept


@hookimpl
def register_segmenters() -> list[SegmenterSpec]:
    return [
        SegmenterSpec(
            name="windows",
            version="1",
            summary="windows of the encoder's length, every hop, the last one ending at the end",
            options=NoOptions,
            make=lambda options: Windows(),
        )
    ]
