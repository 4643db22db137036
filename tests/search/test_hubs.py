"""Songs that answer every query, ranked down."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from clapbatch.evaluation.hubness import csls
from clapbatch.search.hubs import CSLS, INVERTED_SOFTMAX, adjust
from clapbatch.testing import tone
from tests.conftest import FAKES

WORDS = ("--encoder", "words", "--plugin", str(Path(FAKES).with_name("fake_words.py")), "-q")


@pytest.fixture
def scores():
    """Four songs; the first is near everything, the second only to the query."""
    generator = np.random.default_rng(42)
    bank = generator.normal(0, 0.1, (4, 50)).astype(np.float32)
    bank[0] += 0.3
    return np.array([[0.32], [0.30], [0.1], [0.0]], np.float32), bank


@pytest.mark.parametrize("method", [CSLS, INVERTED_SOFTMAX])
def test_a_hub_falls_behind_the_song_that_answers_this_query_alone(scores, method):
    query, bank = scores
    assert query[:, 0].argmax() == 0
    assert adjust(query, bank, method)[:, 0].argmax() == 1


def test_csls_ranks_as_the_published_formula(scores):
    query, bank = scores
    assert np.array_equal(
        np.argsort(adjust(query, bank, CSLS)[:, 0]), np.argsort(csls(query, bank)[:, 0])
    )


@pytest.mark.parametrize("method", ["csls", "inverted-softmax"])
@pytest.mark.parametrize("scorer", ["mean", "max"])
def test_search_keeps_raw_scores_and_finds_the_tone(clapbatch, tmp_path, method, scorer):
    folder = tmp_path / "songs"
    folder.mkdir()
    for hertz in (300, 500, 700):
        soundfile.write(folder / f"{hertz}.wav", tone(hertz, 2, 4000), 4000)
        os.utime(folder / f"{hertz}.wav", (time.time() - 60, time.time() - 60))
    arguments = ("search", folder, "500 Hz", *WORDS, "--json", "--scorer", scorer)
    plain = json.loads(clapbatch(*arguments, "--update").out)
    found = json.loads(clapbatch(*arguments, "--hubs", method).out)
    assert found["results"][0]["audio_file"] == "500.wav"
    raw = {row["audio_file"]: row["score"] for row in plain["results"]}
    assert {row["audio_file"]: row["score"] for row in found["results"]} == raw


def test_a_graph_and_hubs_do_not_go_together(clapbatch, tmp_path):
    said = clapbatch("search", tmp_path, "x", *WORDS, "--approximate", "--hubs", "csls")
    assert said.code == 2
    assert "leave out --approximate" in said.err
