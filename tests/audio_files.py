"""Makers of sound files for tests: every format that can be written here, and odd ones.

Everything is made by the libraries that clapbatch itself needs; no program is called.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

Samples = NDArray[np.float32]

LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 6: "5.1", 8: "7.1"}


def tone(
    seconds: float = 1.0,
    rate: int = 44_100,
    frequency: float = 440.0,
    channels: int = 1,
    level: float = 0.5,
) -> Samples:
    """A sine, the same in every channel: float32 (frames, channels)."""
    time = np.arange(round(seconds * rate)) / rate
    sine = level * np.sin(2 * np.pi * frequency * time)
    return np.repeat(sine[:, None], channels, axis=1).astype(np.float32)


def pitch(mono: Samples, rate: int) -> float:
    """The strongest frequency in Hz, by a windowed spectrum and a parabola through its peak."""
    spectrum = np.abs(np.fft.rfft(mono * np.hanning(len(mono))))
    peak = int(spectrum[1:-1].argmax()) + 1
    left, middle, right = np.log(spectrum[peak - 1 : peak + 2] + 1e-30)
    shift = 0.5 * (left - right) / (left - 2 * middle + right)
    return float((peak + shift) * rate / len(mono))


def write_soundfile(path: Path, samples: Samples, rate: int, format: str, subtype: str) -> Path:
    """Write through libsndfile, in blocks: its Vorbis encoder crashes on long ones."""
    channels = samples.shape[1]
    with soundfile.SoundFile(path, "w", rate, channels, subtype, format=format) as file:
        for first in range(0, len(samples), 1 << 14):
            file.write(samples[first : first + (1 << 14)])
    return path


def write_av(path: Path, samples: Samples, rate: int, codec: str, container: str | None) -> Path:
    """Write through libav: mono, stereo or one of `LAYOUTS`."""
    layout = LAYOUTS[samples.shape[1]]
    with av.open(str(path), "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate)
        context = stream.codec_context
        context.layout = layout
        context.bit_rate = 128_000 * (1 + samples.shape[1] // 3)
        offered = [format.name for format in context.codec.audio_formats]
        context.format = next(name for name in ("s16", "s16p", "fltp", "flt") if name in offered)
        context.open()
        for first in range(0, len(samples), 4096):
            block = np.ascontiguousarray(samples[first : first + 4096]).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(block, "flt", layout)
            frame.sample_rate = rate
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


@dataclass(frozen=True)
class Format:
    """A way to store sound.

    slack : most seconds by which a coder lengthens or shortens the sound.
    step : most by which a sample that comes back differs; large where coding is lossy.
    loaders : the loaders that read it. rates : the sample rates it can have, () for any.
    """

    name: str
    suffix: str
    write: Callable[[Path, Samples, int], Path]
    loaders: tuple[str, ...] = ("soundfile", "pyav")
    slack: float = 0.0
    step: float = 0.05
    rates: tuple[int, ...] = ()


def _sf(format: str, subtype: str) -> Callable[[Path, Samples, int], Path]:
    return lambda path, samples, rate: write_soundfile(path, samples, rate, format, subtype)


def _av(codec: str, container: str | None = None) -> Callable[[Path, Samples, int], Path]:
    return lambda path, samples, rate: write_av(path, samples, rate, codec, container)


SIXTEEN = 2.0**-14
PYAV = ("pyav",)

FORMATS = (
    Format("wav-8", ".wav", _sf("WAV", "PCM_U8"), step=2.0**-6),
    Format("wav-16", ".wav", _sf("WAV", "PCM_16"), step=SIXTEEN),
    Format("wav-24", ".wav", _sf("WAV", "PCM_24"), step=2.0**-22),
    Format("wav-32", ".wav", _sf("WAV", "PCM_32"), step=2.0**-22),
    Format("wav-float", ".wav", _sf("WAV", "FLOAT"), step=2.0**-22),
    Format("wav-double", ".wav", _sf("WAV", "DOUBLE"), step=2.0**-22),
    Format("wav-ulaw", ".wav", _sf("WAV", "ULAW")),
    Format("wav-ima", ".wav", _sf("WAV", "IMA_ADPCM"), slack=0.05),
    Format("wavex", ".wav", _sf("WAVEX", "PCM_16"), step=SIXTEEN),
    Format("rf64", ".rf64", _sf("RF64", "PCM_16"), step=SIXTEEN),
    Format("w64", ".w64", _sf("W64", "PCM_16"), step=SIXTEEN),
    Format("aiff", ".aiff", _sf("AIFF", "PCM_24"), step=2.0**-22),
    Format("aifc", ".aifc", _sf("AIFF", "FLOAT"), step=2.0**-22),
    Format("au", ".au", _sf("AU", "PCM_16"), step=SIXTEEN),
    Format("caf", ".caf", _sf("CAF", "PCM_16"), step=SIXTEEN),
    Format("caf-alac", ".caf", _sf("CAF", "ALAC_16"), step=SIXTEEN, slack=0.03),
    Format("voc", ".voc", _sf("VOC", "PCM_16"), step=SIXTEEN),
    Format("flac-16", ".flac", _sf("FLAC", "PCM_16"), step=SIXTEEN),
    Format("flac-24", ".flac", _sf("FLAC", "PCM_24"), step=2.0**-22),
    Format("ogg-vorbis", ".ogg", _sf("OGG", "VORBIS"), slack=0.005),
    Format("opus", ".opus", _sf("OGG", "OPUS"), rates=(8_000, 16_000, 48_000)),
    Format("mp3", ".mp3", _sf("MP3", "MPEG_LAYER_III"), PYAV, rates=(16_000, 44_100, 48_000)),
    Format("m4a-aac", ".m4a", _av("aac", "ipod"), PYAV, slack=0.05),
    Format("m4a-alac", ".m4a", _av("alac", "ipod"), PYAV, step=SIXTEEN),
    Format("mp4", ".mp4", _av("aac", "mp4"), PYAV, slack=0.05),
    Format("aac", ".aac", _av("aac", "adts"), PYAV, slack=0.2),
    Format("wma", ".wma", _av("wmav2", "asf"), PYAV, slack=0.2, rates=(22_050, 44_100, 48_000)),
    Format("webm", ".webm", _av("libopus", "webm"), PYAV, slack=0.05, rates=(16_000, 48_000)),
    Format("mka-mp3", ".mka", _av("libmp3lame", "matroska"), PYAV, slack=0.1),
    Format("mkv-aac", ".mkv", _av("aac", "matroska"), PYAV, slack=0.05),
    Format("wv", ".wv", _av("wavpack", "wv"), PYAV, step=SIXTEEN),
    Format("tta", ".tta", _av("tta", "tta"), PYAV, step=SIXTEEN),
    Format("mp2", ".mp2", _av("mp2", "mp2"), PYAV, slack=0.1, rates=(16_000, 44_100, 48_000)),
    Format("ac3", ".ac3", _av("ac3", "ac3"), PYAV, slack=0.1, rates=(32_000, 44_100, 48_000)),
)
BY_NAME = {format.name: format for format in FORMATS}


def wav_bytes(
    data: bytes,
    rate: int = 44_100,
    channels: int = 1,
    bits: int = 16,
    tag: int = 1,
    declared: int | None = None,
) -> bytes:
    """A WAV file by hand. tag : 1 for integers, 3 for floats. declared : what its header says."""
    size = len(data) if declared is None else declared
    width = channels * bits // 8
    head = struct.pack(
        "<HHIIHH", tag, channels, rate, rate * width & 0xFFFFFFFF, width & 0xFFFF, bits
    )
    total = min(4 + 8 + len(head) + 8 + size, 0xFFFFFFFF)
    parts = (b"RIFF", struct.pack("<I", total), b"WAVE", b"fmt ", struct.pack("<I", 16), head)
    return b"".join(parts) + b"data" + struct.pack("<I", size) + data


def float_wav(values: Samples, rate: int = 44_100) -> bytes:
    """A mono WAV of 32-bit floats, whatever they are."""
    return wav_bytes(values.astype("<f4").tobytes(), rate, bits=32, tag=3)


def id3_tag(size: int = 1000) -> bytes:
    """An ID3v2.3 tag with a title, padded to `size` bytes."""
    title = b"\x00A title"
    frame = b"TIT2" + struct.pack(">I", len(title)) + b"\0\0" + title
    body = frame.ljust(size - 10, b"\0")
    length = bytes((len(body) >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\x00\x00" + length + body


def id3v1_tag() -> bytes:
    return b"TAG" + b"A title".ljust(125, b"\0")


def lying_mp3(path: Path, frames: int = 15_625) -> Path:
    """A tiny MP3 whose Xing header declares `frames` frames of 1,152 samples."""
    whole = write_soundfile(path, tone(0.1), 44_100, "MP3", "MPEG_LAYER_III").read_bytes()
    start = max(whole.find(b"Xing"), whole.find(b"Info"))
    assert start > 0, "no Xing header to lie with"
    flags = struct.unpack(">I", whole[start + 4 : start + 8])[0]
    assert flags & 1, "the Xing header has no number of frames"
    path.write_bytes(whole[: start + 8] + struct.pack(">I", frames) + whole[start + 12 :])
    return path


def caf_with_labels(samples: Samples, rate: int, labels: tuple[int, ...]) -> bytes:
    """A 16-bit CAF file that names its channels: 1 left, 2 right, 3 centre, in any order."""
    count = len(labels)
    places = b"".join(struct.pack(">IIfff", label, 0, 0, 0, 0) for label in labels)
    data = struct.pack(">I", 0) + (samples * 32767).astype(">i2").tobytes()
    chunks = (
        (b"desc", struct.pack(">d4sIIIII", rate, b"lpcm", 0, 2 * count, 1, count, 16)),
        (b"chan", struct.pack(">III", 0, 0, count) + places),
        (b"data", data),
    )
    body = b"".join(name + struct.pack(">q", len(chunk)) + chunk for name, chunk in chunks)
    return b"caff\0\1\0\0" + body


def ambisonic_opus(path: Path, samples: Samples) -> Path:
    """Opus in Matroska, six channels at 48 kHz: four of ambisonics and two beside them."""
    whole = bytearray(write_av(path, samples, 48_000, "libopus", "matroska").read_bytes())
    start = whole.index(b"OpusHead")
    assert whole[start + 9] == 6
    whole[start + 18] = 2  # the mapping family
    path.write_bytes(whole)
    return path


def with_cover(path: Path, samples: Samples, rate: int) -> Path:
    """An MP4 with a picture in a stream of its own, before the sound."""
    with av.open(str(path), "w", format="mp4") as file:
        picture = file.add_stream("mjpeg", rate=1)
        picture.width = picture.height = 64
        picture.pix_fmt = "yuvj420p"
        sound = file.add_stream("aac", rate=rate)
        sound.codec_context.layout = "mono"
        image = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "rgb24")
        file.mux(picture.encode(image))
        file.mux(picture.encode(None))
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), "fltp", "mono")
        frame.sample_rate = rate
        file.mux(sound.encode(frame))
        file.mux(sound.encode(None))
    return path


def two_streams(path: Path, first: Samples, second: Samples, rate: int, default: int) -> Path:
    """A Matroska file with two mono streams of sound, one of them marked as the default."""
    with av.open(str(path), "w", format="matroska") as file:
        streams = [file.add_stream("ac3", rate=rate) for _ in range(2)]
        for index, stream in enumerate(streams):
            stream.codec_context.layout = "mono"
            stream.disposition = int(av.stream.Disposition.default) if index == default else 0
        for stream, samples in zip(streams, (first, second), strict=True):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), "fltp", "mono")
            frame.sample_rate = rate
            file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
    return path
