"""z-scores and percentiles against the bank."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import percentileofscore, zscore

from clapbatch.errors import UsageError
from clapbatch.evaluation.calibration import (
    TextCosines,
    bank_fingerprint,
    bank_queries,
    calibrate,
    request_scores,
)


def test_the_bank_is_a_few_hundred_different_queries_and_never_changes() -> None:
    bank = bank_queries()
    assert 300 <= len(bank) <= 500
    assert len({q.casefold() for q in bank}) == len(bank)
    assert all(q == q.strip() and q for q in bank)
    # A changed bank changes every calibrated score: it needs a new version, not a new fingerprint.
    assert bank_fingerprint() == BANK_V1


def test_the_bank_speaks_of_no_absence() -> None:
    refusals = {"no", "not", "without", "never"}
    assert not [q for q in bank_queries() if refusals & set(q.split())]


def test_an_unknown_version_of_the_bank_is_refused() -> None:
    with pytest.raises(UsageError, match="version 9"):
        bank_queries(9)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.integers(1, 4), st.integers(2, 12), st.integers(0, 2**32 - 1))
def test_z_and_percentile_are_those_of_scipy_ties_included(n: int, bank: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    bank_scores = rng.integers(0, 5, (n, bank)) / 7
    bank_scores[:, :2] = [0.0, 1.0]
    scores = rng.integers(-1, 6, (n, 3)) / 7
    result = calibrate(scores, bank_scores)
    for song in range(n):
        assert result.z[song] == pytest.approx(
            (scores[song] - bank_scores[song].mean()) / bank_scores[song].std(), abs=1e-12
        )
        for query in range(3):
            slow = percentileofscore(bank_scores[song], scores[song, query], kind="mean")
            assert result.percentile[song, query] == pytest.approx(slow, abs=1e-12)
    own = calibrate(bank_scores, bank_scores)
    assert own.z == pytest.approx(zscore(bank_scores, axis=1), abs=1e-9)


def test_a_song_near_every_text_loses_its_advantage() -> None:
    rng = np.random.default_rng(1)
    bank = rng.normal(0.1, 0.05, (1, 300))
    scores = np.array([[0.2, 0.12]])
    plain, hub = calibrate(scores, bank), calibrate(scores + 0.3, bank + 0.3)
    assert hub.z == pytest.approx(plain.z, abs=1e-9)
    assert hub.percentile == pytest.approx(plain.percentile)


def test_a_song_does_not_depend_on_the_others() -> None:
    rng = np.random.default_rng(2)
    scores, bank = rng.random((5, 3)), rng.random((5, 50))
    alone = calibrate(scores[2:3], bank[2:3])
    assert (calibrate(scores, bank).z[2] == alone.z[0]).all()
    assert (calibrate(scores, bank).percentile[2] == alone.percentile[0]).all()


def test_a_song_that_answers_every_query_alike_says_nothing() -> None:
    result = calibrate([[0.5, 0.7]], [[0.5, 0.5, 0.5]])
    assert result.z.tolist() == [[0, 0]]
    assert result.percentile.tolist() == [[50, 50]]


def test_the_wording_is_what_the_banks_sentences_answer_taken_as_songs() -> None:
    rng = np.random.default_rng(3)
    scores, bank_scores = rng.random((4, 2)), rng.random((4, 6))
    queries, bank = rng.random((2, 6)), rng.random((6, 6))
    bank = (bank + bank.T) / 2
    plain = calibrate(scores, bank_scores)
    result = calibrate(scores, bank_scores, TextCosines(queries, bank))
    others = [np.delete(bank[b], b) for b in range(6)]
    slow = [
        np.mean([(queries[q, b] - others[b].mean()) / others[b].std() for b in range(6)])
        for q in range(2)
    ]
    assert result.wording == pytest.approx(slow, abs=1e-12)
    assert result.z == pytest.approx(plain.z - slow, abs=1e-12)
    of_bank = [
        np.mean([(bank[b, q] - others[b].mean()) / others[b].std() for b in range(6) if b != q])
        for q in range(6)
    ]
    for song in range(4):
        own = (bank_scores[song] - bank_scores[song].mean()) / bank_scores[song].std() - of_bank
        for query in range(2):
            slow_rank = percentileofscore(own, result.z[song, query], kind="mean")
            assert result.percentile[song, query] == pytest.approx(slow_rank, abs=1e-9)


def test_two_wordings_that_differ_by_a_level_alone_come_out_alike() -> None:
    rng = np.random.default_rng(4)
    bank_scores = zscore(rng.normal(size=(10, 50)), axis=1)
    bank = rng.normal(size=(50, 50))
    others = bank[~np.eye(50, dtype=bool)].reshape(50, 49)
    bank = (bank - others.mean(axis=1, keepdims=True)) / others.std(axis=1, keepdims=True)
    scores, queries = rng.normal(size=(10, 1)), rng.normal(size=(1, 50))
    lower = 0.7  # what the second wording loses on everything, songs and sentences alike
    two_scores, two_queries = np.hstack([scores, scores - lower]), np.vstack([queries] * 2)
    two_queries[1] -= lower
    result = calibrate(two_scores, bank_scores, TextCosines(two_queries, bank))
    assert result.z[:, 0] == pytest.approx(result.z[:, 1], abs=1e-9)
    plain = calibrate(two_scores, bank_scores)
    assert plain.z[:, 0] - plain.z[:, 1] == pytest.approx(lower, abs=1e-9)


def test_scores_that_do_not_fit_the_bank_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        calibrate([[0.1]], [[0.1, 0.2], [0.1, 0.2]])
    with pytest.raises(ValueError, match="do not fit"):
        calibrate([[0.1]], [[0.1]])
    with pytest.raises(ValueError, match="finite"):
        calibrate([[np.nan]], [[0.1, 0.2]])
    with pytest.raises(ValueError, match="cosines of texts"):
        calibrate([[0.1]], [[0.1, 0.2]], TextCosines([[0.1]], np.eye(2)))


def test_a_request_is_spoilt_by_one_refused_thing_and_gains_nothing_by_others_far_away() -> None:
    wanted = np.array([[2.0, 2.0], [2.0, 2.0], [2.0, 0.0], [2.0, 2.0]])
    unwanted = np.array([[-1.0, -1.0], [-1.0, 3.0], [-1.0, -1.0], [-5.0, -5.0]])
    assert request_scores(wanted, unwanted).tolist() == [2, 0.5, 1, 2]
    assert request_scores(wanted, unwanted, weight=1).tolist() == [2, -1, 1, 2]
    assert request_scores(wanted, np.empty((4, 0))).tolist() == [2, 2, 1, 2]


def test_where_nothing_is_wanted_the_song_furthest_from_the_refused_comes_first() -> None:
    unwanted = np.array([[-1.0, -1.0], [-1.0, 3.0], [-5.0, -2.0]])
    assert request_scores(np.empty((3, 0)), unwanted).tolist() == [1, -3, 2]


def test_requests_that_ask_nothing_or_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="nothing is wanted"):
        request_scores(np.empty((3, 0)), np.empty((3, 0)))
    with pytest.raises(ValueError, match="twice"):
        request_scores(np.empty((3, 1)), np.empty((2, 1)))


BANK_V1 = "065f1a227ceb674ed10a16cff160b81e8b2002f851a837c1b7fd2a84d74d301b"
