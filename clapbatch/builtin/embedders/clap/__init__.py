"""The encoder `clap`: LAION-CLAP, sound and sentences in one space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from clapbatch.api import (
    EmbedderSpec,
    Encoder,
    EncoderCard,
    Runtime,
    TextEncoder,
    Thresholds,
    hookimpl,
    option,
)
from clapbatch.builtin.embedders.clap import checkpoints
from clapbatch.builtin.embedders.clap.catalogue import PUBLISHED

SUFFIXES = (".pt", ".safetensors")
# LAION's start value for the learned factor on cosines; a checkpoint's own is in its record.
FIRST_LOGIT_SCALE = 1 / 0.07


@dataclass(frozen=True)
class ClapOptions:
    """Options of the encoder `clap`."""

    checkpoint: str = option(
        "music", f"{', '.join(PUBLISHED)}, or the path of a .pt or .safetensors file"
    )
    batch: int = option(8, "windows that share a spectrogram and are embedded in one call")

    def __post_init__(self) -> None:
        if self.checkpoint not in PUBLISHED and Path(self.checkpoint).suffix not in SUFFIXES:
            raise ValueError(
                f"checkpoint is one of {', '.join(PUBLISHED)}, or the path of a .pt or "
                f".safetensors file, not {self.checkpoint!r}"
            )
        if self.batch < 1:
            raise ValueError(f"batch is at least 1, not {self.batch}")


def card(options: ClapOptions) -> EncoderCard:
    record = checkpoints.ready(options.checkpoint)
    return EncoderCard(
        rate=48_000,
        window=10.0,
        hop=5.0,
        dim=512,
        batch=options.batch,
        thresholds=Thresholds(high=0.30, moderate=0.15),
        song_thresholds=Thresholds(high=0.80, moderate=0.60),
        logit_scale=record.logit_scale if record else FIRST_LOGIT_SCALE,
    )


def identity(options: ClapOptions) -> Mapping[str, str]:
    return checkpoints.identity(options.checkpoint)


def available(options: ClapOptions) -> str:
    return checkpoints.unavailable(options.checkpoint)


def doubt(options: ClapOptions) -> str:
    """A file of one's own is none of the known checkpoints unless its sha256 is."""
    if options.checkpoint in PUBLISHED:
        return ""
    sha256 = identity(options)["weights"]
    if sha256 in {entry.file.sha256 for entry in PUBLISHED.values()}:
        return ""
    return (
        f"the checkpoint {options.checkpoint} is none of the published ones (its sha256 is "
        f"{sha256[:16]}…): run `clapbatch check` with it before you trust its scores"
    )


def make(options: ClapOptions, runtime: Runtime) -> Encoder:
    from clapbatch.builtin.embedders.clap.audio import ClapAudio

    return ClapAudio(options.checkpoint, runtime)


def make_text(options: ClapOptions, runtime: Runtime) -> TextEncoder:
    from clapbatch.builtin.embedders.clap.text import ClapText

    return ClapText(options.checkpoint, runtime)


@hookimpl
def register_embedders() -> list[EmbedderSpec]:
    return [
        EmbedderSpec(
            name="clap",
            version="1",
            summary="LAION-CLAP: music and any sentence, in one space",
            options=ClapOptions,
            card=card,
            identity=identity,
            available=available,
            doubt=doubt,
            make=make,
            make_text=make_text,
        )
    ]
