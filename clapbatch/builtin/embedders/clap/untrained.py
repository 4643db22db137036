"""Untrained checkpoints in the format of LAION's files, for tests and benchmarks.

Plain random initialisation gives nearly equal vectors for everything and hides mistakes. Here the
weights, biases and the batch norm's statistics are spread, so that every tensor matters.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from clapbatch.builtin.embedders.clap import frontend
from clapbatch.builtin.embedders.clap.htsat import (
    IMAGE,
    PATCH,
    WINDOW,
    AudioTower,
    HtsatShape,
    relative_positions,
    shift_mask,
)
from clapbatch.builtin.embedders.clap.roberta import RobertaShape, TextTower

CLASSES = 527  # of AudioSet, in the head that embeddings do not use

# As small as the format allows: quick to build and to run.
SMALL_AUDIO = HtsatShape(16, (2, 2, 2, 2), (4, 8, 16, 32), 512)
SMALL_TEXT = RobertaShape(1000, 80, 64, 128, 2, 512)


def untrained_tensors(audio: HtsatShape, text: RobertaShape, seed: int) -> dict[str, Tensor]:
    """Every tensor of a LAION checkpoint of that size, those that embeddings ignore included.

    The same for the same seed.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.device("meta"):
        towers = (AudioTower(audio), TextTower(text))
    tensors = {
        name: _spread(name, value, generator)
        for tower in towers
        for name, value in tower.state_dict().items()
    }
    # No sentence should be lost in the noise of its padding: as in RoBERTa, <pad> is nothing.
    tensors["text_branch.embeddings.word_embeddings.weight"][1] = 0
    return tensors | _ignored(audio, text, generator)


def save_untrained(path: Path, audio: HtsatShape, text: RobertaShape, seed: int) -> None:
    """Write a training checkpoint as LAION's are: epoch, name, state_dict, optimizer.

    The learning rate is a numpy scalar, as numpy's cosine leaves it there.
    """
    state = untrained_tensors(audio, text, seed)
    group = {"lr": np.float64(1e-4) * np.cos(np.float64(0.5)), "params": [0]}
    content = {
        "epoch": 15,
        "name": "untrained",
        "state_dict": {f"module.{name}": value for name, value in state.items()},
        "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [group]},
    }
    # Protocol 2 is what torch.save writes.
    torch.save(content, path)


def _spread(name: str, value: Tensor, generator: torch.Generator) -> Tensor:
    if not value.is_floating_point():
        return torch.tensor(1000)
    noise = torch.randn(value.shape, generator=generator)
    if name.endswith("running_mean"):
        return -30 + 10 * noise
    if name.endswith("running_var"):
        return 100 + 50 * noise.abs()
    if value.ndim == 1 and name.endswith("weight"):
        return 1 + 0.3 * noise
    if name.endswith("bias"):
        return 0.1 * noise
    if name.endswith(("bias_table", "embeddings.weight")):
        return noise
    return noise * (1.2 / math.sqrt(value[0].numel()))


def _ignored(
    audio: HtsatShape, text: RobertaShape, generator: torch.Generator
) -> dict[str, Tensor]:
    turns = 2 * np.pi * np.outer(np.arange(frontend.FFT // 2 + 1), np.arange(frontend.FFT))
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(frontend.FFT) / frontend.FFT)
    waves = {"real": np.cos(turns / frontend.FFT), "imag": -np.sin(turns / frontend.FFT)}
    ignored = {
        "logit_scale_a": torch.tensor(math.log(18.0)),
        "logit_scale_t": torch.tensor(math.log(14.0)),
        "audio_branch.logmel_extractor.melW": torch.from_numpy(frontend.mel_filters().T.copy()),
        "audio_branch.tscam_conv.weight": torch.zeros(CLASSES, audio.features, 2, 3),
        "audio_branch.tscam_conv.bias": torch.zeros(CLASSES),
        "audio_branch.head.weight": torch.zeros(CLASSES, CLASSES),
        "audio_branch.head.bias": torch.zeros(CLASSES),
        "text_branch.embeddings.position_ids": torch.arange(text.positions)[None],
    }
    for part, wave in waves.items():
        name = f"audio_branch.spectrogram_extractor.stft.conv_{part}.weight"
        ignored[name] = torch.from_numpy((wave * hann).astype(np.float32))[:, None]
    for side in ("audio", "text"):
        for layer in (0, 3):
            weight = torch.randn(audio.dim, audio.dim, generator=generator) / math.sqrt(audio.dim)
            ignored[f"{side}_transform.sequential.{layer}.weight"] = weight
            ignored[f"{side}_transform.sequential.{layer}.bias"] = torch.zeros(audio.dim)
    for stage, depth in enumerate(audio.depths):
        side_length = IMAGE // PATCH >> stage
        for index in range(depth):
            block = f"audio_branch.layers.{stage}.blocks.{index}"
            ignored[f"{block}.attn.relative_position_index"] = relative_positions()
            if index % 2 and side_length > WINDOW:
                ignored[f"{block}.attn_mask"] = shift_mask(side_length, WINDOW // 2)
    return ignored
