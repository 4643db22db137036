"""Weighted sentences, and what a song's scores for them come to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clapbatch.domain import Query
from clapbatch.errors import UsageError

# "solo piano:0.5". After a digit a colon belongs to a time or a metre ("at 3:30", "in 3:4").
_WEIGHTED = re.compile(r"(?P<text>.*[^\d\s])\s*:\s*(?P<weight>\d+(\.\d+)?|\.\d+)\s*", re.DOTALL)

MOST_WEIGHT = 10
# What an unwanted sentence counts beside a wanted one; measured in docs/decisions/0006-trust.md.
UNWANTED_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class Prompt:
    """A sentence and how much it counts.

    query : the sentence, or several wordings of one. weight : above 0, at most MOST_WEIGHT.
    wanted : False for a sentence that a song should not be like; it says what the thing is
    ("drums"), never that it is absent: encoders do not understand "without drums".
    """

    query: Query
    weight: float = 1.0
    wanted: bool = True


def read_prompt(text: str, wanted: bool = True) -> Prompt:
    """A prompt as people write it: "solo piano", or with a weight "solo piano:0.5".

    Without one a wanted sentence counts 1, an unwanted one UNWANTED_WEIGHT.

    Raises
    ------
    UsageError
        If it is blank or its weight is 0 or above MOST_WEIGHT.
    """
    match = _WEIGHTED.fullmatch(text)
    sentence = " ".join((match["text"] if match else text).split())
    usual = 1.0 if wanted else UNWANTED_WEIGHT
    weight = float(match["weight"]) if match else usual
    if not sentence:
        raise UsageError("a sentence is empty; say what the music should be like")
    if not 0 < weight <= MOST_WEIGHT:
        raise UsageError(
            f"the weight of {sentence!r} must be above 0 and at most {MOST_WEIGHT}, not {weight:g}"
        )
    return Prompt(Query(sentence, (sentence,)), weight, wanted)


def combine(scores: NDArray[np.floating], prompts: Sequence[Prompt]) -> NDArray[np.float64]:
    """Scores for each prompt -> one score: (…, prompts) -> float64 (…,).

    The weighted mean of the wanted ones, less each unwanted one times its weight. An unwanted
    sentence that a song is unlike (a score below 0) neither helps nor hurts, unless nothing is
    wanted: then the songs least like the unwanted ones come first.
    """
    wide = np.asarray(scores, np.float64)
    weights = np.array([p.weight for p in prompts])
    wanted = np.array([p.wanted for p in prompts], np.bool_)
    total = np.zeros(wide.shape[:-1])
    if wanted.any():
        total += wide[..., wanted] @ weights[wanted] / weights[wanted].sum()
    if not wanted.any():
        total -= wide @ weights
    elif not wanted.all():
        total -= np.maximum(wide[..., ~wanted], 0) @ weights[~wanted]
    return total


def read_prompts(
    sentence: str, also: Iterable[str] = (), without: Iterable[str] = ()
) -> tuple[Prompt, ...]:
    """The prompts of one question, wanted ones first."""
    return (
        *(read_prompt(text) for text in (sentence, *also)),
        *(read_prompt(text, wanted=False) for text in without),
    )
