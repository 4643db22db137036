"""Typing mistakes, corrected only where nothing else can be meant.

A wrong correction is worse than none: `unvocal` must not become `vocal`, `organic` not `organ`.
So a word is left alone when it is short, known, a common word of its own (`data/not_typos.txt`),
or when the change would add or take a negating syllable; and when two known words are as near.
"""

from __future__ import annotations

from functools import cache

from clapbatch.language.gazetteer import lexicon, singular, word_list

# In words of four and five letters only two neighbouring letters may be swapped (pinao), or one of
# a word of six left out (vocls); from six on one letter may be wrong, from nine on two.
_SWAP_ONLY, _ONE, _TWO = 4, 6, 9
_NEGATING = ("un", "non", "in", "im", "ir", "dis", "mis", "anti", "a", "de")


@cache
def corrected(word: str) -> str | None:
    """The known word that was meant, or None where the word is known or no guess is safe.

    `word` : lower case, letters only counts; anything with a digit is left alone.
    """
    if len(word) < _SWAP_ONLY or not word.isalpha():
        return None
    if any(form in _known() or form in _common() for form in (word, singular(word))):
        return None
    allowed = 0 if len(word) < _ONE else 1 if len(word) < _TWO else 2
    best: dict[int, list[str]] = {}
    for known in _targets_by_first_letter().get(word[0], ()):
        if abs(len(known) - len(word)) > max(allowed, 1) or _negates(word, known):
            continue
        if not allowed and len(known) < _ONE:
            distance = 1 if is_swap(word, known) else 9
        elif len(known) < _ONE - 1:
            continue
        else:
            distance = edits(word, known)
        if distance <= max(allowed, 1):
            best.setdefault(distance, []).append(known)
    nearest = {singular(known): known for known in best[min(best)]} if best else {}
    return next(iter(nearest.values())) if len(nearest) == 1 else None


def is_swap(a: str, b: str) -> bool:
    """Do the words differ by two neighbouring letters changing places, and by nothing else?"""
    differing = [i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y]
    if len(a) != len(b) or len(differing) != 2 or differing[1] != differing[0] + 1:
        return False
    i, j = differing
    return a[i] == b[j] and a[j] == b[i]


def edits(a: str, b: str) -> int:
    """Letters to insert, drop, replace or swap with a neighbour to turn `a` into `b`.

    The optimal string alignment distance (a restricted Damerau–Levenshtein distance).
    """
    before: list[int] = []
    above = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, above = above, row
    return above[-1]


def _negates(word: str, known: str) -> bool:
    """Would reading `known` for `word` drop or add a syllable that means not?"""
    if word.endswith("less") != known.endswith("less"):
        return True
    longer, shorter = sorted((word, known), key=len, reverse=True)
    return any(longer.startswith(p) and edits(longer[len(p) :], shorter) <= 1 for p in _NEGATING)


@cache
def _targets() -> frozenset[str]:
    known = lexicon()
    in_phrases = {word for phrase in (*known.entries, *known.cues) for word in phrase}
    return frozenset(in_phrases | known.fillers)


@cache
def _known() -> frozenset[str]:
    return frozenset({*_targets(), *map(singular, _targets())})


@cache
def _targets_by_first_letter() -> dict[str, list[str]]:
    index: dict[str, list[str]] = {}
    for word in sorted(_targets()):
        index.setdefault(word[0], []).append(word)
    return index


@cache
def _common() -> frozenset[str]:
    return word_list("not_typos.txt")
