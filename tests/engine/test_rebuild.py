"""A report read back from its CSV files: what is the same, and what four decimals cost."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clapbatch.builtin.reporters.csv import CsvOptions, CsvReporter
from clapbatch.builtin.reporters.html import HtmlReporter
from clapbatch.domain import Analysis, Query, Scores, Track
from clapbatch.engine.rebuild import UNKNOWN_PLACE, read_analysis, rewrite_page
from clapbatch.engine.reports import write_report
from clapbatch.errors import UsageError
from clapbatch.fingerprint import file_sha256
from clapbatch.testing import small_analysis


def rounded(analysis: Analysis) -> Analysis:
    """An analysis that four decimals hold without loss."""

    def four(values: np.ndarray) -> np.ndarray:
        return (np.round(values.astype(np.float64), 4) + 0.0).astype(values.dtype)

    scores = analysis.scores
    return replace(
        analysis,
        scores=Scores(
            four(scores.value),
            four(scores.maximum),
            four(scores.minimum),
            four(scores.deviation),
            scores.best,
        ),
        timelines=[four(timeline) for timeline in analysis.timelines],
        # Axes of their own: all cosines are 0 or 1, whatever their decimals.
        song_vectors=np.eye(len(analysis.tracks), dtype=np.float32),
    )


def placed(analysis: Analysis, folder: Path) -> Analysis:
    return replace(
        analysis, tracks=tuple(Track(t.name, folder / "songs" / t.name) for t in analysis.tracks)
    )


@pytest.fixture
def analysis(tmp_path: Path) -> Analysis:
    made = placed(rounded(small_analysis(6, 4, 5)), tmp_path)
    return replace(made, provenance={**made.provenance, "hop_sec": 5.0, "window_sec": 10.0})


@pytest.fixture
def report(analysis: Analysis, tmp_path: Path) -> Path:
    write_report(analysis, tmp_path / "report", [CsvReporter(CsvOptions()), HtmlReporter()])
    return tmp_path / "report"


def test_numbers_that_four_decimals_hold_give_the_same_page(report: Path) -> None:
    before = (report / "report.html").read_bytes()
    manifest = (report / "manifest.json").read_bytes()
    found, notes = read_analysis(report)
    assert notes == []
    rewrite_page(found, report)
    assert (report / "report.html").read_bytes() == before
    assert (report / "manifest.json").read_bytes() == manifest


def test_everything_comes_back(report: Path, analysis: Analysis) -> None:
    found, _ = read_analysis(report)
    assert found.song_names == analysis.song_names
    assert [t.path.resolve() for t in found.tracks] == [t.path for t in analysis.tracks]
    assert found.queries == analysis.queries
    assert found.query_notes == analysis.query_notes
    for name in ("value", "maximum", "minimum", "deviation", "best"):
        assert np.array_equal(getattr(found.scores, name), getattr(analysis.scores, name)), name
    for i in range(len(analysis.tracks)):
        assert np.array_equal(found.timelines[i], analysis.timelines[i])
        assert np.array_equal(found.starts[i], analysis.starts[i])
        assert np.array_equal(found.ends[i], analysis.ends[i])
    assert np.array_equal(found.durations, analysis.durations)
    assert np.allclose(found.song_similarity(slice(None)), np.eye(6), atol=1e-6)
    for name in ("thresholds", "song_thresholds", "failures", "notes", "warnings", "timing"):
        assert getattr(found, name) == getattr(analysis, name), name
    assert found.provenance == analysis.provenance


def test_any_numbers_come_back_to_half_a_decimal(tmp_path: Path) -> None:
    made = placed(small_analysis(7, 4, 6), tmp_path)
    write_report(made, tmp_path / "r", [CsvReporter(CsvOptions())])
    found, _ = read_analysis(tmp_path / "r")
    assert np.abs(found.scores.value - made.scores.value).max() <= 0.5001e-4
    difference = found.song_similarity(slice(None)) - made.song_similarity(slice(None))
    assert np.abs(difference).max() < 2e-4
    assert np.array_equal(found.scores.best, made.scores.best)


def test_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    write_report(
        placed(small_analysis(7, 4, 6), tmp_path),
        tmp_path / "r",
        [CsvReporter(CsvOptions()), HtmlReporter()],
    )
    pages = []
    for _ in range(2):
        rewrite_page(read_analysis(tmp_path / "r")[0], tmp_path / "r")
        pages.append((tmp_path / "r" / "report.html").read_bytes())
    assert pages[0] == pages[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r"]


def test_the_manifest_names_the_new_page(report: Path) -> None:
    (report / "report.html").unlink()
    rewrite_page(read_analysis(report, report.parent / "report")[0], report)
    manifest = json.loads((report / "manifest.json").read_text())
    assert manifest["files"]["report.html"] == file_sha256(report / "report.html")


def test_where_the_songs_lie_is_taken_from_the_old_page_or_told(
    report: Path, tmp_path: Path
) -> None:
    (report / "report.html").unlink()
    assert UNKNOWN_PLACE in read_analysis(report)[1]
    (tmp_path / "elsewhere").mkdir()
    found, notes = read_analysis(report, tmp_path / "elsewhere")
    assert notes == []
    assert found.tracks[0].path.parent == tmp_path / "elsewhere"


def test_a_report_without_segments_has_no_timelines(analysis: Analysis, tmp_path: Path) -> None:
    write_report(analysis, tmp_path / "r", [CsvReporter(CsvOptions(segments=False))])
    found, notes = read_analysis(tmp_path / "r", tmp_path)
    assert notes == ["segments.csv was not written: the page has no timelines"]
    assert np.isnan(found.timelines[0]).all()
    assert np.array_equal(found.starts[0], analysis.starts[0])
    assert np.array_equal(found.scores.best, analysis.scores.best)
    rewrite_page(found, tmp_path / "r")


def test_a_report_without_the_square_matrix_has_no_map(analysis: Analysis, tmp_path: Path) -> None:
    write_report(analysis, tmp_path / "r", [CsvReporter(CsvOptions(matrix_limit=2, nearest=2))])
    found, notes = read_analysis(tmp_path / "r", tmp_path)
    assert notes == ["song_similarity.csv is not there: the page has no map and no nearest songs"]
    assert found.song_vectors.shape == (6, 0)
    rewrite_page(found, tmp_path / "r")


def test_a_report_without_queries_or_without_songs_is_read_too(tmp_path: Path) -> None:
    made = small_analysis(3, 1, 1)
    empty = np.empty((3, 0), np.float32)
    bare = replace(
        made,
        queries=(),
        query_notes=(),
        scores=Scores(empty, empty, empty, empty, empty.astype(np.int64)),
        timelines=[np.empty((1, 0), np.float32)] * 3,
    )
    for name, one in (("no queries", bare), ("no songs", small_analysis(0, 2))):
        write_report(one, tmp_path / name, [CsvReporter(CsvOptions())])
        found, _ = read_analysis(tmp_path / name, tmp_path)
        assert (found.song_names, found.queries) == (one.song_names, one.queries)
        rewrite_page(found, tmp_path / name)


def test_a_table_that_was_changed_is_used_and_told(report: Path) -> None:
    path = report / "scores_long.csv"
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rows[0]["similarity"] = "0.9876"
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    found, notes = read_analysis(report)
    assert found.scores.value[0, 0] == pytest.approx(0.9876)
    assert notes == ["scores_long.csv is not as it was written any more"]


@pytest.mark.parametrize("name", ["scores.csv", "scores_long.csv", "failures.csv", "segments.csv"])
def test_a_table_that_is_missing_or_cut_is_a_sentence(report: Path, name: str) -> None:
    text = (report / name).read_text("utf-8")
    (report / name).unlink()
    with pytest.raises(UsageError, match=rf"{name} cannot be read \(no such file"):
        read_analysis(report)
    if name not in ("failures.csv",):
        (report / name).write_text("\n".join(text.split("\n")[:3]) + "\n", "utf-8")
        with pytest.raises(UsageError, match="do not fit together"):
            read_analysis(report)


def test_what_is_no_report_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no report of clapbatch: it has no manifest.json"):
        read_analysis(tmp_path)
    (tmp_path / "manifest.json").write_text("[]")
    with pytest.raises(UsageError, match="no report of clapbatch"):
        read_analysis(tmp_path)


def test_songs_that_are_nowhere_are_a_sentence(report: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere is not a folder"):
        read_analysis(report, tmp_path / "nowhere")


def test_a_report_can_be_moved_together_with_its_songs(report: Path, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    moved = Path(shutil.move(report, tmp_path / "b" / "report"))
    page = (moved / "report.html").read_bytes()
    rewrite_page(read_analysis(moved)[0], moved)
    assert (moved / "report.html").read_bytes() == page


def test_awkward_prompts_come_back(tmp_path: Path) -> None:
    made = small_analysis(2, 1)
    made = replace(made, queries=(Query('=x, "y"\n\'', ("a", "b")),))
    write_report(made, tmp_path / "r", [CsvReporter(CsvOptions())])
    assert read_analysis(tmp_path / "r", tmp_path)[0].queries == made.queries
