"""The seam: every hook a plugin may implement. All are optional; every answer is collected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

from clapbatch.roles import EmbedderSpec, LoaderSpec, ReporterSpec, ScorerSpec, SegmenterSpec

if TYPE_CHECKING:
    import click

PROJECT = "clapbatch"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_loaders() -> list[LoaderSpec]:  # type: ignore[empty-body]
    """Ways to read a recording: Track -> stream of blocks."""


@hookspec
def register_segmenters() -> list[SegmenterSpec]:  # type: ignore[empty-body]
    """Ways to cut a stream into segments."""


@hookspec
def register_embedders() -> list[EmbedderSpec]:  # type: ignore[empty-body]
    """Encoders: segments -> unit vectors, and, as a separate side, texts -> unit vectors."""


@hookspec
def register_scorers() -> list[ScorerSpec]:  # type: ignore[empty-body]
    """Ways to turn a song's cosines into one score a query."""


@hookspec
def register_reporters() -> list[ReporterSpec]:  # type: ignore[empty-body]
    """Ways to write an Analysis down."""


@hookspec
def register_commands(cli: click.Group) -> None:
    """Add commands to the command line: `cli.add_command(...)`."""
