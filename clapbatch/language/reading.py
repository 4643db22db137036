"""A sentence -> items: what each stretch of words is, before anything is negated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from clapbatch.language.gazetteer import Entry, Lexicon, lexicon
from clapbatch.language.patterns import Figure, figures
from clapbatch.language.references import Names
from clapbatch.language.spelling import corrected
from clapbatch.language.text import fold, tokenize

Role = Literal["entry", "figure", "song", "cue", "mark", "filler", "unknown"]

# Said after a hyphen, these only tie a word to what it describes: piano-driven, synth-heavy.
_TIES = {"heavy", "driven", "based", "led", "laden", "oriented", "tinged", "infused", "focused"}
# The absence of these can be said by an ending (drumless, vocal-free); soulless is another thing.
_CAN_LACK = {"instrument", "voice"}
_LEAVING = {"leave", "leaving", "cut", "take", "keep", "filter", "weed", "mix", "throw", "kick"}
_CROSSES = {"❌", "✗", "✘", "🚫"}
_PREFERRING = {"prefer", "preferred"}
_COMPARING = {"rather", "more", "prefer", "choose", "pick", "sooner", "preferred"}


@dataclass(frozen=True, slots=True)
class Item:
    """A stretch of a sentence.

    first, last : its tokens, `last` not included. entry, figure, name (of a song) : what it is.
    effect : of a cue, as in cues.csv; of a mark, the mark. note : a doubtful reading.
    """

    role: Role
    first: int
    last: int
    entry: Entry | None = None
    figure: Figure | None = None
    name: str = ""
    effect: str = ""
    note: str = ""


class Reader:
    """Reads one sentence from left to right; at each place the longest known phrase wins."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = [
            t for t in tokenize(text) if not ((t.norm == "-" and t.joined) or t.norm == "'")
        ]
        self._known: Lexicon = lexicon()
        self._spelled = [corrected(token.norm) or token.norm for token in self.tokens]
        self._figures = {figure.start: figure for figure in figures(fold(text))}
        self._names = Names(text, self.tokens, self._is_entry, self._is_cue, self._figures)

    def items(self) -> list[Item]:
        """The sentence from end to end: every token belongs to one item."""
        items: list[Item] = []
        place = 0
        while place < len(self.tokens):
            found = self._at(place, items)
            items.extend(found)
            place = found[-1].last
        return items

    def words(self, first: int, last: int) -> str:
        """The text as it was typed."""
        return self.text[self.tokens[first].start : self.tokens[last - 1].end]

    def _at(self, place: int, before: Sequence[Item]) -> list[Item]:
        token = self.tokens[place]
        if figure := self._figures.get(token.start):
            last = place + sum(token.start <= t.start < figure.end for t in self.tokens[place:])
            return [Item("figure", place, last, figure=figure)]
        if not token.is_word:
            return [self._mark(place)]
        if tied := self._ending(place, before):
            return [tied]
        if span := self._names.styled(place):
            return [Item("song", place, span.last, name=span.name)]
        item = self._phrase(place, before)
        if item.effect in ("like", "unlike", "by") and item.role == "cue":
            return self._songs(item)
        return [item]

    def _mark(self, place: int) -> Item:
        token = self.tokens[place]
        follows = place + 1 < len(self.tokens) and self.tokens[place + 1].joined
        if token.norm in "-!" and follows and not token.joined:
            return Item("cue", place, place + 1, effect="no")
        if token.norm in _CROSSES:
            return Item("cue", place, place + 1, effect="not-before")
        if token.norm == "/":
            return Item("cue", place, place + 1, effect="or")
        return Item("mark", place, place + 1, effect=token.norm)

    def _ending(self, place: int, before: Sequence[Item]) -> Item | None:
        """-less, -free and -driven after a known thing; "drums free" too, where nothing follows."""
        if not before or not before[-1].entry:
            return None
        norm, kind = self.tokens[place].norm, before[-1].entry.kind
        if not self.tokens[place].joined:
            ends = place + 1 == len(self.tokens) or not self.tokens[place + 1].is_word
            lacking = norm == "free" and ends and kind in _CAN_LACK
            return Item("cue", place, place + 1, effect="lacking") if lacking else None
        if norm in ("less", "free") and (kind in _CAN_LACK or kind in ("genre", "mood")):
            return Item("cue", place, place + 1, effect="lacking")
        return Item("filler", place, place + 1) if norm in _TIES else None

    def _phrase(self, place: int, before: Sequence[Item]) -> Item:
        run = 1
        while place + run < len(self.tokens) and self.tokens[place + run].is_word:
            if self.tokens[place + run].start in self._figures:
                break
            run += 1
        for length in range(min(run, self._known.longest), 0, -1):
            last = place + length
            phrase = tuple(self._spelled[place:last])
            effect = self._effect(phrase, place, before)
            if effect:
                return Item("cue", place, last, effect=effect)
            if entries := self._known.find(phrase):
                entry = self._choose(entries, place, before)
                return Item("entry", place, last, entry=entry, note=self._respelled(place, last))
        word = self._spelled[place]
        if lacking := self._lacking(word):
            return Item("entry", place, place + 1, entry=lacking)
        if word in self._known.fillers or word.isdigit():
            return Item("filler", place, place + 1)
        return Item("unknown", place, place + 1)

    def _effect(self, phrase: tuple[str, ...], place: int, before: Sequence[Item]) -> str | None:
        """What a cue does here; some do it only after certain words, and are fillers elsewhere."""
        effect = self._known.cues.get(phrase)
        said = {token.norm for token in self.tokens[:place]}
        if effect == "than":  # rather jazz THAN rock; no other instrument THAN a piano
            return "except" if "other" in said else "no" if said & _COMPARING else "soft"
        if effect == "to":  # prefer jazz TO rock
            return "no" if said & _PREFERRING and before and before[-1].entry else None
        if effect == "out":  # leave the drums OUT
            return "not-before" if said & _LEAVING else None
        return effect

    def _choose(self, entries: tuple[Entry, ...], place: int, before: Sequence[Item]) -> Entry:
        """Of several kinds that share a phrase: a use after for, while, when; else the other."""
        after_for = place > 0 and self.tokens[place - 1].norm in {"for", "while", "when", "during"}
        return next((e for e in entries if (e.kind == "use") == after_for), entries[0])

    def _lacking(self, word: str) -> Entry | None:
        """Drumless, nonvocal: the thing that is missing."""
        stems = [word[:-4]] if word.endswith("less") else []
        stems += [word[3:]] if word.startswith("non") else []
        for stem in stems:
            for entry in self._known.find((stem,)) if stem else ():
                if entry.kind in _CAN_LACK:
                    return replace(entry, absent=not entry.absent)
        return None

    def _respelled(self, first: int, last: int) -> str:
        changed = [
            f"{self.tokens[i].norm} read as {self._spelled[i]}"
            for i in range(first, last)
            if self.tokens[i].norm != self._spelled[i]
        ]
        return ", ".join(changed)

    def _songs(self, cue: Item) -> list[Item]:
        spans = self._names.after(cue.last, capital_only=cue.effect == "by")
        if not spans:
            return [replace(cue, role="filler", effect="")]
        items = [replace(cue, effect="unlike" if cue.effect == "unlike" else "like")]
        for span in spans:
            if span.first > items[-1].last:
                items.append(Item("filler", items[-1].last, span.first))
            items.append(Item("song", span.first, span.last, name=span.name))
        return items

    def _is_entry(self, first: int, last: int) -> bool:
        """Is this stretch, as typed, a whole phrase of the gazetteers?"""
        return bool(self._known.find(tuple(t.norm for t in self.tokens[first:last])))

    def _is_cue(self, first: int, last: int) -> bool:
        return tuple(t.norm for t in self.tokens[first:last]) in self._known.cues
