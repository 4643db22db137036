"""The text tower of LAION-CLAP: RoBERTa's pooled output, projected into the joint space.

Liu et al., "RoBERTa: A Robustly Optimized BERT Pretraining Approach", 2019. The transformer itself
is transformers' RobertaModel, built from a configuration, so that nothing is asked of any hub.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional
from transformers import RobertaConfig, RobertaModel

from clapbatch.builtin.embedders.clap.htsat import projection

HEAD_WIDTH = 64  # of RoBERTa, in every size


@dataclass(frozen=True)
class RobertaShape:
    """The sizes in which RoBERTa models differ.

    vocabulary, positions : rows of the two embedding tables. width : channels. inner : of the
    feed-forward layers. layers : blocks. dim : length of the joint embedding.
    """

    vocabulary: int
    positions: int
    width: int
    inner: int
    layers: int
    dim: int


ROBERTA_BASE = RobertaShape(50265, 514, 768, 3072, 12, 512)


class TextTower(nn.Module):
    """Token ids and attention mask, int64 (batch, length) each -> unit vectors (batch, dim)."""

    def __init__(self, shape: RobertaShape) -> None:
        super().__init__()
        configuration = RobertaConfig(
            vocab_size=shape.vocabulary,
            max_position_embeddings=shape.positions,
            hidden_size=shape.width,
            intermediate_size=shape.inner,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.width // HEAD_WIDTH,
            type_vocab_size=1,
            layer_norm_eps=1e-5,
        )
        self.text_branch = RobertaModel(configuration)
        # Tracing reads every attribute of a module, and this one is worth a warning if unset.
        self.text_branch.loss_type = "ForMaskedLM"
        self.text_projection = projection(shape.width, shape.dim)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        pooled = self.text_branch(input_ids=ids, attention_mask=mask).pooler_output
        # In float32 whatever the precision: rounded to bf16, a unit vector is none any more.
        return functional.normalize(self.text_projection(pooled).float(), dim=-1)
