"""An encoder for benchmarks: all that clap does before its tower, and nothing after."""

from __future__ import annotations

import zlib

import numpy as np

from clapbatch.api import EmbedderSpec, EncoderCard, Thresholds, hookimpl
from clapbatch.builtin.embedders.clap.frontend import LogMel

CARD = EncoderCard(
    rate=48_000,
    window=10.0,
    hop=5.0,
    dim=64,
    batch=8,
    thresholds=Thresholds(0.3, 0.15),
    song_thresholds=Thresholds(0.9, 0.7),
)


class Spectrograms:
    def __init__(self):
        self._log_mel = LogMel()

    def embed(self, segments):
        return _unit(self._log_mel(segments).mean(axis=1))


class Texts:
    def embed(self, texts):
        seeds = [zlib.crc32(text.encode()) for text in texts]
        return _unit(np.stack([np.random.default_rng(s).standard_normal(64) for s in seeds]))


def _unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@hookimpl
def register_embedders():
    return [
        EmbedderSpec(
            name="no-tower",
            version="1",
            summary="clap's spectrograms, averaged",
            card=lambda options: CARD,
            make=lambda options, runtime: Spectrograms(),
            make_text=lambda options, runtime: Texts(),
        )
    ]
