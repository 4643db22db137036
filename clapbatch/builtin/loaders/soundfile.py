"""The loader `soundfile`: what libsndfile reads, MP3 excepted."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clapbatch.api import (
    FloatArray,
    LoaderSpec,
    Needs,
    RecordingError,
    Track,
    UnknownFormatError,
    hookimpl,
)
from clapbatch.builtin.loaders.diagnosis import (
    is_mpeg,
    reason_of,
    size_of,
    skip_tags,
    why_not_opened,
)
from clapbatch.builtin.loaders.sound import BLOCK, at_rate, at_rates, library_versions, mix

if TYPE_CHECKING:
    import soundfile

SUFFIXES = (
    *(".wav", ".wave", ".bwf", ".rf64", ".w64", ".aiff", ".aif", ".aifc", ".au", ".snd", ".caf"),
    *(".flac", ".ogg", ".oga", ".opus"),
    *(".voc", ".sph", ".nist", ".ircam", ".sf", ".8svx", ".iff", ".avr", ".paf", ".pvf", ".sds"),
)

# What may follow an ID3 tag, MP3 apart.
TAGGED = (b"fLaC", b"OggS", b"RIFF", b"RF64", b"FORM")

# A FLAC or Ogg file may go on after its sound with tags, but hardly with this many bytes.
TRAILER = 1 << 14


class SoundfileLoader:
    """Reads a file in blocks through libsndfile.

    MP3 is left to PyAV: libsndfile's decoder for it writes warnings straight to the terminal,
    in the middle of a progress bar, and cannot be told not to.
    """

    def blocks(self, track: Track, needs: Needs) -> Iterator[FloatArray]:
        """Yield the file's sound: mono float32 (n,), n ≥ 1, at `needs.rate` Hz.

        Raises
        ------
        RecordingError
            If libsndfile does not know the file, loses its thread, or hides a part of it.
        """
        size = size_of(track.path)
        yield from at_rate(_decoded(track.path, size), needs.rate, size)

    def blocks_for(self, track: Track, needs: Sequence[Needs]) -> Iterator[tuple[int, FloatArray]]:
        """One decoding for several encoders: which of `needs`, and a block of its sound."""
        size = size_of(track.path)
        yield from at_rates(_decoded(track.path, size), [need.rate for need in needs], size)


def _decoded(path: Path, size: int) -> Iterator[tuple[int, FloatArray]]:
    with path.open("rb", buffering=0) as raw:
        head = skip_tags(raw)
        if is_mpeg(head):
            raise UnknownFormatError("an MPEG stream such as MP3, which is left to the loader pyav")
        if (raw.tell() or head[:3] == b"ID3") and head[:4] not in TAGGED:
            raise UnknownFormatError(why_not_opened(path, "not a format that libsndfile reads"))
        raw.seek(0)
        with _open(path, raw.fileno()) as file:
            frames = max(1, BLOCK // file.channels)
            scratch = np.empty((frames, file.channels), np.float32)
            count = 0
            while True:
                try:
                    # Never past the declared end, so that what lies behind it shows below.
                    got = len(file.read(min(frames, file.frames - count), out=scratch))
                except Exception as error:  # whatever a decoder can throw
                    raise RecordingError(
                        f"cannot be decoded past {count / file.samplerate:.2f} s: "
                        f"{reason_of(error)}"
                    ) from error
                if got == 0:
                    break
                count += got
                mono = np.empty(got, np.float32)
                mix(list(scratch[:got].T), 1.0, mono)
                yield file.samplerate, mono
            left = size - os.lseek(raw.fileno(), 0, os.SEEK_CUR)
            if file.format in ("FLAC", "OGG") and left > TRAILER:
                # libsndfile stops where the header says, or at the end of a chain's first link.
                raise RecordingError(
                    f"goes on after the {count / file.samplerate:.2f} s that its header tells of"
                )


def _open(path: Path, descriptor: int) -> soundfile.SoundFile:
    """Open by descriptor: by name, libsndfile would take unknown files for headerless sound."""
    import soundfile

    class Stream(soundfile.SoundFile):  # type: ignore[misc]
        def seekable(self) -> bool:
            # Otherwise every read asks for the position and seeks to it: slow, and for damaged
            # files wrong. It also keeps reads from trusting the header's number of frames.
            return False

    try:
        file = Stream(descriptor, closefd=False)
    except Exception as error:  # whatever a decoder can throw
        raise UnknownFormatError(why_not_opened(path, reason_of(error))) from error
    if file.format in ("MP3", "MPEG"):
        file.close()
        raise UnknownFormatError("holds MP3, which is left to the loader pyav")
    return file


def _identity(options: Any) -> Mapping[str, str]:
    return library_versions("soundfile")


@hookimpl
def register_loaders() -> list[LoaderSpec]:
    return [
        LoaderSpec(
            name="soundfile",
            version="1",
            summary="WAV, AIFF, AU, CAF, FLAC, Ogg and what else libsndfile reads",
            identity=_identity,
            make=lambda options: SoundfileLoader(),
            suffixes=SUFFIXES,
        )
    ]
