"""Names of songs and artists in a sentence, and which songs of a library they mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from clapbatch.language.gazetteer import word_groups
from clapbatch.language.text import Token, words

# Small words about names, from data/name_words.csv.
#   lead-in : skipped before a name: "like that song by …".
#   inside : may stand inside a name written with capitals: Stars of the Lid.
#   after : end a name that is written without capitals.
#   after-name : the same, but may begin one: Vibe Ace.
_STYLE = frozenset({"style", "styled", "esque"})


@dataclass(frozen=True, slots=True)
class Span:
    """A name: its tokens, `last` not included, and its letters as typed."""

    first: int
    last: int
    name: str


class Names:
    """Finds where names begin and end in one sentence."""

    def __init__(
        self,
        text: str,
        tokens: Sequence[Token],
        is_known: Callable[[int, int], bool],
        is_cue: Callable[[int, int], bool],
        figures: Mapping[int, object],
    ) -> None:
        self._text, self._tokens = text, tokens
        self._words = word_groups("name_words.csv")
        self._is_known, self._is_cue, self._figures = is_known, is_cue, figures
        letters = [token for token in tokens if token.norm[0].isalpha()]
        # CAPITALS THROUGHOUT say nothing about names.
        self._capitals_count = any(not token.capital for token in letters)

    def after(self, place: int, *, capital_only: bool = False) -> list[Span]:
        """The names that follow a cue such as like; none where a known word follows it."""
        place = self._skip_lead_in(place)
        if place >= len(self._tokens):
            return []
        if self._tokens[place].norm == '"':
            return self._quoted(place)
        if self._capital(place):
            return self._capitalised(place)
        if capital_only:
            return []
        span = self._lower_case(place)
        return [span] if span else []

    def styled(self, place: int) -> Span | None:
        """A name before -esque or style: Beatles-esque, No Doubt style. Known words are none."""
        last = place
        while last < len(self._tokens) and self._capital(last):
            last += 1
        last = max(last, place + 1)
        if last >= len(self._tokens) or self._tokens[last].norm not in _STYLE:
            joined_like = (
                last < len(self._tokens)
                and self._tokens[last].norm == "like"
                and self._tokens[last].joined
            )
            if not joined_like:
                return None
        by_capital = self._capital(place)
        if not by_capital and not self._tokens[last].joined:
            return None
        if any(self._is_known(first, last) for first in range(place, last)):
            return None
        if last > place + 1 and self._is_cue(place, place + 1) and not self._is_cue(place, last):
            return None  # "No Metallica style" refuses; "No Doubt style" is a band's
        return self._span(place, last)

    def _skip_lead_in(self, place: int) -> int:
        while (
            place < len(self._tokens)
            and self._tokens[place].norm in self._words["lead-in"]
            and not self._capital(place)
        ):
            place += 1
        return place

    def _capital(self, place: int) -> bool:
        return self._capitals_count and self._tokens[place].capital

    def _quoted(self, place: int) -> list[Span]:
        for last in range(place + 1, len(self._tokens)):
            if self._tokens[last].norm == '"' and last > place + 1:
                start, end = self._tokens[place].end, self._tokens[last].start
                return [Span(place, last + 1, self._text[start:end].strip())]
        return []

    def _capitalised(self, place: int) -> list[Span]:
        spans: list[Span] = []
        while place < len(self._tokens) and self._capital(place):
            last = self._capitalised_end(place)
            if self._is_known(place, last):
                break
            spans.append(self._span(place, last))
            # A list of names goes on after a comma or an "or".
            going_on = last + 1 < len(self._tokens) and self._tokens[last].norm in {",", "or"}
            if not going_on or self._is_word(last + 1):
                break
            place = last + 1
        return spans

    def _capitalised_end(self, place: int) -> int:
        last = place + 1
        while last < len(self._tokens) and self._tokens[last].start not in self._figures:
            token = self._tokens[last]
            inside = token.norm in self._words["inside"] or self._slash(last)
            if inside:
                step = last + 1
                while step < len(self._tokens) and self._tokens[step].norm in self._words["inside"]:
                    step += 1
                beyond = step < len(self._tokens) and self._capital(step)
                if not beyond or self._is_word(step):
                    break
                last = step + 1
            elif token.is_word and (self._capital(last) or token.norm.isdigit()):
                last += 1
            else:
                break
        return last

    def _lower_case(self, place: int) -> Span | None:
        last = place
        while last < len(self._tokens) and (self._tokens[last].is_word or self._slash(last)):
            norm, start = self._tokens[last].norm, self._tokens[last].start
            ends_after = norm in self._words["after-name"] and last > place
            if norm in self._words["after"] or ends_after or start in self._figures:
                break
            if self._phrase_begins(last) and "." not in norm:  # ace.mp3 is a file's name
                break
            last += 1
        return self._span(place, last) if last > place else None

    def _phrase_begins(self, place: int) -> bool:
        ends = range(place + 1, min(place + 4, len(self._tokens)) + 1)
        return any(self._is_known(place, end) or self._is_cue(place, end) for end in ends)

    def _is_word(self, place: int) -> bool:
        return self._is_known(place, place + 1) or self._is_cue(place, place + 1)

    def _slash(self, place: int) -> bool:
        """A stroke inside a name: AC/DC."""
        return (
            self._tokens[place].norm == "/"
            and self._tokens[place].joined
            and place + 1 < len(self._tokens)
            and self._tokens[place + 1].joined
        )

    def _span(self, first: int, last: int) -> Span:
        text = self._text[self._tokens[first].start : self._tokens[last - 1].end]
        return Span(first, last, text)


def matching_songs(reference: str, song_names: Sequence[str]) -> list[str]:
    """The songs of a library that a reference names: shortest name first, then library order.

    A song is meant when its path holds every word of the reference; accents, case and marks do
    not count. `reference` may carry an ending (.mp3) or not.
    """
    asked = _parts(reference)
    hits = [name for name in song_names if asked and asked <= _parts(name)]
    return sorted(hits, key=lambda name: len(_parts(name)))


def _parts(name: str) -> set[str]:
    return {part for word in words(name.replace("_", " ")) for part in word.split(".")}
