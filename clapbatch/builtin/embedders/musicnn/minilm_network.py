"""all-MiniLM-L6-v2 as a plain torch module: BERT, the mean of its tokens, unit length.

Written out here, not taken from transformers, so that the graph made from it depends on nothing
but this file and the weights; a test holds it against transformers' own BertModel.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

WORDS, POSITIONS, DIM, HIDDEN = 30_522, 512, 384, 1_536
HEADS, LAYERS, EPSILON = 12, 6, 1e-12
# The checkpoint's names -> this module's, part by part.
_RENAMED = (
    ("embeddings.word_embeddings", "words"),
    ("embeddings.position_embeddings", "positions"),
    ("embeddings.token_type_embeddings", "kinds"),
    ("embeddings.LayerNorm", "norm"),
    ("encoder.layer", "layers"),
    ("attention.self.", ""),
    ("attention.output.dense", "mixed"),
    ("attention.output.LayerNorm", "mixed_norm"),
    ("intermediate.dense", "wide"),
    ("output.dense", "narrow"),
    ("output.LayerNorm", "narrow_norm"),
)


class Layer(nn.Module):
    """One transformer layer, (batch, length, 384) -> the same; `mask` is added to the logits."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(DIM, DIM) for _ in range(3))
        self.mixed, self.mixed_norm = nn.Linear(DIM, DIM), nn.LayerNorm(DIM, EPSILON)
        self.wide, self.narrow = nn.Linear(DIM, HIDDEN), nn.Linear(HIDDEN, DIM)
        self.narrow_norm = nn.LayerNorm(DIM, EPSILON)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        query, key, value = (
            project(x).unflatten(2, (HEADS, DIM // HEADS)).transpose(1, 2)
            for project in (self.query, self.key, self.value)
        )
        weights = (query @ key.transpose(2, 3) * (DIM // HEADS) ** -0.5 + mask).softmax(3)
        x = self.mixed_norm(x + self.mixed((weights @ value).transpose(1, 2).flatten(2)))
        result: Tensor = self.narrow_norm(x + self.narrow(nn.functional.gelu(self.wide(x))))
        return result


class SentenceNetwork(nn.Module):
    """(ids, mask), int64 (batch, length) each -> float32 (batch, 384) unit rows."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.kinds = nn.Embedding(WORDS, DIM), nn.Embedding(2, DIM)
        self.positions = nn.Embedding(POSITIONS, DIM)
        self.norm = nn.LayerNorm(DIM, EPSILON)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        present = mask.to(torch.float32)
        hidden = (1.0 - present)[:, None, None, :] * -1e9
        x = self.words(ids) + self.positions.weight[: ids.shape[1]] + self.kinds.weight[0]
        x = self.norm(x)
        for layer in self.layers:
            x = layer(x, hidden)
        mean = (x.float() * present.unsqueeze(2)).sum(1) / present.sum(1, keepdim=True)
        return nn.functional.normalize(mean, dim=1)


def load_sentence_network(weights: Path) -> SentenceNetwork:
    """The network with its trained weights, ready to run."""
    from safetensors.torch import load_file

    tensors = {}
    for name, tensor in load_file(weights).items():
        if name.startswith("pooler.") or name == "embeddings.position_ids":
            continue  # not part of the sentence vector
        for theirs, ours in _RENAMED:
            name = name.replace(theirs, ours)
        tensors[name] = tensor
    network = SentenceNetwork()
    network.load_state_dict(tensors)
    return network.eval()
