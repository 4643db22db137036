"""Calibration, wordings, requests and self-checks on the sample songs, with the shipped encoder."""

from __future__ import annotations

import csv
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import clapbatch
from clapbatch.evaluation.agreement import compare_wordings, label_indices
from clapbatch.evaluation.calibration import (
    Z_THRESHOLDS,
    TextCosines,
    bank_queries,
    calibrate,
    request_scores,
)
from clapbatch.evaluation.hubness import csls, hubness
from clapbatch.evaluation.metrics import chance, retrieval
from clapbatch.evaluation.selfcheck import check_against_noise, check_collapse, check_pairs
from clapbatch.language.understand import understand
from clapbatch.language.wording import read_wordings
from tests.conftest import SAMPLE_SONGS

WORDINGS = SAMPLE_SONGS.parents[1] / "queries" / "wordings.toml"
REQUESTS = ("no vocals", "without drums", "instrumental")


def tags() -> dict[str, list[str]]:
    with open(SAMPLE_SONGS / "labels.csv", encoding="utf-8", newline="") as file:
        return {r["file"]: [r["label"], *r["tags"].split(";")] for r in csv.DictReader(file)}


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory, kept_graphs: Path) -> SimpleNamespace:
    """Scores of the sample songs for everything asked on this page, from one run."""
    table = read_wordings(WORDINGS)
    meanings = [m.words for m in table.meanings if m.family in ("voice", "instrument")]
    asked = [p for r in map(understand, REQUESTS) for p in (*r.wanted, *r.unwanted)]
    listed = [tag for song in tags().values() for tag in song]
    bank = list(bank_queries())
    queries = list(dict.fromkeys([*bank, *(w for m in meanings for w in m), *asked, *listed]))
    home = tmp_path_factory.mktemp("home")
    (home / "graphs").symlink_to(kept_graphs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLAPBATCH_HOME", str(home))
        patch.setenv("CLAPBATCH_OFFLINE", "1")
        analysis = clapbatch.analyze(SAMPLE_SONGS, queries, encoder="musicnn")
        encoder = clapbatch.load_encoder("musicnn")
        vectors = encoder.embed_text(queries).astype(np.float64)
        noise = np.random.default_rng(0).normal(0, 0.1, 6 * encoder.sample_rate)
        of_noise = encoder.embed_audio([noise.astype(np.float32)]) @ vectors[: len(bank)].T
    scores, texts = analysis.scores.to_numpy(np.float64), vectors @ vectors[: len(bank)].T
    return SimpleNamespace(
        songs=list(analysis.scores.index),
        column={query: i for i, query in enumerate(queries)},
        scores=scores,
        bank=scores[:, : len(bank)],
        calibrated=calibrate(
            scores, scores[:, : len(bank)], TextCosines(texts, texts[: len(bank)])
        ),
        bank_texts=vectors[: len(bank)],
        of_noise=of_noise,
        song_vectors=analysis.record.song_vectors,
        thresholds=analysis.record.thresholds,
        meanings=meanings,
    )


def agreement(labels: np.ndarray, heard: SimpleNamespace) -> float:  # type: ignore[type-arg]
    """How often two wordings of one meaning give a song the same label."""
    same = [
        (labels[:, heard.column[a]] == labels[:, heard.column[b]]).mean()
        for words in heard.meanings
        for a, b in combinations(words, 2)
    ]
    return float(np.mean(same))


def test_calibrated_labels_agree_between_wordings_more_often_than_raw_ones(
    heard: SimpleNamespace,
) -> None:
    raw = label_indices(heard.scores, heard.thresholds)
    calibrated = label_indices(heard.calibrated.z, Z_THRESHOLDS)
    figures = agreement(raw, heard), agreement(calibrated, heard)
    print(f"raw {figures[0]:.3f}, calibrated {figures[1]:.3f} over {len(heard.meanings)} meanings")
    assert figures[1] > figures[0]
    # Not by calling everything LOW.
    assert (calibrated > 0).mean() > 0.8 * (raw > 0).mean()


def test_some_query_flips_its_label_with_its_wording_and_is_explained(
    heard: SimpleNamespace,
) -> None:
    (words,) = [words for words in heard.meanings if words[0] == "choir"]
    scores = heard.scores[:, [heard.column[word] for word in words]]
    compared = compare_wordings(scores, words, heard.thresholds)
    assert compared.worst is not None
    assert heard.songs[compared.worst.song] == "old_hundredth.ogg"
    assert compared.worst.higher_label == "HIGH"
    assert compared.worst.lower_label == "LOW"


@pytest.mark.parametrize(
    ("sentence", "last"),
    [
        ("no vocals", "old_hundredth.ogg"),
        ("instrumental", "old_hundredth.ogg"),
        ("without drums", "sticks_and_skins.ogg"),
    ],
)
def test_a_refusal_puts_the_song_that_has_it_last_and_its_bare_words_put_it_first(
    sentence: str, last: str, heard: SimpleNamespace
) -> None:
    request = understand(sentence)
    z = heard.calibrated.z
    unwanted = z[:, [heard.column[prompt] for prompt in request.unwanted]]
    ranking = np.argsort(-request_scores(np.empty((len(z), 0)), unwanted))
    assert heard.songs[ranking[-1]] == last
    assert heard.songs[int(unwanted.max(axis=1).argmax())] == last


def test_the_encoder_is_alive(heard: SimpleNamespace) -> None:
    of_tags = sorted({tag for song in tags().values() for tag in song})
    truth = np.array([[tag in tags()[song] for tag in of_tags] for song in heard.songs])
    scores = heard.scores[:, [heard.column[tag] for tag in of_tags]]
    findings = [
        check_collapse(heard.bank_texts, "texts"),
        check_collapse(heard.song_vectors, "songs"),
        check_pairs(scores, truth),
        *check_against_noise(heard.bank, heard.of_noise, ["white noise"]),
    ]
    assert [finding.severity for finding in findings] == ["ok"] * 4, findings
    found = retrieval(scores.T, truth.T).summary()
    assert found["mrr"] > 2 * chance(truth.T).summary()["mrr"]


def test_hubs_are_measured_and_csls_keeps_the_retrieval_at_least_as_good(
    heard: SimpleNamespace,
) -> None:
    assert hubness(heard.bank).skewness < 1
    of_tags = sorted({tag for song in tags().values() for tag in song})
    truth = np.array([[tag in tags()[song] for tag in of_tags] for song in heard.songs])
    scores = heard.scores[:, [heard.column[tag] for tag in of_tags]]
    plain, reranked = (
        retrieval(s.T, truth.T).summary()["map@10"] for s in (scores, csls(scores, heard.bank))
    )
    assert reranked > plain - 0.02
