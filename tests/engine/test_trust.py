"""Warnings, calibration and fragile wordings of whole runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from clapbatch.config import RunConfig
from clapbatch.domain import Analysis
from clapbatch.engine.run import analyze
from clapbatch.engine.trust import MINIMUM_SONGS, among_songs
from clapbatch.errors import UsageError
from clapbatch.evaluation.calibration import bank_queries
from clapbatch.registry import Registry
from clapbatch.store import Store
from clapbatch.testing import tone
from tests.conftest import FAKES, SAMPLE_SONGS, SHARED

WORDS = str(Path(FAKES).with_name("fake_words.py"))


@pytest.fixture
def ten_tones(tmp_path: Path) -> Path:
    folder = tmp_path / "ten"
    folder.mkdir()
    for i in range(10):
        sound = np.concatenate([tone(200 + 100 * i, 2, 4000), tone(1500 + 10 * i, 1, 4000)])
        soundfile.write(folder / f"{i}.wav", sound, 4000)
    return folder


def run(songs: Path, *queries: str, store: Store | None = None, **settings: object) -> Analysis:
    config = RunConfig(
        songs=songs,
        **{
            "queries": queries or ("300 Hz", "jazz"),
            "encoder": "words",
            "plugins": (WORDS, FAKES),
            **settings,
        },
    )
    if store is not None:
        return analyze(config, Registry(config.plugins), store)
    with Store(None) as forgetful:
        return analyze(config, Registry(config.plugins), forgetful)


def spoiled(**options: object) -> dict[str, object]:
    return {"options": {"embedder": options}}


def test_a_healthy_encoder_gives_no_warning(ten_tones: Path) -> None:
    assert run(ten_tones).warnings == ()


def test_the_collapsed_text_side_of_a_public_checkpoint_is_found_out(ten_tones: Path) -> None:
    analysis = run(ten_tones, **spoiled(collapsed="texts"))
    # Its scores look like scores, and all sentences rank the songs alike.
    assert np.ptp(analysis.scores.value[:, 0]) > 0.1
    assert np.corrcoef(analysis.scores.value.T)[0, 1] > 0.9
    [warning] = analysis.warnings
    assert f"{len(bank_queries())} different texts nearly the same vector" in warning


def test_a_collapse_of_songs_is_found_out_among_enough_of_them(ten_tones: Path) -> None:
    [warning] = run(ten_tones, **spoiled(collapsed="songs")).warnings
    assert "different songs nearly the same vector" in warning
    for number in range(MINIMUM_SONGS - 1, 10):
        (ten_tones / f"{number}.wav").unlink()
    assert run(ten_tones, **spoiled(collapsed="songs")).warnings == ()


def test_copies_of_one_song_are_no_collapse(ten_tones: Path) -> None:
    for number in range(1, 10):
        (ten_tones / f"{number}.wav").write_bytes((ten_tones / "0.wav").read_bytes())
    assert run(ten_tones).warnings == ()


def test_weights_that_nobody_knows_are_told_of(ten_tones: Path) -> None:
    assert run(ten_tones, **spoiled(foreign=True)).warnings == ("nobody knows these weights",)


def test_warnings_do_not_depend_on_what_was_stored(ten_tones: Path, store: Store) -> None:
    settings = spoiled(collapsed="texts")
    fresh = run(ten_tones, store=store, **settings)
    cached = run(ten_tones, store=store, **settings)
    assert cached.timing["songs_embedded"] == 0
    assert fresh.warnings == cached.warnings != ()
    assert np.array_equal(fresh.trust.z, cached.trust.z)


def test_the_bank_is_embedded_once(ten_tones: Path, store: Store) -> None:
    run(ten_tones, store=store)
    kept = store.info().texts
    run(ten_tones, "something new", store=store)
    assert store.info().texts == kept + 1


def test_an_encoder_that_understands_little_of_the_bank_is_not_judged_by_it(tones: Path) -> None:
    analysis = run(tones, "440 Hz", encoder="pitch")
    assert analysis.warnings == ()
    assert analysis.trust.z is None
    with pytest.raises(UsageError, match="use --labels raw"):
        run(tones, "440 Hz", encoder="pitch", labels="calibrated")


def test_z_is_the_distance_from_the_songs_scores_for_the_bank(ten_tones: Path) -> None:
    analysis = run(ten_tones, "300 Hz", *bank_queries())
    of_bank = analysis.scores.value[3, 1:].astype(np.float64)
    z = (analysis.scores.value[3, 0] - of_bank.mean()) / of_bank.std()
    assert analysis.trust.z[3, 0] == pytest.approx(z, rel=1e-5)
    below = (of_bank < analysis.scores.value[3, 0]).mean()
    assert analysis.trust.percentile[3, 0] == pytest.approx(100 * below, abs=0.2)


def test_a_calibrated_label_asks_for_both_a_songs_and_a_querys_best(ten_tones: Path) -> None:
    raw = run(ten_tones, "300 Hz", "jazz")
    analysis = run(ten_tones, "300 Hz", "jazz", labels="calibrated")
    assert np.array_equal(raw.scores.value, analysis.scores.value)
    assert [analysis.label(i, 0) for i in range(10)] == ["LOW", "HIGH", *["LOW"] * 8]
    trust = analysis.trust
    assert np.array_equal(trust.calibrated, np.minimum(trust.z, trust.among_songs))


def test_few_songs_have_no_standing_among_each_other(tones: Path) -> None:
    assert run(tones).trust.among_songs is None
    assert run(tones, labels="calibrated").label(0, 0) in ("HIGH", "MODERATE", "LOW")


def test_what_a_wording_adds_to_every_song_goes() -> None:
    z = np.random.default_rng(42).standard_normal((10, 1))
    assert among_songs(3 * z + 5) == pytest.approx(among_songs(z), abs=1e-5)
    assert among_songs(np.ones((10, 2))).tolist() == [[0.0, 0.0]] * 10


def toml(folder: Path) -> Path:
    path = folder / "q.toml"
    path.write_text(
        '[[query]]\nid = "tone"\nprompts = ["300 Hz", "a quiet tone"]\n'
        '[[query]]\nid = "300 Hz"\n[[query]]\nid = "jazz"\ntemplate = "genre"\n'
    )
    return path


def test_several_prompts_have_a_spread_and_a_flip_makes_the_query_fragile(
    ten_tones: Path, tmp_path: Path
) -> None:
    analysis = run(ten_tones, queries=toml(tmp_path))
    each = run(ten_tones, "300 Hz", "a quiet tone").scores.value
    spread = analysis.trust.spread
    assert spread[:, 0] == pytest.approx(np.ptp(each, axis=1), abs=1e-6)
    assert np.isnan(spread[:, 1]).all()
    assert (spread[:, 2] > 0).all()
    assert analysis.trust.fragile[1, 0]
    assert not analysis.trust.fragile[:, 1].any()


def test_a_template_set_is_filled_with_the_query(ten_tones: Path, tmp_path: Path) -> None:
    analysis = run(ten_tones, queries=toml(tmp_path))
    assert "This audio is a jazz song." in analysis.queries[2].prompts


@pytest.mark.parametrize("songs", [SAMPLE_SONGS, SHARED / "songs"], ids=["sample", "recorded"])
def test_the_embedded_encoder_warns_of_nothing_on_real_music(songs: Path) -> None:
    if not songs.is_dir():
        pytest.skip("the recorded songs are not here")
    analysis = run(songs, "solo piano", encoder="musicnn")
    assert analysis.warnings == ()
    assert analysis.provenance["bank"]["understood"] > 100
