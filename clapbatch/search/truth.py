"""What songs really are: from a CSV file, or from the names of their folders."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clapbatch.errors import UsageError
from clapbatch.evaluation.classification import Classification, classification
from clapbatch.library import printable
from clapbatch.search.zero_shot import Classes

SONG_COLUMNS = ("audio_file", "file", "song", "name", "path")
LABEL_COLUMNS = ("label", "genre", "class", "tag")


@dataclass(frozen=True)
class Judged:
    """result : accuracy, confusion and so on, over the songs whose label is known.

    truth : song name -> true label, for those. unjudged : songs without one, or with one that was
    not among the labels.
    """

    result: Classification
    truth: Mapping[str, str]
    unjudged: int


def read_truth(path: Path) -> dict[str, str]:
    """Song name -> label, from a CSV file with a header.

    The song stands in a column called audio_file, file, song, name or path, its label in one
    called label, genre, class or tag.

    Raises
    ------
    UsageError
        If the file cannot be read or has no such columns.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{printable(path)} cannot be read as CSV ({reason.lower()})") from error
    columns = list(rows[0]) if rows else []
    song = next((name for name in SONG_COLUMNS if name in columns), None)
    label = next((name for name in LABEL_COLUMNS if name in columns), None)
    if song is None or label is None:
        raise UsageError(
            f"{printable(path)} needs a header with a column {' or '.join(SONG_COLUMNS[:2])} and "
            f"a column {LABEL_COLUMNS[0]}, and rows below it"
        )
    # A cell that the CSV reporter made harmless for spreadsheets has one apostrophe before it.
    return {(row[song] or "").removeprefix("'"): (row[label] or "").strip() for row in rows}


def judge(classes: Classes, truth: Mapping[str, str]) -> Judged:
    """Compare the answers with the truth.

    truth : song name, or its last part -> label, in any case of letters.

    Raises
    ------
    UsageError
        If no song's true label is among the labels.
    """
    place = {label.casefold(): i for i, label in enumerate(classes.labels)}
    known: list[int] = []
    scores = []
    names = {}
    for song in classes.songs:
        told = truth.get(song.name, truth.get(song.name.rsplit("/", 1)[-1], ""))
        at = place.get(told.casefold())
        if at is not None:
            known.append(at)
            scores.append(song.scores)
            names[song.name] = classes.labels[at]
    if not known:
        raise UsageError(
            "no song's true label is among the labels; check the names of the songs and the labels"
        )
    result = classification(np.stack(scores), np.array(known), classes.labels)
    return Judged(result, names, len(classes.songs) - len(known))


def folder_labels(names: Sequence[str], paths: Sequence[bytes]) -> dict[str, str]:
    """Each song's folder as its label. paths : absolute."""
    return {
        name: os.path.basename(os.path.dirname(os.fsdecode(path)))
        for name, path in zip(names, paths, strict=True)
    }
