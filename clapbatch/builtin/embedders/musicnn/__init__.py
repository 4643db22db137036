"""The embedded encoder: musicnn's tags joined to MiniLM's words."""

from __future__ import annotations

from collections.abc import Mapping

from clapbatch.api import (
    EmbedderSpec,
    Encoder,
    EncoderCard,
    NoOptions,
    Runtime,
    TextEncoder,
    Thresholds,
    hookimpl,
)

AXES = 64


def card(options: NoOptions) -> EncoderCard:
    return EncoderCard(
        rate=16_000,
        window=3.0,
        hop=3.0,
        dim=AXES + 1,
        batch=8,
        thresholds=Thresholds(high=0.12, moderate=0.06),
        song_thresholds=Thresholds(high=0.8, moderate=0.5),
        song_axes=AXES,
        vocabulary="It knows the 100 tags of musicnn; a query far from all of them is flagged.",
    )


def make(options: NoOptions, runtime: Runtime) -> Encoder:
    from clapbatch.builtin.embedders.musicnn.audio import TagEncoder

    return TagEncoder(runtime)


def make_text(options: NoOptions, runtime: Runtime) -> TextEncoder:
    from clapbatch.builtin.embedders.musicnn.text import TagText

    return TagText(runtime)


def identity(options: NoOptions) -> Mapping[str, str]:
    """The sha256 of the networks' weights and of the sentence model's, by heart."""
    from clapbatch.builtin.embedders.musicnn import minilm, weights

    return {**weights.SHA256, "all-MiniLM-L6-v2": minilm.WEIGHTS_SHA256}


@hookimpl
def register_embedders() -> list[EmbedderSpec]:
    return [
        EmbedderSpec(
            name="musicnn",
            version="1",
            summary="music tags (musicnn) joined to words (MiniLM); small, nothing to download",
            card=card,
            make=make,
            make_text=make_text,
            identity=identity,
        )
    ]
