"""Sentences read while the library is looked through."""

from __future__ import annotations

from pathlib import Path

import pytest

from clapbatch.config import RunConfig
from clapbatch.domain import Query
from clapbatch.engine.recipe import Recipe
from clapbatch.registry import Registry
from clapbatch.search.ahead import reading_ahead
from clapbatch.search.prompts import read_prompts
from clapbatch.search.ranking import ask_sentences
from clapbatch.store import Store
from tests.conftest import FAKES
from tests.search.conftest import OpenShelf

QUERIES = [Query("440 Hz", ("440 Hz",)), Query("low", ("110 Hz", "220 Hz"))]


def config(songs: Path, **settings: object) -> RunConfig:
    return RunConfig(songs=songs, **{"encoder": "pitch", "plugins": (FAKES,), **settings})


def test_when_the_block_ends_the_store_has_every_prompt(tmp_path: Path, store: Store) -> None:
    wanted, registry = config(tmp_path), Registry([FAKES])
    with reading_ahead(QUERIES, wanted, registry, store):
        pass
    recipe = Recipe.of(wanted, registry)
    known = store.get_texts(recipe.text_fingerprint, ["440 Hz", "110 Hz", "220 Hz"])
    assert len(known) == 3


def test_the_answer_is_the_same(library: Path, opened: OpenShelf, store: Store) -> None:
    prompts = read_prompts("300 Hz", ["440 Hz"])
    with reading_ahead([p.query for p in prompts], config(library), Registry([FAKES]), store):
        shelf = opened(library)
    ahead = ask_sentences(shelf, prompts, 4)
    store.clear()
    shelf = opened(library, update=True)
    assert ask_sentences(shelf, prompts, 4).hits == ahead.hits


def test_what_cannot_be_read_is_left_to_whoever_asks(tmp_path: Path, store: Store) -> None:
    deaf = config(tmp_path, encoder="deaf-to-words")
    with reading_ahead(QUERIES, deaf, Registry([FAKES]), store):
        pass


def test_a_mistake_within_the_block_is_the_one_that_is_told(tmp_path: Path, store: Store) -> None:
    with (
        pytest.raises(KeyError, match="mine"),
        reading_ahead(QUERIES, config(tmp_path), Registry([FAKES]), store),
    ):
        raise KeyError("mine")
