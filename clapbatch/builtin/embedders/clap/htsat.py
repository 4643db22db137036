"""The audio tower of LAION-CLAP: HTSAT, a Swin transformer over a folded log-mel spectrogram.

Chen et al., "HTS-AT: A Hierarchical Token-Semantic Audio Transformer for Sound Classification and
Detection", ICASSP 2022; Liu et al., "Swin Transformer", ICCV 2021. Parameters carry the names they
have in LAION's checkpoints. Only what a clip's embedding depends on is here: the class head and
the frame-wise outputs of the original are not on its path.

Tokens travel in window order, (batch, windows × 64, channels): attention within windows then needs
no reordering, entering or leaving a shifted block is one gather, and so is merging patches.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

FRAMES = 1001
MELS = 64
IMAGE = 256  # rows and columns of the folded spectrogram
RUNS = IMAGE // MELS  # runs of 256 frames, stacked along frequency
PATCH = 4
WINDOW = 8
MLP_RATIO = 4


@dataclass(frozen=True)
class HtsatShape:
    """The sizes in which HTSAT models differ.

    width : channels of a patch embedding. depths, heads : blocks, and attention heads of each, in
    every stage. dim : length of the joint embedding.
    """

    width: int
    depths: tuple[int, ...]
    heads: tuple[int, ...]
    dim: int

    @property
    def features(self) -> int:
        """Channels of the last stage: each stage has twice those of the one before."""
        return self.width << (len(self.depths) - 1)


TINY = HtsatShape(96, (2, 2, 6, 2), (4, 8, 16, 32), 512)
BASE = HtsatShape(128, (2, 2, 12, 2), (4, 8, 16, 32), 512)


class AudioTower(nn.Module):
    """Log-mel spectrograms (batch, 1001, 64) in dB -> unit vectors (batch, dim)."""

    def __init__(self, shape: HtsatShape) -> None:
        super().__init__()
        self.audio_branch = Htsat(shape)
        self.audio_projection = projection(shape.features, shape.dim)

    def forward(self, log_mel: Tensor) -> Tensor:
        features = self.audio_branch(log_mel)
        vectors: Tensor = self.audio_projection(features)
        # In float32 whatever the precision: rounded to bf16, a unit vector is none any more.
        unit: Tensor = functional.normalize(vectors.float(), dim=-1)
        return unit


def projection(features: int, dim: int) -> nn.Sequential:
    """The two-layer head that maps a tower's features into the joint space."""
    return nn.Sequential(nn.Linear(features, dim), nn.ReLU(), nn.Linear(dim, dim))


class Htsat(nn.Module):
    """Log-mel spectrograms (batch, 1001, 64) in dB -> features (batch, shape.features)."""

    def __init__(self, shape: HtsatShape) -> None:
        super().__init__()
        self.bn0 = nn.BatchNorm2d(MELS)
        self.stretch = _constant(bicubic_matrix(FRAMES, IMAGE * RUNS))
        self.patch_embed = PatchEmbedding(shape.width)
        side = IMAGE // PATCH
        self.order = _constant(window_order(side))
        self.layers = nn.ModuleList()
        for stage, (depth, heads) in enumerate(zip(shape.depths, shape.heads, strict=True)):
            last = stage == len(shape.depths) - 1
            self.layers.append(Stage(shape.width << stage, depth, heads, side >> stage, last))
        self.norm = nn.LayerNorm(shape.features)

    def forward(self, log_mel: Tensor) -> Tensor:
        tokens = self.patch_embed(self.image(log_mel))[:, self.order]
        for stage in self.layers:
            tokens = stage(tokens)
        features: Tensor = self.norm(tokens).mean(dim=1)
        return features

    def image(self, log_mel: Tensor) -> Tensor:
        """Normalise, stretch to 1024 frames and fold: (batch, 1001, 64) -> (batch, 256, 256)."""
        normal = self.bn0(log_mel.transpose(1, 2)[..., None])[..., 0]
        stretched = normal @ self.stretch.T
        runs = stretched.reshape(len(log_mel), MELS, RUNS, IMAGE).transpose(1, 2)
        image: Tensor = runs.reshape(len(log_mel), IMAGE, IMAGE)
        return image


