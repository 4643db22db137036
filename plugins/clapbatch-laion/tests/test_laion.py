"""The real laion-clap and clapbatch's own encoder give the same vectors, from file to vector."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

if importlib.util.find_spec("laion_clap") is None:
    pytest.skip("laion-clap is not installed", allow_module_level=True)
if importlib.util.find_spec("torchvision") is None:
    sys.path.insert(0, str(Path(__file__).parent))
    import standins

    standins.install()

import clapbatch_laion
from tokenizers.pre_tokenizers import ByteLevel

from clapbatch.api import AUDIO, ModelError, Needs, Segment, Track
from clapbatch.builtin.embedders import clap
from clapbatch.builtin.embedders.clap.frontend import mel_filters
from clapbatch.builtin.embedders.clap.htsat import BASE, TINY
from clapbatch.builtin.embedders.clap.roberta import ROBERTA_BASE
from clapbatch.builtin.embedders.clap.untrained import save_untrained
from clapbatch.registry import Registry, make_options
from clapbatch.roles import LoaderSpec, SegmenterSpec
from clapbatch.runtime import choose_runtime

LAION, CLAP = clapbatch_laion.register_embedders()[0], clap.register_embedders()[0]
TOLERANCE = 1e-5
TEXTS = ["jazz", "the sound of the violin in the rain", "ein Lied 🎵", "loud " * 8, "x " * 99]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def _own_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAPBATCH_HOME", str(home))


@pytest.fixture(scope="module", params=[TINY, BASE], ids=["tiny", "base"])
def checkpoint(request: pytest.FixtureRequest, home: Path) -> Path:
    folder = home / f"checkpoint{request.param.width}"
    folder.mkdir()
    save_untrained(folder / "full.pt", request.param, ROBERTA_BASE, 7)
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *sorted(ByteLevel.alphabet()), "th", "<mask>"]
    (folder / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\nt h\n")
    return folder / "full.pt"


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> list[Segment]:
    """Of an mp3, a stereo wav at 44.1 kHz, a clip of 3.7 s and exactly twenty seconds."""
    folder = tmp_path_factory.mktemp("recordings")
    soundfile.write(folder / "song.mp3", _music(17.3, 44_100, 2), 44_100, format="MP3")
    soundfile.write(folder / "stereo.wav", _music(12.5, 44_100, 2), 44_100)
    soundfile.write(folder / "short.flac", _music(3.7, 48_000, 1), 48_000)
    soundfile.write(folder / "tens.wav", _music(20.0, 48_000, 1), 48_000)
    registry = Registry()
    segmenter = registry.get(SegmenterSpec, "windows")
    needs = Needs(AUDIO, 48_000, 10.0, 5.0)
    segments: list[Segment] = []
    for path in sorted(folder.iterdir()):
        loader = registry.get(LoaderSpec, "pyav" if path.suffix == ".mp3" else "soundfile")
        blocks = loader.make(make_options(loader, {})).blocks(Track(path.name, path), needs)
        segments += segmenter.make(make_options(segmenter, {})).segments(blocks, needs)
    return segments


def _music(seconds: float, rate: int, channels: int) -> np.ndarray:
    generator = np.random.default_rng(42)
    time = np.arange(round(seconds * rate)) / rate
    pitch = 110 * 2 ** (
        generator.integers(0, 36, int(seconds * 3) + 1)[(time * 3).astype(int)] / 12
    )
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    voice = sum(np.sin(overtone * phase) / overtone for overtone in range(1, 8))
    sound = 0.2 * np.exp(-3 * ((time * 3) % 1)) * voice
    return sound[:, None] + 0.01 * generator.standard_normal((len(time), channels))


def _runtime():
    return choose_runtime(
        "auto", "cpu", "float32", threads=1, graphs=clap.checkpoints.folders.graphs()
    )


def test_both_give_the_same_vectors_for_sound(checkpoint: Path, windows: list[Segment]) -> None:
    theirs = LAION.make(make_options(LAION, {"checkpoint": str(checkpoint)}), _runtime())
    ours = CLAP.make(make_options(CLAP, {"checkpoint": str(checkpoint)}), _runtime())
    vectors = np.concatenate([ours.embed([window]) for window in windows])
    assert np.abs(vectors - theirs.embed(windows)).max() < TOLERANCE


def test_both_give_the_same_vectors_for_text(checkpoint: Path) -> None:
    given = {"checkpoint": str(checkpoint), "tokenizer": str(checkpoint.parent)}
    theirs = LAION.make_text(make_options(LAION, given), _runtime())
    ours = CLAP.make_text(make_options(CLAP, {"checkpoint": str(checkpoint)}), _runtime())
    assert np.abs(ours.embed(TEXTS) - theirs.embed(TEXTS)).max() < TOLERANCE


def test_a_converted_checkpoint_serves_as_well(checkpoint: Path, windows: list[Segment]) -> None:
    converted = clap.checkpoints.weights_path(str(checkpoint))
    first, second = (
        LAION.make(make_options(LAION, {"checkpoint": str(path)}), _runtime())
        for path in (checkpoint, converted)
    )
    assert np.abs(first.embed(windows[:1]) - second.embed(windows[:1])).max() < TOLERANCE


def test_the_mel_filters_are_laion_claps_own() -> None:
    from laion_clap import CLAP_Module

    module = CLAP_Module(enable_fusion=False, device="cpu", amodel="HTSAT-tiny")
    theirs = module.model.audio_branch.logmel_extractor.melW.detach().numpy()
    assert np.abs(theirs - mel_filters().T).max() < 1e-7


def test_without_a_checkpoint_it_says_what_to_give() -> None:
    assert "clapbatch models path" in LAION.available(clapbatch_laion.LaionOptions())
    with pytest.raises(ModelError, match="checkpoint=PATH"):
        LAION.make(clapbatch_laion.LaionOptions(), _runtime())


def test_a_file_that_is_no_checkpoint_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.pt").write_bytes(b"this is text")
    with pytest.raises(ModelError, match="tensors alone"):
        LAION.make(make_options(LAION, {"checkpoint": str(tmp_path / "x.pt")}), _runtime())
