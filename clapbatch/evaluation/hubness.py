"""Songs that answer every query: measured, and ranked down.

In spaces of many dimensions a few points are near neighbours of everything (Radovanović et al.,
"Hubs in space", JMLR 2010). Such a song turns up in every search, whatever is asked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

NEIGHBOURS = 10
# CLAP's own is near 100: too sharp here, the largest entry of the bank would be all there is.
INVERSE_TEMPERATURE = 20.0


@dataclass(frozen=True)
class Hubness:
    """k-occurrence: how often a song is among the first k, over all queries.

    occurrence : float64 (songs,); its mean is queries × k / songs. Equal scores at the border
    share the places. skewness : of the occurrences, 0 when all songs occur alike; above 1 a few
    songs take most places. never : indices of songs no query retrieves. k : places a query.
    """

    occurrence: Floats
    skewness: float
    never: NDArray[np.int64]
    k: int

    def hubs(self, factor: float = 3.0) -> NDArray[np.int64]:
        """Songs that occur more than `factor` times as often as the mean, most often first."""
        order = np.argsort(-self.occurrence, kind="stable")
        often = self.occurrence[order] > factor * self.occurrence.mean()
        return np.asarray(order[often], np.int64)


def hubness(scores: ArrayLike, k: int = NEIGHBOURS) -> Hubness:
    """Diagnose hubs from scores (songs, queries), finite; best done on the scores of the bank.

    With fewer than 2k songs, k is halved until a query leaves out at least half of them.

    Raises
    ------
    ValueError
        If there are fewer than 2 songs, no query, or a score is not finite.
    """
    score = _scores(scores)
    if len(score) < 2 or not score.shape[1] or k < 1:
        raise ValueError(f"need 2 songs, 1 query and k ≥ 1 or more, got {score.shape}, k={k}")
    while k > 1 and 2 * k > len(score):
        k //= 2
    border = -np.partition(-score, k - 1, axis=0)[k - 1]
    above, equal = score > border, score == border
    places_left = (k - above.sum(axis=0)) / equal.sum(axis=0)
    occurrence = np.asarray((above + equal * places_left).sum(axis=1))
    centred = occurrence - occurrence.mean()
    deviation = float(np.sqrt((centred**2).mean()))
    skewness = float((centred**3).mean() / deviation**3) if deviation > 1e-12 else 0.0
    return Hubness(occurrence, skewness, np.flatnonzero(occurrence == 0), k)


def csls(scores: ArrayLike, bank_scores: ArrayLike, k: int = NEIGHBOURS) -> Floats:
    """Cross-domain similarity local scaling (Conneau et al., ICLR 2018) -> (songs, queries).

    2·score − (mean of the song's k best scores over the bank) − (mean of the query's k best
    scores over the songs). The first mean ranks hubs down; the second puts queries on one level
    and changes no ranking of songs. Not a cosine any more.

    scores : (songs, queries). bank_scores : (songs, bank). Finite.
    """
    score, bank = _scores(scores), _scores(bank_scores)
    _same_songs(score, bank)
    return np.asarray(2 * score - _best_mean(bank, k, 1)[:, None] - _best_mean(score, k, 0)[None])


def inverted_softmax(
    scores: ArrayLike, bank_scores: ArrayLike, inverse_temperature: float = INVERSE_TEMPERATURE
) -> Floats:
    """Inverted softmax over the bank (Smith et al., ICLR 2017) -> (songs, queries), log scale.

    The log of the share that this query takes of the song's exponentiated scores for the bank and
    the query: at most 0, higher is better. A song near every query divides its score among many.

    scores : (songs, queries). bank_scores : (songs, bank). Finite.
    """
    score = _scores(scores) * inverse_temperature
    bank = _scores(bank_scores) * inverse_temperature
    _same_songs(score, bank)
    highest = bank.max(axis=1, keepdims=True)
    of_bank = highest + np.log(np.exp(bank - highest).sum(axis=1, keepdims=True))
    return np.asarray(score - np.logaddexp(score, of_bank))


def _best_mean(values: Floats, k: int, axis: int) -> Floats:
    k = min(k, values.shape[axis])
    ordered = np.sort(values, axis=axis)
    best = ordered[:, -k:] if axis else ordered[-k:]
    return np.asarray(best.mean(axis=axis))


def _same_songs(score: Floats, bank: Floats) -> None:
    if len(score) != len(bank) or not bank.shape[1]:
        raise ValueError(f"scores {score.shape} and bank scores {bank.shape} do not fit")


def _scores(scores: ArrayLike) -> Floats:
    values = np.asarray(scores, np.float64)
    if values.ndim != 2 or not np.isfinite(values).all():
        raise ValueError(f"need finite scores (songs, queries), got {values.shape}")
    return values
