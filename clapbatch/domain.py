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
    """A sentence, or several wordings of one: `prompts` are averaged as unit vectors.

    template : the template set that each prompt is put into before a run, "" for none.
    """

    id: str
    prompts: tuple[str, ...]
    template: str = ""

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


RAW, CALIBRATED = "raw", "calibrated"
# Standard deviations: far out among neutral queries and songs, and clearly above the middle.
CALIBRATED_THRESHOLDS = Thresholds(high=2.0, moderate=1.0)


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


@dataclass(frozen=True, slots=True)
class Trust:
    """How far each score can be trusted; arrays are (songs, queries).

    z, percentile : float32, where the score stands among the same song's scores for the query
    bank: standard deviations above their mean, and the share of them below, 0..100.
    among_songs : float32, where z stands among the z of all songs for the query; None with too
    few songs.
    All three are None where the encoder does not understand the bank.
    spread : float32, highest minus lowest score over a query's prompts; nan for a single prompt.
    fragile : bool, whether the raw label changes with the prompt.
    """

    spread: FloatArray
    fragile: NDArray[np.bool_]
    z: FloatArray | None = None
    percentile: FloatArray | None = None
    among_songs: FloatArray | None = None

    def of_songs(self, songs: NDArray[np.int64]) -> Trust:
        """The same for some of the songs."""
        return Trust(
            self.spread[songs],
            self.fragile[songs],
            None if self.z is None else self.z[songs],
            None if self.percentile is None else self.percentile[songs],
            None if self.among_songs is None else self.among_songs[songs],
        )

    @property
    def calibrated(self) -> FloatArray | None:
        """What calibrated labels are taken from: a score must stand out in both ways."""
        if self.z is None or self.among_songs is None:
            return self.z
        return np.minimum(self.z, self.among_songs)


def fragile_notes(analysis: Analysis) -> list[str]:
    """For each query "", or on how many songs its label changes with the wording."""
    notes = [""] * len(analysis.queries)
    if analysis.trust is None:
        return notes
    songs = len(analysis.tracks)
    for j, count in enumerate(analysis.trust.fragile.sum(axis=0).tolist()):
        if count:
            widest = float(analysis.trust.spread[:, j].max())
            of = "this song" if songs == 1 else f"{count} of {songs} songs"
            notes[j] = (
                f"fragile: another of its wordings changes the label of {of}; "
                f"the scores lie up to {widest:.2f} apart"
            )
    return notes


@dataclass(frozen=True)
class Analysis:
    """Everything a report is written from.

    tracks : the songs with a result, in order. queries : in file order.
    query_notes : per query, what the encoder says of its own limits ("" if nothing).
    scores : song × query. timelines : per song float32 (segments, queries), cosines.
    starts, ends : per song float64 (segments,). durations : seconds, float64 (songs,).
    song_vectors : float32 (songs, dim') unit rows, compared for song–song results.
    labels come from `thresholds` (song–query) and `song_thresholds` (song–song); with
    `labels_by` "calibrated" those of song–query from `trust.calibrated` and
    `calibrated_thresholds`.
    trust : how far each score can be trusted, None where nobody asked.
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
    trust: Trust | None = None
    labels_by: str = "raw"
    calibrated_thresholds: Thresholds = CALIBRATED_THRESHOLDS

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
        if self.labels_by == CALIBRATED and self.trust and self.trust.calibrated is not None:
            return self.calibrated_thresholds.label(float(self.trust.calibrated[song, query]))
        return self.thresholds.label(float(self.scores.value[song, query]))
