"""The loaders on odd files: sound where there is some, else one sentence that says why not."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile as libsndfile

from clapbatch.api import RecordingError
from tests.audio_files import (
    BY_NAME,
    FORMATS,
    Format,
    float_wav,
    id3_tag,
    id3v1_tag,
    lying_mp3,
    tone,
    wav_bytes,
    write_soundfile,
)
from tests.builtin.test_loaders import both, rate_of, read
from tests.conftest import SHARED

RATE = 44_100
NOISE = np.random.default_rng(0).bytes(50_000)
LEVEL = np.full(5_000, 0.1, np.float32)


def with_sample(value: float) -> bytes:
    samples = LEVEL.copy()
    samples[3_000] = value
    return float_wav(samples)


def refusal(loader: str, path: Path) -> str:
    """The reason a loader gives; it must be one short sentence without the path."""
    with pytest.raises(RecordingError) as caught:
        read(loader, path, 48_000)
    reason = str(caught.value)
    assert 5 < len(reason) < 160
    assert "\n" not in reason
    assert str(path.parent) not in reason
    assert not re.search(r"Errno|Error:|0x[0-9a-f]+|<[a-z]", reason), reason
    return reason


NO_SOUND = {
    "empty.wav": (b"", "file is empty: 0 bytes"),
    "text.mp3": (b"These are words, not music.\n" * 300, "it is text"),
    "latin.mp3": (("Müßige Wörter über Musik\n" * 300).encode("latin-1"), "not an audio file"),
    "short.mp3": (b"Hi", "it is text"),
    "page.mp3": (b"<!DOCTYPE html><html>404</html>", "a web page"),
    "list.mp3": (b"#EXTM3U\nhttp://127.0.0.1:9/a.mp3\n", "a playlist"),
    "concat.mp3": (b"ffconcat version 1.0\nfile '/etc/passwd'\n", "it is text"),
    "picture.mp3": (b"\x89PNG\r\n\x1a\n" + bytes(100), "a PNG image"),
    "photo.flac": (b"\xff\xd8\xff\xe0" + NOISE[:2000], "a JPEG image"),
    "notes.mid": (b"MThd\0\0\0\6" + bytes(99), "MIDI"),
    "archive.ogg": (b"PK\x03\x04" + NOISE[:2000], "ZIP"),
    "zeros.wav": (bytes(100_000), "nothing but zeros"),
    "noise.mp3": (NOISE, "not an audio file of any known kind"),
    "tags.mp3": (id3_tag(), "an MP3 with tags but no sound"),
    "both-tags.mp3": (id3_tag() + id3v1_tag(), "an MP3 with tags but no sound"),
    "old-tag.mp3": (id3v1_tag(), "an MP3 with tags but no sound"),
    "tagged-text.mp3": (id3_tag() + b"Words. " * 99, "it is text"),
    "header.wav": (wav_bytes(b""), "holds no sound: 0 samples"),
    "half-header.wav": (wav_bytes(bytes(99))[:30], "begins like a WAV file"),
    "half-header.flac": (b"fLaC\0\0\0\x22\x10\0", "begins like a FLAC file|no sound"),
    "no-rate.wav": (wav_bytes(bytes(99), rate=0), "begins like a WAV file"),
    "one-hertz.wav": (wav_bytes(b"\0\x40" * 999, rate=1), "sample rate of 1 Hz"),
    "mad-rate.wav": (wav_bytes(b"\0\x40" * 999, rate=2**31 - 1), "sample rate of|cannot be opened"),
    "no-channels.wav": (wav_bytes(bytes(99), channels=0), "begins like a WAV file|damaged"),
    "crowd.wav": (wav_bytes(bytes(99), channels=65_535), "begins like a WAV file|damaged"),
    "nan.wav": (with_sample(np.nan), "not numbers"),
    "inf.wav": (with_sample(np.inf), "as large as inf"),
    "minus-inf.wav": (with_sample(-np.inf), "as large as inf"),
    "1e30.wav": (with_sample(1e30), r"as large as 1e\+30"),
    "doubles.wav": (wav_bytes(np.full(99, 1e300).tobytes(), bits=64, tag=3), "as large as inf"),
}


@pytest.mark.parametrize("name", NO_SOUND)
@both
def test_a_file_without_usable_sound_is_refused_in_words(
    loader: str, name: str, tmp_path: Path
) -> None:
    content, words = NO_SOUND[name]
    path = tmp_path / name
    path.write_bytes(content)
    started = time.perf_counter()
    assert re.search(words, refusal(loader, path))
    assert time.perf_counter() - started < 2


SOUND: dict[str, tuple[bytes, int, float]] = {
    # name: content, samples at 44.1 kHz, peak
    "one-sample.wav": (wav_bytes(b"\0\x40"), 1, 0.5),
    "silence.wav": (float_wav(0 * LEVEL), 5_000, 0.0),
    "constant.wav": (float_wav(LEVEL), 5_000, 0.1),
    "loud.wav": (with_sample(7.8), 5_000, 7.8),
    "integers-as-floats.wav": (with_sample(-(2.0**31)), 5_000, 2.0**31),
    "says-too-much.wav": (wav_bytes(b"\0\x40" * 999, declared=2**31 - 1), 999, 0.5),
    "says-endless.wav": (wav_bytes(b"\0\x40" * 999, declared=2**32 - 1), 999, 0.5),
    "odd-end.wav": (wav_bytes(b"\0\x40" * 999 + b"\0"), 999, 0.5),
}


@pytest.mark.parametrize("name", SOUND)
@both
def test_odd_but_usable_sound_is_read_as_it_is(loader: str, name: str, tmp_path: Path) -> None:
    content, samples, peak = SOUND[name]
    path = tmp_path / name
    path.write_bytes(content)
    sound = read(loader, path, RATE)
    assert len(sound) == samples
    assert float(np.abs(sound).max()) == pytest.approx(peak)


def test_a_wav_whose_header_was_never_filled_in_is_read_by_pyav(tmp_path: Path) -> None:
    path = tmp_path / "unfinished.wav"
    path.write_bytes(wav_bytes(b"\0\x40" * 999, declared=0))
    assert "0 samples" in refusal("soundfile", path)
    assert len(read("pyav", path, RATE)) == 999


def test_a_sample_too_short_for_one_at_the_rate_asked_for_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "one.wav"
    path.write_bytes(wav_bytes(b"\0\x40", rate=192_000))
    with pytest.raises(RecordingError, match="too little sound"):
        read("soundfile", path, 8_000)


@both
def test_eight_channels_and_extreme_rates_are_read(loader: str, tmp_path: Path) -> None:
    for rate in (1_000, 8_000, 192_000):
        path = write_soundfile(tmp_path / "a.wav", tone(0.5, rate, 100.0, 8), rate, "WAV", "FLOAT")
        assert len(read(loader, path, 48_000)) == 24_000


@both
def test_what_is_no_regular_file_is_refused_unopened(loader: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp3")
    (tmp_path / "link.mp3").symlink_to("link.mp3")
    (tmp_path / "dangling.mp3").symlink_to("nowhere.mp3")
    assert "not a regular file" in refusal(loader, tmp_path / "pipe.mp3")
    assert "a folder" in refusal(loader, tmp_path)
    assert "cannot be found" in refusal(loader, tmp_path / "missing.mp3")
    assert "cannot be found" in refusal(loader, tmp_path / "link.mp3")
    assert "cannot be found" in refusal(loader, tmp_path / "dangling.mp3")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@both
def test_a_file_without_permission_is_refused(loader: str, tmp_path: Path) -> None:
    path = tmp_path / "secret.wav"
    path.write_bytes(wav_bytes(bytes(99)))
    path.chmod(0)
    assert "permission denied" in refusal(loader, path)


def test_an_mp3_that_declares_hours_is_as_long_as_it_is(tmp_path: Path) -> None:
    path = lying_mp3(tmp_path / "lying.mp3")  # says 18 million samples
    sound = read("pyav", path, RATE)
    assert len(sound) < RATE / 2


def test_flac_whose_header_says_too_little_is_not_cut_short(tmp_path: Path) -> None:
    noise = np.random.default_rng(3).uniform(-0.5, 0.5, (RATE, 1)).astype(np.float32)
    path = write_soundfile(tmp_path / "a.flac", noise, RATE, "FLAC", "PCM_16")
    content = bytearray(path.read_bytes())
    content[22:26] = (5_000).to_bytes(4, "big")  # the low 32 bits of the total number of samples
    path.write_bytes(content)
    assert libsndfile.info(path).frames == 5_000
    assert len(read("pyav", path, RATE)) == RATE
    assert "goes on after the 0.11 s" in refusal("soundfile", path)


@pytest.mark.parametrize("format", FORMATS, ids=lambda format: format.name)
@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9, 0.99])
@both
def test_a_file_that_breaks_off_gives_its_beginning_or_a_reason(
    loader: str, share: float, format: Format, tmp_path: Path
) -> None:
    rate = rate_of(format)
    path = format.write(tmp_path / f"song{format.suffix}", tone(3.0, rate, 440.0, 2), rate)
    whole = path.read_bytes()
    path.write_bytes(whole[: max(1, int(share * len(whole)))])
    try:
        sound = read(loader, path, 16_000)
    except RecordingError:
        refusal(loader, path)
    else:
        assert len(sound) <= (3.0 + format.slack) * 16_000 + 1


@pytest.mark.parametrize(
    "name", ["wav-16", "flac-16", "mp3", "aac", "ogg-vorbis", "mka-mp3", "wma"]
)
def test_a_download_that_stopped_half_way_gives_half(name: str, tmp_path: Path) -> None:
    format = BY_NAME[name]
    path = format.write(tmp_path / f"song{format.suffix}", tone(20.0, RATE, 440.0, 2), RATE)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert len(read("pyav", path, 16_000)) == pytest.approx(160_000, rel=0.15)


def test_an_m4a_without_its_index_is_told_as_broken_off(tmp_path: Path) -> None:
    path = BY_NAME["m4a-aac"].write(tmp_path / "a.m4a", tone(2.0), RATE)
    path.write_bytes(path.read_bytes()[:-2000])
    assert "begins like an MP4 or M4A file" in refusal("pyav", path)
    assert "broken off" in refusal("pyav", path)


def _noise_over(content: bytearray, share: float) -> bytes:
    """Overwrite a share of the bytes, in runs of 400, from a fifth of the file on."""
    generator = np.random.default_rng(4)
    for first in range(len(content) // 5, len(content) - 400, int(400 / share)):
        content[first : first + 400] = generator.bytes(400)
    return bytes(content)


@pytest.mark.parametrize("name", ["mp3", "flac-16", "aac"])
def test_a_little_damage_is_skipped_and_of_much_only_good_parts_are_left(
    name: str, tmp_path: Path
) -> None:
    format = BY_NAME[name]
    noise = np.random.default_rng(5).uniform(-0.3, 0.3, (60 * RATE, 1)).astype(np.float32)
    path = format.write(tmp_path / f"a{format.suffix}", noise, RATE)
    whole = path.read_bytes()
    path.write_bytes(_noise_over(bytearray(whole), 0.002))
    assert len(read("pyav", path, 16_000)) == pytest.approx(60 * 16_000, rel=0.1)
    path.write_bytes(_noise_over(bytearray(whole), 0.9))
    try:
        sound = read("pyav", path, 16_000)
    except RecordingError:
        assert re.search("damaged|known kind|cannot be", refusal("pyav", path))
    else:
        # libav looks for the next good frame by itself, and does not tell what it left out.
        assert len(sound) < 30 * 16_000


def test_no_decoder_writes_to_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    mp3 = BY_NAME["mp3"].write(tmp_path / "a.mp3", tone(5.0), RATE).read_bytes()
    broken = _noise_over(bytearray(mp3), 0.1)
    odd_tag = b"ID3\x03\0\0\x80\x80\x02\x02" + mp3  # its length has bits that it must not have
    for content in (broken, mp3[:5000], odd_tag, b"\xff\xfb" + NOISE, b"fLaC" + NOISE):
        for name in ("a.mp3", "a.wav"):
            (tmp_path / name).write_bytes(content)
            for loader in ("soundfile", "pyav"):
                try:
                    read(loader, tmp_path / name, 16_000)
                except RecordingError:
                    refusal(loader, tmp_path / name)
    assert capfd.readouterr() == ("", "")


def _shared() -> list[Path]:
    return sorted((SHARED / "odd-audio").glob("*/*.flac"))


@pytest.mark.skipif(not _shared(), reason="the IETF's odd files are not here")
@pytest.mark.parametrize("path", _shared(), ids=lambda path: f"{path.parent.name}-{path.name[:2]}")
def test_an_odd_flac_of_the_ietf_is_read_by_one_loader_or_refused_by_both(path: Path) -> None:
    hopeless = ("faulty/06", "faulty/08", "faulty/11")
    outcomes: dict[str, str | float] = {}
    for loader in ("pyav", "soundfile"):
        try:
            outcomes[loader] = len(read(loader, path, 48_000)) / 48_000
        except RecordingError:
            outcomes[loader] = refusal(loader, path)
    readable = [outcome for outcome in outcomes.values() if isinstance(outcome, float)]
    if f"{path.parent.name}/{path.name[:2]}" in hopeless:
        assert not readable
    else:
        assert max(readable) > 1.5


CHANGING_RATE = SHARED / "odd-audio" / "uncommon" / "01 - changing samplerate.flac"


@pytest.mark.skipif(not CHANGING_RATE.exists(), reason="the IETF's odd files are not here")
def test_the_flac_that_changes_its_rate_has_its_true_length() -> None:
    stretches = {32_000: 163_840, 24_000: 114_688, 16_000: 77_824, 48_000: 199_395}
    seconds = sum(samples / rate for rate, samples in stretches.items())
    assert len(read("pyav", CHANGING_RATE, 48_000)) == pytest.approx(48_000 * seconds, abs=4)


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="file names and pipes of POSIX")
