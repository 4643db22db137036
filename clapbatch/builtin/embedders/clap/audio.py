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


class ClapAudio:
    """Segments -> unit vectors.

    batch : windows a product. One is best on a processor, where it wastes nothing on a song's last
    windows; a GPU wants many, and the last batch of a song is then filled up with silence.
    """

    def __init__(self, checkpoint: str, batch: int, runtime: Runtime) -> None:
        sha256 = checkpoints.identity(checkpoint)["weights"]
        self._batch = batch if runtime.engine == "torch" else 1
        self._log_mel = LogMel()
        self._tower = checkpoints.own_graphs(runtime, sha256).compile(
            lambda: _tower(checkpoint),
            [np.zeros((self._batch, FRAMES, MELS), np.float32)],
            key=f"clap-audio-{GRAPH_VERSION}-{sha256}",
        )

    def embed(self, segments: Sequence[Segment]) -> FloatArray:
        """float32 (len(segments), dim), unit rows. Segments: at most 10 s at 48 kHz each."""
        spectrograms = self._log_mel(segments)
        count = len(spectrograms)
        missing = -count % self._batch
        if missing:
            spectrograms = np.pad(spectrograms, ((0, missing), (0, 0), (0, 0)))
        starts = range(0, len(spectrograms), self._batch)
        vectors = [self._tower(spectrograms[start : start + self._batch]) for start in starts]
        return np.concatenate(vectors)[:count]


def _tower(checkpoint: str) -> AudioTower:
    # Imported here: with a kept graph, torch is not needed.
    from clapbatch.builtin.embedders.clap.weights import load_audio_tower

    return load_audio_tower(checkpoints.weights_path(checkpoint))
