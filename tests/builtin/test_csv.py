"""The CSV files: golden bytes, harmless cells, ranks, large libraries."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clapbatch.builtin.reporters.csv import (
    CsvOptions,
    CsvReporter,
    nearest_songs,
    number,
    read_text_cell,
    song_ranks,
    text_cell,
)
from clapbatch.domain import Track
from clapbatch.testing import small_analysis

GOLDEN = Path(__file__).parents[1] / "golden"


def write(folder: Path, analysis=None, **options) -> dict[str, str]:
    CsvReporter(CsvOptions(**options)).write(analysis or small_analysis(), folder)
    return {path.name: path.read_bytes().decode("utf-8") for path in folder.iterdir()}


def table(text: str) -> list[list[str]]:
    return list(csv.reader(text.splitlines(keepends=True)))


def test_the_files_are_the_golden_ones(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    files = write(tmp_path)
    if request.config.getoption("--regenerate-golden"):
        for name, text in files.items():
            (GOLDEN / name).write_bytes(text.encode("utf-8"))
    assert files == {path.name: path.read_bytes().decode("utf-8") for path in GOLDEN.iterdir()}


@given(st.text(max_size=20))
def test_a_cell_read_back_by_the_rule_is_the_exact_text(text: str) -> None:
    assert read_text_cell(text_cell(text)) == text


@given(st.sampled_from("=+-@\t\r"), st.text(max_size=10))
def test_no_cell_starts_like_a_formula(first: str, rest: str) -> None:
    assert text_cell(first + rest).startswith("'")


@pytest.mark.parametrize(
    ("value", "text"), [(0.32806, "0.3281"), (-0.00001, "0.0000"), (1.0, "1.0000"), (-1, "-1.0000")]
)
def test_numbers_have_four_decimals_and_no_minus_zero(value: float, text: str) -> None:
    assert number(value) == text


def test_names_with_commas_quotes_and_newlines_survive(tmp_path: Path) -> None:
    rows = table(write(tmp_path)["scores.csv"])
    names = [read_text_cell(row[0]) for row in rows[1:]]
    assert names == small_analysis().song_names
    assert [read_text_cell(cell) for cell in rows[0][1:]] == small_analysis().query_ids


def test_equal_scores_share_the_better_rank() -> None:
    scores = np.array([[0.5], [0.9], [0.5], [0.1]], np.float32)
    assert song_ranks(scores)[:, 0].tolist() == [2, 1, 2, 4]


def test_pairs_are_sorted_and_each_stands_once(tmp_path: Path) -> None:
    rows = table(write(tmp_path)["song_pairs.csv"])[1:]
    assert len(rows) == 6
    assert len({frozenset(row[:2]) for row in rows}) == 6
    values = [float(row[2]) for row in rows]
    assert values == sorted(values, reverse=True)


def large(songs: int):
    """Songs without timelines that matter: enough to pass the matrix limit."""
    small = small_analysis(1, 1, 1)
    vectors = np.random.default_rng(42).standard_normal((songs, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    repeat = {
        name: np.repeat(getattr(small.scores, name), songs, axis=0)
        for name in ("value", "maximum", "minimum", "deviation", "best")
    }
    return replace(
        small,
        tracks=tuple(Track(f"{i:04}.ogg", Path(f"{i}.ogg")) for i in range(songs)),
        scores=replace(small.scores, **repeat),
        timelines=list(small.timelines) * songs,
        starts=list(small.starts) * songs,
        ends=list(small.ends) * songs,
        durations=np.repeat(small.durations, songs),
        song_vectors=vectors,
    )


def test_past_the_limit_the_matrix_gives_way_to_the_nearest_songs(tmp_path: Path) -> None:
    files = write(tmp_path, large(30), matrix_limit=20, nearest=3)
    assert "song_similarity.csv" not in files
    nearest = table(files["song_nearest.csv"])
    assert nearest[0] == ["song", "rank", "nearest", "similarity", "label"]
    assert len(nearest) == 1 + 30 * 3
    assert 45 <= len(table(files["song_pairs.csv"])) - 1 <= 90


def test_a_flag_asks_for_the_whole_matrix_all_the_same(tmp_path: Path) -> None:
    files = write(tmp_path, large(30), matrix_limit=20, all_pairs=True)
    assert len(table(files["song_similarity.csv"])) == 31
    assert len(table(files["song_pairs.csv"])) == 1 + 30 * 29 // 2


def test_the_nearest_songs_are_those_of_a_plain_search() -> None:
    analysis = large(600)  # more than two blocks
    whole = analysis.song_vectors.astype(np.float64) @ analysis.song_vectors.T.astype(np.float64)
    np.fill_diagonal(whole, -2)
    for i, others, similarities in nearest_songs(analysis, 5):
        assert np.allclose(similarities, np.sort(whole[i])[::-1][:5], atol=1e-6)
        assert np.allclose(whole[i, others], similarities, atol=1e-6)


def test_segments_can_be_left_out(tmp_path: Path) -> None:
    assert "segments.csv" not in write(tmp_path, segments=False)
