"""The conformance kit: what every plugin must do, as checks a plugin author calls from a test.

    from clapbatch.testing import check_embedder

    def test_my_encoder_keeps_the_contract():
        check_embedder(my_plugin.SPEC)

Each check raises AssertionError with a sentence that says which promise is broken.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from clapbatch import folders
from clapbatch.domain import (
    Analysis,
    Failure,
    FloatArray,
    Query,
    Segment,
    Thresholds,
    TimeArray,
    Track,
)
from clapbatch.engine.pipeline import vectors_problem
from clapbatch.engine.scoring import score
from clapbatch.errors import RecordingError
from clapbatch.registry import make_options
from clapbatch.roles import (
    AUDIO,
    DecodesOnce,
    EmbedderSpec,
    KnowsItsVocabulary,
    Loader,
    LoaderSpec,
    Needs,
    ReporterSpec,
    ScorerSpec,
    SegmenterSpec,
    Spec,
)
from clapbatch.runtime import Runtime, choose_runtime

TEXTS = ("a quiet piano", "loud rock music", "x", "ein Lied über den Wald 🎵", "word " * 200)


def tone(hertz: float, seconds: float, rate: int, level: float = 0.5) -> FloatArray:
    """A sine, mono float32 (round(seconds × rate),)."""
    time = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def noise(seconds: float, rate: int, seed: int = 42, level: float = 0.1) -> FloatArray:
    """White noise from a seed of its own, mono float32."""
    generator = np.random.default_rng(seed)
    return (level * generator.standard_normal(round(seconds * rate))).astype(np.float32)


def segments_of(sounds: Sequence[FloatArray], rate: int) -> list[Segment]:
    """Unrelated sounds as segments, far enough apart not to overlap."""
    offsets = np.cumsum([0, *(len(sound) for sound in sounds)]).tolist()
    return [
        Segment(i, offset / rate, (offset + len(sound)) / rate, offset, sound)
        for i, (sound, offset) in enumerate(zip(sounds, offsets, strict=False))
    ]


def cpu_runtime(threads: int = 1) -> Runtime:
    """OpenVINO on the processor in float32: what a run uses by default."""
    return choose_runtime("auto", "cpu", "float32", threads=threads, graphs=folders.graphs())


def small_analysis(songs: int = 4, queries: int = 3, segments: int = 5) -> Analysis:
    """A made-up Analysis with meaningful numbers, one failure and awkward names."""
    generator = np.random.default_rng(42)
    names = ["=1+1.ogg", 'a, "b"\n.ogg', "<script>.ogg", *(f"{i}.ogg" for i in range(songs))]
    ids = ["solo piano", '=loud, "rock"', *(f"query {j}" for j in range(queries))]
    timelines = [
        generator.uniform(-0.2, 0.6, (segments, queries)).astype(np.float32) for _ in range(songs)
    ]
    vectors = generator.standard_normal((songs, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    starts: TimeArray = np.arange(segments, dtype=np.float64) * 5.0
    ends: TimeArray = starts + 10.0
    return Analysis(
        tracks=tuple(Track(name, Path(name)) for name in sorted(names[:songs])),
        queries=tuple(Query(text, (text,)) for text in ids[:queries]),
        query_notes=("outside the vocabulary", *[""] * (queries - 1)),
        scores=score(timelines, _Mean(), queries),
        timelines=timelines,
        starts=[starts] * songs,
        ends=[ends] * songs,
        durations=np.full(songs, segments * 5.0 + 5.0),
        song_vectors=vectors.astype(np.float32),
        thresholds=Thresholds(0.3, 0.15),
        song_thresholds=Thresholds(0.8, 0.5),
        failures=(Failure("broken.mp3", "load", "soundfile", "not an audio file"),),
        provenance={"encoder": {"name": "made up"}, "audio_fingerprint": "0" * 64},
        timing={"seconds": 1.0, "songs_embedded": songs, "queries_encoded": queries},
    )


def check_spec(spec: Spec, **options: Any) -> None:
    """Name, version, summary and options as the program shows them."""
    assert spec.name, "a spec needs a name"
    assert spec.name == spec.name.strip(), "a name has no blanks at its ends"
    assert "," not in spec.name, "a name has no comma: commas separate names"
    assert spec.version, "a spec needs a version"
    assert spec.summary, "a spec needs a summary: `clapbatch plugins` shows it"
    for field in fields(spec.options):
        assert field.metadata.get("help"), f"option {field.name} needs a help text"
    identity = spec.identity(make_options(spec, options))
    assert all(isinstance(v, str) for kv in identity.items() for v in kv), (
        "identity must map strings to strings"
    )


def check_embedder(spec: EmbedderSpec, **options: Any) -> None:
    """The contract of both sides: shapes, unit rows, the same bits whatever the company.

    Raises
    ------
    AssertionError
        With a sentence, for the first promise that is broken.
    """
    check_spec(spec, **options)
    made = make_options(spec, options)
    card = spec.card(made)
    assert 0 < card.hop <= card.window, "the hop must be more than 0 and at most the window"
    assert card.batch >= 1, "the batch must be at least 1"
    for limits in (card.thresholds, card.song_thresholds):
        assert limits.high > limits.moderate, "the high threshold must be above the moderate one"
    assert card.song_axes is None or 0 < card.song_axes <= card.dim, (
        "song_axes must be within the vector"
    )
    if spec.kind == AUDIO:
        _check_audio_side(spec, made)
    if spec.make_text is not None:
        _check_text_side(spec, made)


def _check_audio_side(spec: EmbedderSpec, options: Any) -> None:
    card = spec.card(options)
    window = card.window
    sounds: list[FloatArray] = [
        tone(220.0, window, card.rate),
        noise(window, card.rate),
        np.zeros(round(window * card.rate), np.float32),
        tone(440.0, window / 3, card.rate),
        np.full(1, 0.25, np.float32),
    ]
    segments = segments_of(sounds, card.rate)
    segments = [segments[i % len(segments)] for i in range(card.batch)] or segments
    before = [segment.content.copy() for segment in segments]
    encoder = spec.make(options, cpu_runtime(threads=2))
    vectors = encoder.embed(segments)
    problem = vectors_problem(vectors, len(segments), card.dim)
    assert not problem, f"embed {problem}"
    assert all(
        np.array_equal(segment.content, content)
        for segment, content in zip(segments, before, strict=True)
    ), "embed must not change the segments it is given"
    for i in range(min(len(segments), len(sounds))):
        alone = encoder.embed([segments[i]])
        assert np.array_equal(alone[0], vectors[i]), (
            "a segment's vector must not depend on the others in the call"
        )
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(encoder.embed, [segments] * 4))
    assert all(np.array_equal(vectors, other) for other in together), (
        "embed must give the same bits when called from several threads at once"
    )
    again = spec.make(options, cpu_runtime(threads=1)).embed(segments)
    assert np.array_equal(vectors, again), (
        "an encoder made anew, with another number of threads, must give the same bits"
    )


def _check_text_side(spec: EmbedderSpec, options: Any) -> None:
    assert spec.make_text is not None
    dim = spec.card(options).dim
    side = spec.make_text(options, cpu_runtime())
    vectors = side.embed(list(TEXTS))
    problem = vectors_problem(vectors, len(TEXTS), dim)
    assert not problem, f"the text side's embed {problem}"
    for i, text in enumerate(TEXTS):
        assert np.array_equal(side.embed([text])[0], vectors[i]), (
            "a text's vector must not depend on the others in the call"
        )
    if isinstance(side, KnowsItsVocabulary):
        limits = side.limits(list(TEXTS))
        assert len(limits) == len(TEXTS), "limits must return one string a text"
        assert all(isinstance(limit, str) for limit in limits), "limits must return strings"


def check_loader(spec: LoaderSpec, recording: Path, seconds: float, **options: Any) -> None:
    """The contract of a loader of audio, shown on a good recording of known length (seconds).

    Raises
    ------
    AssertionError
        With a sentence, for the first promise that is broken.
    """
    check_spec(spec, **options)
    assert all(s.startswith(".") and s == s.lower() for s in spec.suffixes), (
        "suffixes are lower case and start with a dot"
    )
    loader = spec.make(make_options(spec, options))
    track = Track(recording.name, recording)
    needs = Needs(AUDIO, 16_000, 1.0, 1.0)
    blocks = list(loader.blocks(track, needs))
    assert all(
        isinstance(block, np.ndarray)
        and block.dtype == np.float32
        and block.ndim == 1
        and block.size
        for block in blocks
    ), "blocks must be mono float32 arrays that are not empty"
    length = sum(map(len, blocks)) / needs.rate
    assert abs(length - seconds) < 0.2, f"the recording has {seconds} s, the blocks {length:.3f} s"
    again = list(loader.blocks(track, needs))
    assert np.array_equal(np.concatenate(blocks), np.concatenate(again)), (
        "reading twice must give the same bits"
    )
    if isinstance(loader, DecodesOnce):
        both = [needs, Needs(AUDIO, 48_000, 1.0, 1.0)]
        mixed = list(loader.blocks_for(track, both))
        for which, need in enumerate(both):
            together = np.concatenate([block for index, block in mixed if index == which])
            alone = np.concatenate(list(loader.blocks(track, need)))
            assert np.array_equal(together, alone), (
                f"blocks_for must give at {need.rate} Hz the very bits that blocks gives"
            )
    stream = loader.blocks(track, needs)
    next(iter(stream))
    close = getattr(stream, "close", None)
    assert close, "blocks must return a generator, so that it can be closed early"
    close()
    with tempfile.TemporaryDirectory() as folder:
        broken = Path(folder) / f"broken{spec.suffixes[0]}"
        for content in (b"", b"this is no recording " * 100):
            broken.write_bytes(content)
            reason = _refusal(loader, Track(broken.name, broken), needs)
            assert reason, "a file that is no recording must raise RecordingError with a reason"


def check_segmenter(spec: SegmenterSpec, **options: Any) -> None:
    """The contract of a segmenter of audio: order, limits, independence of block sizes.

    Raises
    ------
    AssertionError
        With a sentence, for the first promise that is broken.
    """
    check_spec(spec, **options)
    segmenter = spec.make(make_options(spec, options))
    needs = Needs(AUDIO, 100, 2.0, 1.0)
    for length in (1, 50, 199, 200, 201, 300, 1234):
        sound = noise(length / needs.rate, needs.rate)
        segments = list(segmenter.segments(iter([sound]), needs))
        assert segments, f"a recording of {length} samples must give a segment"
        assert [s.index for s in segments] == list(range(len(segments))), (
            "indices must count from 0"
        )
        for segment in segments:
            part = sound[segment.offset : segment.offset + len(segment.content)]
            assert np.array_equal(segment.content, part), "content must be what lies at offset"
            assert len(segment.content) <= needs.window_units, "no longer than a window"
            assert 0 <= segment.start < segment.end <= length / needs.rate + 1e-9, (
                "start and end must lie within the recording"
            )
        pieces = iter([sound[i : i + 7] for i in range(0, length, 7)])
        other = list(segmenter.segments(pieces, needs))
        assert [(s.start, s.end) for s in other] == [(s.start, s.end) for s in segments], (
            "segments must not depend on the size of the blocks"
        )
        assert all(
            np.array_equal(a.content, b.content) for a, b in zip(other, segments, strict=True)
        ), "segments must not depend on the size of the blocks"


def check_scorer(spec: ScorerSpec, **options: Any) -> None:
    """The contract of a scorer: one finite score a query, within the segments' cosines.

    Raises
    ------
    AssertionError
        With a sentence, for the first promise that is broken.
    """
    check_spec(spec, **options)
    scorer = spec.make(make_options(spec, options))
    generator = np.random.default_rng(42)
    for segments in (1, 2, 7):
        cosines = generator.uniform(-1, 1, (segments, 3)).astype(np.float32)
        kept = cosines.copy()
        scores = np.asarray(scorer.score(cosines))
        assert scores.shape == (3,), f"score must return (queries,), not {scores.shape}"
        assert np.isfinite(scores).all(), "scores must be finite"
        assert np.array_equal(cosines, kept), "score must not change the cosines"
        assert (scores <= cosines.max(axis=0) + 1e-6).all(), "no score above the best segment"
        assert (scores >= cosines.min(axis=0) - 1e-6).all(), "no score below the worst segment"
        assert np.array_equal(scores, np.asarray(scorer.score(cosines))), "twice the same score"


def check_reporter(spec: ReporterSpec, **options: Any) -> None:
    """The contract of a reporter: it writes the files it names, and the same bytes twice.

    Raises
    ------
    AssertionError
        With a sentence, for the first promise that is broken.
    """
    check_spec(spec, **options)
    contents = []
    for analysis in (small_analysis(), small_analysis(), small_analysis(1, 1, 1)):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            names = spec.make(make_options(spec, options)).write(analysis, folder)
            found = sorted(path.name for path in folder.iterdir())
            assert sorted(names) == found, f"it names {sorted(names)} but wrote {found}"
            contents.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert contents[0] == contents[1], "the same Analysis must give the same bytes"


def _refusal(loader: Loader, track: Track, needs: Needs) -> str:
    try:
        list(loader.blocks(track, needs))
    except RecordingError as error:
        return str(error)
    return ""


class _Mean:
    def score(self, cosines: FloatArray) -> FloatArray:
        mean: FloatArray = cosines.mean(axis=0)
        return mean
