"""clapbatch: finds, in a folder of music, what people describe in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clapbatch.face import Analysis, LoadedEncoder, analyze, load_encoder

__version__ = "0.1.0"
__all__ = ["Analysis", "LoadedEncoder", "__version__", "analyze", "load_encoder"]

# Installed distributions offer plugins under this group of entry points.
ENTRY_POINT_GROUP = "clapbatch"


def __getattr__(name: str) -> Any:
    """The Python face, imported when it is first used: `clapbatch --help` needs none of it."""
    if name in __all__:
        from clapbatch import face

        return getattr(face, name)
    raise AttributeError(f"module 'clapbatch' has no attribute {name!r}")
