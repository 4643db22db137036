"""Beats a minute, measured by librosa (an extra: pip install "clapbatch[tempo]"), and kept.

What was measured once is kept beside the store, under the sha256 of the song and librosa's version.
"""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from clapbatch.domain import FloatArray, Track
from clapbatch.errors import ClapbatchError, UsageError
from clapbatch.roles import AUDIO, LoaderSpec, Needs
from clapbatch.search.means import folder_of
from clapbatch.search.shelf import Shelf

# librosa's own rate for beats. A minute and a half tells a tempo, and bounds the time it takes.
RATE = 22_050
SECONDS = 90.0
SHORTEST = 2.0


def measure_tempo(samples: FloatArray) -> float | None:
    """Beats a minute of mono float32 (n,) at `RATE` Hz; None where nothing beats.

    librosa.feature.tempo: the autocorrelation of onset strength, weighed towards 120 (Ellis, "Beat
    tracking by dynamic programming", 2007).

    Raises
    ------
    UsageError
        If librosa is not installed.
    """
    librosa = _librosa()
    if len(samples) < SHORTEST * RATE:
        return None
    strength = librosa.onset.onset_strength(y=samples, sr=RATE)
    if not strength.any():
        return None
    return float(librosa.feature.tempo(onset_envelope=strength, sr=RATE)[0])


class TempoMeter:
    """Measures songs of a shelf, each once; `save` keeps what is new."""

    def __init__(self, shelf: Shelf) -> None:
        version = _librosa().__version__
        path = shelf.store.path
        self._file = folder_of(path) / f"tempo-librosa-{version}.json" if path else None
        self._known: dict[str, float | None] = _read(self._file)
        self._before = len(self._known)

    def __call__(self, shelf: Shelf, name: str) -> float | None:
        place = shelf.names.index(name)
        sha256 = shelf.content(place)
        if sha256 not in self._known:
            path = Path(os.fsdecode(shelf.paths[place]))
            self._known[sha256] = measure_tempo(_beginning(shelf, Track(name, path)))
        return self._known[sha256]

    def save(self) -> None:
        if self._file is None or len(self._known) == self._before:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        draft = self._file.with_suffix(f".{os.getpid()}.draft")
        draft.write_text(json.dumps(self._known, sort_keys=True), "utf-8")
        os.replace(draft, self._file)


def _beginning(shelf: Shelf, track: Track) -> FloatArray:
    """The first seconds of a song, float32 (n,) at `RATE`; empty if no loader can read it."""
    needs = Needs(kind=AUDIO, rate=RATE, window=SECONDS, hop=SECONDS)
    for name in shelf.recipe.loaders:
        spec = shelf.registry.get(LoaderSpec, name)
        loader = spec.make(shelf.recipe.options_of(spec))
        blocks: list[FloatArray] = []
        try:
            with closing(loader.blocks(track, needs)) as stream:  # type: ignore[type-var]
                for block in stream:
                    blocks.append(block)
                    if sum(map(len, blocks)) >= SECONDS * RATE:
                        break
        except (ClapbatchError, OSError):
            continue
        if blocks:
            return np.concatenate(blocks)[: int(SECONDS * RATE)]
    return np.empty(0, np.float32)


def _read(file: Path | None) -> dict[str, float | None]:
    """What was measured before; nothing if the file is not there, or is damaged."""
    try:
        known = json.loads(file.read_text("utf-8")) if file else {}
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _librosa() -> Any:
    try:
        import librosa
    except ImportError as error:
        raise UsageError(
            'to measure tempo, install librosa: pip install "clapbatch[tempo]"; or leave the '
            "tempo out with --set tempo=any"
        ) from error
    return librosa
