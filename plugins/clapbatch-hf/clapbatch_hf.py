"""Any transformers ClapModel as an encoder, from a local folder or by its name on the hub.

transformers' own feature extractor, towers and tokenizer, one window or text at a time. For models
that exist only in that format, and for comparing.
"""

from __future__ import annotations

import json
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
    downloads,
    file_sha256,
    fingerprint,
    hookimpl,
    option,
)

COLLAPSED = "larger_clap_music"
WARNING = (
    "the text side of laion/larger_clap_music is collapsed: it gives nearly the same vector for "
    "every sentence; use --encoder clap with checkpoint=music, or laion/larger_clap_general"
)
FILES = ["*.json", "*.safetensors", "merges.txt"]


@dataclass(frozen=True)
class HfOptions:
    model: str = option(
        "laion/clap-htsat-unfused", "a folder written by save_pretrained, or a name on the hub"
    )
    revision: str = option("main", "branch, tag or commit on the hub; a commit cannot change")


def folder_of(options: HfOptions) -> Path:
    """The model's folder: the one given, or the hub's snapshot, fetched if it is not there."""
    folder = Path(options.model)
    if not folder.is_dir():
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

        try:
            folder = Path(
                snapshot_download(
                    options.model,
                    revision=options.revision,
                    allow_patterns=FILES,
                    local_files_only=bool(downloads.offline()),
                )
            )
        except (HfHubHTTPError, LocalEntryNotFoundError, ValueError, OSError) as error:
            reason = str(error).splitlines()[0]
            raise ModelError(
                f"{options.model} is no folder here, and cannot be had from the hub ({reason})"
            ) from error
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder} holds no model: it has no config.json")
    kind = json.loads((folder / "config.json").read_text("utf-8")).get("model_type")
    if kind != "clap":
        raise ModelError(f"{folder} holds a model of type {kind}, not clap")
    return folder


def load(folder: Path, runtime: Runtime) -> tuple[Any, Any]:
    """(model, processor): safetensors alone, since a pickle could carry code."""
    import torch
    from transformers import ClapModel, ClapProcessor

    torch.set_num_threads(1)
    try:
        model = ClapModel.from_pretrained(folder, use_safetensors=True, local_files_only=True)
        processor = ClapProcessor.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder} cannot be loaded ({str(error).splitlines()[0]})") from error
    return model.eval().to(runtime.device), processor


class HfAudio:
    """Windows -> unit vectors, one at a time: another batch would give other bits."""

    def __init__(self, options: HfOptions, runtime: Runtime) -> None:
        self._model, self._processor = load(folder_of(options), runtime)

    def embed(self, segments: Sequence[Segment]) -> FloatArray:
        return np.stack([self._vector(segment.content) for segment in segments])

    def _vector(self, sound: FloatArray) -> FloatArray:
        import torch

        extractor = self._processor.feature_extractor
        rate = extractor.sampling_rate
        inputs = extractor([sound], sampling_rate=rate, return_tensors="pt")
        inputs = {name: value.to(self._model.device) for name, value in inputs.items()}
        inputs["input_features"] = inputs["input_features"].float()
        with torch.inference_mode():
            return _unit(self._model.get_audio_features(**inputs))


class HfText:
    """Texts -> unit vectors, one at a time."""

    def __init__(self, options: HfOptions, runtime: Runtime) -> None:
        self._model, self._processor = load(folder_of(options), runtime)
        self._warning = warning(options)

    def embed(self, texts: Sequence[str]) -> FloatArray:
        return np.stack([self._vector(text) for text in texts])

    def limits(self, texts: Sequence[str]) -> list[str]:
        return [self._warning] * len(texts)

    def _vector(self, text: str) -> FloatArray:
        import torch

        longest = self._model.config.text_config.max_position_embeddings - 2
        inputs = self._processor.tokenizer(
            text, return_tensors="pt", truncation=True, max_length=longest
        )
        with torch.inference_mode():
            return _unit(self._model.get_text_features(**inputs.to(self._model.device)))


def _unit(output: Any) -> FloatArray:
    # transformers 5 wraps the vectors; 4 gave them plain.
    vectors = getattr(output, "pooler_output", output)
    row: FloatArray = vectors[0].float().cpu().numpy()
    return (row / np.linalg.norm(row)).astype(np.float32)


def warning(options: HfOptions) -> str:
    """What is known to be wrong with a model, "" if nothing is."""
    return WARNING if Path(options.model).name == COLLAPSED else ""


def card(options: HfOptions) -> EncoderCard:
    return EncoderCard(
        rate=48_000,
        window=10.0,
        hop=5.0,
        dim=512,
        batch=8,
        thresholds=Thresholds(high=0.30, moderate=0.15),
        song_thresholds=Thresholds(high=0.80, moderate=0.60),
        logit_scale=1 / 0.07,
        vocabulary=warning(options),
    )


def identity(options: HfOptions) -> Mapping[str, str]:
    from importlib.metadata import version

    folder = folder_of(options)
    files = sorted(path for path in folder.iterdir() if path.suffix in (".json", ".safetensors"))
    content = fingerprint([[path.name, file_sha256(path)] for path in files])
    return {"transformers": version("transformers"), "model": content}


def available(options: HfOptions) -> str:
    if Path(options.model).is_dir():
        return ""
    file = downloads.HubFile(options.model, options.revision, "config.json", "")
    return downloads.unreachable(file)


@hookimpl
def register_embedders() -> list[EmbedderSpec]:
    return [
        EmbedderSpec(
            name="hf-clap",
            version="1",
            summary="any ClapModel of Hugging Face's transformers",
            options=HfOptions,
            card=card,
            identity=identity,
            available=available,
            make=HfAudio,
            make_text=HfText,
        )
    ]
