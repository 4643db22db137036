"""What a person sees while songs are embedded: one bar and notes, on standard error."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from clapbatch.engine.events import Event, Found, Note, SongDone

if TYPE_CHECKING:
    from types import TracebackType


class Progress:
    """Watches a run. No bar where standard error is no terminal; nothing at all when quiet."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: Any = None
        self._started = time.perf_counter()
        self.audio_seconds = 0.0
        self.segments = 0
        self.failures = 0
        self.found = Found(0, 0, 0)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, event: Event) -> None:
        if isinstance(event, Found):
            self._found(event)
        elif isinstance(event, SongDone):
            self._song_done(event)
        else:
            self._note(event)

    @property
    def speed(self) -> float:
        """Seconds of audio embedded a second, since the library was read."""
        return self.audio_seconds / max(time.perf_counter() - self._started, 1e-9)

    def _found(self, event: Found) -> None:
        self.found = event
        self._started = time.perf_counter()
        if self._quiet:
            return
        told = f"{event.songs} {'song' if event.songs == 1 else 'songs'}"
        if event.stored:
            told += f", {event.stored} of them in the store"
        if not event.missing:
            told += ": nothing to embed"
        self._print(told)
        if event.missing and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(
                total=event.missing, unit="song", file=sys.stderr, dynamic_ncols=True, leave=False
            )

    def _song_done(self, event: SongDone) -> None:
        self.audio_seconds += event.audio_seconds
        self.segments += event.segments
        self.failures += bool(event.reason)
        if self._bar is not None:
            failed = f", {self.failures} failed" if self.failures else ""
            self._bar.set_postfix_str(
                f"{self.segments} segments, {self.speed:.0f} × real time{failed}", refresh=False
            )
            self._bar.update()

    def _note(self, event: Note) -> None:
        if not self._quiet:
            self._print(f"note: {event.text}")

    def _print(self, line: str) -> None:
        if self._bar is not None:
            self._bar.write(line, file=sys.stderr)
        else:
            print(line, file=sys.stderr)
