"""Small good files of every format, and ways to spoil their bytes."""

from __future__ import annotations

import functools
import struct
import tempfile
from pathlib import Path

from tests.audio_files import BY_NAME, ambisonic_opus, caf_with_labels, id3_tag, tone

NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)

# A place in the file, from 0 to 1; what to do there; with how many bytes or which number; bytes.
Edit = tuple[float, str, int, bytes]
EIGHT_CHANNELS = ("caf-alac", "ogg-vorbis", "opus", "flac-16", "mp4", "wv", "wav-float")
ACTIONS = ("write", "number", "flip", "delete", "repeat", "insert", "cut")


@functools.cache
def seeds() -> dict[str, bytes]:
    """Format, and what is odd about it -> a short sound in it, a few kilobytes.

    "+8" has eight channels instead of two.
    """
    made = {}
    wanted = [(name, 2) for name in BY_NAME] + [(name, 8) for name in EIGHT_CHANNELS]
    with tempfile.TemporaryDirectory() as folder:
        for name, channels in wanted:
            format = BY_NAME[name]
            rate = (format.rates or (16_000,))[0]
            path = Path(folder, "seed" + format.suffix)
            written = format.write(path, tone(0.15, rate, 440.0, channels), rate)
            made[name + "+8" * (channels == 8)] = written.read_bytes()
        amb = ambisonic_opus(Path(folder, "seed.mka"), tone(0.15, 48_000, 440.0, 6))
        made["mka-mp3+ambisonic"] = amb.read_bytes()
    made["mp3+tag"] = id3_tag(300) + made["mp3"]
    made["caf+labels"] = caf_with_labels(tone(0.1, 16_000, channels=3), 16_000, (3, 2, 1))
    return made


def suffix(name: str) -> str:
    return BY_NAME[name.partition("+")[0]].suffix


def spoil(data: bytes, edits: list[Edit]) -> bytes:
    """Apply edits in order. Half of all places fall on the first 256 bytes, where headers are."""
    spoiled = bytearray(data)
    for place, action, amount, extra in edits:
        length = len(spoiled)
        at = int(2 * place * min(256, length)) if place < 0.5 else int((2 * place - 1) * length)
        if action == "write":
            spoiled[at : at + len(extra)] = extra
        elif action == "number":
            number = NUMBERS[amount % len(NUMBERS)]
            spoiled[at : at + 4] = struct.pack("<I" if amount % 2 else ">I", number)
        elif action == "flip" and at < length:
            spoiled[at] ^= 1 << amount % 8
        elif action == "delete":
            del spoiled[at : at + 1 + amount % 600]
        elif action == "repeat":
            spoiled[at:at] = spoiled[at : at + 1 + amount % 600]
        elif action == "insert":
            spoiled[at:at] = extra * (1 + amount % 50)
        elif action == "cut":
            del spoiled[at:]
    return bytes(spoiled)
