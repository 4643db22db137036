"""What is corrected, and what must never be."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clapbatch.language.gazetteer import lexicon
from clapbatch.language.spelling import corrected, edits, is_swap
from clapbatch.language.understand import understand


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("pinao", "piano"),
        ("guitr", "guitar"),
        ("vocls", "vocals"),
        ("trumept", "trumpet"),
        ("mellancholic", "melancholic"),
        ("wihtout", "without"),
        ("electornic", "electronic"),
    ],
)
def test_plain_typing_mistakes_are_corrected(typed: str, meant: str) -> None:
    assert corrected(typed) == meant


@pytest.mark.parametrize(
    "word",
    ["rok", "sda", "haply", "organic", "county", "cherry", "mental", "medal", "1980z", "crumpet"],
)
def test_short_words_and_words_of_their_own_are_left_alone(word: str) -> None:
    assert corrected(word) is None


def test_a_negating_syllable_is_never_dropped_to_reach_a_known_word() -> None:
    words = {w for phrase in lexicon().entries for w in phrase if w.isalpha() and len(w) > 3}
    for word in sorted(words):
        for denied in (f"un{word}", f"non{word}", f"in{word}", f"{word}less"):
            assert corrected(denied) != word, denied


@pytest.mark.parametrize("sentence", ["unrelaxing music", "nonharmonic", "uncheerful", "dislively"])
def test_an_opposite_is_never_read_as_the_thing_itself(sentence: str) -> None:
    assert understand(sentence).wanted == ()


@settings(deadline=None, max_examples=150, derandomize=True)
@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_edits_count_what_a_search_over_all_changes_counts(a: str, b: str) -> None:
    def slow(i: int, j: int) -> int:
        if i == 0 or j == 0:
            return i + j
        best = min(slow(i - 1, j) + 1, slow(i, j - 1) + 1)
        best = min(best, slow(i - 1, j - 1) + (a[i - 1] != b[j - 1]))
        if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
            best = min(best, slow(i - 2, j - 2) + 1)
        return best

    assert edits(a, b) == slow(len(a), len(b))
    assert edits(a, b) == edits(b, a)
    if is_swap(a, b):
        assert edits(a, b) == 1
        assert sorted(a) == sorted(b)
