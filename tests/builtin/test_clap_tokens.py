"""Token ids are those of roberta-base's own tokenizer."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tokenizers import AddedToken
from transformers import RobertaTokenizer

from clapbatch.api import ModelError
from clapbatch.builtin.embedders.clap.tokens import RobertaTokens, cut
from tests.builtin.clap_reference import write_vocabulary
from tests.conftest import SHARED

ROBERTA = SHARED / "roberta-base"
ODD = [
    "",
    " ",
    "   ",
    "\n\t\r",
    "jazz",
    " jazz",
    "jazz ",
    "  two  spaces  ",
    "This audio is a jazz song.",
    "female vocalist",
    "FEMALE VOCALIST",
    "Café del Mar",
    "Cafe\u0301 del Mar",
    "naïve façade — “quoted” ‘text’…",
    "音楽",
    "русский рок",
    "موسيقى",
    "हिन्दी संगीत",
    "👩\u200d🎤 sings 🎸🔥",
    "a\u00a0non-breaking\u2003space",
    "zero\u200bwidth",
    "\ufeffbyte order mark",
    "null\x00byte",
    "<s>",
    "</s>",
    "<pad>",
    "<mask>",
    "a <mask> song",
    "a<mask>song",
    "a  <mask>  song",
    "<s>start</s>",
    "< s >",
    "I'll don't can't we've he'd I'm they're",
    "it's 3:45 o'clock, 100% of $5.99 (or £4)",
    "a" * 500,
    "music " * 200,
    "😀" * 60,
    "snake_case and camelCase and kebab-case",
    "http://example.org/?q=1&r=2#x",
    "tab\tseparated\tvalues",
    "line\nbreaks\r\nhere",
    "ＦＵＬＬ ｗｉｄｔｈ",
    "ﬁ ligature",
    "²³¹ ½ ⅓",
    "١٢٣",
    "\U0001f3b5\U0001f3b6",
    "\ud7ff\ue000",
    "-- ... !!! ???",
    "C♯ minor, B♭ major",
    "Ġ the byte-level space itself",
]


def _made_up(count: int) -> list[str]:
    generator = random.Random(42)
    pools = [
        "abc XYZ",
        "0123456789 ,.",
        "äöüßéñ ",
        "日本語 ",
        "🎵🎶 \u200d",
        "'\"<>/\\ s|t",
        "\t\n  a",
    ]
    return [
        "".join(generator.choice(generator.choice(pools)) for _ in range(generator.randint(1, 120)))
        for _ in range(count)
    ]


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vocabulary")
    write_vocabulary(folder)
    return folder


def _assert_same_ids(folder: Path, texts: list[str]) -> None:
    theirs = RobertaTokenizer(
        vocab=str(folder / "vocab.json"),
        merges=str(folder / "merges.txt"),
        mask_token=AddedToken("<mask>", lstrip=True),  # as in roberta-base's own configuration
    )
    ours = RobertaTokens(folder)(texts)
    for text, ids in zip(texts, ours, strict=True):
        assert cut(ids) == theirs(text, truncation=True, max_length=77)["input_ids"], repr(text)


def test_ids_are_those_of_transformers_roberta_tokenizer(vocabulary: Path) -> None:
    _assert_same_ids(vocabulary, ODD + _made_up(60))


@pytest.mark.skipif(not ROBERTA.is_dir(), reason="roberta-base's two files are not here")
def test_ids_are_those_of_roberta_base() -> None:
    _assert_same_ids(ROBERTA, ODD + _made_up(60))
    assert RobertaTokens(ROBERTA)(["Hello world"]) == [[0, 31414, 232, 2]]


def test_a_long_text_keeps_its_beginning_and_the_end_token() -> None:
    ids = cut([0, *range(10, 200), 2])
    assert len(ids) == 77
    assert ids[:3] == [0, 10, 11]
    assert ids[-1] == 2


def test_a_folder_without_a_vocabulary_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no usable tokenizer"):
        RobertaTokens(tmp_path)
