"""The loaders on good files: every format, every rate, as a stream, in little memory."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soxr

from clapbatch.api import Loader, LoaderSpec, Needs, RecordingError, Track
from clapbatch.builtin.loaders import pyav, soundfile
from clapbatch.builtin.loaders.sound import BLOCK, at_rate, mix
from clapbatch.testing import check_loader
from tests.audio_files import (
    BY_NAME,
    FORMATS,
    Format,
    ambisonic_opus,
    caf_with_labels,
    float_wav,
    id3_tag,
    id3v1_tag,
    pitch,
    tone,
    two_streams,
    wav_bytes,
    with_cover,
    write_soundfile,
)

SPECS: dict[str, LoaderSpec] = {
    spec.name: spec for module in (soundfile, pyav) for spec in module.register_loaders()
}
LOADERS: dict[str, Loader] = {name: spec.make(spec.options()) for name, spec in SPECS.items()}

pairs = pytest.mark.parametrize(
    ("format", "loader"),
    [(format, loader) for format in FORMATS for loader in format.loaders],
    ids=lambda value: getattr(value, "name", value),
)
both = pytest.mark.parametrize("loader", LOADERS)


def read(loader: str, path: Path, rate: int) -> np.ndarray:
    """All that a loader gives, after a look at every block."""
    found = []
    for block in LOADERS[loader].blocks(Track(path.name, path), Needs("audio", rate, 10.0, 5.0)):
        assert block.dtype == np.float32
        assert block.ndim == 1
        assert 1 <= len(block) <= 2 * BLOCK
        found.append(block)
    return np.concatenate(found)


def rate_of(format: Format, wanted: int = 44_100) -> int:
    return min(format.rates, key=lambda rate: abs(rate - wanted)) if format.rates else wanted


@pairs
def test_a_format_keeps_its_length_pitch_and_level(
    format: Format, loader: str, tmp_path: Path
) -> None:
    rate = rate_of(format)
    path = format.write(tmp_path / f"song{format.suffix}", tone(1.0, rate, 440.0, 2), rate)
    for wanted in (rate, 16_000):
        sound = read(loader, path, wanted)
        assert abs(len(sound) / wanted - 1.0) <= format.slack + 1 / wanted
        assert pitch(sound, wanted) == pytest.approx(440.0, abs=0.5)
        middle = sound[len(sound) // 4 : 3 * len(sound) // 4]
        assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)


@pairs
def test_a_lossless_format_gives_back_what_was_written(
    format: Format, loader: str, tmp_path: Path
) -> None:
    if format.step > 0.01 or (format.name, loader) == ("caf-alac", "pyav"):
        pytest.skip("not lossless, or the end is cut off")
    written = tone(0.5, 48_000, 330.0, 2)
    path = format.write(tmp_path / f"song{format.suffix}", written, 48_000)
    np.testing.assert_allclose(read(loader, path, 48_000), written[:, 0], atol=format.step)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 35_467, 44_100, 96_000, 192_000])
@both
def test_any_rate_becomes_the_one_asked_for(loader: str, rate: int, tmp_path: Path) -> None:
    path = write_soundfile(tmp_path / "a.wav", tone(1.0, rate, 1000.0, 2), rate, "WAV", "PCM_16")
    for wanted in (16_000, 48_000):
        sound = read(loader, path, wanted)
        assert len(sound) == wanted
        assert pitch(sound, wanted) == pytest.approx(1000.0, abs=0.1)


@both
def test_resampling_as_a_stream_is_resampling_the_whole(loader: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, 300_001).astype(np.float32)
    path = write_soundfile(tmp_path / "a.wav", noise[:, None], 44_100, "WAV", "FLOAT")
    for wanted in (8_000, 16_000, 48_000):
        whole = soxr.resample(noise, 44_100, wanted, "HQ")
        np.testing.assert_array_equal(read(loader, path, wanted), whole)


@both
def test_a_rate_that_fits_is_passed_untouched(loader: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(2).normal(0, 1, 200_003).astype(np.float32)
    path = write_soundfile(tmp_path / "a.wav", noise[:, None], 48_000, "WAV", "FLOAT")
    np.testing.assert_array_equal(read(loader, path, 48_000), noise)


@pytest.mark.parametrize("channels", [1, 2, 3, 6, 8])
@pytest.mark.parametrize("suffix", [".wav", ".flac", ".caf"])
@both
def test_mono_is_the_mean_of_the_channels(
    loader: str, suffix: str, channels: int, tmp_path: Path
) -> None:
    # ALAC in CAF comes in planes, one a channel; eight of them made PyAV lose its way.
    kind, subtype = {".wav": ("WAV", "FLOAT"), ".flac": ("FLAC", "PCM_24")}.get(
        suffix, ("CAF", "ALAC_16")
    )
    written = (
        np.random.default_rng(channels).uniform(-0.5, 0.5, (16_000, channels)).astype(np.float32)
    )
    path = write_soundfile(tmp_path / f"a{suffix}", written, 16_000, kind, subtype)
    sound = read(loader, path, 16_000)
    np.testing.assert_allclose(sound, written.mean(axis=1)[: len(sound)], atol=2.0**-15)


@pytest.mark.parametrize("labels", [(2, 1), (3, 2, 1), (1,)])
@both
def test_channels_in_an_order_of_their_own_are_read(
    loader: str, labels: tuple[int, ...], tmp_path: Path
) -> None:
    # PyAV 17.1 to 19.0 frees such an order twice, which ends the process.
    path = tmp_path / "a.caf"
    path.write_bytes(caf_with_labels(tone(0.5, 16_000, channels=len(labels)), 16_000, labels))
    for _ in range(3):
        assert pitch(read(loader, path, 16_000), 16_000) == pytest.approx(440.0, abs=0.5)


def test_ambisonics_are_read(tmp_path: Path) -> None:
    path = ambisonic_opus(tmp_path / "a.mka", tone(0.5, 48_000, channels=6))
    for _ in range(3):
        assert len(read("pyav", path, 48_000)) == pytest.approx(24_000, abs=960)


def test_channels_that_cancel_are_silence() -> None:
    out = np.empty(3, np.float32)
    mix([np.ones(3, np.float32), -np.ones(3, np.float32)], 1.0, out)
    assert not out.any()


@pytest.mark.parametrize("name", ["mp3", "flac-16", "ogg-vorbis", "m4a-aac"])
def test_the_name_of_a_file_does_not_matter(name: str, tmp_path: Path) -> None:
    rate = rate_of(BY_NAME[name])
    right = BY_NAME[name].write(tmp_path / f"a{BY_NAME[name].suffix}", tone(0.3, rate), rate)
    for wrong in ("a.wav", "a.jpg", "a", "http:x%d.mp3", "a\nb.mp3", "ö" * 120 + ".mp3"):
        (tmp_path / wrong).write_bytes(right.read_bytes())
        np.testing.assert_array_equal(
            read("pyav", tmp_path / wrong, 16_000), read("pyav", right, 16_000)
        )


@both
def test_a_name_that_is_no_utf8_is_read(loader: str, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav"))
    try:
        path.write_bytes(wav_bytes(bytes(4000)))
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    assert len(read(loader, path, 44_100)) == 2000


def test_tags_around_an_mp3_are_no_sound(tmp_path: Path) -> None:
    bare = BY_NAME["mp3"].write(tmp_path / "bare.mp3", tone(1.0), 44_100)
    tagged = tmp_path / "tagged.mp3"
    tagged.write_bytes(id3_tag(200_000) + bare.read_bytes() + id3v1_tag())
    np.testing.assert_array_equal(read("pyav", tagged, 44_100), read("pyav", bare, 44_100))


def test_an_mp3_begins_and_ends_where_its_sound_does(tmp_path: Path) -> None:
    path = BY_NAME["mp3"].write(tmp_path / "a.mp3", tone(1.0), 44_100)
    assert len(read("pyav", path, 44_100)) == 44_100


def test_a_picture_beside_the_sound_is_left_alone(tmp_path: Path) -> None:
    sound = read("pyav", with_cover(tmp_path / "a.mp4", tone(1.0), 44_100), 44_100)
    assert pitch(sound, 44_100) == pytest.approx(440.0, abs=0.5)


@pytest.mark.parametrize("default", [0, 1])
def test_of_two_streams_the_default_is_read(default: int, tmp_path: Path) -> None:
    path = two_streams(
        tmp_path / "a.mka", tone(1, 48_000, 300.0), tone(1, 48_000, 700.0), 48_000, default
    )
    assert pitch(read("pyav", path, 48_000), 48_000) == pytest.approx((300, 700)[default], abs=1)


def test_a_rate_that_changes_in_mid_stream_changes_no_pitch(tmp_path: Path) -> None:
    both_rates = tmp_path / "a.flac"
    parts = [
        write_soundfile(tmp_path / f"{rate}.flac", tone(1.0, rate, 500.0), rate, "FLAC", "PCM_16")
        for rate in (44_100, 22_050)
    ]
    both_rates.write_bytes(b"".join(part.read_bytes() for part in parts))
    sound = read("pyav", both_rates, 16_000)
    assert len(sound) == pytest.approx(32_000, abs=16_000 * 4608 / 22_050)
    for second in (sound[:15_000], sound[17_000:]):
        assert pitch(second, 16_000) == pytest.approx(500.0, abs=1.0)


def test_stretches_of_several_rates_are_resampled_one_by_one() -> None:
    stretches = [(48_000, tone(1, 48_000)), (16_000, tone(1, 16_000)), (8_000, tone(1, 8_000))]
    decoded = ((rate, samples[:, 0]) for rate, samples in stretches)
    sound = np.concatenate(list(at_rate(decoded, 16_000, 10**6)))
    expected = [soxr.resample(samples[:, 0], rate, 16_000, "HQ") for rate, samples in stretches]
    np.testing.assert_array_equal(sound, np.concatenate(expected))


@both
def test_closing_the_blocks_closes_the_file(loader: str, tmp_path: Path) -> None:
    path = write_soundfile(tmp_path / "a.flac", tone(10.0), 44_100, "FLAC", "PCM_16")
    before = len(os.listdir("/dev/fd"))
    blocks = LOADERS[loader].blocks(Track("a", path), Needs("audio", 16_000, 1.0, 1.0))
    next(iter(blocks))
    assert len(os.listdir("/dev/fd")) == before + 1
    blocks.close()  # type: ignore[attr-defined]
    assert len(os.listdir("/dev/fd")) == before


@both
def test_a_file_that_is_refused_is_closed(loader: str, tmp_path: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    path = tmp_path / "a.wav"
    for content in (b"text", wav_bytes(b""), float_wav(np.full(9, np.nan, np.float32))):
        path.write_bytes(content)
        with pytest.raises(RecordingError):
            read(loader, path, 16_000)
    assert len(os.listdir("/dev/fd")) == before


def test_many_threads_read_the_same_bits(tmp_path: Path) -> None:
    jobs = []
    for name in ("mp3", "flac-16", "ogg-vorbis", "m4a-aac", "wav-16"):
        format = BY_NAME[name]
        path = format.write(
            tmp_path / f"{name}{format.suffix}", tone(2.0, 44_100, 440.0, 2), 44_100
        )
        jobs += [(loader, path) for loader in format.loaders]
    alone = [read(loader, path, 16_000).tobytes() for loader, path in jobs]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda job: read(*job, 16_000).tobytes(), jobs * 8))
    assert together == alone * 8


def test_listing_loaders_imports_no_decoder() -> None:
    program = (
        "import sys; from clapbatch.builtin.loaders import pyav, soundfile\n"
        "for module in (pyav, soundfile):\n"
        "    [spec] = module.register_loaders(); spec.identity(spec.options()); spec.make(None)\n"
        "print([name for name in ('av', 'soundfile', 'soxr') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"


def test_identity_names_the_versions_of_decoder_and_resampler() -> None:
    for name, spec in SPECS.items():
        identity = spec.identity(spec.options())
        assert set(identity) == {"soxr", {"pyav": "av"}.get(name, name)}


def test_every_ending_is_a_lower_case_suffix() -> None:
    for spec in SPECS.values():
        assert len(set(spec.suffixes)) == len(spec.suffixes)
        assert all(s == s.lower() and s.startswith(".") for s in spec.suffixes)
    for format in FORMATS:
        assert any(format.suffix in SPECS[name].suffixes for name in format.loaders)


def resident() -> int:
    """Bytes of memory this process holds now: its peak may be another test's."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured as Linux does")
@both
def test_hours_of_sound_take_no_more_memory_than_minutes(loader: str, tmp_path: Path) -> None:
    # Ten hours, as a hole in a file that takes no room on the disk; 8 channels at 192 kHz.
    path = tmp_path / "long.wav"
    head = wav_bytes(b"", 192_000, channels=8, declared=0x7FFFFF00)
    path.write_bytes(head)
    os.truncate(path, len(head) + 0x7FFFFF00)
    blocks = LOADERS[loader].blocks(Track("long", path), Needs("audio", 16_000, 10.0, 5.0))
    next(blocks)
    before = resident()
    most = max(resident() - before for _ in zip(range(100), blocks, strict=False))
    blocks.close()  # type: ignore[attr-defined]
    assert most < 50e6


@pairs
def test_it_keeps_the_contract_of_loaders(format: Format, loader: str, tmp_path: Path) -> None:
    rate = rate_of(format)
    path = format.write(tmp_path / f"song{format.suffix}", tone(1.5, rate), rate)
    seconds = len(read(loader, path, 16_000)) / 16_000
    check_loader(SPECS[loader], path, seconds)
