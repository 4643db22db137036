"""Every built-in plugin keeps the contract that plugin authors are held to."""

from __future__ import annotations

import pytest
import soundfile

from clapbatch import testing
from clapbatch.registry import Registry
from clapbatch.roles import (
    EmbedderSpec,
    LoaderSpec,
    ReporterSpec,
    ScorerSpec,
    SegmenterSpec,
    Spec,
)
from tests.conftest import FAKES, SAMPLE_SONGS

REGISTRY = Registry()
SONG = SAMPLE_SONGS / "fur_elise.ogg"


def built_in(kind: type[Spec]) -> list[object]:
    return [
        pytest.param(spec, id=spec.name)
        for spec in REGISTRY.specs(kind)
        if REGISTRY.origin(spec).startswith("clapbatch.builtin")
    ]


@pytest.mark.parametrize("spec", built_in(LoaderSpec))
def test_loaders(spec: LoaderSpec) -> None:
    testing.check_loader(spec, SONG, soundfile.info(SONG).duration)


@pytest.mark.parametrize("spec", built_in(SegmenterSpec))
def test_segmenters(spec: SegmenterSpec) -> None:
    testing.check_segmenter(spec)


@pytest.mark.parametrize("spec", built_in(EmbedderSpec))
def test_embedders(spec: EmbedderSpec) -> None:
    testing.check_spec(spec)
    if spec.name != "clap":  # needs a checkpoint: tests/builtin/test_clap.py makes one
        testing.check_embedder(spec)


@pytest.mark.parametrize("spec", built_in(ScorerSpec))
def test_scorers(spec: ScorerSpec) -> None:
    testing.check_scorer(spec)


@pytest.mark.parametrize("spec", built_in(ReporterSpec))
def test_reporters(spec: ReporterSpec, capsys: pytest.CaptureFixture[str]) -> None:
    testing.check_reporter(spec)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("shape", "instead of"),
        ("nan", "not finite"),
        ("scale", "not unit vectors"),
        ("neighbours", "must not depend on the others"),
    ],
)
def test_the_kit_finds_what_is_wrong(fault: str, sentence: str) -> None:
    spec = Registry([FAKES]).get(EmbedderSpec, "pitch")
    testing.check_embedder(spec)
    with pytest.raises(AssertionError, match=sentence):
        testing.check_embedder(spec, fault=fault)
