"""musicnn as a plain torch module, both trained networks side by side.

Pons, Serra: "musicnn: pre-trained convolutional neural networks for music audio tagging", 2019
(arXiv:1909.06654); Pons et al., "End-to-end learning for music audio tagging at scale", 2018.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

TEMPORAL_FRAMES = (128, 64, 32)
EPSILON = 1e-3
_MODULES = {
    "batch_normalization": "input_norm",
    "conv2d": "timbral.0.conv",
    "conv2d_1": "timbral.1.conv",
    "conv2d_2": "temporal.0.conv",
    "conv2d_3": "temporal.1.conv",
    "conv2d_4": "temporal.2.conv",
    "conv2d_5": "middle.0.conv",
    "conv2d_6": "middle.1.conv",
    "conv2d_7": "middle.2.conv",
    "batch_normalization_1": "timbral.0.norm",
    "batch_normalization_2": "timbral.1.norm",
    "batch_normalization_3": "temporal.0.norm",
    "batch_normalization_4": "temporal.1.norm",
    "batch_normalization_5": "temporal.2.norm",
    "batch_normalization_6": "middle.0.norm",
    "batch_normalization_7": "middle.1.norm",
    "batch_normalization_8": "middle.2.norm",
    "batch_normalization_9": "pooled_norm",
    "batch_normalization_10": "dense_norm",
    "dense": "dense",
    "dense_1": "output",
}
_PARAMETERS = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def parameter_name(variable: str) -> str:
    """A TensorFlow variable's name in the checkpoint -> this module's name for it."""
    module, parameter = variable.rsplit("/", 1)
    return f"{_MODULES[module.removeprefix('model/')]}.{_PARAMETERS[parameter]}"


class Block(nn.Module):
    """Convolution, ReLU, then batch normalisation: in this order, unlike most networks."""

    def __init__(self, conv: nn.Module, norm: nn.Module) -> None:
        super().__init__()
        self.conv, self.norm = conv, norm

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.norm(nn.functional.relu(self.conv(x)))
        return result


def _front(channels: int, kernel: tuple[int, int]) -> Block:
    return Block(nn.Conv2d(1, channels, kernel), nn.BatchNorm2d(channels, EPSILON))


def _middle(width: int) -> Block:
    return Block(nn.Conv1d(width, 64, 7, padding=3), nn.BatchNorm1d(64, EPSILON))


def _pad_time(x: Tensor, before: int, after: int) -> Tensor:
    """Zeros before and after on the time axis of (batch, channels, time, frequency)."""
    return nn.functional.pad(x, (0, 0, before, after))


class Musicnn(nn.Module):
    """(batch, 187 frames, 96 bands) log-mel -> (batch, 50) logits, one per tag."""

    def __init__(self) -> None:
        super().__init__()
        self.input_norm = nn.BatchNorm2d(1, EPSILON)
        self.timbral = nn.ModuleList([_front(204, (7, bands)) for bands in (38, 67)])
        self.temporal = nn.ModuleList([_front(51, (frames, 1)) for frames in TEMPORAL_FRAMES])
        self.middle = nn.ModuleList([_middle(width) for width in (561, 64, 64)])
        self.pooled_norm = nn.BatchNorm1d(2 * 753, EPSILON)
        self.dense = nn.Linear(2 * 753, 200)
        self.dense_norm = nn.BatchNorm1d(200, EPSILON)
        self.output = nn.Linear(200, 50)

    def forward(self, mel: Tensor) -> Tensor:
        x = self.input_norm(mel.unsqueeze(1))
        features = [block(_pad_time(x, 3, 3)).amax(3) for block in self.timbral]
        for frames, block in zip(TEMPORAL_FRAMES, self.temporal, strict=True):
            # TensorFlow's "same" for an even kernel: the odd frame of padding at the end.
            features.append(block(_pad_time(x, (frames - 1) // 2, frames // 2)).amax(3))
        layers = [torch.cat(features, 1)]  # (batch, 561, time)
        for depth, block in enumerate(self.middle):
            y = block(layers[-1])
            layers.append(y if depth == 0 else y + layers[-1])
        x = torch.cat(layers, 1)  # (batch, 753, time)
        pooled = torch.stack([x.amax(2), x.mean(2)], 2).flatten(1)
        hidden = self.dense_norm(nn.functional.relu(self.dense(self.pooled_norm(pooled))))
        logits: Tensor = self.output(hidden)
        return logits


class BothNetworks(nn.Module):
    """(batch, 187, 96) -> (batch, 100): MSD's 50 logits, then MTT's."""

    def __init__(self) -> None:
        super().__init__()
        self.msd, self.mtt = Musicnn(), Musicnn()

    def forward(self, mel: Tensor) -> Tensor:
        return torch.cat([self.msd(mel), self.mtt(mel)], 1)


def load_networks() -> BothNetworks:
    """Both networks with their trained weights, ready to run.

    Raises
    ------
    ModelError
        If a file of weights is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from clapbatch.api import ModelError
    from clapbatch.builtin.embedders.musicnn import weights

    networks = BothNetworks()
    for network, path in ((networks.msd, weights.MSD), (networks.mtt, weights.MTT)):
        try:
            # num_batches_tracked counts training steps; it is not part of the function.
            left = network.load_state_dict(load_file(path), strict=False)
        except (OSError, SafetensorError, RuntimeError) as error:
            raise ModelError(
                f"the weights {path} cannot be read; install clapbatch again"
            ) from error
        missing = [key for key in left.missing_keys if not key.endswith("num_batches_tracked")]
        if missing or left.unexpected_keys:
            raise ModelError(f"the weights {path} are not musicnn's; install clapbatch again")
    return networks.eval()
