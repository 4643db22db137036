"""RunConfig: everything a run is asked for, from a TOML file and command-line flags."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from clapbatch.domain import CALIBRATED, RAW
from clapbatch.errors import UsageError
from clapbatch.library import printable
from clapbatch.registry import did_you_mean
from clapbatch.roles import ROLES

AUTO = "auto"
ROLE_NAMES = tuple(role.role for role in ROLES)
BACKENDS = ("threads", "loky", "sequential", "dask", "ray")


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """One run's wishes; names are resolved against the registry later, in `Recipe.of`.

    songs : folder, list or file. queries : file, "-" or sentences; empty for song–song only.
    options : role -> option -> value. window, hop : seconds, None for the encoder's own.
    jobs : workers, None for all cores. timeout : seconds without a block before a loader is
    given up. store : SQLite file, None for the usual one; `use_store` False forgets it all.
    labels : raw or calibrated. thresholds : a file that `clapbatch thresholds` wrote.
    """

    songs: Path
    queries: Path | str | tuple[str, ...] = ()
    encoder: str = AUTO
    loader: str = AUTO
    segmenter: str = "windows"
    scorer: str = "mean"
    reporters: tuple[str, ...] = ("csv", "html")
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    plugins: tuple[str, ...] = ()
    window: float | None = None
    hop: float | None = None
    runtime: str = AUTO
    device: str = AUTO
    precision: str = "float32"
    jobs: int | None = None
    backend: str = "threads"
    scheduler: str | None = None
    timeout: float = 120.0
    store: Path | None = None
    use_store: bool = True
    labels: str = RAW
    thresholds: Path | None = None

    def __post_init__(self) -> None:
        _one_of("--runtime", self.runtime, (AUTO, "openvino", "torch"))
        _one_of("--device", self.device, (AUTO, "cpu", "cuda", "mps"))
        _one_of("--precision", self.precision, ("float32", "bf16"))
        _one_of("--labels", self.labels, (RAW, CALIBRATED))
        _one_of("--backend", self.backend, BACKENDS)
        for name, value in (("--window", self.window), ("--hop", self.hop)):
            if value is not None and not 0 < value < 3600:
                raise UsageError(f"{name} must be between 0 and 3600 seconds, not {value:g}")
        if self.jobs is not None and self.jobs < 1:
            raise UsageError(f"--jobs must be at least 1, not {self.jobs}")
        if not self.timeout > 0:
            raise UsageError(f"--timeout must be more than 0 seconds, not {self.timeout:g}")
        for role in self.options:
            if role not in ROLE_NAMES:
                raise UsageError(f"there is no role {role!r}{did_you_mean(role, ROLE_NAMES)}")

    @property
    def workers(self) -> int:
        if self.jobs:
            return self.jobs
        import joblib  # counts what a container or an affinity mask really leaves us

        return int(joblib.cpu_count())


def parse_options(assignments: Sequence[str]) -> dict[str, dict[str, str]]:
    """`role.option=value` strings -> role -> option -> value."""
    options: dict[str, dict[str, str]] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        role, dot, key = name.partition(".")
        if not (equals and dot and role and key):
            raise UsageError(f"-o takes role.option=value, not {assignment!r}")
        options.setdefault(role, {})[key] = value
    return options


def read_config_file(path: Path) -> dict[str, Any]:
    """A TOML file's settings: RunConfig's names, and one table a role for its plugin's options.

    Raises
    ------
    UsageError
        If it cannot be read, is not TOML, or names a setting that does not exist.
    """
    try:
        settings = tomllib.loads(path.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{printable(path)} cannot be read as TOML: {error}") from error
    known = {f.name for f in fields(RunConfig)} - {"songs", "queries", "options"}
    tables = {role: settings.pop(role) for role in ROLE_NAMES if _is_table(settings.get(role))}
    for name in settings:
        if name not in known:
            raise UsageError(f"{printable(path)}: no setting {name!r}{did_you_mean(name, known)}")
    for name in ("plugins", "reporters"):
        if name in settings:
            settings[name] = tuple(settings[name])
    for name in ("store", "thresholds"):
        if name in settings:
            settings[name] = Path(settings[name])
    return {**settings, "options": tables}


def merge(settings: Mapping[str, Any], flags: Mapping[str, Any]) -> RunConfig:
    """A RunConfig from a file's settings and the flags that were given; flags win."""
    options: dict[str, dict[str, Any]] = {}
    for source in (settings.get("options", {}), flags.get("options", {})):
        for role, values in source.items():
            options[role] = {**options.get(role, {}), **values}
    given = {**settings, **{k: v for k, v in flags.items() if v is not None}, "options": options}
    try:
        return RunConfig(**given)
    except TypeError as error:
        raise UsageError(f"a setting has the wrong type: {error}") from error


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


def _one_of(flag: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UsageError(f"{flag} must be one of {', '.join(allowed)}, not {value!r}")
