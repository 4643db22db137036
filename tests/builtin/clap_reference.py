"""What the CLAP encoder is compared with: transformers.ClapModel, and files to try it on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from tokenizers.pre_tokenizers import ByteLevel
from transformers import ClapConfig, ClapFeatureExtractor, ClapModel

from clapbatch.builtin.embedders.clap.htsat import HtsatShape
from clapbatch.builtin.embedders.clap.roberta import RobertaShape
from clapbatch.builtin.embedders.clap.untrained import (
    SMALL_AUDIO,
    SMALL_TEXT,
    save_untrained,
)

# From LAION's names to those of the Hugging Face port, in this order.
RENAMED = (
    ("text_branch", "text_model"),
    ("audio_branch", "audio_model.audio_encoder"),
    ("attn", "attention.self"),
    ("self.proj", "output.dense"),
    ("mlp.fc1", "intermediate.dense"),
    ("mlp.fc2", "output.dense"),
    ("norm1", "layernorm_before"),
    ("norm2", "layernorm_after"),
    ("bn0", "batch_norm"),
    ("_projection.0.", "_projection.linear1."),
    ("_projection.2.", "_projection.linear2."),
)
UNMAPPED = ("_transform.", "tscam_conv", "head.", "_extractor.", "attn_mask", "position_ids")


class Reference:
    """transformers.ClapModel behind its own feature extractor, with a LAION checkpoint's tensors.

    frequency_min and truncation as the non-fusion models were trained; the class's defaults are
    not theirs.
    """

    def __init__(
        self, tensors: dict[str, torch.Tensor], audio: HtsatShape, text: RobertaShape
    ) -> None:
        configuration = ClapConfig(
            audio_config={
                "depths": list(audio.depths),
                "num_attention_heads": list(audio.heads),
                "patch_embeds_hidden_size": audio.width,
                "hidden_size": audio.features,
            },
            text_config={
                "vocab_size": text.vocabulary,
                "max_position_embeddings": text.positions,
                "hidden_size": text.width,
                "intermediate_size": text.inner,
                "num_hidden_layers": text.layers,
                "num_attention_heads": text.width // 64,
                "type_vocab_size": 1,
                "layer_norm_eps": 1e-5,
            },
            projection_dim=audio.dim,
        )
        self._model = ClapModel(configuration).eval()
        renamed = _rename(tensors)
        result = self._model.load_state_dict(renamed, strict=False)
        assert not result.unexpected_keys, result.unexpected_keys
        rebuilt = ("relative_position_index", "position_ids", "token_type_ids")
        assert all(key.endswith(rebuilt) for key in result.missing_keys), result.missing_keys
        self._extractor = ClapFeatureExtractor(frequency_min=50, truncation="rand_trunc")

    def audio(self, sounds: list[np.ndarray]) -> np.ndarray:
        """Mono sounds at 48 kHz, at most 10 s -> unit rows."""
        features = self._extractor(sounds, sampling_rate=48_000, return_tensors="pt")
        with torch.inference_mode():
            output = self._model.get_audio_features(features["input_features"].float())
        return _unit(output)

    def text(self, rows: list[list[int]], pad: int = 1) -> np.ndarray:
        """Token ids -> unit rows."""
        longest = max(map(len, rows))
        ids = torch.tensor([row + [pad] * (longest - len(row)) for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
        with torch.inference_mode():
            output = self._model.get_text_features(ids, attention_mask=mask)
        return _unit(output)


def _unit(output: object) -> np.ndarray:
    vectors = output if isinstance(output, torch.Tensor) else output.pooler_output  # type: ignore[attr-defined]
    return torch.nn.functional.normalize(vectors, dim=-1).numpy()


def _rename(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    renamed = {}
    for name, value in tensors.items():
        if any(part in name for part in UNMAPPED):
            continue
        for ours, theirs in RENAMED:
            name = name.replace(ours, theirs)
        if "qkv" in name:
            for part, third in zip(("query", "key", "value"), value.chunk(3), strict=True):
                renamed[name.replace("qkv", part)] = third
        else:
            renamed[name] = value
    return renamed


def write_vocabulary(folder: Path) -> None:
    """A byte-level vocabulary with three merges: enough to read any text."""
    start = ["<s>", "<pad>", "</s>", "<unk>"]
    entries = [*start, *sorted(ByteLevel.alphabet()), "th", "the", "Ġthe", "<mask>"]
    (folder / "vocab.json").write_text(
        json.dumps({token: index for index, token in enumerate(entries)}), "utf-8"
    )
    (folder / "merges.txt").write_text("#version: 0.2\nt h\nth e\nĠ the\n", "utf-8")


def write_small_checkpoint(folder: Path, seed: int = 1) -> Path:
    """A quick checkpoint in the real format, with a vocabulary beside it."""
    path = folder / "small.pt"
    save_untrained(path, SMALL_AUDIO, SMALL_TEXT, seed)
    write_vocabulary(folder)
    return path
