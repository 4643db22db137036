"""An encoder for benchmarks: 512 dimensions, as CLAP has; it reads any text and hears nothing."""

from __future__ import annotations

import zlib

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


class Texts:
    def embed(self, texts):
        rows = [np.random.default_rng(zlib.crc32(t.encode())).standard_normal(512) for t in texts]
        return np.stack([row / np.linalg.norm(row) for row in rows]).astype(np.float32)


@hookimpl
def register_embedders():
    return [
        EmbedderSpec(
            name="made",
            version="1",
            summary="made up, for benchmarks",
            card=lambda options: CARD,
            make=lambda options, runtime: None,
            make_text=lambda options, runtime: Texts(),
        )
    ]
