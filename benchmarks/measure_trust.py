"""How far can scores be trusted? The figures and pictures of docs/trust.md, from songs at hand.

    python benchmarks/measure_trust.py tests/songs [more folders] [--encoder musicnn]

Measures, over all wordings of `queries/wordings.toml` that the encoder understands: how often two
wordings of one meaning give a song the same label, for several ways of calibrating; writes the
heat maps of the voice and instrument families into docs/pictures.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clapbatch import folders
from clapbatch.config import RunConfig
from clapbatch.domain import CALIBRATED_THRESHOLDS, Query
from clapbatch.engine.recipe import Recipe
from clapbatch.engine.run import analyze
from clapbatch.engine.texts import embed_queries
from clapbatch.engine.trust import among_songs
from clapbatch.evaluation.calibration import TextCosines, bank_queries, calibrate
from clapbatch.evaluation.heatmap import heat_map
from clapbatch.language.wording import Meaning, read_wordings
from clapbatch.registry import Registry
from clapbatch.store import Store

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "clapbatch" / "language" / "data" / "wordings.toml"
PICTURES = ROOT / "docs" / "pictures"
SHOWN = {"voice": 3, "instrument": 3}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("songs", type=Path, nargs="+")
    parser.add_argument("--encoder", default="musicnn")
    parser.add_argument("--all", action="store_true", help="words that are flagged, too")
    arguments = parser.parse_args()
    meanings = read_wordings(TABLE).meanings
    words = tuple(dict.fromkeys(word for meaning in meanings for word in meaning.words))
    texts = tuple(dict.fromkeys((*words, *bank_queries())))
    registry, values, names = Registry(), [], []
    with Store(folders.store()) as store:
        for songs in arguments.songs:
            config = RunConfig(songs=songs, queries=texts, encoder=arguments.encoder)
            analysis = analyze(config, registry, store)
            values.append(analysis.scores.value)
            names += analysis.song_names
        recipe = Recipe.of(config, registry)
        queries = [Query(text, (text,)) for text in texts]
        vectors = embed_queries(queries, recipe, registry, store, 2).vectors.astype(np.float64)
    score = np.concatenate(values).astype(np.float64)
    place = {text: j for j, text in enumerate(texts)}
    understood = {t for t, note in zip(texts, analysis.query_notes, strict=True) if not note}
    if arguments.all:
        understood = set(texts)
    groups = [[place[w] for w in m.words if w in understood] for m in meanings]
    bank = [place[t] for t in bank_queries() if t in understood]
    limits = analysis.thresholds
    asked = sorted({j for group in groups for j in group})
    print(f"{len(score)} songs, {len(asked)} wordings, {len(bank)} bank queries understood")
    print("labels given to wordings; agreement of pairs: all, where one is not LOW, kappa")
    ways = calibrations(score, bank, vectors)
    raw = labelled(score, limits.moderate, limits.high)
    told("raw", raw, groups, asked)
    shares = [(raw[:, asked] >= level).mean() for level in (1, 2)]
    for name, table in ways.items():
        told(name, labelled(table, 1.0, 2.0), groups, asked)
    print("the same with limits that give as many labels as raw")
    for name, table in ways.items():
        cut = [float(np.quantile(table[:, asked], 1 - share)) for share in shares]
        told(name, labelled(table, *cut), groups, asked)
    for family, count in SHOWN.items():
        chosen = widest(meanings, family, understood, place, score, count)
        draw(family, chosen, names, score, place, limits)
    limit = CALIBRATED_THRESHOLDS
    assert (limit.high, limit.moderate) == (2.0, 1.0)


def calibrations(
    score: NDArray[np.float64], bank: Sequence[int], vectors: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Ways to calibrate: name -> (songs, texts)."""
    of_bank = score[:, bank]
    z = calibrate(score, of_bank).z
    cosines = TextCosines(vectors @ vectors[bank].T, vectors[bank] @ vectors[bank].T)
    texts = calibrate(score, of_bank, cosines).z
    among = among_songs(z).astype(np.float64)
    return {
        "song against bank": z,
        "and text against bank": texts,
        "query over songs": among_songs(score).astype(np.float64),
        "bank, then query over songs": among,
        "smaller of bank and among songs": np.minimum(z, among),
    }


def labelled(table: NDArray[np.float64], moderate: float, high: float) -> NDArray[np.int64]:
    return (table > moderate).astype(np.int64) + (table > high)


def told(
    name: str, labels: NDArray[np.int64], groups: Sequence[Sequence[int]], asked: Sequence[int]
) -> None:
    pairs = [pair for group in groups for pair in combinations(group, 2)]
    first = np.concatenate([labels[:, a] for a, _ in pairs])
    second = np.concatenate([labels[:, b] for _, b in pairs])
    same = first == second
    some = (first > 0) | (second > 0)
    by_chance = sum((first == k).mean() * (second == k).mean() for k in range(3))
    kappa = (same.mean() - by_chance) / (1 - by_chance)
    given = labels[:, asked]
    print(
        f"{name:32s} MODERATE+ {(given > 0).mean():.1%} HIGH {(given > 1).mean():.1%}  "
        f"{same.mean():.1%}  {same[some].mean():.1%}  {kappa:.3f}"
    )


def widest(
    meanings: Sequence[Meaning],
    family: str,
    understood: set[str],
    place: dict[str, int],
    score: NDArray[np.float64],
    count: int,
) -> list[Meaning]:
    """The family's meanings whose wordings lie furthest apart on some song."""
    found = []
    for meaning in meanings:
        columns = [place[word] for word in meaning.words if word in understood]
        if meaning.family == family and len(columns) > 1:
            found.append((float(np.ptp(score[:, columns], axis=1).max()), meaning))
    return [meaning for _, meaning in sorted(found, key=lambda row: -row[0])[:count]]


def draw(family, chosen, names, score, place, limits) -> None:  # type: ignore[no-untyped-def]
    for meaning in chosen:
        for word in meaning.words:
            column = score[:, place[word]]
            best = int(column.argmax())
            print(f"{meaning.words[0]} | {word} | {column.mean():.3f} | "
                  f"{column[best]:.3f} {names[best]}")  # fmt: skip
    blocks = [(m.words[0], m.words, score[:, [place[w] for w in m.words]].T) for m in chosen]
    PICTURES.mkdir(exist_ok=True)
    short = [name if len(name) < 30 else name[:28] + "…" for name in names]
    (PICTURES / f"wording-{family}.svg").write_text(heat_map(blocks, short, limits), "utf-8")


if __name__ == "__main__":
    main()
