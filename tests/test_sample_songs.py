"""The main job on real-sounding music, with the encoder that ships."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

import clapbatch
from clapbatch.library import read_queries
from tests.conftest import SAMPLE_SONGS

QUERIES = SAMPLE_SONGS.parents[1] / "queries"


def labels() -> dict[str, str]:
    with open(SAMPLE_SONGS / "labels.csv", encoding="utf-8", newline="") as file:
        return {row["file"]: row["label"] for row in csv.DictReader(file)}


def test_the_query_that_names_what_is_in_a_song_ranks_it_first() -> None:
    analysis = clapbatch.analyze(
        SAMPLE_SONGS, list(labels().values()), encoder="musicnn", use_store=False
    )
    best = {query: analysis.scores[query].idxmax() for query in analysis.scores.columns}
    right = [query for file, query in labels().items() if best[query] == file]
    assert len(right) >= 11, best
    assert not analysis.failures


def test_the_songs_are_small_and_described() -> None:
    files = sorted(SAMPLE_SONGS.glob("*.ogg"))
    assert len(files) >= 8
    assert sum(path.stat().st_size for path in files) < 3_000_000
    assert sorted(labels()) == [path.name for path in files]


def test_new_sentences_about_known_songs_import_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom clapbatch.cli.main import main\n"
        "try:\n    main(['multi', sys.argv[1], sys.argv[2], '--encoder', 'musicnn', '--json'])\n"
        "except SystemExit as stop:\n    assert not stop.code\n"
        "heavy = {'torch', 'transformers', 'pandas', 'av'} & set(sys.modules)\n"
        "print(sorted(heavy), file=sys.stderr)\n"
    )

    def run(sentence: str) -> tuple[dict[str, object], str]:
        (tmp_path / "q.txt").write_text(sentence)
        done = subprocess.run(
            [sys.executable, "-c", code, str(SAMPLE_SONGS), str(tmp_path / "q.txt")],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout), done.stderr.splitlines()[-1]

    first, _ = run("solo piano")
    second, imported = run("slow cello music")
    assert first["songs_embedded"] == 12
    assert (second["songs_embedded"], second["songs_from_store"]) == (0, 12)
    assert imported == "[]"


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(QUERIES.glob("*.t*")) if path.name != "wordings.toml"],
    ids=lambda path: path.name,
)
def test_ready_lists_can_be_read(path: Path) -> None:
    queries, notes = read_queries(path)
    assert len(queries) >= 5
    assert not notes
