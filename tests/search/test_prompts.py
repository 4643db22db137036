"""Sentences with weights, and what a song's scores for them come to."""

from __future__ import annotations

import numpy as np
import pytest

from clapbatch.errors import UsageError
from clapbatch.search.prompts import combine, read_prompt, read_prompts


@pytest.mark.parametrize(
    ("text", "sentence", "weight"),
    [
        ("solo piano", "solo piano", 1.0),
        ("solo piano:0.5", "solo piano", 0.5),
        ("  solo   piano : 2 ", "solo piano", 2.0),
        ("piano:.25", "piano", 0.25),
        ("best at 3:30", "best at 3:30", 1.0),
        ("a waltz in 3:4", "a waltz in 3:4", 1.0),
        ("style: jazz", "style: jazz", 1.0),
        ("style: jazz:3", "style: jazz", 3.0),
        ("ratio:1.5x", "ratio:1.5x", 1.0),
    ],
)
def test_a_weight_stands_behind_the_last_colon_unless_that_is_a_time(
    text: str, sentence: str, weight: float
) -> None:
    prompt = read_prompt(text)
    assert (prompt.query.id, prompt.weight, prompt.wanted) == (sentence, weight, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [("  ", "is empty"), ("piano:0", "above 0 and at most 10, not 0"), ("piano:11", "not 11")],
)
def test_a_sentence_that_cannot_count_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_prompt(text)


def test_a_colon_and_number_alone_are_a_sentence() -> None:
    assert read_prompt(":5").query.id == ":5"


def test_wanted_sentences_are_averaged_by_weight() -> None:
    prompts = read_prompts("a", ["b:3"])
    assert combine(np.array([0.4, 0.8]), prompts) == pytest.approx(0.7)


def test_one_wanted_sentence_scores_as_it_stands_whatever_its_weight() -> None:
    assert combine(np.array([0.4]), read_prompts("a:7")) == pytest.approx(0.4)


def test_unwanted_sentences_are_subtracted_by_weight() -> None:
    prompts = read_prompts("a", [], ["b", "c:2"])
    assert [prompt.weight for prompt in prompts] == [1, 0.5, 2]
    assert combine(np.array([0.5, 0.1, 0.05]), prompts) == pytest.approx(0.35)


def test_being_unlike_an_unwanted_sentence_is_no_merit() -> None:
    prompts = read_prompts("a", [], ["b"])
    assert combine(np.array([0.5, -0.9]), prompts) == pytest.approx(0.5)


def test_many_songs_are_combined_at_once() -> None:
    prompts = read_prompts("a", [], ["b"])
    scores = np.array([[0.5, 0.2], [0.1, -0.2]], np.float32)
    assert combine(scores, prompts) == pytest.approx([0.4, 0.1])
