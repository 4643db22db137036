"""What a person knows about songs: TRUTH.csv -> judgements -> relevance matrices.

The file: comma, semicolon or tab separated UTF-8 with a heading line. Columns, in any order:

song        file name, as reports show it (relative path with /); its last part, or that without
            its ending, is enough where only one song has it.
query       a sentence the song answers; `caption`, `label`, `tag` and `text` mean the same.
relevance   optional: 0 or no, 1 or yes, or a graded gain above 0. Without the column, 1.

One line a pair; a song may have several sentences and a sentence several songs. Pairs that are
not listed count as not relevant in retrieval and are left out when thresholds are fitted.
"""

from __future__ import annotations

import csv
import io
import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from clapbatch.errors import UsageError

SENTENCE_COLUMNS = ("query", "caption", "label", "tag", "text")
_WORDS = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
_NEAR = 3


@dataclass(frozen=True, slots=True)
class Judgement:
    """One line: this song answers this sentence so well (`relevance` ≥ 0). `line` counts from 1."""

    song: str
    query: str
    relevance: float
    line: int


@dataclass(frozen=True, slots=True)
class UnknownSong:
    """A song that is judged but not at hand. `near` : names alike; when several songs share the
    name given, `ambiguous` is true and `near` lists them. `line` : where it first occurs."""

    name: str
    line: int
    near: tuple[str, ...]
    ambiguous: bool

    def __str__(self) -> str:
        names = ", ".join(self.near)
        if self.ambiguous:
            return f"line {self.line}: {self.name!r} may be any of: {names}; write the whole path"
        hint = f"; did you mean: {names}?" if names else ""
        return f"line {self.line}: no song is called {self.name!r}{hint}"


@dataclass(frozen=True)
class Relevance:
    """Judgements laid over songs and sentences.

    queries : the sentences, in the order of the file. gains : float64 (queries, songs), 0 where
    nothing was said. listed : bool (queries, songs), where something was said, a 0 included.
    unknown : songs of the file that are not at hand; they take no part.
    """

    queries: tuple[str, ...]
    gains: NDArray[np.float64]
    listed: NDArray[np.bool_]
    unknown: tuple[UnknownSong, ...]

    def labels(self, song_count: int) -> NDArray[np.int64]:
        """The one sentence (index into `queries`) of each song (songs,), −1 where none is known.

        Raises
        ------
        UsageError
            If a song answers several sentences: then it has tags, not a label.
        """
        relevant = self.gains > 0
        if (several := np.flatnonzero(relevant.sum(axis=0) > 1)).size:
            raise UsageError(
                f"{several.size} songs have more than one label; one label a song is needed here"
            )
        labels = np.full(song_count, -1, np.int64)
        query, song = np.nonzero(relevant)
        labels[song] = query
        return labels


