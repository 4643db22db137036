"""Encoders for benchmarks, which read any text.

`made` has 512 dimensions, as CLAP has, and hears nothing. `no-tower` does with sound all that clap
does before its tower, and nothing after.
"""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np

from clapbatch.api import EmbedderSpec, EncoderCard, Thresholds, hookimpl

CARD = EncoderCard(
    rate=16_000,
    window=10.0,
    hop=5.0,
    dim=512,
    batch=8,
    thresholds=Thresholds(0.3, 0.15),
    song_thresholds=Thresholds(0.9, 0.7),
)


NO_TOWER = replace(CARD, rate=48_000, dim=64)


class Texts:
    def __init__(self, dim):
        self._dim = dim

    def embed(self, texts):
        draws = [np.random.default_rng(zlib.crc32(text.encode())) for text in texts]
        return _unit(np.stack([draw.standard_normal(self._dim) for draw in draws]))


class Spectrograms:
    def __init__(self):
        # Imported here: questions to a store need no front-end.
        from clapbatch.builtin.embedders.clap.frontend import LogMel

        self._log_mel = LogMel()

    def embed(self, segments):
        return _unit(self._log_mel(segments).mean(axis=1))


def _unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@hookimpl
def register_embedders():
    return [
        EmbedderSpec(
            name="made",
            version="1",
            summary="made up, for benchmarks",
            card=lambda options: CARD,
            make=lambda options, runtime: None,
            make_text=lambda options, runtime: Texts(CARD.dim),
        ),
        EmbedderSpec(
            name="no-tower",
            version="1",
            summary="clap's spectrograms, averaged",
            card=lambda options: NO_TOWER,
            make=lambda options, runtime: Spectrograms(),
            make_text=lambda options, runtime: Texts(NO_TOWER.dim),
        ),
    ]
