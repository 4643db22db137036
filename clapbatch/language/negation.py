"""What a "no" reaches: items -> wanted, unwanted, or neither.

A cue (no, without, isn't, …) opens a scope. It waits for its object across articles and unknown
words, and ends at a comma, a full stop, a "but", a "just". After the object it goes on only over
"or", over lists that end in "or", and over an "and" between things of one sort. Cues and their
effects are in `data/cues.csv`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from clapbatch.language.gazetteer import singular
from clapbatch.language.reading import Item

Reading = Literal["wanted", "unwanted", "neutral"]

_FLIPPED: dict[Reading, Reading] = {
    "wanted": "unwanted",
    "unwanted": "wanted",
    "neutral": "neutral",
}
_NEGATING = ("no", "not", "without", "except", "prefix")
# Nouns that end a phrase (no sad PIANO), and words that describe what comes next (no SAD piano).
_HEADS = ("instrument", "voice")
_DESCRIBING = ("mood", "tempo", "era")
_THINGS = (*_HEADS, "genre", "use")
# An object further away than this is not meant.
_REACH = 6
_ARTICLES = ("a", "an")
# Between a thing and what is said of it afterwards: "vocals: none", "vocals must be absent".
_PASSED_OVER = (":", "=", "?", "-", "stop", "soft", "wish")


@dataclass(slots=True)
class _Scope:
    """An open cue. `object` : the item it last reached. `linked` : and, or, a comma just joined.
    `listing` : a colon followed the cue, so commas go on."""

    reading: Reading
    effect: str
    opened: int
    object: Item | None = None
    object_at: int = -1
    linked: bool = False
    listing: bool = False


def readings(items: Sequence[Item], words: Sequence[str]) -> list[Reading | None]:
    """For each entry, figure and song how it is meant; None for every other item.

    words : the norm of each token, to look at articles.
    """
    found: list[Reading | None] = [None] * len(items)
    scope: _Scope | None = None
    for at, item in enumerate(items):
        if item.role in ("entry", "figure", "song"):
            scope = _reach(scope, items, at, words)
            meant: Reading = scope.reading if scope else "wanted"
            absent = item.entry is not None and item.entry.absent
            found[at] = _FLIPPED[meant] if absent else meant
        elif item.role == "cue":
            scope = _cue(scope, items, at, found, words)
        elif item.role == "mark":
            scope = _mark(scope, items, at)
        elif scope and scope.object is None and at - scope.opened > _REACH:
            scope = None
    return found


def _reach(
    scope: _Scope | None, items: Sequence[Item], at: int, words: Sequence[str]
) -> _Scope | None:
    """The scope, if it reaches this item: as its first object, by a link, or as one phrase."""
    if not scope:
        return None
    reached = scope.object is None or scope.linked or _one_phrase(scope, items[at], at, words)
    if not reached:
        return None
    scope.object, scope.object_at, scope.linked = items[at], at, False
    return scope


def _one_phrase(scope: _Scope, item: Item, at: int, words: Sequence[str]) -> bool:
    """no SAD PIANO is one phrase; no PIANO SAD and no VOCALS PIANO are two."""
    last = scope.object
    if not last or not last.entry or not item.entry or at != scope.object_at + 1:
        return False
    if last.entry.kind == "instrument" and item.entry.kind == "genre":
        return _plural(item, words)  # no PIANO BALLADS, but: no piano | jazz
    if scope.effect == "prefix":
        return False  # non-christmas | winter songs
    if last.entry.kind in _HEADS:
        return last.entry.kind == item.entry.kind  # no AUTOTUNED RAP
    return last.entry.kind in _DESCRIBING or item.entry.kind in _THINGS


def _plural(item: Item, words: Sequence[str]) -> bool:
    last = words[item.last - 1]
    return item.entry is not None and singular(last) != last and not item.entry.value.endswith(last)


def _mark(scope: _Scope | None, items: Sequence[Item], at: int) -> _Scope | None:
    if scope and items[at].effect == ":" and scope.opened == at - 1:
        scope.listing = True
    if items[at].effect in (":", "=", '"', "'", "*", "~", "#"):
        return scope
    if scope and scope.object and items[at].effect == ",":
        scope.linked = scope.listing or _list_ends_in_or(items, at)
        return scope if scope.linked else None
    return None


def _list_ends_in_or(items: Sequence[Item], at: int) -> bool:
    """Is the comma one of "no drums, bass or vocals"?"""
    for item in items[at + 1 :]:
        if item.effect == "or":
            return True
        if item.role not in ("entry", "filler") and item.effect != ",":
            return False
    return False


def _cue(
    scope: _Scope | None,
    items: Sequence[Item],
    at: int,
    found: list[Reading | None],
    words: Sequence[str],
) -> _Scope | None:
    effect = items[at].effect
    waiting = scope is not None and scope.object is None
    if effect in _NEGATING:
        if effect in ("no", "not") and _answers(items, at):
            _set_before(items, at, found, "unwanted")
            return None
        if effect == "except" and not waiting and _refused_before(items, at, found):
            return _Scope("wanted", effect, at)
        return _negated(scope if waiting else None, effect, at)
    if effect == "neutral":
        return _Scope("neutral", effect, at)
    if effect in ("not-before", "lacking", "neutral-before"):
        _set_before(items, at, found, "neutral" if effect == "neutral-before" else "unwanted")
        return None
    if effect == "unlike":
        return _negated(None, effect, at)
    if effect in ("affirm", "stop"):
        return None
    if effect == "wish":
        # "don't GIVE ME sad songs" is no wish; "not sad, I WANT …" is one.
        return scope if waiting and scope and scope.opened == at - 1 else None
    if scope and scope.object:
        if effect == "or" or (effect == "and" and _and_goes_on(scope, items, at, words)):
            scope.linked = True
        elif effect in ("and", "soft", "with"):
            return None
    return scope


def _negated(waiting: _Scope | None, effect: str, at: int) -> _Scope:
    """A negation inside one that still waits: "not without" is a yes, "don't want no" is a no."""
    if waiting and waiting.reading == "neutral":
        return waiting
    if waiting and effect in ("without", "except"):
        return _Scope(_FLIPPED[waiting.reading], effect, at)
    if waiting and waiting.reading == "wanted":
        return waiting
    return _Scope("unwanted", effect, at)


def _answers(items: Sequence[Item], at: int) -> bool:
    """Is the no an answer to what stands before it: "drums: no", "drums no, piano yes"?"""
    if at + 1 < len(items) and items[at + 1].role != "mark":
        return False
    before = [i for i in items[max(0, at - 2) : at] if i.effect not in _PASSED_OVER]
    return bool(before) and before[-1].entry is not None


def _refused_before(items: Sequence[Item], at: int, found: Sequence[Reading | None]) -> bool:
    """Is this the exception to a refusal: "no vocals, except a choir"?"""
    for i in range(at - 1, -1, -1):
        if found[i] is not None:
            return found[i] == "unwanted"
        if items[i].role == "mark" and items[i].effect != ",":
            return False
    return False


def _set_before(
    items: Sequence[Item], at: int, found: list[Reading | None], reading: Reading
) -> None:
    """Set the thing before the cue, what describes it, and what is joined to it by and, or."""
    place = at - 1
    while place >= 0 and (items[place].role == "filler" or items[place].effect in _PASSED_OVER):
        place -= 1
    while place >= 0 and found[place] is not None:
        entry = items[place].entry
        found[place] = _FLIPPED[reading] if entry and entry.absent else reading
        if items[at].effect == "lacking":
            return
        place -= 1
        if place >= 0 and items[place].effect in ("and", "or"):
            place -= 1


def _and_goes_on(scope: _Scope, items: Sequence[Item], at: int, words: Sequence[str]) -> bool:
    """Does "and" join a second object (no drums and vocals) or a new wish (no drums and calm)?"""
    last = scope.object
    rest = [i for i in range(at + 1, len(items)) if items[i].role != "filler"]
    if not rest or not last or items[rest[0]].role not in ("entry", "song"):
        return False
    following = items[rest[0]]
    if _has_article(items, rest[0], words) and not _has_article(items, scope.object_at, words):
        return False
    if not last.entry or not following.entry:
        return last.role == following.role
    kinds = last.entry.kind, following.entry.kind
    if (kinds[0] in _DESCRIBING) == (kinds[1] in _DESCRIBING):
        return True
    # "without drums and loud guitars" is one wish; after a plain "no" it may be two.
    beyond = items[rest[1]] if len(rest) > 1 and rest[1] == rest[0] + 1 else None
    leads_on = beyond is not None and beyond.entry is not None and beyond.entry.kind in _THINGS
    return scope.effect in ("without", "except") and kinds[1] in _DESCRIBING and leads_on


def _has_article(items: Sequence[Item], at: int, words: Sequence[str]) -> bool:
    first = items[at].first
    return first > 0 and words[first - 1] in _ARTICLES
