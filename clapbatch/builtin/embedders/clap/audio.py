"""The audio side: segments -> unit vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from clapbatch.api import FloatArray, Runtime, Segment
from clapbatch.builtin.embedders.clap import checkpoints
from clapbatch.builtin.embedders.clap.frontend import FRAMES, MELS, LogMel

if TYPE_CHECKING:
    from clapbatch.builtin.embedders.clap.htsat import AudioTower

# Raised when the tower's code changes in a way that a graph kept from before would miss.
GRAPH_VERSION = 1


# Windows a product on a GPU. An H100 in bf16 does 63 % of its most windows a second with 8, 79 %
# with 16, 90 % with 32; more would stay empty where it waits for the decoder.
GPU_WINDOWS = 16


class ClapAudio:
    """Segments -> unit vectors.

    One window a product on a processor, where more are no faster. On a GPU several, of several
    calls if they wait for it together.
    """

    def __init__(self, checkpoint: str, runtime: Runtime) -> None:
        sha256 = checkpoints.identity(checkpoint)["weights"]
        self._windows = 1 if runtime.device == "cpu" else GPU_WINDOWS
        self._log_mel = LogMel()
        self._tower = checkpoints.own_graphs(runtime, sha256).compile(
            lambda: _tower(checkpoint),
            [np.zeros((self._windows, FRAMES, MELS), np.float32)],
            key=f"clap-audio-{GRAPH_VERSION}-{sha256}",
            any_rows=True,
        )

    def embed(self, segments: Sequence[Segment]) -> FloatArray:
        """float32 (len(segments), dim), unit rows. Segments: at most 10 s at 48 kHz each."""
        spectrograms = self._log_mel(segments)
        starts = range(0, len(spectrograms), self._windows)
        return np.concatenate(
            [self._tower(spectrograms[start : start + self._windows]) for start in starts]
        )


def _tower(checkpoint: str) -> AudioTower:
    # Imported here: with a kept graph, torch is not needed.
    from clapbatch.builtin.embedders.clap.weights import load_audio_tower

    return load_audio_tower(checkpoints.weights_path(checkpoint))
