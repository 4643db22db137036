"""report.html as a file: its bytes, its size, what it holds and what it must not."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from analyses import make_analysis

from clapbatch.api import Analysis, Failure, Track
from clapbatch.builtin.reporters.html import HtmlReporter, data, register_reporters
from clapbatch.builtin.reporters.html.data import page_data, settings, shown


def write(analysis: Analysis, folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (spec,) = register_reporters()
    assert spec.make(spec.options()).write(analysis, folder) == ["report.html"]
    return (folder / "report.html").read_text(encoding="utf-8")


def block(page: str, name: str) -> Any:
    """A data block of the page, read as a browser would find it."""
    match = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page, re.S)
    assert match
    return json.loads(match[1])


def unpacked(text: str, kind: str, columns: int) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), kind).reshape(-1, columns)


def test_the_same_analysis_gives_the_same_bytes(tmp_path: Path, monkeypatch) -> None:
    first = write(make_analysis(9, 5, folder=tmp_path / "songs"), tmp_path / "out" / ".unfinished")
    monkeypatch.chdir(tmp_path)
    other = make_analysis(9, 5, folder=Path("songs"))  # the same place, said otherwise
    later = replace(other, timing={"seconds": 99.0, "date": "another day"})
    assert write(later, tmp_path / "out" / "final") == first
    assert write(make_analysis(9, 6), tmp_path / "other") != first


def test_nothing_of_this_machine_is_in_it(tmp_path: Path) -> None:
    page = write(make_analysis(9, 5, folder=tmp_path / "songs"), tmp_path / "report")
    assert str(tmp_path) not in page
    assert "another day" not in page
    assert "12.3" not in "".join(map(str, block(page, "data")["settings"]))  # a time of the run


def test_nothing_is_fetched_and_only_our_scripts_run(tmp_path: Path) -> None:
    page = write(make_analysis(3, 3), tmp_path)
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1])
    assert policy.startswith("default-src 'none';")
    for tag in ("script", "style"):
        for inline in re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.S):
            digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in policy
    assert len(re.findall("'sha256-", policy)) == 3
    assert re.findall(r'(?:src|href)="(?!#|data:)', page) == []
    assert "url(" not in page
    assert "@import" not in page


def test_the_plotting_librarys_licence_goes_with_it(tmp_path: Path) -> None:
    page = write(make_analysis(2, 2), tmp_path)
    assert "Leon Sorokin" in page
    assert "Permission is hereby granted, free of charge" in page


def test_data_cannot_end_its_block(tmp_path: Path) -> None:
    attacks = ["</script><b>", "<!--<script>", "a&amp;b", "line\u2028s\u2029", "{{page}}", "\\g<0>"]
    page = write(
        make_analysis(
            [f"{i}{name.replace('/', '')}.ogg" for i, name in enumerate(attacks)],
            attacks,
            notes=tuple(attacks),
            warnings=tuple(attacks),
            failures=tuple(Failure(name, "load", name, name) for name in attacks),
            provenance={name: name for name in attacks},
        ),
        tmp_path,
    )
    inside = re.search(r'id="data">(.*?)</script>', page, re.S)[1]
    assert inside.isascii()
    assert not set("<>&") & set(inside)
    assert [query["name"] for query in block(page, "data")["queries"]] == [
        shown(name) for name in attacks
    ]
    assert page.count("<script") - page.count('"<script') == 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain ünï 日本 🎹 👩‍🎤 \u200f", "plain ünï 日本 🎹 👩‍🎤 \u200f"),
        ("a\x00\n\x1b\x7f", "a\\x00\\n\\x1b\\x7f"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\u2028\u2029\udc80", "\\u2028\\u2029\\udc80"),
    ],
)
def test_controls_are_spelled_out(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_scores_arrive_whole(tmp_path: Path) -> None:
    analysis = make_analysis(7, 4, seconds=60)
    page = write(analysis, tmp_path)
    held = block(page, "data")
    scores = analysis.scores
    np.testing.assert_array_equal(unpacked(held["value"], "<f4", 4), scores.value)
    np.testing.assert_array_equal(unpacked(held["best"], "<u4", 4), scores.best)
    for kind in ("maximum", "minimum", "deviation"):
        wanted = np.rint(getattr(scores, kind).astype(float) * 1000)
        np.testing.assert_array_equal(unpacked(held[kind], "<i2", 4), wanted)
    for song, text in enumerate(block(page, "timelines")):
        np.testing.assert_allclose(
            unpacked(text, "<i2", 4) / 1000, analysis.timelines[song], atol=0.000501
        )
    assert held["thresholds"] == [analysis.thresholds.high, analysis.thresholds.moderate]


def test_neighbours_against_a_plain_search() -> None:
    analysis = make_analysis(300, 2, seconds=20)  # more than one block of rows
    held, _ = page_data(analysis, Path("report"))
    count = held["nearest"]["count"]
    found = unpacked(held["nearest"]["songs"], "<u4", count)
    closeness = unpacked(held["nearest"]["similarity"], "<f4", count)
    exact = analysis.song_vectors.astype(float) @ analysis.song_vectors.T.astype(float)
    for song in range(300):
        others = [other for other in range(300) if other != song]
        others.sort(key=lambda other: -exact[song, other])
        assert found[song].tolist() == others[:count]
        np.testing.assert_allclose(closeness[song], exact[song, others[:count]], atol=1e-6)


def test_equal_neighbours_keep_the_songs_order() -> None:
    analysis = make_analysis(5, 1, seconds=20)
    same = np.repeat(analysis.song_vectors[:1], 5, axis=0)
    held, _ = page_data(replace(analysis, song_vectors=same), Path("report"))
    assert unpacked(held["nearest"]["songs"], "<u4", 4)[2].tolist() == [0, 1, 3, 4]


@pytest.mark.parametrize(
    "name", ["a b/c.ogg", "ü/日本.ogg", "a:b?c#d%41&e.ogg", "'quotes\".ogg", "🎹.ogg", "-dash.ogg"]
)
def test_a_link_leads_to_the_song(tmp_path: Path, name: str) -> None:
    analysis = make_analysis([name], 1, folder=tmp_path / "my songs")
    (link,) = page_data(analysis, tmp_path / "reports" / "out")[0]["links"]
    assert link.isascii()
    assert not set(" ?#'\"&<>:") & set(link)
    assert os.path.normpath(tmp_path / "reports" / "out" / unquote(link)) == str(
        tmp_path / "my songs" / name
    )


def test_a_link_keeps_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    song = Track("caf\\xe9.ogg", Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.ogg")))
    analysis = replace(make_analysis(1, 1), tracks=(song,))
    assert page_data(analysis, tmp_path / "report")[0]["links"] == ["../caf%E9.ogg"]


@pytest.mark.parametrize(
    ("starts", "length", "regular"),
    [
        ([0.0], 4.0, True),
        ([0.0, 5.0, 10.0, 12.25], 10.0, True),
        ([0.0, 2.9, 5.8], 2.9, True),
        ([0.0, 0.7, 3.1, 3.5], 1.0, False),
    ],
)
def test_windows_are_told_in_few_words(starts: list[float], length: float, regular: bool) -> None:
    """The page works out each window's start and end again; see windowOf in js/data.js."""
    ends = np.array(starts) + length
    told = data._windows(np.array(starts), ends)
    assert told["count"] == len(starts)
    assert ("hop" in told) is regular
    if regular:
        again = [told["first"] + i * told["hop"] for i in range(len(starts) - 1)] + [told["last"]]
        np.testing.assert_allclose(again, starts, atol=1e-3)
        np.testing.assert_allclose(np.array(again) + told["length"], ends, atol=2e-3)
    else:
        assert (told["starts"], told["ends"]) == (starts, [round(end, 3) for end in ends])


