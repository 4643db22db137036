"""Where a score stands among the scores of a fixed bank of music queries.

A cosine of 0.2 may be much for one song and little for another: some songs lie near every text.
Here each song's score is compared with the same song's scores for a bank of a few hundred neutral
music queries (the bank serves as in querybank normalisation: Bogolin et al., "Cross modal
retrieval with querybank normalisation", CVPR 2022). The bank is fixed and versioned and the
comparison stays within one song, so a calibrated score depends on song, query, encoder and bank,
never on the other songs of the library.

What this takes away is what a *song* adds to all its scores. It cannot take away what a *wording*
adds: that is measured by `clapbatch.evaluation.agreement` and reduced by averaging prompts.
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
# Labels from z: far out among neutral queries, and clearly above the middle.
Z_THRESHOLDS = Thresholds(high=2.0, moderate=1.0)
# Under this deviation a song answers every query alike, and z would be noise divided by noise.
_NO_SPREAD = 1e-6


@dataclass(frozen=True)
class Calibration:
    """Scores as seen from the bank, float64 (songs, queries).

    z : standard deviations above the mean of the song's bank scores; 0 where these do not differ.
    percentile : 0..100, share of the song's bank scores that lie below, equal ones counted half.
    mean, deviation : of the bank scores, (songs,); the deviation is the population's.
    """

    z: Floats
    percentile: Floats
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


def calibrate(scores: ArrayLike, bank_scores: ArrayLike) -> Calibration:
    """Place each score among the same song's bank scores.

    scores : (songs, queries). bank_scores : (songs, bank), at least 2 bank queries; both from the
    same encoder and scorer, finite.

    Raises
    ------
    ValueError
        If shapes do not fit or a score is not finite.
    """
    score, bank = np.asarray(scores, np.float64), np.asarray(bank_scores, np.float64)
    if score.ndim != 2 or bank.ndim != 2 or len(score) != len(bank) or bank.shape[1] < 2:
        raise ValueError(f"scores {score.shape} and bank scores {bank.shape} do not fit")
    if not np.isfinite(score).all() or not np.isfinite(bank).all():
        raise ValueError("scores and bank scores must be finite")
    mean, deviation = bank.mean(axis=1), bank.std(axis=1)
    spread = np.where(deviation > _NO_SPREAD, deviation, np.inf)
    return Calibration(
        z=(score - mean[:, None]) / spread[:, None],
        percentile=_percentiles(score, np.sort(bank, axis=1)),
        mean=mean,
        deviation=deviation,
    )


def _percentiles(score: Floats, ordered: Floats) -> Floats:
    below = [
        np.searchsorted(row, values, "left") for row, values in zip(ordered, score, strict=True)
    ]
    up_to = [
        np.searchsorted(row, values, "right") for row, values in zip(ordered, score, strict=True)
    ]
    return np.asarray(50.0 * (np.array(below) + np.array(up_to)) / ordered.shape[1])


def request_scores(wanted: ArrayLike, unwanted: ArrayLike) -> Floats:
    """Rank songs by what a sentence wants and refuses: (songs, w), (songs, u) -> (songs,).

    The mean of the wanted scores minus the highest of the unwanted ones: a song has to answer all
    that is wanted, and one refused thing is enough to spoil it. Either side may have no column,
    not both. Give both sides as z of `calibrate`: raw cosines of two prompts have no common scale.

    Raises
    ------
    ValueError
        If the songs differ in number or nothing is wanted or refused.
    """
    want, avoid = np.asarray(wanted, np.float64), np.asarray(unwanted, np.float64)
    if want.ndim != 2 or avoid.ndim != 2 or len(want) != len(avoid):
        raise ValueError(f"need (songs, prompts) twice, got {want.shape} and {avoid.shape}")
    if not want.shape[1] and not avoid.shape[1]:
        raise ValueError("nothing is wanted and nothing refused")
    gained = want.mean(axis=1) if want.shape[1] else np.zeros(len(want))
    return np.asarray(gained - (avoid.max(axis=1) if avoid.shape[1] else 0.0))
