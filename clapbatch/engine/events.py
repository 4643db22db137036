"""What a run tells whoever watches it. Watching changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Looked:
    """So many of the library's files were looked at; those not seen before are read whole."""

    files: int
    of: int


@dataclass(frozen=True, slots=True)
class Found:
    """The library was read: songs in all, stored before, and to be embedded now."""

    songs: int
    stored: int
    missing: int


@dataclass(frozen=True, slots=True)
class SongDone:
    """One song was embedded (`audio_seconds`, `segments`) or failed (`reason`)."""

    song: str
    audio_seconds: float
    segments: int
    size: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """So many sentences are about to be embedded, the queries' and those they are compared with."""

    sentences: int


@dataclass(frozen=True, slots=True)
class Note:
    """One line for the person."""

    text: str


Event = Looked | Found | SongDone | Reading | Note
OnEvent = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Watch nothing."""
