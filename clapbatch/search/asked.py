"""A sentence as it was understood -> what the songs of a shelf are ranked by.

Wanted things are prompts, unwanted ones are scored apart and subtracted, references are songs of
the library whose likeness is mixed in, and a tempo in figures lets songs through or not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from clapbatch.domain import Embeddings, FloatArray, Query
from clapbatch.engine.events import Note, OnEvent, ignore
from clapbatch.engine.texts import embed_queries
from clapbatch.language.references import matching_songs
from clapbatch.language.request import Request
from clapbatch.language.understand import understand
from clapbatch.search.means import Means
from clapbatch.search.prompts import Prompt
from clapbatch.search.ranking import Hit, Likeness, Question, Ranking, Reason, Sentences, rank
from clapbatch.search.reference import find_reference
from clapbatch.search.shelf import Shelf

# How much a refused thing counts beside a wanted one (docs/decisions/0006-trust.md).
REFUSED = 0.5
# A reference such as an artist's name may fit many songs; so many are taken.
MOST_REFERENCES = 5
# With a tempo asked for, so many of the best songs are measured at most.
MOST_MEASURED = 500

Tempo = tuple[float | None, float | None]


@dataclass(frozen=True)
class Answer:
    """ranking : the songs. tempi : beats a minute of the songs measured, by name.

    references : songs of the library that were taken, by the name in the sentence; none for a name
    that no song has.
    """

    request: Request
    ranking: Ranking
    references: dict[str, list[str]]
    tempi: dict[str, float]


def prompts_of(request: Request, weight: float = 1.0) -> tuple[Prompt, ...]:
    """Wanted prompts, and the unwanted ones at their smaller weight."""
    share = weight if request.wanted else 2 * weight
    return (
        *(Prompt(Query(text, (text,)), weight) for text in request.wanted),
        *(Prompt(Query(text, (text,)), REFUSED * share, False) for text in request.unwanted),
    )


def rewrite(prompts: Sequence[Prompt]) -> tuple[tuple[Prompt, ...], tuple[Request, ...]]:
    """Sentences that refuse something, taken apart; the others stay as they were written.

    Returns the prompts and the requests that were taken apart. A sentence that only wants things
    loses nothing by being sent whole.
    """
    found: list[Prompt] = []
    requests = []
    for prompt in prompts:
        request = understand(prompt.query.id)
        if prompt.wanted and request.unwanted:
            requests.append(request)
            found += prompts_of(request, prompt.weight)
        else:
            found.append(prompt)
    return tuple(sorted(found, key=lambda prompt: not prompt.wanted)), tuple(requests)


class Mixed:
    """Sentences and songs to resemble, each one part of a mean; songs not to resemble subtracted.

    Likenesses are scaled so that what is HIGH between songs is HIGH between songs and words.
    """

    def __init__(
        self,
        sentences: Sentences | None,
        alike: Sequence[Likeness],
        unlike: Sequence[Likeness],
        shelf: Shelf,
    ) -> None:
        self._sentences, self._alike, self._unlike = sentences, alike, unlike
        self._scale = shelf.card.thresholds.high / shelf.card.song_thresholds.high
        self.thresholds = shelf.card.thresholds
        parts = [sentences.text] if sentences else []
        parts += [f"like {song.text}" for song in alike]
        parts += [f"not like {song.text}" for song in unlike]
        self.text = "; ".join(parts)

    def rough(self, means: Means) -> NDArray[np.float64]:
        own = [self._sentences.rough(means)] if self._sentences else []
        return self._mix(
            [*own, *(self._scale * song.rough(means) for song in self._alike)],
            [self._scale * song.rough(means) for song in self._unlike],
        )

    def direction(self) -> tuple[FloatArray, bool]:
        question: Question = self._sentences or self._alike[0]
        return question.direction()

    def judge(self, song: Embeddings) -> tuple[float, int, tuple[Reason, ...]]:
        first: Question = self._sentences or [*self._alike, *self._unlike][0]
        score, best, reasons = first.judge(song)
        own = [np.array([score])] if self._sentences else []
        alike = [other.judge(song) for other in self._alike]
        unlike = [other.judge(song) for other in self._unlike]
        total = self._mix(
            [*own, *(np.array([self._scale * s]) for s, *_ in alike)],
            [np.array([self._scale * s]) for s, *_ in unlike],
        )
        told = reasons if self._sentences else ()
        told = (*told, *(reason for *_, (reason,) in alike))
        told = (*told, *(replace(reason, weight=-REFUSED) for *_, (reason,) in unlike))
        return float(total[0]), best, told

    @staticmethod
    def _mix(
        wanted: Sequence[NDArray[np.float64]], unwanted: Sequence[NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        gained = np.mean(wanted, axis=0) if wanted else np.zeros_like(unwanted[0])
        if not unwanted:
            return np.asarray(gained)
        against = np.max(unwanted, axis=0)
        if not wanted:
            return np.asarray(-against)
        return np.asarray(gained - REFUSED * np.maximum(against, 0))


def answer(
    shelf: Shelf,
    request: Request,
    k: int,
    on_event: OnEvent = ignore,
    measure: Callable[[Shelf, str], float | None] | None = None,
) -> Answer:
    """The k songs that answer a request best.

    measure : a song's name -> beats a minute, None if it has no beat; asked only for tempi in
    figures. What no word list knows is not sent; a request in which nothing was understood is
    sent as it was written.

    Raises
    ------
    UsageError
        If k is below 1, the encoder has no text side, or a song is not what it was.
    """
    prompts = prompts_of(request)
    taken = {name: matching_songs(name, shelf.names) for name in request.references}
    avoided = {name: matching_songs(name, shelf.names) for name in request.unwanted_references}
    alike, unlike = (_likenesses(shelf, found, on_event) for found in (taken, avoided))
    for name, found in {**taken, **avoided}.items():
        if not found:
            on_event(Note(f"no song of the library is called {name!r}; that part is left out"))
    if not prompts and not alike and not unlike:
        on_event(Note("nothing to score was understood; the sentence is sent as it is"))
        prompts = (Prompt(Query(request.sentence, (request.sentence,))),)
    question = Mixed(_sentences(shelf, prompts), alike, unlike, shelf)
    only = [song for found in taken.values() for song in found]
    leave_out = only[0] if len(only) == 1 else ""
    if request.tempo is None or measure is None:
        ranking = rank(shelf, question, k, on_event, leave_out)
        return Answer(request, ranking, {**taken, **avoided}, {})
    ranking = rank(shelf, question, max(k, MOST_MEASURED), on_event, leave_out)
    hits, tempi = _in_tempo(shelf, ranking.hits, request.tempo, k, measure)
    return Answer(request, replace(ranking, hits=hits), {**taken, **avoided}, tempi)


def _sentences(shelf: Shelf, prompts: Sequence[Prompt]) -> Sentences | None:
    if not prompts:
        return None
    queries = [prompt.query for prompt in prompts]
    texts = embed_queries(queries, shelf.recipe, shelf.registry, shelf.store, shelf.config.workers)
    return Sentences(prompts, texts.vectors, texts.notes, shelf)


def _likenesses(shelf: Shelf, found: dict[str, list[str]], on_event: OnEvent) -> list[Likeness]:
    names = [song for songs in found.values() for song in songs[:MOST_REFERENCES]]
    return [find_reference(shelf, name, on_event).question for name in dict.fromkeys(names)]


def _in_tempo(
    shelf: Shelf,
    hits: Sequence[Hit],
    tempo: Tempo,
    k: int,
    measure: Callable[[Shelf, str], float | None],
) -> tuple[tuple[Hit, ...], dict[str, float]]:
    passed: list[Hit] = []
    tempi: dict[str, float] = {}
    for hit in hits:
        if len(passed) == k:
            break
        bpm = measure(shelf, hit.name)
        if bpm is None:
            continue
        tempi[hit.name] = bpm
        if fits(bpm, tempo):
            passed.append(hit)
    return tuple(passed), tempi


def fits(bpm: float, tempo: Tempo) -> bool:
    """Does a measured tempo lie in the range? Of a range with two ends half and double do too:

    a beat tracker cannot tell 60 from 120.
    """
    low, high = tempo
    both = low is not None and high is not None
    return any(
        (low is None or low <= bpm * factor) and (high is None or bpm * factor <= high)
        for factor in ((1.0, 2.0, 0.5) if both else (1.0,))
    )
