"""The CLAP encoder keeps the contract, agrees with transformers, and needs no torch when warm."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from clapbatch.api import AUDIO, Needs, Segment, Track
from clapbatch.builtin.embedders import clap
from clapbatch.builtin.embedders.clap.frontend import round_trip
from clapbatch.builtin.embedders.clap.htsat import BASE, TINY, HtsatShape
from clapbatch.builtin.embedders.clap.roberta import ROBERTA_BASE, RobertaShape
from clapbatch.builtin.embedders.clap.tokens import RobertaTokens, cut
from clapbatch.builtin.embedders.clap.untrained import (
    SMALL_AUDIO,
    SMALL_TEXT,
    save_untrained,
    untrained_tensors,
)
from clapbatch.registry import Registry, make_options
from clapbatch.roles import LoaderSpec, SegmenterSpec
from clapbatch.runtime import Runtime, choose_runtime
from clapbatch.testing import check_embedder, cpu_runtime
from tests.builtin.clap_reference import Reference, write_small_checkpoint, write_vocabulary

SPEC = clap.register_embedders()[0]
TOLERANCE = 1e-5
TEXTS = ["jazz", "the sound of the violin in the rain", "", "ein Lied 🎵", "loud " * 8, "x " * 99]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_checkpoint(tmp_path_factory.mktemp("clap"))


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference(untrained_tensors(SMALL_AUDIO, SMALL_TEXT, 1), SMALL_AUDIO, SMALL_TEXT)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An mp3, a stereo wav at 44.1 kHz, a clip of 3.7 s, and exactly twenty seconds."""
    folder = tmp_path_factory.mktemp("recordings")
    soundfile.write(folder / "song.mp3", _music(17.3, 44_100, channels=2), 44_100, format="MP3")
    soundfile.write(folder / "stereo.wav", _music(12.5, 44_100, channels=2), 44_100)
    soundfile.write(folder / "short.flac", _music(3.7, 48_000), 48_000)
    soundfile.write(folder / "tens.wav", _music(20.0, 48_000), 48_000)
    return folder


def _music(seconds: float, rate: int, channels: int = 1) -> np.ndarray:
    """Notes of three voices with overtones and a little noise, float64 (n, channels)."""
    generator = np.random.default_rng(42)
    time = np.arange(round(seconds * rate)) / rate
    sound = 0.01 * generator.standard_normal((len(time), channels))
    for voice in range(3):
        notes = 110 * 2 ** (generator.integers(0, 36, int(seconds * 3) + 1) / 12)
        pitch = notes[(time * 3).astype(int)]
        phase = 2 * np.pi * np.cumsum(pitch) / rate
        fade = np.exp(-3 * ((time * 3) % 1))
        for overtone in range(1, 8):
            tone = fade * np.sin(overtone * phase) / overtone
            sound[:, voice % channels] += 0.12 * tone
    return np.clip(sound, -1, 1)


def _windows(path: Path) -> list[Segment]:
    """As the program cuts them: through its own loader and segmenter."""
    registry = Registry()
    loader = registry.get(LoaderSpec, "pyav" if path.suffix == ".mp3" else "soundfile")
    segmenter = registry.get(SegmenterSpec, "windows")
    needs = Needs(AUDIO, 48_000, 10.0, 5.0)
    blocks = loader.make(make_options(loader, {})).blocks(Track(path.name, path), needs)
    return list(segmenter.make(make_options(segmenter, {})).segments(blocks, needs))


def _options(checkpoint: Path, **more: object) -> clap.ClapOptions:
    return make_options(SPEC, {"checkpoint": str(checkpoint), **more})


def _difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float(np.abs(ours - theirs).max())


def test_it_keeps_the_contract_of_an_embedder(checkpoint: Path) -> None:
    check_embedder(SPEC, checkpoint=str(checkpoint), batch=5)


def test_the_vectors_of_different_sounds_differ(checkpoint: Path, recordings: Path) -> None:
    encoder = SPEC.make(_options(checkpoint), cpu_runtime())
    vectors = encoder.embed(_windows(recordings / "song.mp3"))
    cosines = vectors @ vectors.T
    assert cosines[~np.eye(len(vectors), dtype=bool)].max() < 0.9999


@pytest.mark.parametrize("name", ["song.mp3", "stereo.wav", "short.flac", "tens.wav"])
def test_sound_is_embedded_as_transformers_does(
    name: str, checkpoint: Path, recordings: Path, reference: Reference
) -> None:
    windows = _windows(recordings / name)
    ours = SPEC.make(_options(checkpoint), cpu_runtime()).embed(windows)
    assert _difference(ours, reference.audio([round_trip(w.content) for w in windows])) < TOLERANCE


def test_text_is_embedded_as_transformers_does(checkpoint: Path, reference: Reference) -> None:
    assert SPEC.make_text is not None
    ours = SPEC.make_text(_options(checkpoint), cpu_runtime()).embed(TEXTS)
    rows = [cut(ids) for ids in RobertaTokens(checkpoint.parent)(TEXTS)]
    assert _difference(ours, reference.text(rows)) < TOLERANCE


def test_torch_and_openvino_agree(checkpoint: Path, recordings: Path) -> None:
    windows = _windows(recordings / "song.mp3")
    options = _options(checkpoint, batch=4)
    runtimes = [_runtime(engine) for engine in ("openvino", "torch")]
    assert SPEC.make_text is not None
    sounds = [SPEC.make(options, runtime).embed(windows) for runtime in runtimes]
    texts = [SPEC.make_text(options, runtime).embed(TEXTS) for runtime in runtimes]
    assert _difference(*sounds) < TOLERANCE
    assert _difference(*texts) < TOLERANCE


