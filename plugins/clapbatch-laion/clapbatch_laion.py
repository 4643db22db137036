"""The real laion-clap package as an encoder: its own preprocessing, its own towers.

For comparing clapbatch's own `clap` with what it replaces. It gets the same windows; everything
after that is laion-clap's. Checkpoints are read as data alone, which laion-clap itself does not do.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clapbatch.api import (
    EmbedderSpec,
    EncoderCard,
    FloatArray,
    ModelError,
    Runtime,
    Segment,
    Thresholds,
    file_sha256,
    hookimpl,
    option,
)

TOWERS = {96: "HTSAT-tiny", 128: "HTSAT-base"}  # by width of the patch embedding
# Not in a checkpoint that clapbatch converted, and not on the way to an embedding.
NOT_NEEDED = (
    "logit_scale_t",
    "audio_transform.",
    "text_transform.",
    "audio_branch.tscam_conv.",
    "audio_branch.head.",
    "audio_branch.spectrogram_extractor.",
    "audio_branch.logmel_extractor.",
    "text_branch.embeddings.",
)
NOT_NEEDED_ENDINGS = (".attn_mask", ".relative_position_index")


@dataclass(frozen=True)
class LaionOptions:
    checkpoint: str = option(
        "", "path of a .pt or .safetensors file, such as `clapbatch models path music` prints"
    )
    tokenizer: str = option(
        "", "folder with roberta-base's vocab.json and merges.txt; the hub's if empty"
    )


class _Numpy:
    """Stands in for numpy's scalars in an optimizer's state, which nothing here looks at."""

    def __init__(self, *_arguments: object) -> None: ...

    def __setstate__(self, _state: object) -> None: ...


def read_state(path: Path) -> dict[str, Any]:
    """The tensors of a checkpoint, by name; no code of the file's is run."""
    import torch

    harmless: list[Any] = [
        (_Numpy, name)
        for name in ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar", "numpy.dtype")
    ]
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        with torch.serialization.safe_globals(harmless):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{path} cannot be read as tensors alone ({reason})") from error
    state = content.get("state_dict", content)
    return {name.removeprefix("module."): value for name, value in state.items()}


def load(options: LaionOptions, runtime: Runtime) -> Any:
    """A laion_clap.CLAP_Module with the checkpoint's weights, on the runtime's device."""
    import torch
    from laion_clap import CLAP_Module

    path = Path(options.checkpoint)
    state = read_state(path)
    state.pop("text_branch.embeddings.position_ids", None)
    width = len(state.get("audio_branch.patch_embed.proj.weight", ()))
    if width not in TOWERS:
        raise ModelError(f"{path} is no LAION-CLAP checkpoint with HTSAT-tiny or HTSAT-base")
    torch.set_num_threads(1)
    module = CLAP_Module(enable_fusion=False, device=runtime.device, amodel=TOWERS[width])
    result = module.model.load_state_dict(state, strict=False)
    missing = [
        name
        for name in result.missing_keys
        if not name.startswith(NOT_NEEDED) and not name.endswith(NOT_NEEDED_ENDINGS)
    ]
    if missing or result.unexpected_keys:
        raise ModelError(
            f"{path} lacks {missing[:5]} or has unexpected {result.unexpected_keys[:5]}"
        )
    if options.tokenizer:
        from transformers import RobertaTokenizer

        folder = Path(options.tokenizer)
        module.tokenize = RobertaTokenizer(
            vocab=str(folder / "vocab.json"), merges=str(folder / "merges.txt")
        )
    return module.eval()


class LaionAudio:
    """Windows -> unit vectors, one at a time: another batch would give other bits."""

    def __init__(self, options: LaionOptions, runtime: Runtime) -> None:
        self._module = load(options, runtime)

    def embed(self, segments: Sequence[Segment]) -> FloatArray:
        import torch

        with torch.inference_mode():
            rows = [self._module.get_audio_embedding_from_data([s.content])[0] for s in segments]
        return np.stack(rows).astype(np.float32)


class LaionText:
    """Texts -> unit vectors, one at a time."""

    def __init__(self, options: LaionOptions, runtime: Runtime) -> None:
        self._module = load(options, runtime)
        self._lock = threading.Lock()

    def embed(self, texts: Sequence[str]) -> FloatArray:
        import torch

        with torch.inference_mode(), self._lock:
            rows = [self._module.get_text_embedding([text])[0] for text in texts]
        return np.stack(rows).astype(np.float32)


def identity(options: LaionOptions) -> Mapping[str, str]:
    from importlib.metadata import version

    path = Path(options.checkpoint)
    weights = file_sha256(path) if path.is_file() else ""
    return {"laion-clap": version("laion-clap"), "weights": weights}


def available(options: LaionOptions) -> str:
    if not options.checkpoint:
        return "laion needs -o embedder.checkpoint=PATH; see clapbatch models path"
    return "" if Path(options.checkpoint).is_file() else f"there is no {options.checkpoint}"


CARD = EncoderCard(
    rate=48_000,
    window=10.0,
    hop=5.0,
    dim=512,
    batch=8,
    thresholds=Thresholds(high=0.30, moderate=0.15),
    song_thresholds=Thresholds(high=0.80, moderate=0.60),
    logit_scale=1 / 0.07,
)


def make(options: LaionOptions, runtime: Runtime) -> LaionAudio:
    if reason := available(options):
        raise ModelError(reason)
    return LaionAudio(options, runtime)


def make_text(options: LaionOptions, runtime: Runtime) -> LaionText:
    if reason := available(options):
        raise ModelError(reason)
    return LaionText(options, runtime)


@hookimpl
def register_embedders() -> list[EmbedderSpec]:
    return [
        EmbedderSpec(
            name="laion",
            version="1",
            summary="the laion-clap package itself, for comparison",
            options=LaionOptions,
            card=lambda options: CARD,
            identity=identity,
            available=available,
            make=make,
            make_text=make_text,
        )
    ]
