"""Wordings of one meaning: the curated table, the templates, and what is made of a query."""

from __future__ import annotations

from pathlib import Path

import pytest

from clapbatch.domain import Query
from clapbatch.errors import UsageError
from clapbatch.language.wording import (
    FAMILIES,
    WordingTable,
    family_of,
    fill,
    prompt_set,
    read_wordings,
    templates,
    variants,
)

TABLE = Path(__file__).parents[2] / "queries" / "wordings.toml"


@pytest.fixture(scope="module")
def table() -> WordingTable:
    return read_wordings(TABLE)


def test_the_curated_table_covers_every_family_with_several_wordings(table: WordingTable) -> None:
    families = [meaning.family for meaning in table.meanings]
    assert all(families.count(family) >= 10 for family in FAMILIES)
    assert sum(len(meaning.words) for meaning in table.meanings) >= 300


def test_a_query_finds_its_meaning_whatever_its_case_or_number(table: WordingTable) -> None:
    meaning = table.meaning("Female Vocalists")
    assert meaning is not None
    assert "female voice" in meaning.words
    assert table.meaning("a sentence nobody curated") is None


@pytest.mark.parametrize(
    ("query", "family"),
    [
        ("female voice", "voice"),
        ("drums", "instrument"),
        ("Jazz", "genre"),
        ("sad", "mood"),
        ("bagpipes", "instrument"),
        ("80s", None),
        ("a slow song about the rain", None),
    ],
)
def test_a_family_comes_from_the_table_or_the_gazetteers(
    query: str, family: str | None, table: WordingTable
) -> None:
    assert family_of(query, table) == family


def test_variants_are_synonyms_numbers_and_templates_the_query_itself_first(
    table: WordingTable,
) -> None:
    made = variants("female voice", table)
    assert made[0].text == "female voice"
    assert {w.how for w in made} == {"as given", "synonym", "plural", "template"}
    texts = [w.text for w in made]
    assert {"female vocalist", "female voices", "music with female voice"} <= set(texts)
    assert len({t.casefold() for t in texts}) == len(texts)


def test_music_and_song_are_added_once(table: WordingTable) -> None:
    assert [w.text for w in variants("zydegrass", table)] == [
        "zydegrass",
        "zydegrass music",
        "zydegrass song",
    ]
    assert [w.text for w in variants("a slow song about rain", table)] == ["a slow song about rain"]
    for wording in variants("rock music", table):
        assert wording.text.count("music") <= 1
        assert not wording.text.endswith("music song")


def test_templates_speak_english() -> None:
    assert fill("this is a {query} song", "indie") == "this is an indie song"
    assert fill("This audio is a {query} song.", "jazz") == "This audio is a jazz song."
    assert fill("{singular} music", "acoustic guitars") == "acoustic guitar music"
    assert fill("{query} music", "rock music") == "rock music"
    with pytest.raises(UsageError, match=r"has no \{query\}"):
        fill("music", "rock")


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_a_built_in_template_set_that_begins_with_the_word_itself(
    family: str,
) -> None:
    built_in = templates(family)  # type: ignore[arg-type]
    assert built_in[0] == "{query}"
    assert len(built_in) >= 4


def test_a_prompt_set_is_a_query_of_several_prompts() -> None:
    assert prompt_set("jazz").prompts == (
        "jazz",
        "jazz music",
        "jazz song",
        "this is a jazz song",
        "This audio is a jazz song.",
    )
    sentence = "two people talk in a car"
    assert prompt_set(sentence) == Query(sentence, (sentence,))
    assert prompt_set("brass", "instrument").id == "brass"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("version = 2", "version 2 is not 1"),
        ("version = ", "cannot be read"),
        ('version = 1\n[[meaning]]\nfamily = "colour"\nwords = ["a", "b"]', "needs a family"),
        ('version = 1\n[[meaning]]\nfamily = "mood"\nwords = ["a"]', "two words or more"),
        (
            'version = 1\n[[meaning]]\nfamily = "mood"\nwords = ["sad", "blue"]\n'
            '[[meaning]]\nfamily = "voice"\nwords = ["Sad", "low"]',
            "'Sad' stands in two meanings",
        ),
    ],
)
def test_a_faulty_table_is_refused_with_a_sentence(
    text: str, sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "wordings.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="wordings") as caught:
        read_wordings(path)
    assert sentence in str(caught.value)


def test_a_missing_table_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_wordings(tmp_path / "none.toml")
