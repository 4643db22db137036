"""The records that travel through the program: frozen, numpy and plain Python only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
TimeArray = NDArray[np.float64]

HIGH, MODERATE, LOW = "HIGH", "MODERATE", "LOW"


@dataclass(frozen=True, slots=True)
class Track:
    """One recording in a library.

    name : relative POSIX path, printable UTF-8; what every report shows and sorts by.
    path : where the file lies.
    """

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class Query:
    """A sentence, or several wordings of one: `prompts` are averaged as unit vectors."""

    id: str
    prompts: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.id.strip() or not self.prompts or not all(p.strip() for p in self.prompts):
            raise ValueError("a query needs an id and at least one prompt that is not blank")


@dataclass(frozen=True, slots=True)
class Waveform:
    """Mono sound: `samples` float32 (n,), nominally in -1..1; `sample_rate` in Hz."""

    samples: FloatArray
    sample_rate: int


@dataclass(frozen=True, slots=True)
class Segment:
    """One window of a recording.

    index : 0, 1, 2, … within the recording.
    start, end : seconds; `end` is where the recording's own material ends, before any padding.
    offset : position of the first unit (for audio: sample) of `content` in the recording.
    content : for audio float32 (n,) mono samples at the rate asked for, n at most one window;
        shorter only when the whole recording is. Other kinds of recording bring their own type.
    """

    index: int
    start: float
    end: float
    offset: int
    content: Any


@dataclass(frozen=True, slots=True)
class Embeddings:
    """A recording's segments as unit vectors.

    vectors : float32 (n, dim); starts, ends : float64 (n,) seconds; duration : seconds.
    """

    vectors: FloatArray
    starts: TimeArray
    ends: TimeArray
    duration: float

    def __post_init__(self) -> None:
        n = len(self.vectors)
        if self.vectors.ndim != 2 or n == 0 or self.starts.shape != (n,) or self.ends.shape != (n,):
            raise ValueError("embeddings need (n, dim) vectors and n starts and ends, n at least 1")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a recording gave no result. `stage`: find, read, load, segment, embed or worker."""

    track: str
    stage: str
    plugin: str
    reason: str


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Label limits on a cosine; a score must lie strictly above one to earn its label."""

    high: float
    moderate: float

    def label(self, score: float) -> str:
        return HIGH if score > self.high else MODERATE if score > self.moderate else LOW


@dataclass(frozen=True, slots=True)
class Scores:
    """Song × query scores with their evidence; every array is float32 (songs, queries).

    value : the scorer's verdict. maximum, minimum, deviation (population) : over segments.
    best : int64, index of the best segment (the first, when several are equal).
    """

    value: FloatArray
    maximum: FloatArray
    minimum: FloatArray
    deviation: FloatArray
    best: NDArray[np.int64]


@dataclass(frozen=True)
class Analysis:
    """Everything a report is written from.

    tracks : the songs with a result, in order. queries : in file order.
    query_notes : per query, what the encoder says of its own limits ("" if nothing).
    scores : song × query. timelines : per song float32 (segments, queries), cosines.
    starts, ends : per song float64 (segments,). durations : seconds, float64 (songs,).
    song_vectors : float32 (songs, dim') unit rows, compared for song–song results.
    labels come from `thresholds` (song–query) and `song_thresholds` (song–song).
    notes : what a person may want to know. warnings : reasons not to trust the scores.
    provenance : what produced this, plain values, the same for the same recipe.
    timing : what differs from run to run (seconds, counts of reuse).
    """

    tracks: tuple[Track, ...]
    queries: tuple[Query, ...]
    query_notes: tuple[str, ...]
    scores: Scores
    timelines: Sequence[FloatArray]
    starts: Sequence[TimeArray]
    ends: Sequence[TimeArray]
    durations: TimeArray
    song_vectors: FloatArray
    thresholds: Thresholds
    song_thresholds: Thresholds
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    timing: Mapping[str, Any] = field(default_factory=dict)

    @property
    def song_names(self) -> list[str]:
        return [track.name for track in self.tracks]

    @property
    def query_ids(self) -> list[str]:
        return [query.id for query in self.queries]

    def song_similarity(self, rows: slice) -> FloatArray:
        """Cosines of some songs (rows) with all songs, float32 (len(rows), songs).

        Callers take fixed, aligned blocks of rows: the last bit of a float32 product depends on
        the shape of the block it was computed in.
        """
        similarity: FloatArray = self.song_vectors[rows] @ self.song_vectors.T
        np.clip(similarity, -1.0, 1.0, out=similarity)
        return similarity

    def label(self, song: int, query: int) -> str:
        return self.thresholds.label(float(self.scores.value[song, query]))
