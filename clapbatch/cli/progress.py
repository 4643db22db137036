"""What a person sees while songs are embedded: one bar and notes, on standard error."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from clapbatch.engine.events import Event, Found, Looked, Note, Reading, SongDone

if TYPE_CHECKING:
    from types import TracebackType


# Before this there is nothing worth telling; and how often the clock on the bar moves.
FIRST_SECONDS, TICK_SECONDS = 1.0, 1.0
# Fewer are read before a person wonders.
MANY_SENTENCES = 50


class Progress:
    """Watches a run. No bar where standard error is no terminal; nothing at all when quiet."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: Any = None
        self._over = threading.Event()
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
        self._close_bar()

    def __call__(self, event: Event) -> None:
        if isinstance(event, Looked):
            self._looked(event)
        elif isinstance(event, Found):
            self._found(event)
        elif isinstance(event, SongDone):
            self._song_done(event)
        elif isinstance(event, Reading):
            self._reading(event)
        else:
            self._note(event)

    @property
    def speed(self) -> float:
        """Seconds of audio embedded a second, since the library was read."""
        return self.audio_seconds / max(time.perf_counter() - self._started, 1e-9)

    def _looked(self, event: Looked) -> None:
        if self._bar is None:
            self._open_bar(event.of, "file", "reading", delay=FIRST_SECONDS)
        if self._bar is not None:
            self._bar.update()

    def _found(self, event: Found) -> None:
        self._close_bar()
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
        if event.missing:
            self._open_bar(event.missing, "song", "embedding")
            self._count()

    def _open_bar(self, total: int, unit: str, doing: str, delay: float = 0) -> None:
        if self._quiet or not sys.stderr.isatty():
            return
        from tqdm import tqdm

        self._bar = tqdm(
            desc=doing,
            total=total,
            unit=unit,
            file=sys.stderr,
            dynamic_ncols=True,
            leave=False,
            delay=delay,
        )
        self._over = threading.Event()
        threading.Thread(target=self._tick, args=(self._bar, self._over), daemon=True).start()

    @staticmethod
    def _tick(bar: Any, over: threading.Event) -> None:
        """One long song gives the bar nothing to tell for hours; the clock shows that it lives."""
        time.sleep(bar.delay)
        while not over.wait(TICK_SECONDS):
            bar.refresh()

    def _close_bar(self) -> None:
        self._over.set()
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _song_done(self, event: SongDone) -> None:
        self.audio_seconds += event.audio_seconds
        self.segments += event.segments
        self.failures += bool(event.reason)
        if self._bar is not None:
            self._count()
            self._bar.update()

    def _reading(self, event: Reading) -> None:
        if event.sentences >= MANY_SENTENCES and not self._quiet:
            self._close_bar()
            self._print(f"reading {event.sentences} sentences, once for this encoder")

    def _count(self) -> None:
        if self._bar is not None:
            failed = f", {self.failures} failed" if self.failures else ""
            self._bar.set_postfix_str(
                f"{self.segments} segments, {self.speed:.0f} × real time{failed}", refresh=False
            )

    def _note(self, event: Note) -> None:
        if not self._quiet:
            self._print(f"note: {event.text}")

    def _print(self, line: str) -> None:
        if self._bar is not None:
            self._bar.write(line, file=sys.stderr)
        else:
            print(line, file=sys.stderr)
