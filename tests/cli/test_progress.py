"""What a person sees while songs are embedded."""

from __future__ import annotations

import io
import sys

import pytest

from clapbatch.cli.progress import Progress
from clapbatch.engine.events import Found, Looked, Note, Reading, SongDone


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


EVENTS = (
    Looked(1, 4),
    Note("a note"),
    Found(songs=4, stored=1, missing=3),
    SongDone("a.wav", 120.0, 24, 1000),
    SongDone("b.wav", 0.0, 0, 1000, "not an audio file"),
)


def seen(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, quiet: bool = False) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    with Progress(quiet) as progress:
        for event in EVENTS:
            progress(event)
        bar = progress._bar
        if bar is not None:
            bar.refresh()
    assert progress.audio_seconds == 120.0
    return stream.getvalue()


def test_a_terminal_shows_one_bar_with_songs_segments_speed_time_left_and_failures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    last = seen(Terminal(), monkeypatch).split("\r")
    bar = next(line for line in reversed(last) if "embedding" in line)
    for part in ("2/3", "24 segments", "× real time", "1 failed", "<"):
        assert part in bar


def test_what_is_no_terminal_gets_lines_and_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    told = seen(io.StringIO(), monkeypatch)
    assert told == "note: a note\n4 songs, 1 of them in the store\n"


def test_many_sentences_are_told_of_and_few_are_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for quiet, told in ((False, "reading 350 sentences, once for this encoder\n"), (True, "")):
        with Progress(quiet) as progress:
            progress(Reading(350))
            progress(Reading(3))
        assert capsys.readouterr().err == told


def test_quiet_is_quiet_even_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert seen(Terminal(), monkeypatch, quiet=True) == ""


def test_a_bar_for_reading_comes_only_if_reading_takes_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with Progress(quiet=False) as progress:
        progress(Looked(1, 2))
        progress(Looked(2, 2))
    assert "reading" not in stream.getvalue()
    monkeypatch.setattr("clapbatch.cli.progress.FIRST_SECONDS", 0)
    with Progress(quiet=False) as progress:
        progress(Looked(1, 2))
    assert "reading" in stream.getvalue()
