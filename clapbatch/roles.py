"""The five roles a plugin can play, and the Spec with which it offers one.

A Spec is cheap: listing plugins builds no model and imports nothing heavy. `make` does the work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

from clapbatch.domain import Analysis, FloatArray, Segment, Thresholds, Track
from clapbatch.runtime import Runtime

AUDIO = "audio"


@dataclass(frozen=True, slots=True)
class Needs:
    """What an embedder asks of a recording.

    kind : kind of recording, `audio` among them. rate : units a second (audio: Hz; the loader
    delivers at this rate). window, hop : seconds.
    """

    kind: str
    rate: int
    window: float
    hop: float

    @property
    def window_units(self) -> int:
        return round(self.window * self.rate)

    @property
    def hop_units(self) -> int:
        return round(self.hop * self.rate)


@dataclass(frozen=True, slots=True)
class EncoderCard:
    """What an embedder states about itself before any model is built.

    rate : units a second it wants (audio: Hz). window, hop : seconds, its own defaults.
    dim : length of its vectors. batch : segments per call, the fixed unit of work.
    thresholds, song_thresholds : label limits for song–query and song–song cosines.
    song_axes : how many leading axes take part in song–song comparison; None for all.
    logit_scale : factor on cosines before a softmax over labels (CLAP: exp of the learned one).
    vocabulary : one sentence on what its text side cannot know, "" if it has no such limit.
    """

    rate: int
    window: float
    hop: float
    dim: int
    batch: int
    thresholds: Thresholds
    song_thresholds: Thresholds
    kind: str = AUDIO
    song_axes: int | None = None
    logit_scale: float = 100.0
    vocabulary: str = ""


class Loader(Protocol):
    def blocks(self, track: Track, needs: Needs) -> Iterator[Any]:
        """Yield what the file holds, in order, in blocks of bounded size.

        For audio: mono float32 (n,), n ≥ 1, at `needs.rate` Hz. Closing the iterator closes the
        file. Raises RecordingError with a reason a person understands.
        """


@runtime_checkable
class DecodesOnce(Protocol):
    """A loader that can serve several encoders with one decoding of a file."""

    def blocks_for(self, track: Track, needs: Sequence[Needs]) -> Iterator[tuple[int, Any]]:
        """Yield which of `needs`, and a block: for each need what `blocks` would yield for it."""


class Segmenter(Protocol):
    def segments(self, blocks: Iterator[Any], needs: Needs) -> Iterator[Segment]:
        """Cut a stream into segments, in order, holding no more than a window at a time."""


class Encoder(Protocol):
    """The audio side of an embedder (or the side of whatever kind it handles)."""

    def embed(self, segments: Sequence[Segment]) -> FloatArray:
        """float32 (len(segments), dim), unit rows. At most `card.batch` segments a call.

        Called from several threads at once. A segment shorter than the window is padded here,
        as the encoder was trained. The bits must not depend on the other segments of the call.
        """


class TextEncoder(Protocol):
    """The text side of an embedder."""

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """float32 (len(texts), dim), unit rows, whatever else is in the call."""


@runtime_checkable
class KnowsItsVocabulary(Protocol):
    """A text side that can tell which texts it does not understand."""

    def limits(self, texts: Sequence[str]) -> list[str]:
        """For each text "" or one short sentence on why its scores are not to be trusted."""


class Scorer(Protocol):
    def score(self, cosines: FloatArray) -> FloatArray:
        """A song's cosines float32 (segments, queries), segments ≥ 1 -> float32 (queries,)."""


class Reporter(Protocol):
    def write(self, analysis: Analysis, folder: Path) -> list[str]:
        """Write files into `folder`; return their names, in order. From `analysis` alone."""


@dataclass(frozen=True)
class NoOptions:
    """A plugin without options."""


def option(default: Any, help: str, *, affects_output: bool = True) -> Any:
    """A field of an options dataclass: its default, its help, whether it changes the output."""
    return field(default=default, metadata={"help": help, "affects_output": affects_output})


def _no_identity(options: Any) -> Mapping[str, str]:
    return {}


def _always_available(options: Any) -> str:
    return ""


def _no_doubt(options: Any) -> str:
    return ""


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One plugin's offer.

    name : unique within the role. version : raised whenever the output changes.
    options : a frozen dataclass whose fields are made by `option`.
    identity : options -> what the output depends on beside version and options (weights' sha256,
    revision); cheap enough to ask at every run.
    """

    role: ClassVar[str]
    name: str
    version: str
    summary: str
    options: type = NoOptions
    identity: Callable[[Any], Mapping[str, str]] = _no_identity


@dataclass(frozen=True, kw_only=True)
class LoaderSpec(Spec):
    """suffixes : lower-case file endings (".flac") by which a folder's recordings are found."""

    role: ClassVar[str] = "loader"
    make: Callable[[Any], Loader]
    suffixes: tuple[str, ...]
    kind: str = AUDIO


@dataclass(frozen=True, kw_only=True)
class SegmenterSpec(Spec):
    role: ClassVar[str] = "segmenter"
    make: Callable[[Any], Segmenter]
    kind: str = AUDIO


@dataclass(frozen=True, kw_only=True)
class EmbedderSpec(Spec):
    """card : options -> EncoderCard, building no model.

    make, make_text : (options, runtime) -> one side each, loaded apart; make_text is None for an
    encoder without a text side, which gives song–song results only.
    available : options -> "" if the encoder can be used (its files are on disk or can be fetched),
    else one sentence why not; answers within five seconds, so that `--encoder auto` may ask it.
    doubt : options -> "" if the weights are known ones, else one sentence that warns of them; cheap
    enough to ask at every run.
    """

    role: ClassVar[str] = "embedder"
    card: Callable[[Any], EncoderCard]
    make: Callable[[Any, Runtime], Encoder]
    make_text: Callable[[Any, Runtime], TextEncoder] | None = None
    available: Callable[[Any], str] = _always_available
    doubt: Callable[[Any], str] = _no_doubt
    kind: str = AUDIO


@dataclass(frozen=True, kw_only=True)
class ScorerSpec(Spec):
    role: ClassVar[str] = "scorer"
    make: Callable[[Any], Scorer]


@dataclass(frozen=True, kw_only=True)
class ReporterSpec(Spec):
    role: ClassVar[str] = "reporter"
    make: Callable[[Any], Reporter]


ROLES: tuple[type[Spec], ...] = (
    LoaderSpec,
    SegmenterSpec,
    EmbedderSpec,
    ScorerSpec,
    ReporterSpec,
)
