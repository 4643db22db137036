"""A plugin for tests: encoders that read any word, one in good health and some that are not."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from clapbatch.api import EmbedderSpec, EncoderCard, Thresholds, hookimpl, option

DIM = 32
CARD = EncoderCard(
    rate=4000,
    window=1.0,
    hop=0.5,
    dim=DIM,
    batch=4,
    thresholds=Thresholds(0.3, 0.15),
    song_thresholds=Thresholds(0.9, 0.6),
)


@dataclass(frozen=True)
class Options:
    collapsed: str = option("", "the side whose vectors are nearly one: texts or songs")
    foreign: bool = option(False, "whether its weights are none that anybody knows")


def unit(rows):
    rows = np.asarray(rows, np.float64)
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def direction(name):
    """A direction for a name: the same on every machine, unlike all others."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    return np.random.default_rng(seed).standard_normal(DIM)


# What a text tower gives whose weights were put into the wrong places: one vector, and noise.
SPOILED = direction("spoiled") * 10


class Ears:
    """Hears the pitch of a tone, to the nearest 10 Hz, as the word for it."""

    def __init__(self, options):
        self._options = options

    def embed(self, segments):
        return unit([self._vector(segment.content) for segment in segments])

    def _vector(self, samples):
        if self._options.collapsed == "songs":
            return SPOILED + direction(str(float(np.abs(samples).sum())))
        hertz = 10 * round(float(np.abs(np.fft.rfft(samples, CARD.rate)).argmax()) / 10)
        return direction(f"{hertz} Hz")


class Words:
    """A sentence is the sum of its words; "Hz" belongs to the number before it."""

    def __init__(self, options):
        self._options = options

    def embed(self, texts):
        return unit([self._vector(text) for text in texts])

    def _vector(self, text):
        if self._options.collapsed == "texts":
            return SPOILED + direction(text)
        return sum(direction(word) for word in text.replace(" Hz", "_Hz").split()) + sum(
            direction(word.replace("_", " ")) for word in text.replace(" Hz", "_Hz").split()
        )


@hookimpl
def register_embedders():
    return [
        EmbedderSpec(
            name="words",
            version="1",
            summary="knows every word, and tones by their pitch",
            options=Options,
            card=lambda options: CARD,
            make=lambda options, runtime: Ears(options),
            make_text=lambda options, runtime: Words(options),
            doubt=lambda options: "nobody knows these weights" if options.foreign else "",
        )
    ]