def read_judgements(path: Path) -> tuple[Judgement, ...]:
    """Read TRUTH.csv, see the module's text. The same line twice counts once.

    Raises
    ------
    UsageError
        One sentence with the file and the line: file missing or not UTF-8, column missing, cell
        empty, relevance not a number ≥ 0, two different judgements of one pair, no judgement.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is not UTF-8 text; save it as CSV UTF-8") from error
    heading = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=heading.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    judgements: dict[tuple[str, str], Judgement] = {}
    try:
        columns = _columns(next(reader, []), path)
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            judgement = _judgement(row, columns, path, reader.line_num)
            before = judgements.setdefault((judgement.song, judgement.query), judgement)
            if before.relevance != judgement.relevance:
                raise UsageError(
                    f"{path}, line {judgement.line}: {judgement.song!r} and {judgement.query!r} "
                    f"are judged differently on line {before.line}; keep one of the two"
                )
    except csv.Error as error:
        raise UsageError(f"{path}, line {reader.line_num}: broken CSV: {error}") from error
    if not judgements:
        raise UsageError(f"{path}: holds no judgement, only a heading")
    return tuple(judgements.values())


def _columns(heading: Sequence[str], path: Path) -> Mapping[str, int]:
    names = [cell.strip().casefold() for cell in heading]
    sentence = [name for name in names if name in SENTENCE_COLUMNS]
    if names.count("song") != 1 or len(sentence) != 1 or names.count("relevance") > 1:
        raise UsageError(
            f"{path}, line 1: the heading must name the columns song and one of "
            f"{', '.join(SENTENCE_COLUMNS)} (and relevance, if wanted), not: {', '.join(heading)}"
        )
    columns = {"song": names.index("song"), "query": names.index(sentence[0])}
    return columns | ({"relevance": names.index("relevance")} if "relevance" in names else {})


def _judgement(row: Sequence[str], columns: Mapping[str, int], path: Path, line: int) -> Judgement:
    cells = {name: row[at].strip() if at < len(row) else "" for name, at in columns.items()}
    for name, cell in cells.items():
        if not cell:
            raise UsageError(f"{path}, line {line}: the column {name} is empty")
    relevance = _relevance(cells.get("relevance", "1"))
    if relevance is None:
        raise UsageError(
            f"{path}, line {line}: relevance must be yes, no or a number from 0 up, "
            f"not {cells['relevance']!r}"
        )
    return Judgement(cells["song"], cells["query"], relevance, line)


def _relevance(cell: str) -> float | None:
    if cell.casefold() in _WORDS:
        return _WORDS[cell.casefold()]
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def relevance_matrix(
    judgements: Iterable[Judgement],
    song_names: Sequence[str],
    queries: Sequence[str] | None = None,
) -> Relevance:
    """Lay judgements over the songs at hand.

    song_names : as in `Analysis.song_names`. queries : the rows of the result; by default every
    sentence of the judgements, in order. With `queries`, other sentences are left out.
    """
    judgements = tuple(judgements)
    rows = tuple(dict.fromkeys(j.query for j in judgements)) if queries is None else tuple(queries)
    row_of = {query: i for i, query in enumerate(rows)}
    find = _SongFinder(song_names)
    gains = np.zeros((len(rows), len(song_names)))
    listed = np.zeros(gains.shape, np.bool_)
    unknown: dict[str, UnknownSong] = {}
    for judgement in judgements:
        columns = find(judgement.song)
        if len(columns) != 1:
            names = tuple(song_names[c] for c in columns) or find.near(judgement.song)
            unknown.setdefault(
                judgement.song,
                UnknownSong(judgement.song, judgement.line, names, ambiguous=bool(columns)),
            )
        elif judgement.query in row_of:
            row = row_of[judgement.query]
            gains[row, columns[0]] = max(gains[row, columns[0]], judgement.relevance)
            listed[row, columns[0]] = True
    return Relevance(rows, gains, listed, tuple(unknown.values()))


class _SongFinder:
    """Song names -> columns: by the path as written, else by it without regard to case, else by
    its last part, else by that without its ending."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._keys: tuple[dict[str, list[int]], ...] = ({}, {}, {}, {})
        for column, name in enumerate(names):
            path = PurePosixPath(_folded(name))
            keys = (name, str(path), path.name, path.stem)
            for index, key in zip(self._keys, keys, strict=True):
                index.setdefault(key, []).append(column)

    def __call__(self, name: str) -> list[int]:
        """The columns the name may stand for: one, none, or several."""
        if name in self._keys[0]:
            return self._keys[0][name]
        path = str(PurePosixPath(_folded(name)))
        return next((index[path] for index in self._keys[1:] if path in index), [])

    def near(self, name: str) -> tuple[str, ...]:
        key = PurePosixPath(_folded(name)).stem
        alike = get_close_matches(key, list(self._keys[-1]), n=_NEAR, cutoff=0.6)
        columns = [column for stem in alike for column in self._keys[-1][stem]]
        return tuple(self._names[c] for c in columns[:_NEAR])


def _folded(name: str) -> str:
    # Spreadsheets and file systems disagree on composed letters, \ and case.
    return unicodedata.normalize("NFC", name).replace("\\", "/").casefold()
