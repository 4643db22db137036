"""Options that several commands share, and flags -> RunConfig."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from clapbatch.config import RunConfig

F = TypeVar("F", bound=Callable[..., Any])

# Flags that are no settings of a run: what is shown, and where it goes.
SHOWN = ("quiet", "debug", "as_json", "as_csv", "out")

_RUN_OPTIONS = (
    click.option("--encoder", metavar="NAME", help="Encoder, or several: A,B; auto by default."),
    click.option("--scorer", metavar="NAME", help="mean (default), max, top-k or softmax."),
    click.option("--segmenter", metavar="NAME", help="How songs are cut; windows by default."),
    click.option("--loader", metavar="NAME", help="How files are read; auto tries all."),
    click.option(
        "-o",
        "--option",
        "assignments",
        multiple=True,
        metavar="ROLE.OPTION=VALUE",
        help="An option of a plugin, as `clapbatch plugins` lists them. Repeatable.",
    ),
    click.option(
        "--plugin",
        "plugins",
        multiple=True,
        metavar="MODULE_OR_FILE",
        help="Load a plugin that is not installed. Repeatable.",
    ),
    click.option("--config", "config_file", type=Path, metavar="FILE.toml", help="Settings."),
    click.option("--window", type=float, metavar="SEC", help="Window; the encoder's own."),
    click.option("--hop", type=float, metavar="SEC", help="Step between windows."),
    click.option("--precision", metavar="NAME", help="float32 (default) or bf16."),
    click.option("--runtime", metavar="NAME", help="auto, openvino or torch."),
    click.option("--device", metavar="NAME", help="auto, cpu, cuda or mps."),
    click.option("--labels", metavar="KIND", help="raw (default) or calibrated; docs/trust.md."),
    click.option("--thresholds", type=Path, metavar="FILE", help="From `clapbatch thresholds`."),
    click.option("--jobs", "-j", type=int, metavar="N", help="Workers; all cores by default."),
    click.option("--backend", metavar="NAME", help="threads, loky, sequential, dask or ray."),
    click.option("--scheduler", metavar="ADDRESS", help="Where dask's scheduler listens."),
    click.option("--timeout", type=float, metavar="SEC", help="Give a silent loader up after."),
    click.option("--store", type=Path, metavar="FILE", help="Keep embeddings in this file."),
    click.option("--no-store", "use_store", flag_value=False, default=None, help="Keep nothing."),
    click.option("--quiet", "-q", is_flag=True, help="No progress and no notes."),
    click.option("--debug", is_flag=True, help="Show tracebacks."),
)


def run_options(command: F) -> F:
    """Everything that decides how songs are embedded and scored."""
    for add in reversed(_RUN_OPTIONS):
        command = add(command)
    return command


def make_config(flags: dict[str, Any], **fixed: Any) -> RunConfig:
    """A RunConfig from --config, the flags that were given, and what the command itself fixes."""
    from clapbatch.config import merge, parse_options, read_config_file

    settings = {k: v for k, v in flags.items() if k not in SHOWN}
    file = settings.pop("config_file")
    assignments = settings.pop("assignments")
    settings["plugins"] = settings["plugins"] or None
    settings["options"] = parse_options(assignments)
    return merge(read_config_file(file) if file else {}, {**settings, **fixed})