class PatchEmbedding(nn.Module):
    """Images (batch, 256, 256) -> one token per 4 × 4 patch, row by row (batch, 4096, width)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(1, width, kernel_size=PATCH, stride=PATCH)
        self.norm = nn.LayerNorm(width)

    def forward(self, image: Tensor) -> Tensor:
        # A convolution whose windows do not overlap is a matrix product over patches.
        side = IMAGE // PATCH
        grid = image.reshape(len(image), side, PATCH, side, PATCH).transpose(2, 3)
        rows = grid.reshape(len(image), side * side, PATCH * PATCH)
        tokens: Tensor = self.norm(
            functional.linear(rows, self.proj.weight.flatten(1), self.proj.bias)
        )
        return tokens


class Stage(nn.Module):
    """Transformer blocks at one resolution, every second one shifted, then patch merging.

    (batch, side², width), in window order -> the same with half the side and twice the width, or
    as it was (in any order) after the last stage.
    """

    def __init__(self, width: int, depth: int, heads: int, side: int, last: bool) -> None:
        super().__init__()
        shift = WINDOW // 2 if side > WINDOW else 0
        self.shifts = [shift if index % 2 else 0 for index in range(depth)]
        self.blocks = nn.ModuleList(Block(width, heads, side, own) for own in self.shifts)
        self.downsample = None if last else PatchMerging(width)
        plain, shifted = window_order(side), window_order(side, shift)
        self.enter_shift = _constant(plain.argsort()[shifted])
        self.leave_shift = _constant(shifted.argsort()[plain])
        if not last:
            final = shifted if self.shifts[-1] else plain
            self.neighbours = _constant(final.argsort()[merge_order(side)])

    def forward(self, tokens: Tensor) -> Tensor:
        before = 0
        for block, shift in zip(self.blocks, self.shifts, strict=True):
            if shift != before:
                tokens = tokens[:, self.enter_shift if shift else self.leave_shift]
            tokens = block(tokens)
            before = shift
        if self.downsample is not None:
            tokens = self.downsample(tokens[:, self.neighbours])
        return tokens


class Block(nn.Module):
    """Attention within windows, then two linear layers, each normalised first and added."""

    def __init__(self, width: int, heads: int, side: int, shift: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn = WindowAttention(width, heads, shift_mask(side, shift) if shift else None)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Mlp(width)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attn(self.norm1(tokens))
        result: Tensor = tokens + self.mlp(self.norm2(tokens))
        return result


class Mlp(nn.Module):
    """width -> 4 × width -> width, with the exact GELU between."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, MLP_RATIO * width)
        self.fc2 = nn.Linear(MLP_RATIO * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        result: Tensor = self.fc2(functional.gelu(self.fc1(tokens)))
        return result


class WindowAttention(nn.Module):
    """Self-attention among the 64 tokens of each window, with a learned bias by relative position.

    mask : (windows, 64, 64), added to the bias; keeps apart tokens that a cyclic shift brought
    together from opposite edges.
    """

    def __init__(self, width: int, heads: int, mask: Tensor | None) -> None:
        super().__init__()
        self.heads = heads
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * WINDOW - 1) ** 2, heads))
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.relative = _constant(relative_positions())
        self.mask = None if mask is None else _constant(mask)

    def forward(self, tokens: Tensor) -> Tensor:
        batch, length, width = tokens.shape
        windows = length // WINDOW**2
        split = (batch * windows, WINDOW**2, 3, self.heads, width // self.heads)
        query, key, value = self.qkv(tokens).reshape(split).permute(2, 0, 3, 1, 4).unbind()
        mixed = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=self.bias(batch)
        )
        result: Tensor = self.proj(mixed.transpose(1, 2).reshape(batch, length, width))
        return result

    def bias(self, batch: int) -> Tensor:
        """What is added to the logits: (1 or batch × windows, heads, 64, 64)."""
        bias = self.relative_position_bias_table[self.relative].permute(2, 0, 1)[None]
        # Laid out in rows, or a GPU takes its slow path for attention.
        bias = bias.contiguous()
        if self.mask is None:
            return bias
        return (bias + self.mask[:, None]).repeat(batch, 1, 1, 1)


class PatchMerging(nn.Module):
    """Four neighbours become one token of twice the width: (batch, 4n, w) -> (batch, n, 2w)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * width)
        self.reduction = nn.Linear(4 * width, 2 * width, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        batch, length, width = tokens.shape
        groups = tokens.reshape(batch, length // 4, 4 * width)
        result: Tensor = self.reduction(self.norm(groups))
        return result


def bicubic_matrix(source: int, target: int) -> Tensor:
    """The linear map, (target, source), that stretches a signal by cubic interpolation."""
    columns = torch.eye(source)[None, None]
    stretched = functional.interpolate(
        columns, (target, source), mode="bicubic", align_corners=True
    )
    return stretched[0, 0]


def window_order(side: int, shift: int = 0) -> Tensor:
    """For each token in window order, its place row by row: int64 (side²,).

    With a shift, the image is first rolled up and left by that much.
    """
    raster = torch.arange(side * side).reshape(side, side).roll((-shift, -shift), (0, 1))
    return _windows(raster).flatten()


def merge_order(side: int) -> Tensor:
    """Places, row by row, of the four neighbours of each merged token: int64 (side²,).

    Merged tokens come in window order; neighbours as top left, bottom left, top right, bottom
    right, which is how the checkpoints' weights are laid out.
    """
    raster = torch.arange(side * side).reshape(side // 2, 2, side // 2, 2)
    neighbours = raster.permute(0, 2, 3, 1).reshape(-1, 4)
    return neighbours[window_order(side // 2)].flatten()


def shift_mask(side: int, shift: int) -> Tensor:
    """0 where two tokens of a shifted window are neighbours in the image, else -100.

    (windows, 64, 64); Swin's constant, not minus infinity.
    """
    band = torch.zeros(side, dtype=torch.long)
    band[side - WINDOW :] = 1
    band[side - shift :] = 2
    regions = _windows(3 * band[:, None] + band[None, :])
    return torch.where(regions[:, :, None] == regions[:, None, :], 0.0, -100.0)


def relative_positions() -> Tensor:
    """Row of the bias table for each pair of tokens in a window: int64 (64, 64)."""
    row, column = torch.arange(WINDOW**2) // WINDOW, torch.arange(WINDOW**2) % WINDOW
    rows = row[:, None] - row[None, :] + WINDOW - 1
    columns = column[:, None] - column[None, :] + WINDOW - 1
    return rows * (2 * WINDOW - 1) + columns


def _windows(grid: Tensor) -> Tensor:
    """(side, side) -> (windows, 64)."""
    side = len(grid) // WINDOW
    return grid.reshape(side, WINDOW, side, WINDOW).transpose(1, 2).reshape(-1, WINDOW**2)


def _constant(value: Tensor) -> nn.Buffer:
    """A tensor that follows the module to its device and is no part of a checkpoint."""
    return nn.Buffer(value, persistent=False)
