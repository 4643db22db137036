"""What is saved by embedding each song once, for 1, 17 and 69 queries?

Three ways through the same engine, in turn: the old way (every song decoded and embedded again for
every query), once for all queries, and once more with a store that knows the songs. The scores of
the three are checked to be equal. Models are loaded before the clock starts, and every store knows
all sentences, the bank for calibration among them: songs alone make the difference.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from common import SAMPLE_SONGS, interleaved, machine, write

from clapbatch.config import RunConfig
from clapbatch.engine.run import analyze
from clapbatch.registry import Registry
from clapbatch.store import Store

COUNTS = (1, 17, 69)
QUERIES = Path(__file__).parents[1] / "queries" / "all.txt"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--songs", type=Path, help="a folder; two sample songs by default")
    parser.add_argument("--encoder", default="musicnn")
    parser.add_argument("--checkpoint", help="for clap: a name or a file")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    facts = machine()
    options = {"embedder": {"checkpoint": arguments.checkpoint}} if arguments.checkpoint else {}
    registry = Registry()
    lines = QUERIES.read_text("utf-8").splitlines()
    sentences = [line for line in lines if line and not line.startswith("#")]
    ways: dict[str, dict[str, object]] = {}

    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "warm.sqlite") as warm:
        known = Path(folder) / "sentences.sqlite"
        songs = arguments.songs or _two_songs(Path(folder) / "songs")

        def scores(queries: Sequence[str], store: Store) -> np.ndarray:
            config = RunConfig(
                songs=songs,
                queries=tuple(queries),
                encoder=arguments.encoder,
                options=options,
            )
            return analyze(config, registry, store).scores.value

        def old_way(queries: Sequence[str]) -> np.ndarray:
            return np.hstack([once([query]) for query in queries])

        def once(queries: Sequence[str]) -> np.ndarray:
            copy = Path(folder) / "once.sqlite"
            shutil.copy(known, copy)
            with Store(copy) as store:
                result = scores(queries, store)
            copy.unlink()
            return result

        with Store(known) as store:
            scores(sentences[: max(COUNTS)], store)
        with closing(sqlite3.connect(known, isolation_level=None)) as db:
            db.execute("DELETE FROM embeddings")

        for count in COUNTS:
            queries = sentences[:count]
            contestants = {
                "old way": lambda queries=queries: old_way(queries),
                "once": lambda queries=queries: once(queries),
                "warm store": lambda queries=queries: scores(queries, warm),
            }
            old, fresh, stored = (call() for call in contestants.values())
            assert np.array_equal(fresh, stored)
            assert np.abs(old - fresh).max() < 1e-6
            timed = interleaved(contestants, arguments.rounds)
            medians = {name: timed[name]["median"] for name in contestants}
            ways[f"{count} queries"] = {
                **timed,
                "old way / once": round(medians["old way"] / medians["once"], 1),
                "old way / warm store": round(medians["old way"] / medians["warm store"], 1),
            }
    setting = {"encoder": arguments.encoder, "checkpoint": arguments.checkpoint or ""}
    write("query_reuse", "What is saved by embedding each song once?", facts, {**setting, **ways})


def _two_songs(folder: Path) -> Path:
    folder.mkdir()
    for name in ("fur_elise.ogg", "red_lights.ogg"):
        shutil.copy(SAMPLE_SONGS / name, folder)
    return folder


if __name__ == "__main__":
    main()