def test_small_runs_make_small_pages(tmp_path: Path) -> None:
    write(make_analysis(10, 20, folder=tmp_path / "songs", seconds=240), tmp_path)
    assert (tmp_path / "report.html").stat().st_size < 400_000


def test_a_page_that_would_be_too_large_says_what_it_leaves_out(monkeypatch) -> None:
    analysis = make_analysis(30, 4, seconds=60)
    monkeypatch.setattr(data, "MOST_SCORES", 40)
    monkeypatch.setattr(data, "MOST_TIMELINE_VALUES", 4 * len(analysis.starts[0]) * 6)
    held, timelines = page_data(analysis, Path("report"))
    assert held["counts"]["songs"] == 30
    assert len(held["songs"]) == len(timelines) == 10
    assert sum(timeline is not None for timeline in timelines) == 6
    assert "10 of 30 songs" in held["limits"][0]
    assert "6 of 10 songs" in held["limits"][1]
    # The best two for every query are among those kept, in the songs' own order.
    ranks = np.argsort(-analysis.scores.value, axis=0, kind="stable")
    best = {analysis.tracks[song].name for song in ranks[:2].ravel()}
    assert best <= set(held["songs"])
    assert held["songs"] == [n for n in analysis.song_names if n in held["songs"]]
    # What stays belongs together.
    song = analysis.song_names.index(held["songs"][7])
    np.testing.assert_array_equal(unpacked(held["value"], "<f4", 4)[7], analysis.scores.value[song])
    np.testing.assert_array_equal(unpacked(held["best"], "<u4", 4)[7], analysis.scores.best[song])


