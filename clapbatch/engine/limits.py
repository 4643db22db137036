"""Label limits that were fitted to a person's judgements, in a file between runs."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clapbatch.domain import Thresholds
from clapbatch.errors import UsageError
from clapbatch.library import printable


@dataclass(frozen=True, slots=True)
class Limits:
    """thresholds, and what scores they were fitted to: they fit no others."""

    thresholds: Thresholds
    encoder: str
    scorer: str
    labels: str


def write_limits(limits: Limits, path: Path, figures: Sequence[str]) -> None:
    """Write a TOML file. figures : how good the fit is, lines of its comment.

    Raises
    ------
    UsageError
        If it cannot be written.
    """
    lines = [f"# {line}" for line in ("from `clapbatch thresholds`", *figures)]
    for name in ("encoder", "scorer", "labels"):
        lines.append(f'{name} = "{getattr(limits, name)}"')
    lines.append(f"high = {limits.thresholds.high!r}")
    lines.append(f"moderate = {limits.thresholds.moderate!r}")
    try:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"{printable(path)} cannot be written ({reason})") from error


def read_limits(path: Path, encoder: str, scorer: str, labels: str) -> Thresholds:
    """Read a file of `write_limits`, and refuse one that was fitted to other scores.

    Raises
    ------
    UsageError
        If it cannot be read, or encoder, scorer or kind of labels are others.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8-sig"))
        fitted = Limits(
            Thresholds(float(table["high"]), float(table["moderate"])),
            *(str(table[name]) for name in ("encoder", "scorer", "labels")),
        )
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{printable(path)} cannot be read as TOML: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{printable(path)} is no file of `clapbatch thresholds`") from error
    for what, theirs, ours in (
        ("encoder", fitted.encoder, encoder),
        ("scorer", fitted.scorer, scorer),
        ("labels", fitted.labels, labels),
    ):
        if theirs != ours:
            raise UsageError(
                f"{printable(path)} was fitted with {what} {theirs}, but this run has {ours}"
            )
    return fitted.thresholds
