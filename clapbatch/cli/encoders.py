"""Encoders as they are named in lists (clap:checkpoint=music,musicnn), and a run of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clapbatch.config import RunConfig
    from clapbatch.domain import Analysis
    from clapbatch.registry import Registry


def encoder_names(listed: str) -> list[str]:
    """ "clap:checkpoint=music, musicnn" -> its parts."""
    return [name.strip() for name in listed.split(",")]


def analyze_each(config: RunConfig, names: Sequence[str], quiet: bool) -> list[Analysis]:
    """A run of each encoder; each song is decoded once for all that have not heard it.

    Raises
    ------
    UsageError
        If a name is not NAME or NAME:OPTION=VALUE, or anything that one run could raise.
    """
    from clapbatch import folders
    from clapbatch.cli.progress import Progress
    from clapbatch.engine.run import analyze
    from clapbatch.engine.together import embed_for_all
    from clapbatch.registry import Registry
    from clapbatch.store import Store

    registry = Registry(config.plugins)
    configs = [_with_encoder(config, registry, name) for name in names]
    path = (config.store or folders.store()) if config.use_store else None
    with Store(path) as store:
        with Progress(quiet) as progress:
            embed_for_all(configs, registry, store, progress)
        analyses = []
        for own in configs:
            with Progress(quiet) as progress:
                analyses.append(analyze(own, registry, store, progress))
    return analyses


def _with_encoder(config: RunConfig, registry: Registry, text: str) -> RunConfig:
    """Options given for all encoders (-o) reach those that have them; its own come last."""
    from clapbatch.config import AUTO
    from clapbatch.errors import UsageError
    from clapbatch.registry import option_names
    from clapbatch.roles import EmbedderSpec

    name, *assignments = text.split(":")
    own = dict(part.split("=", 1) for part in assignments if "=" in part)
    if not name or len(own) != len(assignments):
        raise UsageError(f"an encoder is NAME or NAME:OPTION=VALUE, not {text!r}")
    known = option_names(registry.get(EmbedderSpec, name)) if name != AUTO else set()
    common = config.options.get("embedder", {})
    options = {**{k: v for k, v in common.items() if k in known}, **own}
    return replace(config, encoder=name, options={**config.options, "embedder": options})
