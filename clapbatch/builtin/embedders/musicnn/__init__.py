"""The embedded encoder: musicnn's tags joined to MiniLM's words. See docs/musicnn.md."""

from __future__ import annotations

from collections.abc import Mapping

from clapbatch.api import (
    EmbedderSpec,
    Encoder,
    EncoderCard,
    ModelError,
    NoOptions,
    Runtime,
    TextEncoder,
    Thresholds,
    hookimpl,
)


def card(options: NoOptions) -> EncoderCard:
    from clapbatch.builtin.embedders.musicnn.axes import AXES

    return EncoderCard(
        rate=16_000,
        # The networks were trained on 3 s; windows side by side cost half of overlapping ones.
        window=3.0,
        hop=3.0,
        dim=len(AXES) + 1,
        # Small, so that the windows of one short song keep all workers busy.
        batch=4,
        thresholds=Thresholds(high=0.14, moderate=0.07),
        song_thresholds=Thresholds(high=0.80, moderate=0.60),
        # The last axis says how little the tags speak, not what they say.
        song_axes=len(AXES),
        logit_scale=32.0,
        vocabulary=(
            "It knows 100 tags of genre, instrument, voice and mood; "
            "a query far from all of them is flagged."
        ),
    )


def make(options: NoOptions, runtime: Runtime) -> Encoder:
    from clapbatch.builtin.embedders.musicnn.audio import TagEncoder

    return TagEncoder(runtime)


def make_text(options: NoOptions, runtime: Runtime) -> TextEncoder:
    from clapbatch.builtin.embedders.musicnn.text import TagText

    return TagText(runtime)


def identity(options: NoOptions) -> Mapping[str, str]:
    """The sha256 of every file of weights, as recorded: nothing is read or hashed here."""
    from clapbatch.builtin.embedders.musicnn import minilm, weights

    return {**weights.SHA256, "all-MiniLM-L6-v2": minilm.WEIGHTS_SHA256}


def doubt(options: NoOptions) -> str:
    """The networks' files lie in the package, where a broken installation can change them."""
    from clapbatch.builtin.embedders.musicnn import weights

    changed = [name for name, sha256 in weights.SHA256.items() if weights.sha256(name) != sha256]
    if not changed:
        return ""
    return f"{', '.join(changed)} of musicnn are not the files that were published; reinstall"


def available(options: NoOptions) -> str:
    """Whether the sentence model is installed; nothing is loaded."""
    from clapbatch.builtin.embedders.musicnn.minilm import model_folder

    try:
        model_folder()
    except ModelError as error:
        return str(error)
    return ""


@hookimpl
def register_embedders() -> list[EmbedderSpec]:
    return [
        EmbedderSpec(
            name="musicnn",
            version="2",
            summary="music tags (musicnn) joined to words (MiniLM); small, nothing to download",
            card=card,
            make=make,
            make_text=make_text,
            identity=identity,
            available=available,
            doubt=doubt,
        )
    ]
