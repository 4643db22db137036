"""Songs as an extended M3U playlist in UTF-8 (.m3u8)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from clapbatch.errors import UsageError
from clapbatch.library import printable
from clapbatch.search.ranking import Hit


def check_name(file: Path) -> None:
    """Refuse a name that a typing mistake could make of something else than a playlist.

    Raises
    ------
    UsageError
        If it does not end in .m3u8.
    """
    if file.suffix.lower() != ".m3u8":
        raise UsageError(f"{printable(file)}: a playlist's name ends in .m3u8")


def write_playlist(hits: Sequence[Hit], file: Path, title: str) -> None:
    """Write the songs in order, whole or not at all; an existing playlist is replaced.

    Raises
    ------
    UsageError
        If the file cannot be written.
    """
    text = playlist(hits, file.parent, title)
    try:
        handle, draft = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        try:
            with open(handle, "w", encoding="utf-8", newline="\n") as out:
                out.write(text)
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(draft, 0o666 & ~mask)
            os.replace(draft, file)
        except BaseException:
            os.unlink(draft)
            raise
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"{printable(file)} cannot be written ({reason})") from error


def playlist(hits: Sequence[Hit], folder: Path, title: str) -> str:
    """The playlist's text: a length in whole seconds, a name and a place for every song.

    folder : where the playlist will lie; places are relative to it. A path that no line can hold
    (with a line break, blanks at an end, bytes that are not UTF-8) becomes a file:// address.
    """
    lines = ["#EXTM3U", f"#PLAYLIST:{_one_line(title)}"]
    for hit in hits:
        name = os.path.splitext(hit.name)[0].replace("/", " - ")
        lines += [f"#EXTINF:{round(hit.duration)},{_one_line(name)}", _place(hit.path, folder)]
    return "\n".join(lines) + "\n"


def _place(path: str, folder: Path) -> str:
    absolute = os.path.abspath(path)
    try:
        place = os.path.relpath(absolute, os.path.abspath(folder)).replace(os.sep, "/")
    except ValueError:  # another drive
        place = absolute
    if not place.isprintable() or place != place.strip():
        return "file://" + quote(os.fsencode(absolute))
    # A line that starts with # would be a comment, one with :// an address.
    return f"./{place}" if place.startswith("#") or "://" in place else place


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
