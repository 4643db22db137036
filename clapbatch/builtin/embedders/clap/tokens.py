"""Sentences -> token ids, as roberta-base's own tokenizer gives them.

Byte-level byte-pair encoding by the tokenizers library alone: no torch, no transformers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tokenizers import AddedToken, Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.processors import RobertaProcessing

from clapbatch.api import ModelError

LONGEST = 77  # tokens a text, start and end included; the models were trained with no more
START, PAD, END = "<s>", "<pad>", "</s>"


class RobertaTokens:
    """Sentences -> token ids, from a folder with vocab.json and merges.txt.

    pad : the id that fills a row up.

    Raises
    ------
    ModelError
        If the files are not a byte-pair vocabulary with RoBERTa's special tokens.
    """

    def __init__(self, folder: Path) -> None:
        try:
            # The default errors of the library for missing and broken files are all Exception.
            model = BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt"))
        except Exception as error:
            raise ModelError(f"{folder} holds no usable tokenizer ({error})") from error
        tokenizer = Tokenizer(model)
        tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
        tokenizer.add_special_tokens([START, PAD, END, "<unk>", AddedToken("<mask>", lstrip=True)])
        # No such token in the vocabulary would have been added at its end, so none is None.
        ids = {token: tokenizer.token_to_id(token) or 0 for token in (START, PAD, END)}
        tokenizer.post_processor = RobertaProcessing(
            (END, ids[END]), (START, ids[START]), trim_offsets=True, add_prefix_space=False
        )
        self._tokenizer = tokenizer
        self.pad = ids[PAD]

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, start and end included, however long it is."""
        return [list(encoding.ids) for encoding in self._tokenizer.encode_batch(list(texts))]


def cut(ids: list[int]) -> list[int]:
    """At most 77 ids; of a longer text the end is dropped, but not the end token."""
    return ids if len(ids) <= LONGEST else [*ids[: LONGEST - 1], ids[-1]]
