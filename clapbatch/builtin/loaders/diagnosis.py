"""Why a file cannot be opened, in words for a person; asked only after a decoder refused it."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from clapbatch.api import RecordingError

HEAD = 4096
TAG_TRAILER = 128  # an ID3v1 tag, "TAG" and what fits into the rest

# How a file of some other kind begins.
OTHER_KINDS = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"MThd", "a MIDI file: notes without sound"),
    (b"SQLite format 3", "a database"),
)

# How a recording begins: offset, bytes, name.
RECORDINGS = (
    (0, b"RIFF", "a WAV file"),
    (0, b"RF64", "a WAV file (RF64)"),
    (0, b"fLaC", "a FLAC file"),
    (0, b"OggS", "an Ogg file"),
    (4, b"ftyp", "an MP4 or M4A file"),
    (0, b"\x1aE\xdf\xa3", "a Matroska or WebM file"),
    (0, b"FORM", "an AIFF file"),
    (0, b".snd", "an AU file"),
    (0, b"caff", "a CAF file"),
    (0, b"riff", "a Wave64 file"),
    (0, b"0&\xb2u", "a WMA file"),
    (0, b"wvpk", "a WavPack file"),
    (0, b"MAC ", "a Monkey's Audio file"),
    (0, b"TTA1", "a TTA file"),
    (0, b"DSD ", "a DSF file"),
)

# What decoders say, and what it means.
BROKEN = "damaged or broken off"
PLAIN_WORDS = {
    "invalid data found when processing input": BROKEN,
    "supported file format but file is malformed": BROKEN,
    "unspecified internal error": BROKEN,
    "end of file": BROKEN,
    "format not recognised": "not a format that libsndfile reads",
    "file contains data in an unimplemented format": "a variant that libsndfile does not read",
    "not yet implemented in FFmpeg, patches welcome": "a variant that FFmpeg does not read",
}


def size_of(path: Path) -> int:
    """Bytes in a regular, readable file that is not empty.

    Raises
    ------
    RecordingError
        If it is not one. A pipe or a device is refused unopened: reading it might never end.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise RecordingError(f"cannot be found: {reason_of(error)}") from error
    except ValueError as error:
        raise RecordingError("its name holds a zero byte") from error
    if stat.S_ISDIR(status.st_mode):
        raise RecordingError("is a folder, not a file")
    if not stat.S_ISREG(status.st_mode):
        raise RecordingError("is not a regular file")
    if not os.access(path, os.R_OK):
        raise RecordingError("cannot be read: permission denied")
    if status.st_size == 0:
        raise RecordingError("the file is empty: 0 bytes")
    return status.st_size


def reason_of(error: BaseException) -> str:
    """An exception's own words, without file names and error numbers; plain ones where known."""
    if isinstance(error, MemoryError):
        return "it asks for more memory than there is"
    words = getattr(error, "strerror", None) or getattr(error, "error_string", None) or str(error)
    words = " ".join(str(words).split()).removeprefix("Error : ").rstrip(".")
    if not words:
        return type(error).__name__
    words = words if words[:2].isupper() else words[0].lower() + words[1:]
    return PLAIN_WORDS.get(words, words)


def why_not_opened(path: Path, decoder_says: str) -> str:
    """The best reason to be had for a file that a decoder does not open.

    decoder_says : the decoder's words, told only where nothing better is known.
    """
    try:
        with path.open("rb") as file:
            return _look_inside(file, decoder_says)
    except OSError as error:
        return f"cannot be read: {reason_of(error)}"


def skip_tags(file: BinaryIO) -> bytes:
    """The first bytes after any ID3v2 tags; the file is left where they begin."""
    position = 0
    while True:
        file.seek(position)
        head = file.read(10)
        if len(head) < 10 or head[:3] != b"ID3" or max(head[6:10]) > 0x7F:
            file.seek(position)
            return head
        # The length is stored in 7 bits a byte and leaves out the header, and a footer if flagged.
        length = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        position += 10 + length + (10 if head[5] & 0x10 else 0)


def is_mpeg(head: bytes) -> bool:
    """Whether a frame of MPEG audio (MP3, MP2, AAC) begins here: eleven bits that are set."""
    return len(head) >= 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0


def _look_inside(file: BinaryIO, decoder_says: str) -> str:
    skip_tags(file)
    tagged = file.tell() > 0
    head = file.read(HEAD)
    rest = _without_trailer(head)
    if (tagged or rest != head) and not rest.strip(b"\0"):
        return "an MP3 with tags but no sound"
    if not head.strip(b"\0"):
        return "not an audio file: it begins with nothing but zeros"
    for magic, kind in OTHER_KINDS:
        if head.startswith(magic):
            return f"not an audio file: it is {kind}"
    if head.startswith(b"#EXTM3U"):
        return "not an audio file: it is a playlist"
    if _is_text(head):
        markup = head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
        return f"not an audio file: it is {'a web page or XML' if markup else 'text'}"
    for offset, magic, kind in RECORDINGS:
        if head[offset:].startswith(magic):
            return f"begins like {kind}, but cannot be opened: {decoder_says}"
    if is_mpeg(head):
        return f"begins like an MP3, but cannot be opened: {decoder_says}"
    return "not an audio file of any known kind"


def _without_trailer(data: bytes) -> bytes:
    if len(data) >= TAG_TRAILER and data[-TAG_TRAILER:][:3] == b"TAG":
        return data[:-TAG_TRAILER]
    return data


def _is_text(head: bytes) -> bool:
    """Whether every byte is one that texts have, in UTF-8 or an old single-byte encoding."""
    controls = sum(byte < 9 or 13 < byte < 32 or byte == 127 for byte in head)
    try:
        # The end may cut a character in two.
        head[: len(head) - 3].decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 8:
            return False
    return controls == 0
