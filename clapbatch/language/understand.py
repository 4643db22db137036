"""A sentence in everyday words -> a Request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches

from clapbatch.errors import UsageError
from clapbatch.language.gazetteer import KINDS, Entry, Kind, lexicon
from clapbatch.language.negation import Reading, readings
from clapbatch.language.patterns import Figure
from clapbatch.language.reading import Item, Reader
from clapbatch.language.request import SONG, Attribute, Polarity, Request, bpm_text
from clapbatch.language.text import composed, words

# Said right before one of these and refused together, a mood belongs to it: "no loud guitars"
# refuses loud guitars, not everything loud and not every guitar.
_DESCRIBED = ("instrument", "voice", "genre")
_NOT_SAID = "said not to matter"


def understand(sentence: str) -> Request:
    """Read a sentence as attributes: wanted, unwanted, or a song to resemble.

    Gazetteers with the longest match first, patterns for figures, corrected typing mistakes, and
    rules for what a negation reaches (after NegEx: Chapman et al., "A simple algorithm for
    identifying negated findings and diseases in discharge summaries", 2001). The same sentence
    gives the same request, on any machine. English only.

    Raises
    ------
    UsageError
        If the sentence is blank.
    """
    text = composed(sentence)
    if not text.strip():
        raise UsageError("the sentence is empty; say what the music should be like")
    reader = Reader(text)
    items = reader.items()
    meant = readings(items, [token.norm for token in reader.tokens])
    attributes: dict[tuple[str, str, str], Attribute] = {}
    notes: list[str] = []
    for attribute in _attributes(items, meant, reader, notes):
        attributes.setdefault((attribute.kind, attribute.value, attribute.polarity), attribute)
    kept = _without_the_general(list(attributes.values()))
    notes.extend(_contradictions(kept))
    return Request(text, tuple(kept), tuple(_left_over(items, reader)), tuple(notes))


def _attributes(
    items: Sequence[Item], meant: Sequence[Reading | None], reader: Reader, notes: list[str]
) -> Iterator[Attribute]:
    described: Item | None = None
    for at, (item, reading) in enumerate(zip(items, meant, strict=True)):
        if reading is None:
            continue
        first = (described or item).first
        text = reader.words(first, item.last)
        if reading == "neutral":
            notes.append(f"{text}: {_NOT_SAID}")
            continue
        if item.name:
            polarity: Polarity = "unwanted" if reading == "unwanted" else "reference"
            yield Attribute(SONG, item.name, polarity, text)
        elif item.figure:
            yield _of_figure(item.figure, reading, text)
        elif item.entry and reading == "unwanted" and _describes(items, meant, at):
            described = described or item
            continue
        elif item.entry:
            attribute = _of_entry(item.entry, reading, text, item.note)
            before = reader.words(first, item.first) if described else ""
            yield _with_description(attribute, before)
        described = None


def _describes(items: Sequence[Item], meant: Sequence[Reading | None], at: int) -> bool:
    """Is the refused item a mood or tempo of the refused item right after it?"""
    item, following = items[at].entry, items[at + 1].entry if at + 1 < len(items) else None
    return (
        item is not None
        and following is not None
        and item.kind in ("mood", "tempo")
        and meant[at + 1] == "unwanted"
        and (following.kind in _DESCRIBED or following.kind == "mood")
        and not following.absent
    )


def _with_description(attribute: Attribute, description: str) -> Attribute:
    if not description:
        return attribute
    return replace(
        attribute,
        value=f"{description.lower()} {attribute.value}",
        prompt=f"{description.lower()} {attribute.prompt}",
    )


def _of_entry(entry: Entry, reading: Polarity | Reading, text: str, note: str = "") -> Attribute:
    bpm = (entry.low, entry.high) if entry.kind == "tempo" else None
    polarity: Polarity = "unwanted" if reading == "unwanted" else "wanted"
    return Attribute(entry.kind, entry.value, polarity, text, entry.prompt, bpm, note)


def _of_figure(figure: Figure, reading: Reading, text: str) -> Attribute:
    if figure.era:
        known = lexicon().values.get(("era", figure.era))
        prompt = known.prompt if known else f"{figure.era} music"
        return _of_entry(Entry("era", figure.era, prompt), reading, text)
    low, high = figure.low, figure.high
    if reading == "unwanted":
        if low is not None and high is not None:
            note = "a range of tempi cannot be left out; ask for the tempi wanted"
            return Attribute("tempo", bpm_text(low, high), "unwanted", text, note=note)
        low, high = high, low
    return Attribute("tempo", bpm_text(low, high), "wanted", text, bpm=(low, high))


def _without_the_general(attributes: list[Attribute]) -> list[Attribute]:
    """Beside a wish for one voice (a woman singing) the word voice says nothing more."""
    wanted = [a.value for a in attributes if a.kind == "voice" and a.polarity == "wanted"]
    if len(wanted) < 2:
        return attributes
    return [a for a in attributes if (a.kind, a.value, a.polarity) != ("voice", "vocals", "wanted")]


def _contradictions(attributes: Sequence[Attribute]) -> Iterator[str]:
    unwanted = {(a.kind, a.value) for a in attributes if a.polarity == "unwanted"}
    for attribute in attributes:
        if attribute.polarity == "wanted" and (attribute.kind, attribute.value) in unwanted:
            yield f"{attribute.value} is both wanted and unwanted"


def _left_over(items: Sequence[Item], reader: Reader) -> Iterator[str]:
    """Runs of unknown words; small words between two of them belong to the run."""
    first = last = -1
    for item in items:
        if item.role == "unknown":
            first, last = (first if first >= 0 else item.first), item.last
        elif item.role != "filler" and first >= 0:
            yield reader.words(first, last)
            first = -1
    if first >= 0:
        yield reader.words(first, last)


def correct(request: Request, kind: str, value: str) -> Request:
    """Replace what was understood of one kind.

    value : one or several values parted by commas, a leading "not" or "no" making one unwanted:
    `correct(r, "genre", "jazz, not bebop")`. "any" drops the kind. "none" drops it too, but for
    voice it means no vocals, for instrument no instruments (a cappella), for song no reference.
    For tempo figures are understood as in a sentence ("100-120 bpm", "slow"). Words that no
    gazetteer knows are sent to the encoder as they are, and say so in `note`.

    Raises
    ------
    UsageError
        If there is no such kind, the value is blank, or a tempo is not understood.
    """
    if kind not in (*KINDS, SONG):
        near = get_close_matches(kind, [*KINDS, SONG], n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UsageError(f"no attribute is called {kind!r} ({', '.join((*KINDS, SONG))}){hint}")
    if not value.strip():
        raise UsageError(f"{kind}: a value is needed, or any, or none")
    kept = [a for a in request.attributes if a.kind != kind]
    given = [part.strip() for part in value.split(",") if part.strip()]
    fresh = [attribute for part in given for attribute in _given(kind, part)]
    notes = tuple(_contradictions([*kept, *fresh]))
    return replace(request, attributes=(*kept, *fresh), notes=notes)


def _given(kind: str, text: str) -> list[Attribute]:
    if text.casefold() == "any" or (text.casefold() == "none" and kind not in ("voice",)):
        return []
    if text.casefold() == "none":
        return [_of_entry(lexicon().values["voice", "vocals"], "unwanted", text)]
    negated = words(text)[:1] in (("not",), ("no",), ("without",))
    bare = text.split(None, 1)[1] if negated and " " in text else text
    if kind == SONG:
        return [Attribute(SONG, bare, "unwanted" if negated else "reference", text)]
    return [_of_words(next(k for k in KINDS if k == kind), bare, negated, text)]


def _of_words(kind: Kind, bare: str, negated: bool, text: str) -> Attribute:
    reading: Reading = "unwanted" if negated else "wanted"
    figure = next((i.figure for i in Reader(composed(bare)).items() if i.figure), None)
    if figure and (kind == "era") == bool(figure.era) and kind in ("era", "tempo"):
        return _of_figure(figure, reading, text)
    for entry in lexicon().find(words(bare)) if words(bare) else ():
        if entry.kind == kind:
            flipped = entry.absent != negated
            return _of_entry(entry, "unwanted" if flipped else "wanted", text)
    if kind == "tempo":
        raise UsageError(
            f"the tempo {bare!r} is not understood; write 120 bpm, 100-120 bpm or slow"
        )
    return _of_entry(Entry(kind, bare, bare), reading, text, "not in the word lists; sent as it is")
