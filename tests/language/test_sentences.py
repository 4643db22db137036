"""Sentences a person would type, and what comes out; the counts are printed with -s."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from clapbatch.language.request import SONG, Request
from clapbatch.language.understand import understand

HERE = Path(__file__).parent


def read(name: str) -> list[dict[str, Any]]:
    sentences: list[dict[str, Any]] = tomllib.loads((HERE / name).read_text("utf-8"))["sentence"]
    return sentences


def named(request: Request, polarity: str) -> set[str]:
    """What was understood, as the file writes it; songs and tempi in figures stand apart."""
    return {
        f"{a.kind} {a.value}"
        for a in request.attributes
        if a.polarity == polarity and a.kind != SONG and (a.prompt or a.kind != "tempo")
    }


def tempo(expected: dict[str, Any]) -> tuple[float | None, float | None] | None:
    if "tempo" not in expected:
        return None
    low, high = (float(end) if end else None for end in expected["tempo"].split("-"))
    return low, high


def as_expected(expected: dict[str, Any], request: Request) -> bool:
    return (
        named(request, "wanted") == set(expected.get("want", []))
        and named(request, "unwanted") == set(expected.get("avoid", []))
        and request.tempo == tempo(expected)
        and list(request.references) == expected.get("like", [])
        and list(request.unwanted_references) == expected.get("unlike", [])
    )


def opposite(expected: dict[str, Any], request: Request) -> bool:
    """Was something wanted read as unwanted, or the other way, or a tempo shut out?"""
    wanted, unwanted = set(expected.get("want", [])), set(expected.get("avoid", []))
    if wanted & named(request, "unwanted") or unwanted & named(request, "wanted"):
        return True
    like, unlike = set(expected.get("like", [])), set(expected.get("unlike", []))
    if like & set(request.unwanted_references) or unlike & set(request.references):
        return True
    right, got = tempo(expected), request.tempo
    if not right or not got:
        return False
    return (right[0] or 0) > (got[1] or 999) or (got[0] or 0) > (right[1] or 999)


def count(name: str) -> tuple[int, int, list[str]]:
    """Sentences understood, sentences in all, and those read as their opposite."""
    sentences = read(name)
    requests = [understand(sentence["text"]) for sentence in sentences]
    pairs = list(zip(sentences, requests, strict=True))
    understood = sum(as_expected(*pair) for pair in pairs)
    reversed_ = [sentence["text"] for sentence, request in pairs if opposite(sentence, request)]
    print(f"{name}: {understood} of {len(sentences)} as expected, {len(reversed_)} reversed")
    return understood, len(sentences), reversed_


def test_a_hundred_and_more_sentences_are_understood_and_none_as_its_opposite() -> None:
    understood, total, reversed_ = count("sentences.toml")
    assert total >= 100
    assert reversed_ == []
    assert understood >= 0.95 * total


def test_sentences_the_reader_was_never_changed_for_are_mostly_understood() -> None:
    understood, total, reversed_ = count("held_out.toml")
    assert total == 30
    assert reversed_ == []
    assert understood >= 26


def test_the_judge_of_these_sentences_sees_a_reversal() -> None:
    wants_drums = {"want": ["instrument drums"], "tempo": "120-130", "like": ["Queen"]}
    assert opposite(wants_drums, understand("no drums"))
    assert opposite(wants_drums, understand("under 100 bpm"))
    assert opposite(wants_drums, understand("not like Queen"))
    assert not as_expected(wants_drums, understand("drums"))
    assert not opposite(wants_drums, understand("drums"))