def test_torch_in_bf16_gives_unit_vectors_close_to_those_of_float32(
    checkpoint: Path, recordings: Path
) -> None:
    windows = _windows(recordings / "song.mp3")
    options = _options(checkpoint)
    exact, rough = (_runtime("torch", precision) for precision in ("float32", "bf16"))
    assert SPEC.make_text is not None
    for one, other in (
        (SPEC.make(options, exact).embed(windows), SPEC.make(options, rough).embed(windows)),
        (SPEC.make_text(options, exact).embed(TEXTS), SPEC.make_text(options, rough).embed(TEXTS)),
    ):
        assert np.linalg.norm(other, axis=1) == pytest.approx(1, abs=1e-5)
        assert (one * other).sum(axis=1).min() > 0.9999
        assert not np.array_equal(one, other)


def _runtime(engine: str, precision: str = "float32") -> Runtime:
    return choose_runtime(engine, "cpu", precision, threads=1, graphs=cpu_runtime().graphs)


def test_a_text_beyond_77_tokens_is_noted_and_shares_the_vector_of_its_beginning(
    checkpoint: Path,
) -> None:
    assert SPEC.make_text is not None
    side = SPEC.make_text(_options(checkpoint), cpu_runtime())
    short, long = "a" * 75, "a" * 76
    assert side.limits([short, long]) == ["", "only its first 77 tokens are read"]
    same, longer, other = side.embed([short, long, "b" * 75])
    assert np.array_equal(same, longer)
    assert not np.array_equal(same, other)


def test_a_checkpoint_beside_its_own_tokenizer_needs_no_network(checkpoint: Path) -> None:
    assert SPEC.available(_options(checkpoint)) == ""


def test_a_missing_model_is_said_to_be_unavailable_offline() -> None:
    reason = SPEC.available(clap.ClapOptions())
    assert "not on disk" in reason
    assert "CLAPBATCH_OFFLINE=1" in reason


def test_the_identity_of_a_published_checkpoint_asks_nobody() -> None:
    identity = SPEC.identity(clap.ClapOptions())
    assert identity["weights"].startswith("fae3e9c0")


def test_the_card_has_the_checkpoints_own_logit_scale_once_it_is_converted(
    checkpoint: Path,
) -> None:
    options = _options(checkpoint)
    SPEC.make(options, cpu_runtime())
    clap.checkpoints.weights_path(str(checkpoint))
    assert SPEC.card(options).logit_scale == pytest.approx(18.0)


def test_a_warm_run_imports_neither_torch_nor_transformers_nor_the_hub(
    checkpoint: Path, recordings: Path, home: Path
) -> None:
    program = f"""
import sys
def print_heavy():
    print(sorted({{"torch", "transformers", "huggingface_hub", "scipy"}} & set(sys.modules)))
from clapbatch.builtin.embedders import clap
from clapbatch.registry import make_options
from clapbatch.testing import cpu_runtime, noise, segments_of
spec = clap.register_embedders()[0]
options = make_options(spec, {{"checkpoint": {str(checkpoint)!r}}})
spec.identity(options), spec.card(options), spec.available(options)
spec.make_text(options, cpu_runtime()).embed(["the violin"])
print_heavy()
spec.make(options, cpu_runtime()).embed(segments_of([noise(10, 48000)], 48000))
print_heavy()
"""
    environment = {**os.environ, "CLAPBATCH_HOME": str(home / "warm")}
    command = [sys.executable, "-c", program]
    cold = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert cold.returncode == 0, cold.stderr
    warm = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert "torch" in cold.stdout
    assert warm.stdout.splitlines() == ["[]", "['scipy']"], warm.stderr


@pytest.mark.slow
@pytest.mark.parametrize("audio", [TINY, BASE], ids=["tiny", "base"])
def test_full_size_towers_agree_with_transformers(
    audio: HtsatShape, tmp_path: Path, recordings: Path
) -> None:
    text = ROBERTA_BASE
    path = tmp_path / "full.pt"
    save_untrained(path, audio, text, 7)
    write_vocabulary(tmp_path)
    options = _options(path)
    full = Reference(untrained_tensors(audio, text, 7), audio, text)
    encoder = SPEC.make(options, cpu_runtime(2))
    for recording in sorted(recordings.iterdir()):
        windows = _windows(recording)
        theirs = full.audio([round_trip(window.content) for window in windows])
        assert _difference(encoder.embed(windows), theirs) < TOLERANCE, recording.name
    assert SPEC.make_text is not None
    ours = SPEC.make_text(options, cpu_runtime(2)).embed(TEXTS)
    rows = [cut(ids) for ids in RobertaTokens(tmp_path)(TEXTS)]
    assert _difference(ours, full.text(rows)) < TOLERANCE


def test_the_published_sizes_are_read_off_the_tensors() -> None:
    from clapbatch.builtin.embedders.clap.weights import htsat_shape, roberta_shape

    text = RobertaShape(50, 80, 64, 128, 1, 512)
    for audio in (TINY, BASE):
        tensors = untrained_tensors(audio, text, 0)
        assert htsat_shape(tensors) == audio
        assert roberta_shape(tensors) == text
