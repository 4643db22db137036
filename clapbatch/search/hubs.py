"""Rankings in which songs that answer every query are ranked down.

What a song scores for the query bank is taken off its score, by one of two published rules. Both
look at one song at a time, so a song's place depends on the others only by comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from clapbatch.domain import Embeddings, FloatArray
from clapbatch.engine.events import OnEvent, ignore
from clapbatch.engine.scoring import cosines
from clapbatch.engine.texts import embed_queries
from clapbatch.engine.trust import bank_as_queries, embed_bank
from clapbatch.errors import UsageError
from clapbatch.evaluation.hubness import INVERSE_TEMPERATURE, NEIGHBOURS, inverted_softmax
from clapbatch.search.means import Means
from clapbatch.search.prompts import Prompt, combine
from clapbatch.search.ranking import Ranking, Reason, Sentences, rank
from clapbatch.search.shelf import Shelf

NONE, CSLS, INVERTED_SOFTMAX = "none", "csls", "inverted-softmax"
METHODS = (NONE, CSLS, INVERTED_SOFTMAX)


def adjust(scores: FloatArray, bank_scores: FloatArray, method: str) -> NDArray[np.float64]:
    """Scores (songs, queries) less what each song scores for the bank (songs, bank).

    csls : score − half the mean of the song's ten best for the bank: half of CSLS (Conneau et al.,
    ICLR 2018) without its second term, which is the same for all songs. inverted-softmax : as
    `hubness.inverted_softmax`, divided by its inverse temperature. Neither changes the scale, so
    rounding weighs no more than in the scores.
    """
    if method == CSLS:
        k = min(NEIGHBOURS, bank_scores.shape[1])
        best = np.sort(bank_scores.astype(np.float64), axis=1)[:, -k:]
        return np.asarray(scores.astype(np.float64) - best.mean(axis=1, keepdims=True) / 2)
    return inverted_softmax(scores, bank_scores) / INVERSE_TEMPERATURE


class Hubless:
    """Sentences, each adjusted by itself before they are combined. bank : float32 (n, dim)."""

    def __init__(
        self,
        sentences: Sentences,
        prompts: Sequence[Prompt],
        vectors: FloatArray,
        bank: FloatArray,
        method: str,
        shelf: Shelf,
    ) -> None:
        self._sentences, self._prompts, self._vectors = sentences, prompts, vectors
        self._bank, self._method, self._scorer = bank, method, shelf.scorer
        self.text, self.thresholds = sentences.text, sentences.thresholds

    def rough(self, means: Means) -> NDArray[np.float64]:
        scores, bank = means.products(self._vectors), means.products(self._bank)
        return combine(adjust(scores, bank, self._method), self._prompts)

    def direction(self) -> tuple[FloatArray, bool]:
        return self._sentences.direction()

    def judge(self, song: Embeddings) -> tuple[float, int, tuple[Reason, ...]]:
        _, best, reasons = self._sentences.judge(song)
        scores, bank = (
            np.asarray(self._scorer.score(cosines(song, texts)), np.float32)[None]
            for texts in (self._vectors, self._bank)
        )
        adjusted = combine(adjust(scores, bank, self._method), self._prompts)
        return float(adjusted[0]), best, reasons


def ask_without_hubs(
    shelf: Shelf, prompts: Sequence[Prompt], k: int, method: str, on_event: OnEvent = ignore
) -> Ranking:
    """As `ranking.ask_sentences`, in adjusted order; scores and labels stay the raw ones.

    Raises
    ------
    UsageError
        If k is below 1, or the encoder understands too little of the bank.
    """
    workers = shelf.config.workers
    queries = [prompt.query for prompt in prompts]
    sides = (shelf.recipe, shelf.registry, shelf.store, workers)
    texts = embed_queries(queries, *sides, also=bank_as_queries(), on_event=on_event)
    bank = embed_bank(queries, *sides)
    if not len(bank):
        raise UsageError(
            f"the encoder {shelf.recipe.embedder} understands too little of the query bank; leave "
            "--hubs out"
        )
    sentences = Sentences(prompts, texts.vectors, texts.notes, shelf)
    question = Hubless(sentences, prompts, texts.vectors, bank.vectors, method, shelf)
    ranking = rank(shelf, question, k, on_event)
    hits = []
    for hit in ranking.hits:
        raw = float(combine(np.array([reason.score for reason in hit.reasons]), prompts))
        hits.append(replace(hit, score=raw, label=sentences.thresholds.label(raw)))
    return replace(ranking, hits=tuple(hits))
