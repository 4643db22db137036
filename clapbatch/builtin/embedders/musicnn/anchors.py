"""The wordings' sentence vectors, computed once and shipped beside the weights.

    python -m clapbatch.builtin.embedders.musicnn.anchors

writes them anew; needed whenever a wording changes.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clapbatch.api import FloatArray, ModelError
from clapbatch.builtin.embedders.musicnn.axes import AXES, OUTSIDE
from clapbatch.builtin.embedders.musicnn.weights import ANCHORS

WORDINGS = tuple(wording for axis in AXES for wording in axis.wordings)
# Which axis each wording belongs to.
OWNER: NDArray[np.int64] = np.array(
    [number for number, axis in enumerate(AXES) for _ in axis.wordings], np.int64
)


def load_anchors() -> tuple[FloatArray, FloatArray]:
    """Unit vectors of the wordings and of the words outside: float32 (n, 384) each.

    Raises
    ------
    ModelError
        If the file is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        vectors = load_file(ANCHORS)
        return vectors["wordings"], vectors["outside"]
    except (OSError, SafetensorError, KeyError) as error:
        raise ModelError(f"{ANCHORS} cannot be read; install clapbatch again") from error


def main() -> None:
    from safetensors.numpy import save_file

    from clapbatch.api import Runtime
    from clapbatch.builtin.embedders.musicnn.minilm import SentenceVectors

    with tempfile.TemporaryDirectory() as folder:
        embed = SentenceVectors(Runtime("torch", "cpu", "float32", 1, Path(folder)))
        save_file({"wordings": embed(WORDINGS), "outside": embed(OUTSIDE)}, ANCHORS)
    print(f"{len(WORDINGS)} wordings of {len(AXES)} axes, {len(OUTSIDE)} outside -> {ANCHORS.name}")


if __name__ == "__main__":
    main()
