"""What a refusal reaches, form by form."""

from __future__ import annotations

import pytest

from clapbatch.language.understand import understand


def reading(sentence: str) -> str:
    """Drums + and vocals −, in short: "+drums -vocals"; ~ before a song to resemble."""
    signs = {"wanted": "+", "unwanted": "-", "reference": "~"}
    return " ".join(f"{signs[a.polarity]}{a.value}" for a in understand(sentence).attributes)


@pytest.mark.parametrize(
    "refusal",
    [
        "no drums",
        "without any drums",
        "drumless",
        "drum-free",
        "drums free",
        "non-drum",
        "free of drums",
        "minus drums",
        "w/o drums",
        "-drums",
        "!drums",
        "zero drums",
        "drums: none",
        "drums: no",
        "drums? no",
        "drums - no",
        "drums no",
        "drums off",
        "drums not wanted",
        "drums must be absent",
        "drums are a no-go",
        "drums not so much",
        "drums ❌",
        "drums annoy me",
        "avoid drums",
        "avoid: drums",
        "skip the drums",
        "leave the drums out",
        "keep the drums out of it",
        "turn the drums off",
        "hold off on the drums",
        "I hate drums",
        "I don't want drums",
        "I dont want no drums",
        "please don't give me drums",
        "I'm not in the mood for drums",
        "I could do without drums",
        "it can't have drums",
        "it must not have drums",
        "there shouldn't be any drums",
        "nothing with drums",
        "anything but drums",
        "everything except drums",
        "whatever, just not drums",
        "as long as there are no drums",
        "as few drums as possible",
        "hardly any drums",
        "fewer drums",
        "enough with the drums",
        "too much drums",
        "the opposite of drums",
        "not a single drum",
        "no annoying drums",
        "never drums",
        "say no to drums",
    ],
)
def test_drums_are_refused(refusal: str) -> None:
    assert reading(refusal) == "-drums"


@pytest.mark.parametrize(
    "wish",
    [
        "drums",
        "not without drums",
        "nothing without drums",
        "I don't want anything without drums",
        "can't live without drums",
        "nothing but drums",
        "not only drums",
        "nothing except drums",
        "no instruments except drums",
        "no other instruments than drums",
        "can't get enough of drums",
        "don't forget the drums",
        "why not drums",
        "don't you have drums?",
        "I can't find any good drums",
        "I wouldn't say no to some drums",
        "no beatless tracks",
        "drums and nothing else",
        "no doubt drums",
    ],
)
def test_drums_are_wanted_although_a_no_stands_near(wish: str) -> None:
    assert reading(wish) == "+drums"


@pytest.mark.parametrize(
    "sentence",
    [
        "I don't mind drums",
        "with or without drums",
        "drums are optional",
        "drums don't matter",
        "it doesn't have to have drums",
        "I couldn't care less about drums",
    ],
)
def test_drums_do_not_matter(sentence: str) -> None:
    assert reading(sentence) == ""
    assert understand(sentence).notes == ("drums: said not to matter",)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("no drums, piano", "-drums +piano"),
        ("no drums but piano", "-drums +piano"),
        ("no drums just piano", "-drums +piano"),
        ("no drums with soft piano", "-drums +soft +piano"),
        ("no drums or piano", "-drums -piano"),
        ("no drums and piano", "-drums -piano"),
        ("no drums and a calm piano", "-drums +calm +piano"),
        ("no drums and calm", "-drums +calm"),
        ("without drums and loud guitars", "-drums -loud guitar"),
        ("no drums, piano or guitar", "-drums -piano -guitar"),
        ("exclude: drums, piano", "-drums -piano"),
        ("neither drums nor piano", "-drums -piano"),
        ("no sad piano", "-sad piano"),
        ("no sad or slow songs", "-sad -slow"),
        ("no piano ballads", "-piano -ballad"),
        ("no autotuned rap", "-autotuned vocals -rap"),
        ("non-christmas winter songs", "-christmas +winter"),
        ("no vocals piano", "-vocals +piano"),
        ("no vocals, except a choir", "-vocals +choir"),
        ("anything but jazz, apart from swing", "-jazz +swing"),
        ("drums not wanted, piano yes", "-drums +piano"),
        ("rather jazz than rock", "+jazz -rock"),
        ("prefer cello to violin", "+cello -violin"),
        ("cello instead of violin", "+cello -violin"),
        ("replace the guitar with a piano", "-guitar +piano"),
        ("love drums, hate vocals", "+drums -vocals"),
        ("not like Queen", "-Queen"),
        ("nothing like Queen", "-Queen"),
        ("like Queen, not like Muse", "~Queen -Muse"),
        ("not instrumental", "+vocals"),
        ("no. piano.", "+piano"),
    ],
)
def test_a_refusal_ends_where_it_should(sentence: str, expected: str) -> None:
    assert reading(sentence) == expected
