"""The audio side of the joint space: logits -> unit vectors."""

from __future__ import annotations

import json

import numpy as np

from clapbatch.api import FloatArray
from clapbatch.builtin.embedders.musicnn.axes import AXES, MSD_TAGS, MTT_TAGS
from clapbatch.builtin.embedders.musicnn.weights import BACKGROUND

# A vector's length if its z lies this far out: beyond, it is pulled back onto the sphere.
RADIUS = 16.0
DIM = len(AXES) + 1


class TagSpace:
    """Turns the networks' 100 logits into a unit vector with one axis a meaning.

    Each logit is standardised by the mean and standard deviation that its tag has over 64 other
    recordings, never over its neighbours; tags of one meaning are averaged; the result is divided
    by RADIUS, and what is left to length 1 goes to a last axis on which every text is zero. So the
    vector keeps how strongly the tags speak, which a plain normalisation would throw away.
    """

    def __init__(self) -> None:
        background = json.loads(BACKGROUND.read_text(encoding="utf-8"))
        mean = np.array(background["mean"])
        self._scale = (1.0 / np.array(background["std"])).astype(np.float32)
        self._shift = (-mean * self._scale).astype(np.float32)
        self._members = [
            np.array(
                [MSD_TAGS.index(tag) for tag in axis.msd]
                + [len(MSD_TAGS) + MTT_TAGS.index(tag) for tag in axis.mtt]
            )
            for axis in AXES
        ]

    def standardised(self, logits: FloatArray) -> FloatArray:
        """(n, 100) logits -> (n, axes): 0 is an ordinary recording, 1 one deviation above."""
        z = logits * self._scale + self._shift
        return np.stack([z[:, members].mean(axis=1) for members in self._members], axis=1)

    def __call__(self, logits: FloatArray) -> FloatArray:
        """float32 (n, 100) -> float32 (n, DIM), unit rows."""
        z = self.standardised(logits).astype(np.float64) / RADIUS
        length = np.sqrt(np.square(z).sum(axis=1, keepdims=True))
        z /= np.maximum(length, 1.0)
        rest = np.sqrt(np.maximum(0.0, 1.0 - np.square(z).sum(axis=1, keepdims=True)))
        return np.concatenate([z, rest], axis=1).astype(np.float32)
