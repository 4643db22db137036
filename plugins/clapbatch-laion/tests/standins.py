"""Stand-ins that let laion-clap start where there is neither torchvision nor a hub.

For tests and benchmarks on processors alone: torchvision has no build for them. laion-clap imports
it, fetches three tokenizers at import and RoBERTa's weights at construction, all of which a
checkpoint then replaces. A user's machine has torchvision and the hub and needs none of this.
"""

from __future__ import annotations

import importlib.machinery
import sys
import types
from typing import Any


def install() -> None:
    """Put the stand-ins in place; before `import laion_clap`."""
    # transformers looks for torchvision at its own import and must not find the stand-in.
    import transformers
    from transformers import RobertaConfig, RobertaModel

    for name in ("", ".ops", ".ops.misc", ".transforms", ".datasets"):
        module = _Anything(f"torchvision{name}")
        module.__spec__ = importlib.machinery.ModuleSpec(module.__name__, None)
        sys.modules.setdefault(module.__name__, module)
    for name in ("BertTokenizer", "RobertaTokenizer", "BartTokenizer"):
        getattr(transformers, name).from_pretrained = _nothing
    configuration = RobertaConfig(
        vocab_size=50265, max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5
    )
    RobertaModel.from_pretrained = lambda *_args, **_options: RobertaModel(configuration)


class _Anything(types.ModuleType):
    """A module in which every public name is an empty class."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def _nothing(*_args: object, **_options: object) -> None:
    return None