def test_nothing_is_left_out_of_a_usual_run() -> None:
    held, timelines = page_data(make_analysis(20, 10), Path("report"))
    assert held["limits"] == []
    assert None not in timelines


@pytest.mark.parametrize(("songs", "queries"), [(0, 0), (0, 4), (4, 0), (1, 1)])
def test_runs_with_next_to_nothing(tmp_path: Path, songs: int, queries: int) -> None:
    held = block(write(make_analysis(songs, queries, seconds=5), tmp_path), "data")
    assert sorted(held["songOrder"]) == list(range(songs))
    assert sorted(held["queryOrder"]) == list(range(queries))


def test_songs_that_were_not_compared() -> None:
    analysis = replace(make_analysis(4, 2), song_vectors=np.empty((4, 0), np.float32))
    assert page_data(analysis, Path("report"))[0]["nearest"] is None


def test_settings_are_flat_and_sorted() -> None:
    nested = {
        "empty": "",
        "b": {"z": True, "a": [1, 2.5]},
        "a": None,
        "c": [{"name": "x"}, {"name": "y"}],
        "d": 1,
    }
    assert settings(nested) == [
        ("a", "none"),
        ("b.a", "1, 2.5"),
        ("b.z", "yes"),
        ("c 1.name", "x"),
        ("c 2.name", "y"),
        ("d", "1"),
    ]
    assert settings(dict(reversed(nested.items()))) == settings(nested)


def test_numbers_that_are_not_known_are_marked() -> None:
    analysis = make_analysis(3, 2, seconds=20)
    maximum = analysis.scores.maximum.copy()
    maximum[1, 0] = np.nan
    analysis = replace(analysis, scores=replace(analysis.scores, maximum=maximum))
    held, _ = page_data(analysis, Path("report"))
    assert (unpacked(held["maximum"], "<i2", 2) == data.MISSING).nonzero() == ([1], [0])


def test_listing_the_reporter_imports_nothing_heavy() -> None:
    import subprocess
    import sys

    code = (
        "import sys, clapbatch.builtin.reporters.html as h; h.register_reporters();"
        "print([m for m in sys.modules if m.startswith(h.__name__ + '.') or m == 'scipy'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_reporter_follows_the_seam(tmp_path: Path) -> None:
    (spec,) = register_reporters()
    assert (spec.role, spec.name) == ("reporter", "html")
    assert isinstance(spec.make(spec.options()), HtmlReporter)
