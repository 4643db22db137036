"""Libraries for searches: the tones, aged and embedded, opened as a shelf."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from clapbatch.config import RunConfig
from clapbatch.engine.events import Event
from clapbatch.registry import Registry
from clapbatch.search.shelf import Shelf, open_shelf
from clapbatch.store import Store
from tests.conftest import FAKES

OpenShelf = Callable[..., Shelf]


def age(folder: Path) -> None:
    """Files written just now are not remembered by the store; these were written long ago."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            os.utime(path, (1_700_000_000, 1_700_000_000))


@pytest.fixture
def opened(store: Store) -> OpenShelf:
    """`opened(songs, update=True, scorer="max")`: a shelf over the test's store."""

    def open_it(
        songs: Path, update: bool = False, events: list[Event] | None = None, **settings: object
    ) -> Shelf:
        config = RunConfig(
            songs=songs, **{"encoder": "pitch", "plugins": (FAKES,), "jobs": 2, **settings}
        )
        listen = events.append if events is not None else lambda _: None
        return open_shelf(config, Registry(config.plugins), store, listen, update)

    return open_it


@pytest.fixture
def library(tones: Path, opened: OpenShelf) -> Path:
    """Four tones of 110, 220, 440 and 880 Hz, known to the store."""
    age(tones)
    opened(tones, update=True)
    return tones
