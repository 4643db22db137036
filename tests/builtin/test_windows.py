"""Sliding windows: what they cover, in which order, from whatever blocks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clapbatch.api import Needs, PluginError, RecordingError, Segment, UsageError
from clapbatch.builtin.segmenters.windows import Windows, register_segmenters
from clapbatch.testing import check_segmenter


def needs(window: int, hop: int, rate: int = 1) -> Needs:
    """Window and hop in samples."""
    return Needs("audio", rate, window / rate, hop / rate)


def ramp(length: int) -> np.ndarray:
    """Samples that tell where they stood, none of them zero."""
    return np.arange(1, length + 1, dtype=np.float32)


def cut(length: int, window: int, hop: int, sizes: list[int] | None = None) -> list[Segment]:
    return list(Windows().segments(blocks(ramp(length), sizes or [length]), needs(window, hop)))


def blocks(samples: np.ndarray, sizes: list[int]) -> Iterator[np.ndarray]:
    """The samples in blocks of these sizes, over and over; each is spoiled after its use."""
    first = turn = 0
    while first < len(samples):
        size = sizes[turn % len(sizes)]
        block = samples[first : first + size].copy()
        yield block
        block[:] = np.nan
        first, turn = first + size, turn + 1


def spans(segments: list[Segment]) -> list[tuple[int, int]]:
    return [(segment.offset, segment.offset + len(segment.content)) for segment in segments]


def slow_spans(length: int, window: int, hop: int) -> list[tuple[int, int]]:
    """The rule word for word: every start is tried, and the end is looked at last."""
    found = []
    for start in range(length):
        if start % hop == 0 and start + window <= length:
            found.append((start, start + window))
    if not found:
        return [(0, length)]
    if found[-1][1] != length:
        found.append((length - window, length))
    return found


steady = settings(derandomize=True, deadline=None)
cases = st.integers(1, 60).flatmap(
    lambda window: st.tuples(st.integers(1, 400), st.just(window), st.integers(1, window))
)
block_sizes = st.lists(st.integers(1, 150), min_size=1, max_size=6)


@steady
@given(cases, block_sizes)
@example((100, 100, 50), [100])
@example((101, 100, 100), [1])
@example((99, 100, 1), [7])
@example((200, 100, 100), [30])
def test_windows_are_those_of_the_plain_rule(case: tuple[int, int, int], sizes: list[int]) -> None:
    segments = cut(*case, sizes)
    assert spans(segments) == slow_spans(*case)
    assert [segment.index for segment in segments] == list(range(len(segments)))


@steady
@given(cases, block_sizes)
def test_a_window_holds_its_own_samples_whatever_the_blocks(
    case: tuple[int, int, int], sizes: list[int]
) -> None:
    # Looked at only after the last one came: contents must survive what the stream does next.
    for segment in cut(*case, sizes):
        assert segment.content.dtype == np.float32
        expected = ramp(case[0])[segment.offset : segment.offset + len(segment.content)]
        np.testing.assert_array_equal(segment.content, expected)


@steady
@given(cases)
def test_every_sample_is_in_a_window_and_no_span_comes_twice(case: tuple[int, int, int]) -> None:
    length, window, _ = case
    found = spans(cut(*case))
    assert set().union(*(range(*span) for span in found)) == set(range(length))
    assert len(set(found)) == len(found)
    assert found == sorted(found)
    assert found[-1][1] == length
    assert {end - start for start, end in found} == {min(window, length)}


@steady
@given(cases, block_sizes)
def test_no_more_than_a_window_and_a_piece_is_held(
    case: tuple[int, int, int], sizes: list[int]
) -> None:
    # A segment comes as soon as its last sample has: nothing is read ahead of need.
    length, window, hop = case
    read = 0

    def counted() -> Iterator[np.ndarray]:
        nonlocal read
        for block in blocks(ramp(length), sizes):
            read += len(block)
            yield block

    for segment in Windows().segments(counted(), needs(window, hop)):
        assert read - (segment.offset + len(segment.content)) < max(sizes)


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_times_are_samples_over_rate(rate: int) -> None:
    asked = Needs("audio", rate, 10.0, 5.0)
    length = 23 * rate + 7
    segments = list(Windows().segments(iter([np.ones(length, np.float32)]), asked))
    assert [segment.start for segment in segments] == [0.0, 5.0, 10.0, (13 * rate + 7) / rate]
    assert [segment.end for segment in segments] == [10.0, 15.0, 20.0, length / rate]
    assert all(len(segment.content) == 10 * rate for segment in segments)


def test_a_window_of_no_whole_number_of_samples_is_rounded_once() -> None:
    asked = Needs("audio", 44_100, 1 / 3, 1 / 7)
    segments = list(Windows().segments(iter([ramp(100_000)]), asked))
    assert asked.window_units == 14_700
    assert asked.hop_units == 6_300
    assert [segment.offset for segment in segments] == [*range(0, 85_300, 6_300), 85_300]


def test_a_recording_shorter_than_a_window_is_one_segment_without_padding() -> None:
    (segment,) = cut(3, 100, 50)
    assert (segment.start, segment.end, segment.offset) == (0.0, 3.0, 0)
    assert len(segment.content) == 3


def test_windows_side_by_side_are_legal() -> None:
    assert spans(cut(300, 100, 100, [17])) == [(0, 100), (100, 200), (200, 300)]


def test_a_last_window_that_ends_at_the_end_does_not_come_twice() -> None:
    assert spans(cut(200, 100, 50)) == [(0, 100), (50, 150), (100, 200)]


def test_empty_blocks_do_not_matter() -> None:
    parts = [ramp(0), ramp(60), ramp(0), ramp(60), ramp(0)]
    found = list(Windows().segments(iter(parts), needs(100, 100)))
    assert spans(found) == [(0, 100), (20, 120)]


@pytest.mark.parametrize("parts", [[], [np.zeros(0, np.float32)]])
def test_no_samples_are_a_recording_error(parts: list[np.ndarray]) -> None:
    with pytest.raises(RecordingError, match="no sound"):
        list(Windows().segments(iter(parts), needs(10, 5)))


@pytest.mark.parametrize("length", [3, 10, 1000])
def test_digital_silence_is_a_recording_error(length: int) -> None:
    parts = [np.zeros(length, np.float32)] * 3
    with pytest.raises(RecordingError, match="silence"):
        list(Windows().segments(iter(parts), needs(10, 5)))


def test_one_sample_in_a_long_silence_is_sound() -> None:
    parts = [np.zeros(1000, np.float32), ramp(1), np.zeros(1000, np.float32)]
    assert len(list(Windows().segments(iter(parts), needs(100, 100)))) == 21


@pytest.mark.parametrize(("window", "hop"), [(10, 11), (10, 0), (0, 0)])
def test_a_hop_that_does_not_fit_the_window_is_refused(window: int, hop: int) -> None:
    with pytest.raises(UsageError, match="does not fit"):
        list(Windows().segments(iter([ramp(50)]), needs(window, hop)))


@pytest.mark.parametrize("block", [np.zeros(9), np.zeros((9, 2), np.float32)])
def test_a_loader_that_breaks_its_contract_is_named(block: np.ndarray) -> None:
    with pytest.raises(PluginError, match="mono float32"):
        list(Windows().segments(iter([block]), needs(10, 5)))


def test_a_short_song_with_an_endless_window_takes_little_memory() -> None:
    asked = Needs("audio", 48_000, 1e7, 1e7)  # 1.9 terabytes, were it allocated
    (segment,) = Windows().segments(iter([ramp(1000)] * 3), asked)
    assert len(segment.content) == 3000


def test_a_song_in_one_block_and_in_single_samples_takes_time_in_proportion() -> None:
    # 500,000 blocks of one sample: quadratic copying would take hours.
    stream = (np.ones(1, np.float32) for _ in range(500_000))
    segments = list(Windows().segments(stream, needs(100_000, 50_000)))
    assert len(segments) == 9


def test_it_keeps_the_contract_of_segmenters() -> None:
    (spec,) = register_segmenters()
    check_segmenter(spec)
