"""Scorers: a song's cosines with each query -> one score a query."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clapbatch.api import FloatArray, ScorerSpec, hookimpl, option


class Mean:
    """The plain mean over segments: how much of the song is like the query."""

    def score(self, cosines: FloatArray) -> FloatArray:
        mean: FloatArray = cosines.astype(np.float64).mean(axis=0).astype(np.float32)
        return mean


class Max:
    """The best segment: does it occur anywhere in the song."""

    def score(self, cosines: FloatArray) -> FloatArray:
        best: FloatArray = cosines.max(axis=0)
        return best


@dataclass(frozen=True)
class TopKOptions:
    k: int = option(3, "how many of the best segments are averaged")

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"k must be at least 1, not {self.k}")


class TopK:
    """The mean of the k best segments: a passage rather than a moment."""

    def __init__(self, options: TopKOptions) -> None:
        self._k = options.k

    def score(self, cosines: FloatArray) -> FloatArray:
        best = np.sort(cosines.astype(np.float64), axis=0)[-self._k :]
        mean: FloatArray = best.mean(axis=0).astype(np.float32)
        return mean


@dataclass(frozen=True)
class SoftmaxOptions:
    temperature: float = option(0.05, "cosine that is worth a factor e; towards 0 it becomes max")

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise ValueError(f"temperature must be more than 0, not {self.temperature:g}")


class Softmax:
    """Segments weighted by softmax of their own cosine: between mean and max."""

    def __init__(self, options: SoftmaxOptions) -> None:
        self._temperature = options.temperature

    def score(self, cosines: FloatArray) -> FloatArray:
        wide = cosines.astype(np.float64)
        weights = np.exp((wide - wide.max(axis=0)) / self._temperature)
        mean: FloatArray = np.average(wide, axis=0, weights=weights).astype(np.float32)
        return mean


@hookimpl
def register_scorers() -> list[ScorerSpec]:
    return [
        ScorerSpec(
            name="mean",
            version="1",
            summary="mean over all segments",
            make=lambda _: Mean(),
        ),
        ScorerSpec(
            name="max",
            version="1",
            summary="the best segment",
            make=lambda _: Max(),
        ),
        ScorerSpec(
            name="top-k",
            version="1",
            summary="mean of the k best segments",
            options=TopKOptions,
            make=TopK,
        ),
        ScorerSpec(
            name="softmax",
            version="1",
            summary="mean weighted towards the better segments",
            options=SoftmaxOptions,
            make=Softmax,
        ),
    ]
