"""Is the encoder alive? Checks that need no knowledge of the songs.

A public conversion of a CLAP checkpoint has a text tower that gives all texts nearly one vector:
every score looks plausible and none means anything. These checks find that and its relatives.
They are functions of arrays; the engine decides what to embed for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Severity = Literal["ok", "warning", "error"]

# Mean cosine between vectors of different things. Healthy encoders stay well below; a collapsed
# one comes close to 1.
COLLAPSED, NARROW = 0.95, 0.85
# One-sided: how often shuffled songs may do as well as the true ones.
CHANCE = 0.05
PERMUTATIONS = 2000
SEED = 42
# Share of queries whose best song beats silence or noise: 1/2 is what coin tosses give.
NO_BETTER, HARDLY_BETTER = 0.5, 0.8


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's result. sentence : for a person. value : the figure it rests on."""

    severity: Severity
    check: str
    sentence: str
    value: float


def mean_cosine(vectors: ArrayLike) -> float:
    """Mean cosine between different rows of unit vectors (n, dim), n at least 2."""
    rows = _rows(vectors)
    if len(rows) < 2:
        raise ValueError("one vector cannot be compared with another")
    total = rows.sum(axis=0)
    return float((total @ total - (rows * rows).sum()) / (len(rows) * (len(rows) - 1)))


def check_collapse(vectors: ArrayLike, what: str) -> Finding:
    """Do different songs (or texts) get different vectors?

    vectors : unit rows (n, dim), n ≥ 2, of things that differ. what : "songs" or "texts", for the
    sentence. For texts take the query bank, not the person's queries: these may be all alike.
    """
    value, count = mean_cosine(vectors), len(np.asarray(vectors))
    if value > COLLAPSED:
        return Finding(
            "error",
            f"collapse of {what}",
            f"the encoder gives {count} different {what} nearly the same vector (mean cosine "
            f"{value:.3f}); its scores mean nothing, use another encoder or checkpoint",
            value,
        )
    if value > NARROW:
        return Finding(
            "warning",
            f"collapse of {what}",
            f"the encoder tells {count} different {what} hardly apart (mean cosine {value:.3f}); "
            "compare songs by rank, not by label",
            value,
        )
    return Finding("ok", f"collapse of {what}", f"{count} {what}: mean cosine {value:.3f}", value)


def check_pairs(scores: ArrayLike, relevance: ArrayLike, *, seed: int = SEED) -> Finding:
    """Do songs score higher for their own sentences than for other songs' sentences?

    A permutation test: the mean score of the true pairs, after each song's and each query's own
    mean is taken away, against the same with the songs shuffled.

    scores : (songs, queries), finite. relevance : (songs, queries), above 0 where they belong
    together; from judgements, or from the sample songs that come with the program.

    Raises
    ------
    ValueError
        If shapes do not fit, there are fewer than 4 songs, or nothing belongs together.
    """
    score, pairs = _rows(scores), np.asarray(relevance, np.float64) > 0
    if score.shape != pairs.shape or len(score) < 4 or not pairs.any():
        raise ValueError(f"need 4 songs and true pairs: {score.shape}, {int(pairs.sum())} pairs")
    centred = score - score.mean(axis=1, keepdims=True) - score.mean(axis=0) + score.mean()
    true = float(centred[pairs].mean())
    generator = np.random.default_rng(seed)
    shuffled = np.array(
        [centred[generator.permutation(len(centred))][pairs].mean() for _ in range(PERMUTATIONS)]
    )
    # A float sum in another order is not quite the same number.
    as_good = int((shuffled >= true - 1e-12).sum())
    p_value = (as_good + 1) / (PERMUTATIONS + 1)
    if p_value > CHANCE:
        return Finding(
            "error",
            "shuffled pairs",
            f"songs score no higher for their own sentences than for others (p = {p_value:.2f}); "
            "on these songs the encoder does no better than chance",
            p_value,
        )
    return Finding(
        "ok", "shuffled pairs", f"true pairs beat shuffled ones (p = {p_value:.4f})", p_value
    )


def check_against_noise(
    song_scores: ArrayLike, noise_scores: ArrayLike, noises: Sequence[str]
) -> list[Finding]:
    """Does music score higher than silence or noise?

    For each noise, the share of queries whose best song scores higher than the noise does. The
    queries should be music (the bank); the more songs, the easier the check.

    song_scores : (songs, queries). noise_scores : (noises, queries). noises : their names.

    Raises
    ------
    ValueError
        If shapes do not fit or a score is not finite.
    """
    song, noise = _rows(song_scores), np.atleast_2d(np.asarray(noise_scores, np.float64))
    if noise.shape != (len(noises), song.shape[1]) or not np.isfinite(noise).all():
        raise ValueError(f"scores {song.shape} and {noise.shape} of {len(noises)} noises differ")
    best = song.max(axis=0)
    return [
        _against(name, float(((best > row) + (best == row) / 2).mean()))
        for name, row in zip(noises, noise, strict=True)
    ]


def _against(name: str, share: float) -> Finding:
    check = f"music against {name}"
    if share <= NO_BETTER:
        return Finding(
            "error",
            check,
            f"{name} scores higher than every song for {1 - share:.0%} of the queries: the encoder "
            "does not hear music",
            share,
        )
    if share < HARDLY_BETTER:
        return Finding(
            "warning",
            check,
            f"{name} scores higher than every song for {1 - share:.0%} of the queries",
            share,
        )
    return Finding("ok", check, f"the best song beats {name} for {share:.0%} of the queries", share)


def worst(findings: Sequence[Finding]) -> Severity:
    """The gravest severity; "ok" where nothing was found."""
    found = {finding.severity for finding in findings}
    return "error" if "error" in found else "warning" if "warning" in found else "ok"


def _rows(values: ArrayLike) -> Floats:
    rows = np.asarray(values, np.float64)
    if rows.ndim != 2 or len(rows) < 1 or not np.isfinite(rows).all():
        raise ValueError(f"need finite rows, got {rows.shape}")
    return rows
