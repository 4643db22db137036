"""Where a score stands among the scores of a fixed bank of music queries.

A cosine of 0.2 may be much for one song and little for another: some songs lie near every text.
So each song's score is compared with the same song's scores for a bank of a few hundred neutral
music queries (the bank serves as in querybank normalisation: Bogolin et al., "Cross modal
retrieval with querybank normalisation", CVPR 2022). The bank is fixed and versioned, so a
calibrated score depends on song, query, encoder and bank, never on the other songs of a library.

That takes away what a *song* adds to all its scores, and nothing of what a *wording* adds: "female
vocalist" is a word of music and near everything in the bank, "female voice" less so. For this the
bank's sentences are taken as if they were songs: what they answer to a query, on the average, is
taken off too. It needs the cosines between texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clapbatch.domain import Thresholds
from clapbatch.errors import UsageError
from clapbatch.fingerprint import fingerprint

Floats = NDArray[np.float64]

BANK_VERSION = 1
# Labels from z: above 99 % and 90 % of neutral queries, if these are spread as a normal curve.
Z_THRESHOLDS = Thresholds(high=2.33, moderate=1.28)
# Of the weights 0, 0.5, 1 and 2 the best for 78 requests "this tag without that one" on the sample
# songs (mAP@10 0.71; 0.67 when the refusal was ignored, 0.64 with weight 1).
REFUSAL_WEIGHT = 0.5
# Under this deviation a song answers every query alike, and z would be noise divided by noise.
_NO_SPREAD = 1e-6


@dataclass(frozen=True)
class TextCosines:
    """Cosines between texts, by the encoder's text side: what corrects for wording.

    queries : (queries, bank), of each query with each bank query.
    bank : (bank, bank), of the bank queries with each other.
    """

    queries: ArrayLike
    bank: ArrayLike


@dataclass(frozen=True)
class Calibration:
    """Scores as seen from the bank, float64 (songs, queries).

    z : standard deviations above the mean of the song's bank scores, less `wording`; 0 less
    `wording` where the song's bank scores do not differ.
    percentile : 0..100, share of the bank queries whose z is lower, equal ones counted half.
    wording : (queries,), mean z of the bank's sentences for the query; 0 without `TextCosines`.
    mean, deviation : of the bank scores, (songs,); the deviation is the population's.
    """

    z: Floats
    percentile: Floats
    wording: Floats
    mean: Floats
    deviation: Floats


@cache
def bank_queries(version: int = BANK_VERSION) -> tuple[str, ...]:
    """The bank's queries, in order, none twice.

    Raises
    ------
    UsageError
        If there is no bank of that version.
    """
    path = files("clapbatch.evaluation").joinpath("data", f"bank-v{version}.txt")
    if not path.is_file():
        raise UsageError(f"there is no query bank of version {version}; the last is {BANK_VERSION}")
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


def bank_fingerprint(version: int = BANK_VERSION) -> str:
    """The sha256 that names a bank's content, for provenance."""
    return fingerprint(list(bank_queries(version)))


def calibrate(
    scores: ArrayLike, bank_scores: ArrayLike, texts: TextCosines | None = None
) -> Calibration:
    """Place each score among the same song's bank scores.

    scores : (songs, queries). bank_scores : (songs, bank), at least 2 bank queries; both from the
    same encoder and scorer. texts : to correct for wording; without it only songs are corrected
    for. All finite.

    Raises
    ------
    ValueError
        If shapes do not fit or a number is not finite.
    """
    score, bank = _finite(scores), _finite(bank_scores)
    if len(score) != len(bank) or bank.shape[1] < 2:
        raise ValueError(f"scores {score.shape} and bank scores {bank.shape} do not fit")
    mean, deviation = bank.mean(axis=1), bank.std(axis=1)
    wording, bank_wording = np.zeros(score.shape[1]), np.zeros(bank.shape[1])
    if texts is not None:
        wording, bank_wording = _wording(texts, score.shape[1], bank.shape[1])
    z = _standardised(score, mean, deviation) - wording
    bank_z = _standardised(bank, mean, deviation) - bank_wording
    return Calibration(z, _percentiles(z, np.sort(bank_z, axis=1)), wording, mean, deviation)


def _wording(texts: TextCosines, queries: int, bank_size: int) -> tuple[Floats, Floats]:
    """Mean z of the bank's sentences, taken as songs, for each query and each bank query."""
    of_queries, of_bank = _finite(texts.queries), _finite(texts.bank)
    if of_queries.shape != (queries, bank_size) or of_bank.shape != (bank_size, bank_size):
        raise ValueError(
            f"cosines of texts {of_queries.shape} and {of_bank.shape} do not fit {queries} "
            f"queries and a bank of {bank_size}"
        )
    # A bank query is no neutral query for itself: the diagonal takes no part.
    itself = np.eye(bank_size, dtype=np.bool_)
    others = of_bank[~itself].reshape(bank_size, bank_size - 1)
    mean, deviation = others.mean(axis=1), others.std(axis=1)
    of_bank = np.where(itself, mean[:, None], of_bank)
    return (
        _standardised(of_queries.T, mean, deviation).mean(axis=0),
        _standardised(of_bank, mean, deviation).sum(axis=0) / (bank_size - 1),
    )


def _standardised(score: Floats, mean: Floats, deviation: Floats) -> Floats:
    spread = np.where(deviation > _NO_SPREAD, deviation, np.inf)
    return (score - mean[:, None]) / spread[:, None]


def _percentiles(z: Floats, ordered: Floats) -> Floats:
    counted = [
        np.searchsorted(row, values, "left") + np.searchsorted(row, values, "right")
        for row, values in zip(ordered, z, strict=True)
    ]
    return np.asarray(50.0 * np.array(counted) / ordered.shape[1])


def _finite(values: ArrayLike) -> Floats:
    table = np.asarray(values, np.float64)
    if table.ndim != 2 or not np.isfinite(table).all():
        raise ValueError(f"need finite numbers in two dimensions, got {table.shape}")
    return table


def request_scores(
    wanted: ArrayLike, unwanted: ArrayLike, weight: float = REFUSAL_WEIGHT
) -> Floats:
    """Rank songs by what a sentence wants and refuses: (songs, w), (songs, u) -> (songs,).

    The mean of the wanted scores, less `weight` times the highest refused score where that is
    above 0: one refused thing is enough to spoil a song, but to be far from it is no merit of its
    own. Where nothing is wanted, minus the highest refused score. Give both sides as `z` of
    `calibrate`, on which 0 is what a neutral query gets: raw cosines have no such zero.

    Raises
    ------
    ValueError
        If the songs differ in number or nothing is wanted or refused.
    """
    want, avoid = _finite(wanted), _finite(unwanted)
    if len(want) != len(avoid):
        raise ValueError(f"need (songs, prompts) twice, got {want.shape} and {avoid.shape}")
    if not want.shape[1] and not avoid.shape[1]:
        raise ValueError("nothing is wanted and nothing refused")
    if not avoid.shape[1]:
        return np.asarray(want.mean(axis=1))
    if not want.shape[1]:
        return np.asarray(-avoid.max(axis=1))
    return np.asarray(want.mean(axis=1) - weight * np.maximum(avoid.max(axis=1), 0.0))
