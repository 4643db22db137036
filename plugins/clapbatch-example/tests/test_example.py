"""The example keeps the contract and means what it says."""

import numpy as np
from clapbatch_example import CARD, RATE, Bands, Words, register_embedders

from clapbatch.testing import check_embedder, segments_of, tone

[SPEC] = register_embedders()


def test_the_encoder_keeps_the_contract():
    check_embedder(SPEC)


def test_low_sounds_are_bass_and_high_ones_bright():
    sounds = Bands().embed(segments_of([tone(90, 2, RATE), tone(5000, 2, RATE)], RATE))
    words = Words().embed(["deep bass", "bright"])
    assert (sounds @ words.T).argmax(axis=1).tolist() == [0, 1]


def test_it_says_which_words_it_does_not_know():
    assert Words().limits(["bass", "whale song"]) == ["", CARD.vocabulary]


def test_silence_is_no_reason_to_fail():
    [vector] = Bands().embed(segments_of([np.zeros(2 * RATE, np.float32)], RATE))
    assert np.isfinite(vector).all()
