"""A plugin for tests: an encoder that hears pitch and reads "440 Hz", or misbehaves."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass

import numpy as np

from clapbatch.api import (
    EmbedderSpec,
    EncoderCard,
    NoOptions,
    SegmenterSpec,
    Thresholds,
    hookimpl,
    option,
)

RATE = 4000
DIM = 16
CARD = EncoderCard(
    rate=RATE,
    window=1.0,
    hop=0.5,
    dim=DIM,
    batch=4,
    thresholds=Thresholds(0.8, 0.5),
    song_thresholds=Thresholds(0.9, 0.6),
    vocabulary="it reads only pitches such as 440 Hz",
)


@dataclass(frozen=True)
class Options:
    fault: str = option("", "what to do wrong: raise, shape, nan, scale, neighbours or die")
    marker: str = option("", "file whose existence stops `die`", affects_output=False)
    deadly: float = option(0.0, "Hz; a song of this pitch kills its process", affects_output=False)
    started: str = option("", "file written when it begins to work", affects_output=False)
    pause: float = option(0.0, "seconds a batch takes", affects_output=False)


def bump(hertz):
    """Half an octave is an axis; a pitch lies between two."""
    octaves = 2 * np.log2(np.maximum(hertz, 30.0) / 30.0)
    vector = np.exp(-((np.arange(DIM) - octaves) ** 2)).astype(np.float32)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


class Pitch:
    def __init__(self, options):
        self._options = options

    def embed(self, segments):
        if self._options.started:
            open(self._options.started, "w").close()
        time.sleep(self._options.pause)
        vectors = np.stack([self._pitch(segment.content) for segment in segments])
        return self._spoiled(vectors)

    def _pitch(self, samples):
        pitch = float(np.abs(np.fft.rfft(samples, RATE)).argmax())
        if self._options.deadly and pitch == self._options.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        return bump(pitch)

    def _spoiled(self, vectors):
        match self._options.fault:
            case "raise":
                raise ZeroDivisionError("the encoder tripped")
            case "shape":
                return vectors[:, :-1]
            case "nan":
                return vectors * np.float32(np.nan)
            case "scale":
                return vectors * np.float32(2)
            case "neighbours":
                vectors = vectors + vectors.mean(axis=0)
                vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            case "die" if not os.path.exists(self._options.marker):
                with open(self._options.marker, "w"):
                    os._exit(9)
        return vectors


class Hertz:
    def embed(self, texts):
        return np.stack([bump(self._hertz(text) or 30.0) for text in texts])

    def limits(self, texts):
        return ["" if self._hertz(text) else CARD.vocabulary for text in texts]

    def _hertz(self, text):
        number = text.split()[0]
        return float(number) if number.isdigit() else None


@hookimpl
def register_embedders():
    return [
        EmbedderSpec(
            name="pitch",
            version="1",
            summary="hears pitch",
            options=Options,
            card=lambda options: CARD,
            make=lambda options, runtime: Pitch(options),
            make_text=lambda options, runtime: Hertz(),
        ),
        EmbedderSpec(
            name="deaf-to-words",
            version="1",
            summary="has no text side",
            options=Options,
            card=lambda options: CARD,
            make=lambda options, runtime: Pitch(options),
        ),
        EmbedderSpec(
            name="reader",
            version="1",
            summary="wants lyrics",
            card=lambda options: CARD,
            make=lambda options, runtime: Pitch(options),
            kind="lyrics",
        ),
    ]


@hookimpl
def register_segmenters():
    return [
        SegmenterSpec(
            name="lines",
            version="1",
            summary="cuts lyrics",
            make=lambda options: None,
            options=NoOptions,
            kind="lyrics",
        )
    ]
