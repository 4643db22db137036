"""Where clapbatch keeps what it can make again: one folder, moved by CLAPBATCH_HOME."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """The user's cache folder for clapbatch, or $CLAPBATCH_HOME."""
    if chosen := os.environ.get("CLAPBATCH_HOME"):
        return Path(chosen).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("clapbatch", appauthor=False)


def store() -> Path:
    """The embedding store, one SQLite file."""
    return home() / "store.sqlite"


def models() -> Path:
    """Checkpoints that were downloaded and made safe."""
    return home() / "models"


def graphs() -> Path:
    """OpenVINO graphs made from torch modules."""
    return home() / "graphs"
