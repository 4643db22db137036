"""The graph of mean vectors: what it finds, and that it is never one of other songs."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from clapbatch.domain import FloatArray
from clapbatch.errors import UsageError
from clapbatch.search.approximate import nearest_rows
from clapbatch.search.means import Means
from clapbatch.search.prompts import read_prompts
from clapbatch.search.ranking import ask_sentences, rank
from clapbatch.search.reference import find_reference
from clapbatch.testing import tone
from tests.search.conftest import OpenShelf, age

needs_usearch = pytest.mark.skipif(
    importlib.util.find_spec("usearch") is None, reason="usearch is not installed"
)


def clustered(rows: int, dim: int = 32) -> FloatArray:
    generator = np.random.default_rng(42)
    centres = generator.standard_normal((40, dim))
    vectors = centres[generator.integers(40, size=rows)]
    vectors = vectors + 0.5 * generator.standard_normal((rows, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@needs_usearch
def test_nearly_all_of_the_nearest_are_found(tmp_path: Path) -> None:
    vectors = clustered(4000)
    (tmp_path / "means.f32").touch()
    hashes = "".join(f"{i:064x}" for i in range(len(vectors)))
    means = Means(vectors, hashes, np.ones(len(vectors)), tmp_path / "means.f32")
    for by_cosine in (True, False):
        recalls = []
        for query in clustered(4020)[-20:]:
            exact = np.argsort(-(vectors @ query))[:10]
            found = nearest_rows(means, query, by_cosine, 10)
            recalls.append(len(set(exact.tolist()) & set(found.tolist())) / 10)
        assert np.mean(recalls) > 0.98


@needs_usearch
def test_the_answer_is_that_of_an_exact_search(library: Path, opened: OpenShelf) -> None:
    for number in range(30):
        soundfile.write(library / f"{number}.wav", tone(60 * 1.1**number, 2, 8000), 8000)
    age(library)
    shelf = opened(library, update=True)
    prompts = read_prompts("440 Hz", ["300 Hz:0.5"], ["220 Hz"])
    exact = ask_sentences(shelf, prompts, 5)
    assert ask_sentences(shelf, prompts, 5, approximate=True) == exact
    reference = find_reference(shelf, "c440")
    near = [rank(shelf, reference.question, 5, approximate=way).hits for way in (False, True)]
    assert near[0] == near[1]


@needs_usearch
def test_songs_that_came_since_are_in_the_graph(library: Path, opened: OpenShelf) -> None:
    prompts = read_prompts("1700 Hz")
    ask_sentences(opened(library), prompts, 1, approximate=True)
    soundfile.write(library / "new.wav", tone(1700, 2, 8000), 8000)
    age(library)
    shelf = opened(library, update=True)
    assert ask_sentences(shelf, prompts, 1, approximate=True).hits[0].name == "new.wav"
    assert shelf.means.file
    graphs = list(shelf.means.file.parent.glob("*.usearch"))
    assert [graph.name for graph in graphs] == [f"{shelf.means.file.name}.ip16.usearch"]


@needs_usearch
@pytest.mark.parametrize("spoil", [b"", b"no graph at all" * 50])
def test_a_damaged_graph_is_made_anew(library: Path, opened: OpenShelf, spoil: bytes) -> None:
    prompts = read_prompts("880 Hz")
    shelf = opened(library)
    wanted = ask_sentences(shelf, prompts, 2, approximate=True).hits
    assert shelf.means.file
    (graph,) = shelf.means.file.parent.glob("*.usearch")
    graph.write_bytes(spoil)
    assert ask_sentences(opened(library), prompts, 2, approximate=True).hits == wanted


def test_a_graph_knows_no_segments(library: Path, opened: OpenShelf) -> None:
    with pytest.raises(UsageError, match="--approximate goes with --scorer mean"):
        ask_sentences(opened(library, scorer="max"), read_prompts("1 Hz"), 1, approximate=True)


def test_without_usearch_the_sentence_says_what_to_install(
    library: Path, opened: OpenShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "usearch.index", None)
    with pytest.raises(UsageError, match=r"pip install 'clapbatch\[approximate\]'"):
        ask_sentences(opened(library), read_prompts("440 Hz"), 1, approximate=True)
