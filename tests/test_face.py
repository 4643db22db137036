"""clapbatch from Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import clapbatch
from clapbatch.domain import Waveform
from clapbatch.errors import UsageError
from clapbatch.testing import tone
from tests.conftest import FAKES

PITCH = {"encoder": "pitch", "plugins": (FAKES,)}


def test_analyze_gives_tables(tones: Path) -> None:
    analysis = clapbatch.analyze(tones, ["110 Hz", "880 Hz"], **PITCH)
    assert analysis.scores["110 Hz"].idxmax() == "a110.wav"
    assert list(analysis.similarity.columns) == list(analysis.scores.index)
    segments = analysis.segments("a110.wav", "110 Hz")
    assert list(segments.columns) == ["start_sec", "end_sec", "score", "label"]
    assert segments["score"].mean() == pytest.approx(analysis.scores.loc["a110.wav", "110 Hz"])
    assert analysis.failures == ()


def test_analyze_writes_what_multi_writes(tones: Path, tmp_path: Path) -> None:
    analysis = clapbatch.analyze(tones, ["110 Hz"], **PITCH)
    folder = analysis.write(tmp_path / "r")
    assert (folder / "scores.csv").exists()
    assert (folder / "manifest.json").exists()


def test_queries_may_be_a_file(tones: Path, tmp_path: Path) -> None:
    (tmp_path / "q.txt").write_text("440 Hz\n")
    analysis = clapbatch.analyze(str(tones), str(tmp_path / "q.txt"), **PITCH)
    assert list(analysis.scores.columns) == ["440 Hz"]


def test_an_unknown_setting_song_or_query_is_one_sentence(tones: Path) -> None:
    with pytest.raises(UsageError, match="scoorer"):
        clapbatch.analyze(tones, ["x"], scoorer="max")
    analysis = clapbatch.analyze(tones, ["110 Hz"], **PITCH)
    with pytest.raises(UsageError, match=r"no song 'a11.wav'.*did you mean a110\.wav"):
        analysis.segments("a11.wav", "110 Hz")


def test_a_loaded_encoder_embeds_waveforms_and_texts() -> None:
    encoder = clapbatch.load_encoder("pitch", plugins=[FAKES])
    assert (encoder.sample_rate, encoder.dim) == (4000, 16)
    sounds = encoder.embed_audio([tone(110, 0.5, 4000), Waveform(tone(880, 3, 44100), 44100)])
    texts = encoder.embed_text(["110 Hz", "880 Hz"])
    assert sounds.shape == texts.shape == (2, 16)
    assert (sounds @ texts.T).argmax(axis=1).tolist() == [0, 1]
    assert encoder.embed_text([]).shape == (0, 16)


@pytest.mark.parametrize(
    "samples", [np.zeros((2, 100)), np.zeros(0), np.full(100, np.nan)], ids=["stereo", "0", "nan"]
)
def test_a_waveform_that_makes_no_sense_is_refused(samples: np.ndarray) -> None:
    encoder = clapbatch.load_encoder("pitch", plugins=[FAKES])
    with pytest.raises(UsageError, match="mono, finite"):
        encoder.embed_audio([samples])


def test_importing_clapbatch_imports_nothing_else() -> None:
    code = "import sys, clapbatch; assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
