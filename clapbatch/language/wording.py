"""Other wordings of a query: synonyms, templates, singular and plural.

An encoder may score "female vocalist" and "female voice" far apart on one song. The wordings made
here are scored by the engine and compared by `clapbatch.evaluation.agreement`; averaged as unit
vectors they make one steadier query ("prompt ensembling": Radford et al., "Learning transferable
visual models from natural language supervision", 2021).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal, get_args

from clapbatch.domain import Query
from clapbatch.errors import UsageError
from clapbatch.language.gazetteer import lexicon, singular
from clapbatch.language.text import words

Family = Literal["genre", "instrument", "voice", "mood"]
FAMILIES: tuple[Family, ...] = get_args(Family)

VERSION = 1
_ARTICLE = re.compile(r"\b([Aa]) \{query\}")
_PLAIN = ("{query} music", "{query} song")
_SAYS_MUSIC = re.compile(r" (music|songs?)$", re.IGNORECASE)
_COUNTED: tuple[Family, ...] = ("instrument", "voice")


@dataclass(frozen=True, slots=True)
class Wording:
    """One way to say a query. how : as given, synonym, singular, plural, or template."""

    text: str
    how: str


@dataclass(frozen=True, slots=True)
class Meaning:
    """Wordings that mean the same; the first is the usual one."""

    family: Family
    words: tuple[str, ...]


@dataclass(frozen=True)
class WordingTable:
    """The curated table. meanings : in file order, no wording in two of them."""

    meanings: tuple[Meaning, ...]

    def meaning(self, query: str) -> Meaning | None:
        """The meaning a query belongs to, whatever its case, hyphens or plural; None if none."""
        key = _key(query)
        return next((m for m in self.meanings if key in map(_key, m.words)), None)


def read_wordings(path: Path) -> WordingTable:
    """Read a table such as `queries/wordings.toml`.

    Raises
    ------
    UsageError
        If the file is missing or broken, its version unknown, a family unknown, a meaning has
        fewer than two wordings, or a wording stands in two meanings.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: the table of wordings cannot be read: {error}") from error
    if raw.get("version") != VERSION:
        raise UsageError(f"{path}: version {raw.get('version')!r} is not {VERSION}")
    meanings: list[Meaning] = []
    seen: dict[tuple[str, ...], int] = {}
    for entry in raw.get("meaning", []):
        family = next((f for f in FAMILIES if f == entry.get("family")), None)
        given = tuple(str(word) for word in entry.get("words", ()))
        if family is None or len(given) < 2:
            raise UsageError(
                f"{path}: each meaning needs a family ({', '.join(FAMILIES)}) and two words or "
                f"more, not {entry!r}"
            )
        for word in given:
            if seen.setdefault(_key(word), len(meanings)) != len(meanings):
                raise UsageError(f"{path}: {word!r} stands in two meanings")
        meanings.append(Meaning(family, given))
    return WordingTable(tuple(meanings))


@cache
def templates(family: Family) -> tuple[str, ...]:
    """The built-in templates of a family, each with {query} or {singular}; first {query} alone."""
    text = files("clapbatch.language").joinpath("data", "templates.toml").read_text("utf-8")
    table: Mapping[str, Sequence[str]] = tomllib.loads(text)
    return tuple(table[family])


def fill(template: str, query: str) -> str:
    """Put a query into a template; "a {query}" becomes "an" before a vowel.

    {singular} is the query with its last word in the singular. A query that ends in "music" or
    "song" is filled in without it where the template says so itself.

    Raises
    ------
    UsageError
        If the template has neither {query} nor {singular}.
    """
    if "{query}" not in template and "{singular}" not in template:
        raise UsageError(f"the template {template!r} has no {{query}} in it")
    if {"music", "song"} & set(words(template)):
        query = _SAYS_MUSIC.sub("", query)
    if query[:1].casefold() in tuple("aeio"):
        template = _ARTICLE.sub(r"\1n {query}", template)
    one = query[: -len(query.split()[-1])] + singular(query.split()[-1])
    return template.replace("{query}", query).replace("{singular}", one)


def family_of(query: str, table: WordingTable | None = None) -> Family | None:
    """A query's family, by the table, then by the gazetteers; None for a sentence."""
    if table and (meaning := table.meaning(query)):
        return meaning.family
    phrase = words(query)
    kinds = [entry.kind for entry in lexicon().find(phrase)] if phrase else []
    return next((family for family in FAMILIES if family in kinds), None)


def prompt_set(query: str, family: Family | None = None) -> Query:
    """A query whose prompts are its family's templates; a query of no family stays one prompt."""
    family = family or family_of(query)
    filled = [fill(template, query) for template in templates(family)] if family else [query]
    return Query(query, tuple(dict.fromkeys(filled)))


def variants(query: str, table: WordingTable) -> tuple[Wording, ...]:
    """The wordings to compare with a query, itself first, none twice.

    Synonyms from the table, singular and plural (instruments and voices), and the family's
    templates. What belongs to no family is compared with itself and "music" or "song" added alone.
    """
    found: dict[str, Wording] = {}
    for wording in _variants(query.strip(), table):
        found.setdefault(wording.text.casefold(), wording)
    return tuple(found.values())


def _variants(query: str, table: WordingTable) -> Iterator[Wording]:
    yield Wording(query, "as given")
    meaning, family = table.meaning(query), family_of(query, table)
    for word in meaning.words if meaning else ():
        yield Wording(word, "synonym")
    if family in _COUNTED:
        yield from _numbers(query)
    plain = () if {"music", "song", "songs"} & set(words(query)) else _PLAIN
    for template in templates(family) if family else plain:
        yield Wording(fill(template, query), "template")


def _numbers(query: str) -> Iterator[Wording]:
    """The query with its last word in the other number; by rule, so nothing for odd plurals."""
    last = query.split()[-1]
    one = singular(last)
    if one != last:
        yield Wording(query[: -len(last)] + one, "singular")
    elif last.isalpha() and not last.endswith(("s", "x", "z", "ch", "sh", "y", "ing", "o")):
        yield Wording(query + "s", "plural")


def _key(text: str) -> tuple[str, ...]:
    phrase = words(text)
    return (*phrase[:-1], singular(phrase[-1])) if phrase else ()
