"""Tempi and eras in figures."""

from __future__ import annotations

import pytest

from clapbatch.language.patterns import figures
from clapbatch.language.understand import understand


@pytest.mark.parametrize(
    ("text", "tempo"),
    [
        ("120 bpm", (115, 125)),
        ("120bpm", (115, 125)),
        ("tempo 120", (115, 125)),
        ("bpm: 120", (115, 125)),
        ("120 beats per minute", (115, 125)),
        ("around 120 bpm", (110, 130)),
        ("~120 bpm", (110, 130)),
        ("about 120", (110, 130)),
        ("120-ish bpm", (110, 130)),
        ("between 100 and 120", (100, 120)),
        ("100-120 bpm", (100, 120)),
        ("100–120bpm", (100, 120)),
        ("120 to 100 bpm", (100, 120)),
        ("from 100 to 120 bpm", (100, 120)),
        ("over 140 bpm", (140, None)),
        ("> 140 bpm", (140, None)),
        ("140+ bpm", (140, None)),
        ("140 bpm or more", (140, None)),
        ("at least 140 bpm", (140, None)),
        ("faster than 140 bpm", (140, None)),
        ("not slower than 140 bpm", (140, None)),
        ("no less than 140 bpm", (140, None)),
        ("under 90 bpm", (None, 90)),
        ("max 90 bpm", (None, 90)),
        ("up to 90 bpm", (None, 90)),
        ("nothing faster than 90 bpm", (None, 90)),
        ("no more than 90 bpm", (None, 90)),
        ("without going over 90 bpm", (None, 90)),
    ],
)
def test_a_tempo_in_figures_becomes_a_range(
    text: str, tempo: tuple[float | None, float | None]
) -> None:
    request = understand(text)
    assert request.tempo == tempo
    assert request.left_over in ((), ("going",))


@pytest.mark.parametrize(
    "text",
    ["over 100 songs", "under 60 seconds", "about 90 people", "5 bpm", "900 bpm", "1200 bpm"],
)
def test_other_figures_are_no_tempo(text: str) -> None:
    assert understand(text).tempo is None


@pytest.mark.parametrize(
    ("text", "era"),
    [
        ("80s", "1980s"),
        ("'80s", "1980s"),
        ("80's", "1980s"),
        ("1980s", "1980s"),
        ("1987", "1980s"),
        ("the eighties", "1980s"),
        ("late 80s", "1980s"),
        ("mid-80s", "1980s"),
        ("00s", "2000s"),
        ("2010s", "2010s"),
        ("20s", "1920s"),
        ("18th century", "18th century"),
        ("baroque", "baroque"),
    ],
)
def test_decades_years_and_periods_are_eras(text: str, era: str) -> None:
    assert [(a.kind, a.value) for a in understand(text).attributes] == [("era", era)]


@pytest.mark.parametrize("text", ["before the 1980s", "older than the 80s", "post-1980s", "1880s"])
def test_what_lies_beside_a_decade_is_not_read_as_the_decade(text: str) -> None:
    assert understand(text).wanted == ()


def test_a_figure_is_read_once() -> None:
    text = "90s hip hop at 90 bpm, 1990s"
    found = figures(text)
    assert [text[f.start : f.end] for f in found] == ["90s", "90 bpm", "1990s"]
