"""A song that somebody names, or a moment of it, as a vector."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from clapbatch.domain import Embeddings, FloatArray, Track
from clapbatch.engine.events import OnEvent, ignore
from clapbatch.engine.scoring import mean_vector
from clapbatch.errors import RecordingError, UsageError
from clapbatch.library import printable
from clapbatch.search.ranking import Likeness, unit_rows
from clapbatch.search.shelf import Shelf
from clapbatch.search.update import embed_new

# song.mp3@1:30, song.mp3@1:02:03, song.mp3@90
_MOMENT = re.compile(r"(?P<song>.+)@(?P<clock>(?:\d+:)?\d+:\d\d(?:\.\d+)?|\d+(?:\.\d+)?)")
# Comparing a mistyped name with more names than this takes seconds.
MOST_NEAR_NAMES = 5000
MOST_TOLD = 5


@dataclass(frozen=True, slots=True)
class Reference:
    """question : what to rank by. name : the library's name of the song, "" if from outside."""

    question: Likeness
    name: str


def find_reference(shelf: Shelf, wanted: str, on_event: OnEvent = ignore) -> Reference:
    """A song of the library by its name, by a part that only one name has, or any file by path.

    wanted : may end in a moment: "@1:30", "@1:02:03" or "@90" (seconds). A file outside the
    library is embedded, and kept in the store.

    Raises
    ------
    UsageError
        If there is no such song, several fit, or the moment lies past its end.
    RecordingError
        If a file from outside cannot be used.
    """
    match = _MOMENT.fullmatch(wanted)
    song, moment = wanted, None
    if match and not os.path.exists(wanted) and not _holding(shelf.names, wanted):
        song, moment = match["song"], seconds(match["clock"])
    place = _in_library(shelf, song)
    if place is None and os.path.isfile(song):
        name, text = "", printable(Path(song).name)
        embeddings = _embedded(shelf, Path(song), on_event)
    else:
        if place is None:
            place = _by_part(shelf, song)
        name = text = shelf.names[place]
        found = shelf.song(place)
        if found is None:
            raise UsageError(f"{name} is not the file it was when embedded; add --update")
        embeddings = found
    if moment is not None:
        text += f"@{match['clock']}" if match else ""
    vector = _vector(embeddings, moment, shelf.card.song_axes, text)
    return Reference(Likeness(text, vector, shelf), name)


def seconds(clock: str) -> float:
    """ "90", "1:30" or "1:02:03" -> seconds."""
    total = 0.0
    for part in clock.split(":"):
        total = 60 * total + float(part)
    return total


def _in_library(shelf: Shelf, song: str) -> int | None:
    if song in shelf.names:
        return shelf.names.index(song)
    path = os.fsencode(os.path.abspath(song))
    if os.path.exists(path):
        paths = [os.path.normpath(known) for known in shelf.paths]
        if path in paths:
            return paths.index(path)
    return None


def _by_part(shelf: Shelf, song: str) -> int:
    places = _holding(shelf.names, song)
    if len(places) == 1:
        return places[0]
    if places:
        told = ", ".join(repr(shelf.names[i]) for i in places[:MOST_TOLD])
        more = f" and {len(places) - MOST_TOLD} more" if len(places) > MOST_TOLD else ""
        raise UsageError(f"{song!r} fits {len(places)} songs: {told}{more}; write more of the name")
    unknown = _holding(shelf.unknown, song)
    if unknown:
        raise UsageError(f"{shelf.unknown[unknown[0]]} is not in the store yet; add --update")
    near = ""
    if len(shelf.names) <= MOST_NEAR_NAMES:
        close = get_close_matches(song, shelf.names, n=3, cutoff=0.5)
        near = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
    raise UsageError(f"there is no song {song!r} in the library, and no such file{near}")


def _holding(names: list[str], part: str) -> list[int]:
    """Places of the names that hold a part, in any case of letters."""
    folded = part.casefold()
    return [i for i, name in enumerate(names) if folded in name.casefold()]


def _embedded(shelf: Shelf, path: Path, on_event: OnEvent) -> Embeddings:
    config = replace(shelf.config, songs=path)
    track = Track(printable(path.name), path)
    contents, failures = embed_new([track], shelf.recipe, config, shelf.store, on_event)
    for failure in failures:
        raise RecordingError(f"{failure.track}: {failure.reason}")
    found = shelf.store.get(contents[track].sha256, shelf.recipe.audio_fingerprint)
    assert found is not None
    return found


def _vector(song: Embeddings, moment: float | None, axes: int | None, text: str) -> FloatArray:
    if moment is None:
        return mean_vector(song, axes)
    if moment > song.duration:
        length = f"{song.duration:.1f} s"
        raise UsageError(f"{text}: the song is only {length} long")
    # Of the segments around the moment the one in whose middle it lies most nearly.
    nearest = int(np.argmin(np.abs((song.starts + song.ends) / 2 - moment)))
    around: FloatArray = unit_rows(song.vectors[nearest : nearest + 1, :axes])[0]
    return around
