"""clapbatch from Python: `clapbatch.analyze` and `clapbatch.load_encoder`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clapbatch import domain, folders
from clapbatch.config import RunConfig, merge
from clapbatch.domain import Failure, FloatArray, Waveform
from clapbatch.engine.events import OnEvent, ignore
from clapbatch.engine.pipeline import batched
from clapbatch.engine.recipe import Recipe
from clapbatch.engine.reports import check_folder, make_reporters, write_report
from clapbatch.engine.run import analyze as run
from clapbatch.engine.scoring import mean_direction
from clapbatch.errors import UsageError
from clapbatch.registry import Registry, did_you_mean
from clapbatch.roles import AUDIO, EmbedderSpec, Encoder, EncoderCard, SegmenterSpec, TextEncoder
from clapbatch.store import Store

if TYPE_CHECKING:
    import pandas as pd

PathLike = str | os.PathLike[str]


class Analysis:
    """A finished run as tables. `record` is the same as plain arrays."""

    def __init__(self, record: domain.Analysis, config: RunConfig, registry: Registry) -> None:
        self.record = record
        self._config = config
        self._registry = registry

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Song × query scores: rows song names, columns query ids, float32 cosines."""
        import pandas as pd

        record = self.record
        return pd.DataFrame(record.scores.value, record.song_names, record.query_ids)

    @cached_property
    def similarity(self) -> pd.DataFrame:
        """Song × song cosines, float32; needs memory for their square."""
        import pandas as pd

        names = self.record.song_names
        return pd.DataFrame(self.record.song_similarity(slice(None)), names, names)

    def segments(self, song: str, query: str) -> pd.DataFrame:
        """The timeline of one query over one song: start_sec, end_sec, score, label.

        Raises
        ------
        UsageError
            If the song has no result or the query was not asked.
        """
        import pandas as pd

        record = self.record
        i = _position(song, record.song_names, "song")
        j = _position(query, record.query_ids, "query")
        scores = record.timelines[i][:, j]
        return pd.DataFrame(
            {
                "start_sec": record.starts[i],
                "end_sec": record.ends[i],
                "score": scores,
                "label": [record.thresholds.label(float(score)) for score in scores],
            }
        )

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The recordings that gave no result, and why."""
        return self.record.failures

    def write(self, folder: PathLike) -> Path:
        """Write the reports, whole or not at all, as `clapbatch multi` does.

        Raises
        ------
        UsageError
            If the folder cannot be written or holds something that is no report.
        """
        check_folder(Path(folder))
        reporters = make_reporters(self._config, self._registry)
        write_report(self.record, Path(folder), reporters)
        return Path(folder)


def analyze(
    songs: PathLike,
    queries: PathLike | Sequence[str] = (),
    *,
    on_event: OnEvent = ignore,
    **settings: Any,
) -> Analysis:
    """Score songs against sentences; embeddings are kept in the store.

    songs : folder, list (.m3u, .m3u8, .txt) or file. queries : sentences, or the path of a text
    or TOML file with them. settings : those of `clapbatch.config.RunConfig` (encoder="clap",
    scorer="max", jobs=1, options={"embedder": {"checkpoint": "music"}}, …).

    Raises
    ------
    ClapbatchError
        If nothing can be done. A song that cannot be used stands in `.failures`.
    """
    wanted = Path(queries) if isinstance(queries, str | os.PathLike) else tuple(queries)
    config = merge({}, {**settings, "songs": Path(songs), "queries": wanted})
    registry = Registry(config.plugins)
    path = (config.store or folders.store()) if config.use_store else None
    with Store(path) as store:
        return Analysis(run(config, registry, store, on_event), config, registry)


class LoadedEncoder:
    """An encoder for use from Python. Each side is built when it is first asked for."""

    def __init__(self, recipe: Recipe, registry: Registry, threads: int) -> None:
        self._recipe = recipe
        self._registry = registry
        self._spec = registry.get(EmbedderSpec, recipe.embedder)
        self._options = recipe.options_of(self._spec)
        self._runtime = recipe.runtime(threads)
        self._text_runtime = recipe.text_runtime(threads)
        self.card: EncoderCard = self._spec.card(self._options)

    @property
    def name(self) -> str:
        return self._spec.name

    @property
    def sample_rate(self) -> int:
        """Hz; waveforms given as bare arrays must have this rate."""
        return self.card.rate

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self.card.dim

    def embed_audio(self, waveforms: Sequence[Waveform | FloatArray]) -> FloatArray:
        """float32 (len(waveforms), dim), unit rows.

        waveforms : mono float32 (n,), n ≥ 1; a Waveform of another rate is resampled. One longer
        than the window is cut as the engine cuts songs, and its segments are averaged.

        Raises
        ------
        UsageError
            If a waveform is empty, not mono, or not finite.
        """
        rows = [mean_direction(self._embed_one(waveform)) for waveform in waveforms]
        return np.stack(rows) if rows else np.empty((0, self.dim), np.float32)

    def embed_text(self, texts: Sequence[str]) -> FloatArray:
        """float32 (len(texts), dim), unit rows.

        Raises
        ------
        UsageError
            If the encoder has no text side.
        """
        return self._text_side.embed(texts) if texts else np.empty((0, self.dim), np.float32)

    def _embed_one(self, waveform: Waveform | FloatArray) -> FloatArray:
        segments = self._segmenter.segments(self._blocks(waveform), self._recipe.needs)
        batches = batched(segments, self._recipe.batch)
        return np.concatenate([self._audio_side.embed(batch) for batch in batches])

    def _blocks(self, waveform: Waveform | FloatArray) -> Iterator[FloatArray]:
        rate = self.sample_rate
        if isinstance(waveform, Waveform):
            samples, rate = waveform.samples, waveform.sample_rate
        else:
            samples = waveform
        samples = np.asarray(samples, dtype=np.float32)
        if samples.ndim != 1 or not samples.size or not np.isfinite(samples).all():
            raise UsageError("a waveform must be mono, finite and hold at least one sample")
        if rate != self.sample_rate:
            import soxr

            samples = soxr.resample(samples, rate, self.sample_rate)
        yield samples

    @cached_property
    def _segmenter(self) -> Any:
        spec = self._registry.get(SegmenterSpec, self._recipe.segmenter)
        return spec.make(self._recipe.options_of(spec))

    @cached_property
    def _audio_side(self) -> Encoder:
        return self._spec.make(self._options, self._runtime)

    @cached_property
    def _text_side(self) -> TextEncoder:
        if self._spec.make_text is None:
            raise UsageError(f"the encoder {self.name} has no text side")
        return self._spec.make_text(self._options, self._text_runtime)


def load_encoder(
    name: str = "auto",
    *,
    plugins: Sequence[str] = (),
    precision: str = "float32",
    device: str = "auto",
    runtime: str = "auto",
    threads: int = 1,
    **options: Any,
) -> LoadedEncoder:
    """An encoder by name, with its own options as keywords (checkpoint="music").

    Raises
    ------
    UsageError
        If the name or an option is unknown, or the encoder does not hear audio.
    ModelError
        If a model's files are missing or damaged.
    """
    config = RunConfig(
        songs=folders.home(),
        encoder=name,
        options={"embedder": options},
        plugins=tuple(plugins),
        precision=precision,
        device=device,
        runtime=runtime,
    )
    registry = Registry(config.plugins)
    recipe = Recipe.of(config, registry)
    if recipe.needs.kind != AUDIO:
        raise UsageError(f"the encoder {recipe.embedder} takes {recipe.needs.kind}, not audio")
    return LoadedEncoder(recipe, registry, threads)


def _position(name: str, names: list[str], what: str) -> int:
    if name not in names:
        raise UsageError(f"there is no {what} {name!r} in this analysis{did_you_mean(name, names)}")
    return names.index(name)
