"""The loader `pyav`: what libav (FFmpeg) reads, MP3, FLAC, Ogg and M4A first of all."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clapbatch.api import FloatArray, LoaderSpec, Needs, RecordingError, Track, hookimpl
from clapbatch.builtin.loaders.diagnosis import BROKEN, reason_of, size_of, why_not_opened
from clapbatch.builtin.loaders.sound import BLOCK, at_rate, at_rates, library_versions, mix

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer

SUFFIXES = (
    *(".mp3", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".m4b", ".mp4", ".aac", ".wma", ".asf"),
    *(".webm", ".weba", ".mka", ".mkv", ".mov", ".ape", ".wv", ".tta", ".mp2", ".mp1", ".mpga"),
    *(".mpc", ".amr", ".3gp", ".ac3", ".eac3", ".dts", ".dsf", ".dff", ".tak", ".shn", ".spx"),
    *(".ra", ".rm", ".mp+", ".qoa"),
)

# Containers that hold recordings. Not playlists (hls, concat, sdp, …), which would make libav open
# other files or the network, nor images, subtitles, what games use, and kinds so weakly marked
# (raw amrnb, amrwb) that junk passes for them.
CONTAINERS = (
    "aac,ac3,adx,aiff,amr,ape,asf,au,avi,avr,caf,dsf,dss,dts,dtshd,eac3,flac,flv,gsm,"
    "iff,ircam,loas,m4a,matroska,webm,mlp,mmf,mov,mp4,mp3,mpc,mpc8,mpeg,mpegts,mxf,nistsphere,nut,"
    "ogg,oma,osq,paf,pvf,qcp,qoa,rm,sds,shn,sox,spdif,swf,tak,truehd,tta,voc,vqf,w64,wav,wsd,wv,"
    "wve,xwma"
)

# libav's sample formats: numpy's type and the factor to -1..1.
FORMATS: dict[str, tuple[str, float]] = {
    "u8": ("u1", 2.0**-7),
    "s16": ("i2", 2.0**-15),
    "s32": ("i4", 2.0**-31),
    "s64": ("i8", 2.0**-63),
    "flt": ("f4", 1.0),
    "dbl": ("f8", 1.0),
}

# Damaged packets are left out, as players do, while they are few: at most one in this many, or
# a single one.
DAMAGED_SHARE = 10

# Where reading ends with an error, a file is taken for one that was broken off if this share of it
# was read by then; if there is more, it is refused.
REACHED = 0.9


class PyavLoader:
    """Reads the default audio stream of a file, packet by packet, through libav."""

    def blocks(self, track: Track, needs: Needs) -> Iterator[FloatArray]:
        """Yield the file's sound: mono float32 (n,), n ≥ 1, at `needs.rate` Hz.

        Raises
        ------
        RecordingError
            If libav does not know the file, finds no audio stream in it, or cannot decode more
            than a tenth of its packets.
        """
        size = size_of(track.path)
        yield from at_rate(_gathered(_frames(track.path)), needs.rate, size)

    def blocks_for(self, track: Track, needs: Sequence[Needs]) -> Iterator[tuple[int, FloatArray]]:
        """One decoding for several encoders: which of `needs`, and a block of its sound."""
        size = size_of(track.path)
        yield from at_rates(_gathered(_frames(track.path)), [need.rate for need in needs], size)


def _frames(path: Path) -> Iterator[AudioFrame]:
    with _open(path) as container:
        stream = _sound_of(container)
        good = damaged = position = 0
        says = ""
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except Exception as error:  # whatever a decoder can throw
                if position < container.size * REACHED:
                    raise RecordingError(
                        f"cannot be read past {100 * position // container.size} % of the file: "
                        f"{reason_of(error)}"
                    ) from error
                break
            if packet is None:
                break
            if packet.pos is not None:
                position = packet.pos + packet.size
            try:
                frames = packet.decode()
            except Exception as error:  # whatever a decoder can throw
                damaged, says = damaged + 1, reason_of(error)
                if damaged > DAMAGED_SHARE and damaged > good:
                    break
                continue
            good += bool(packet.size)
            for frame in frames:
                _spare_layout(frame)
            yield from frames
        if damaged > 1 and damaged * DAMAGED_SHARE > good + damaged:
            why = "" if says == BROKEN else f": {says}"
            raise RecordingError(
                f"damaged: {damaged} of {good + damaged} packets cannot be decoded{why}"
            )


def _open(path: Path) -> InputContainer:
    import av

    # What tags say is of no use here; older versions of PyAV stop at one that is no UTF-8.
    older = int(av.__version__.split(".")[0]) < 19
    tags: dict[str, Any] = {"metadata_errors": "replace"} if older else {}
    try:
        # "file:" keeps a name like "http:x.mp3" from being taken for an address.
        container: InputContainer = av.open(
            f"file:{path}",
            container_options={"format_whitelist": CONTAINERS, "protocol_whitelist": "file"},
            **tags,
        )
        return container
    except Exception as error:  # whatever a decoder can throw
        raise RecordingError(why_not_opened(path, reason_of(error))) from error


def _sound_of(container: InputContainer) -> AudioStream:
    """The audio stream marked as default, or else the first that can be decoded."""
    from av.stream import Disposition

    streams = container.streams.audio
    if not streams:
        raise RecordingError("holds no sound: there is no audio stream in it")
    known = [stream for stream in streams if stream.codec_context is not None]
    if not known:
        raise RecordingError("its sound is coded in a way that is not known here, or encrypted")
    marked = [stream for stream in known if stream.disposition & Disposition.default]
    stream = (marked or known)[0]
    context = stream.codec_context
    context.thread_count = 1
    # An order of channels that only this file has crashes PyAV 17.1 to 19.0, where two owners free
    # it. The mean needs no order, so the decoder is told of a mere number of channels.
    channels = context.channels
    if channels:
        context.layout = f"{channels} channels"
    return stream


def _spare_layout(frame: AudioFrame) -> None:
    """Keep PyAV from freeing a frame's order of channels twice, where the decoder made an odd one.

    Few do (those of xHE-AAC may); it costs some bytes a frame, which are never freed.
    """
    if " channels (" in frame.layout.name:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(frame.layout))


def _gathered(frames: Iterator[AudioFrame]) -> Iterator[tuple[int, FloatArray]]:
    """Join frames, a few milliseconds each, to mono blocks of one sample rate.

    A frame is copied and no more: what Python does for each, it does for one song at a time.
    """
    block: _Block | None = None
    for frame in frames:
        if block is None or not block.add(frame):
            if block is not None:
                yield block.rate, block.mono()
            block = _Block(frame)
    if block is not None:
        yield block.rate, block.mono()


class _Block:
    """Frames of one rate and format, as the decoder made them: room for `BLOCK` samples."""

    def __init__(self, frame: AudioFrame) -> None:
        self.rate = frame.sample_rate
        self._format = frame.format.name
        self._channels = frame.layout.nb_channels
        self._samples = 0
        kind, self._scale = FORMATS[self._format.removesuffix("p")]
        planes = self._channels if frame.format.is_planar else 1
        room = max(BLOCK, frame.samples) * self._channels // planes
        self._planes = [np.empty(room, kind) for _ in range(planes)]
        self._bytes = [plane.view(np.uint8).data for plane in self._planes]
        self._width = self._planes[0].itemsize * self._channels // planes
        self.add(frame)

    def add(self, frame: AudioFrame) -> bool:
        """Whether the frame is of the same kind, and fitted."""
        from av.audio.plane import AudioPlane

        kind = (frame.sample_rate, frame.format.name, frame.layout.nb_channels)
        start, size = self._samples * self._width, frame.samples * self._width
        if kind != (self.rate, self._format, self._channels) or start + size > len(self._bytes[0]):
            return False
        for index, place in enumerate(self._bytes):
            # Not frame.planes: it looks for an end that 8 and more planes do not have, and goes
            # astray.
            place[start : start + size] = memoryview(AudioPlane(frame, index))[:size]
        self._samples += frame.samples
        return True

    def mono(self) -> FloatArray:
        """float32 (samples,): the mean of the channels, -1..1."""
        if len(self._planes) == self._channels:
            channels = [plane[: self._samples] for plane in self._planes]
        else:
            together = self._planes[0][: self._samples * self._channels]
            channels = list(together.reshape(self._samples, self._channels).T)
        if channels[0].dtype == np.uint8:
            channels = [channel.astype(np.int16) - 128 for channel in channels]
        sound = np.empty(self._samples, np.float32)
        mix(channels, self._scale, sound)
        return sound


def _identity(options: Any) -> Mapping[str, str]:
    return library_versions("av")


@hookimpl
def register_loaders() -> list[LoaderSpec]:
    return [
        LoaderSpec(
            name="pyav",
            version="1",
            summary="MP3, FLAC, Ogg, M4A, WMA, WebM and what else libav (FFmpeg) reads",
            identity=_identity,
            make=lambda options: PyavLoader(),
            suffixes=SUFFIXES,
        )
    ]
