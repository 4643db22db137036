"""The text side: sentences -> unit vectors."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from clapbatch.api import Compiled, FloatArray, Runtime
from clapbatch.builtin.embedders.clap import checkpoints
from clapbatch.builtin.embedders.clap.tokens import LONGEST, RobertaTokens, cut

if TYPE_CHECKING:
    from clapbatch.builtin.embedders.clap.roberta import TextTower

# Raised when the tower's code changes in a way that a graph kept from before would miss.
GRAPH_VERSION = 1
# Texts are padded to one of these lengths, in tokens, and run so many at a time. Which length is
# decided by a text alone, so its vector does not depend on the others of the call.
LENGTHS = (16, 32, LONGEST)
TEXTS = 4


class ClapText:
    """Texts -> unit vectors. A graph is compiled when the first text of its length comes."""

    def __init__(self, checkpoint: str, runtime: Runtime) -> None:
        self._checkpoint = checkpoint
        self._sha256 = checkpoints.identity(checkpoint)["weights"]
        self._runtime = checkpoints.own_graphs(runtime, self._sha256)
        self._tokens = RobertaTokens(checkpoints.tokenizer_folder(checkpoint))
        self._towers: dict[int, Compiled] = {}
        self._lock = threading.Lock()

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """float32 (len(texts), dim), unit rows."""
        rows = [cut(ids) for ids in self._tokens(texts)]
        jobs = []
        for length in LENGTHS:
            shorter = max((other for other in LENGTHS if other < length), default=0)
            chosen = [index for index, row in enumerate(rows) if shorter < len(row) <= length]
            starts = range(0, len(chosen), TEXTS)
            jobs += [(length, chosen[start : start + TEXTS]) for start in starts]
        with ThreadPoolExecutor(self._runtime.threads) as pool:
            results = pool.map(lambda job: self._run(job[0], [rows[i] for i in job[1]]), jobs)
        vectors: dict[int, FloatArray] = {}
        for (_, group), result in zip(jobs, results, strict=True):
            vectors.update(zip(group, result, strict=False))
        return np.stack([vectors[index] for index in range(len(texts))])

    def limits(self, texts: Sequence[str]) -> list[str]:
        """For each text "", or that its end is not read."""
        note = f"only its first {LONGEST} tokens are read"
        return [note if len(ids) > LONGEST else "" for ids in self._tokens(texts)]

    def _run(self, length: int, rows: list[list[int]]) -> FloatArray:
        """Up to TEXTS rows of token ids, padded to (TEXTS, length) -> (TEXTS, dim)."""
        ids = np.full((TEXTS, length), self._tokens.pad, np.int64)
        mask = np.zeros((TEXTS, length), np.int64)
        # An empty row still attends to something: its first token.
        mask[:, 0] = 1
        for place, row in enumerate(rows):
            ids[place, : len(row)] = row
            mask[place, : len(row)] = 1
        return self._tower(length)(ids, mask)

    def _tower(self, length: int) -> Compiled:
        with self._lock:
            if length not in self._towers:
                example = np.ones((TEXTS, length), np.int64)
                self._towers[length] = self._runtime.compile(
                    lambda: _tower(self._checkpoint),
                    [example, example],
                    key=f"clap-text-{GRAPH_VERSION}-{self._sha256}",
                    any_shape=True,
                )
            return self._towers[length]


def _tower(checkpoint: str) -> TextTower:
    # Imported here: with a kept graph, neither torch nor transformers is needed.
    from clapbatch.builtin.embedders.clap.weights import load_text_tower

    return load_text_tower(checkpoints.weights_path(checkpoint))
