"""TRUTH.csv: what is understood, and what is refused with which sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from clapbatch.errors import UsageError
from clapbatch.evaluation.judgements import Judgement, read_judgements, relevance_matrix

SONGS = ["a/one.ogg", "a/two.ogg", "b/one.flac", "Été.mp3"]


@pytest.fixture
def truth(tmp_path: Path):  # type: ignore[no-untyped-def]
    def write(text: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / "TRUTH.csv"
        path.write_text(text, encoding=encoding)
        return path

    return write


def test_a_song_may_have_several_captions_and_a_caption_several_songs(truth) -> None:  # type: ignore[no-untyped-def]
    path = truth('song,caption\na/one.ogg,piano\na/one.ogg,"slow, sad"\na/two.ogg,piano\n')
    relevance = relevance_matrix(read_judgements(path), SONGS)
    assert relevance.queries == ("piano", "slow, sad")
    assert relevance.gains.tolist() == [[1, 1, 0, 0], [1, 0, 0, 0]]
    assert (relevance.listed == (relevance.gains > 0)).all()


@pytest.mark.parametrize("column", ["query", "caption", "label", "tag", "text", " Label "])
def test_the_sentence_may_be_called_by_any_of_its_names(truth, column) -> None:  # type: ignore[no-untyped-def]
    assert read_judgements(truth(f"{column},Song\njazz,x.ogg\n")) == (
        Judgement("x.ogg", "jazz", 1.0, 2),
    )


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_what_spreadsheets_write_is_read(truth, separator) -> None:  # type: ignore[no-untyped-def]
    rows = [["song", "query", "relevance"], ["x.ogg", "jazz", "no"], ["y.ogg", "jazz", "2.5"], []]
    text = "\r\n".join(separator.join(row) for row in rows)
    read = read_judgements(truth(text, "utf-8-sig"))
    assert [(j.song, j.relevance, j.line) for j in read] == [("x.ogg", 0, 2), ("y.ogg", 2.5, 3)]


def test_an_explicit_no_is_kept_apart_from_silence(truth) -> None:  # type: ignore[no-untyped-def]
    path = truth("song,query,relevance\na/two.ogg,jazz,0\na/one.ogg,jazz,yes\n")
    relevance = relevance_matrix(read_judgements(path), SONGS)
    assert relevance.gains.tolist() == [[1, 0, 0, 0]]
    assert relevance.listed.tolist() == [[True, True, False, False]]


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("a/one.ogg", 0),
        ("a\\one.ogg", 0),
        ("./a/one.ogg", 0),
        ("two.ogg", 1),
        ("Two", 1),
        ("one.flac", 2),
        ("E\u0301te\u0301.mp3", 3),
    ],
)
def test_a_song_is_known_by_its_path_or_by_a_part_that_is_its_own(name: str, column: int) -> None:
    relevance = relevance_matrix([Judgement(name, "q", 1.0, 2)], SONGS)
    assert relevance.gains[0].nonzero()[0].tolist() == [column]
    assert relevance.unknown == ()


def test_names_that_differ_in_case_alone_are_told_apart() -> None:
    rows = [Judgement("A.ogg", "q", 1.0, 2), Judgement("a.ogg", "r", 1.0, 3)]
    assert relevance_matrix(rows, ["A.ogg", "a.ogg"]).gains.tolist() == [[1, 0], [0, 1]]


def test_a_name_that_several_songs_share_is_not_guessed() -> None:
    relevance = relevance_matrix([Judgement("one", "q", 1.0, 2)], SONGS)
    assert not relevance.gains.any()
    assert "may be any of: a/one.ogg, b/one.flac" in str(relevance.unknown[0])


def test_an_unknown_song_is_reported_once_with_near_names_and_its_line() -> None:
    rows = [Judgement("a/twoo.ogg", q, 1.0, n) for n, q in enumerate("xy", 2)]
    unknown = relevance_matrix(rows, SONGS).unknown
    assert [str(u) for u in unknown] == [
        "line 2: no song is called 'a/twoo.ogg'; did you mean: a/two.ogg?"
    ]
    far = relevance_matrix([Judgement("zzzz", "q", 1.0, 5)], SONGS).unknown
    assert str(far[0]) == "line 5: no song is called 'zzzz'"


def test_given_queries_choose_the_rows() -> None:
    rows = [Judgement("two", "jazz", 1.0, 2), Judgement("two", "rock", 1.0, 3)]
    relevance = relevance_matrix(rows, SONGS, ["rock", "folk"])
    assert relevance.queries == ("rock", "folk")
    assert relevance.gains.tolist() == [[0, 1, 0, 0], [0, 0, 0, 0]]


def test_labels_are_one_a_song_and_unknown_where_nothing_was_said() -> None:
    rows = [Judgement("two", "jazz", 1.0, 2), Judgement("a/one.ogg", "rock", 1.0, 3)]
    assert relevance_matrix(rows, SONGS).labels(4).tolist() == [1, 0, -1, -1]
    rows.append(Judgement("two", "rock", 1.0, 4))
    with pytest.raises(UsageError, match="more than one label"):
        relevance_matrix(rows, SONGS).labels(4)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "line 1: the heading must name the columns song"),
        ("song,mood\nx,y\n", "not: song, mood"),
        ("song,query,label\nx,y,z\n", "one of query, caption"),
        ("song,query\n", "holds no judgement"),
        ("song,query\nx.ogg,\n", "line 2: the column query is empty"),
        ("song,query,relevance\nx,y\n", "line 2: the column relevance is empty"),
        ("song,query,relevance\nx,y,-1\n", "line 2: relevance must be yes, no or a number"),
        ("song,query,relevance\nx,y,nan\n", "not 'nan'"),
        ("song,query,relevance\nx,y,1\nx,y,0\n", "line 3: 'x' and 'y' are judged differently"),
        ('song,query\nx,"y\n', "line 2: broken CSV"),
    ],
)
def test_a_faulty_file_is_refused_with_its_line(truth, text, sentence) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match=r"TRUTH\.csv") as caught:
        read_judgements(truth(text))
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_or_foreign_file_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_judgements(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes("song,query\nÉté,x\n".encode("latin-1"))
    with pytest.raises(UsageError, match="not UTF-8"):
        read_judgements(tmp_path / "latin.csv")
