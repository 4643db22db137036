"""The audio side: segments of 16 kHz sound -> unit vectors of the joint space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from clapbatch.api import FloatArray, Runtime, Segment
from clapbatch.builtin.embedders.musicnn import weights
from clapbatch.builtin.embedders.musicnn.frontend import BANDS, FRAMES, PATCH_SAMPLES, LogMel
from clapbatch.builtin.embedders.musicnn.space import TagSpace

if TYPE_CHECKING:
    import torch

GRAPH_VERSION = "musicnn-1"


def patches(samples: FloatArray) -> FloatArray:
    """A segment float32 (n,) -> float32 (patches, 48000): 3 s each, from its start to its end.

    A shorter segment is repeated until it fills the patch: the networks pool over time, and
    zeros would count as much as sound. A longer one (`--window`) gives patches side by side, the
    last aligned to its end.
    """
    if len(samples) <= PATCH_SAMPLES:
        return np.resize(samples, (1, PATCH_SAMPLES))
    starts = list(range(0, len(samples) - PATCH_SAMPLES + 1, PATCH_SAMPLES))
    if starts[-1] + PATCH_SAMPLES < len(samples):
        starts.append(len(samples) - PATCH_SAMPLES)
    return np.stack([samples[start : start + PATCH_SAMPLES] for start in starts])


class TagEncoder:
    """Both networks on one patch a call: the fastest on a processor, and no neighbours at all."""

    def __init__(self, runtime: Runtime) -> None:
        self._log_mel = LogMel()
        self._space = TagSpace()
        hashes = [weights.SHA256[path.name] for path in (weights.MSD, weights.MTT)]
        self._networks = runtime.compile(
            _build,
            [np.zeros((1, FRAMES, BANDS), np.float32)],
            key=" ".join([GRAPH_VERSION, *hashes]),
        )

    def embed(self, segments: Sequence[Segment]) -> FloatArray:
        return self._space(np.stack([self.logits(segment.content) for segment in segments]))

    def logits(self, samples: FloatArray) -> FloatArray:
        """A segment's 100 logits, MSD's then MTT's: the mean over its patches."""
        mean: FloatArray = np.mean(
            [self._networks(self._log_mel(patch[None]))[0] for patch in patches(samples)], axis=0
        )
        return mean


def _build() -> torch.nn.Module:
    from clapbatch.builtin.embedders.musicnn.network import load_networks

    return load_networks()
