"""Plugins -> specs by role and name. A fresh one for every run; nothing global."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import sys
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

import pluggy

from clapbatch import ENTRY_POINT_GROUP, hookspecs
from clapbatch.errors import ClapbatchError, PluginError, UsageError
from clapbatch.fingerprint import file_sha256
from clapbatch.roles import ROLES, Spec

if TYPE_CHECKING:
    import click

S = TypeVar("S", bound=Spec)

# Built-ins come in by the same door as everybody else's: modules with hook implementations.
BUILTIN = (
    "clapbatch.builtin.loaders.pyav",
    "clapbatch.builtin.loaders.soundfile",
    "clapbatch.builtin.segmenters.windows",
    "clapbatch.builtin.embedders.clap",
    "clapbatch.builtin.embedders.musicnn",
    "clapbatch.builtin.scorers",
    "clapbatch.builtin.reporters.csv",
    "clapbatch.builtin.reporters.html",
    "clapbatch.builtin.reporters.terminal",
)


class Registry:
    """The specs of one run, by role and name, in the order in which they were found.

    Parameters
    ----------
    plugins : modules or files named by `--plugin`, beside the built-in and the installed ones.

    Raises
    ------
    PluginError
        If a plugin cannot be imported, misspells a hook, offers what is not a Spec, or shares a
        name with another.
    """

    def __init__(self, plugins: Iterable[str] = ()) -> None:
        self.extra = tuple(plugins)
        self.manager = pluggy.PluginManager(hookspecs.PROJECT)
        self.manager.add_hookspecs(hookspecs)
        for name in BUILTIN:
            self.manager.register(importlib.import_module(name), name=name)
        self._load_installed()
        for name in self.extra:
            self._register(import_plugin(name), name)
        try:
            self.manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise PluginError(f"a plugin implements a hook that does not exist: {error}") from error
        self._specs: dict[str, dict[str, Spec]] = {}
        self._origins: dict[tuple[str, str], str] = {}
        for kind in ROLES:
            self._collect(kind)

    def _load_installed(self) -> None:
        try:
            self.manager.load_setuptools_entrypoints(ENTRY_POINT_GROUP)
        except ClapbatchError:
            raise
        except Exception as error:
            raise PluginError(f"an installed plugin cannot be loaded: {error}") from error

    def _register(self, module: ModuleType, name: str) -> None:
        if not self.manager.is_registered(module):
            self.manager.register(module, name=name)

    def _collect(self, kind: type[Spec]) -> None:
        hook = getattr(self.manager.hook, f"register_{kind.role}s")
        specs = self._specs[kind.role] = {}
        # pluggy calls the last registered first; people expect the order in which they were found.
        for implementation in hook.get_hookimpls():
            origin = implementation.plugin_name
            for spec in implementation.function():
                if not isinstance(spec, kind):
                    raise PluginError(
                        f"plugin {origin}: register_{kind.role}s must return a list of "
                        f"{kind.__name__}, not {type(spec).__name__}"
                    )
                if spec.name in specs:
                    raise PluginError(
                        f"two plugins offer the {kind.role} {spec.name!r}: "
                        f"{self._origins[kind.role, spec.name]} and {origin}; remove one"
                    )
                specs[spec.name] = spec
                self._origins[kind.role, spec.name] = origin

    def specs(self, kind: type[S]) -> list[S]:
        """All specs of a role, in the order in which they were found."""
        return [spec for spec in self._specs[kind.role].values() if isinstance(spec, kind)]

    def add_commands(self, cli: click.Group) -> None:
        """Let plugins add their commands to a click group.

        Raises
        ------
        PluginError
            If a plugin fails to.
        """
        try:
            self.manager.hook.register_commands(cli=cli)
        except Exception as error:
            raise PluginError(f"a plugin's commands cannot be added: {error}") from error

    def origin(self, spec: Spec) -> str:
        """The module or distribution that offers a spec."""
        return self._origins[spec.role, spec.name]

    def get(self, kind: type[S], name: str) -> S:
        """The spec of that name; an unknown name is an error that lists the near ones."""
        known = {spec.name: spec for spec in self.specs(kind)}
        if name not in known:
            raise UsageError(f"there is no {kind.role} called {name!r}{did_you_mean(name, known)}")
        return known[name]


def import_plugin(name: str) -> ModuleType:
    """Import a plugin by module name or by the path of a .py file."""
    path = Path(name)
    try:
        if path.suffix != ".py":
            return importlib.import_module(name)
        # Named by content, so that two files called plugin.py do not shadow each other.
        module_name = f"clapbatch_plugin_{path.stem}_{file_sha256(path)[:12]}"
        if module_name in sys.modules:
            return sys.modules[module_name]
        spec = importlib.util.spec_from_file_location(module_name, path)
        if spec is None or spec.loader is None:
            raise ImportError("not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[module_name]
            raise
        return module
    except Exception as error:
        raise PluginError(f"the plugin {name} cannot be imported: {error}") from error


def make_options(spec: Spec, given: Mapping[str, Any]) -> Any:
    """A spec's options dataclass from strings or TOML values, coerced; unknown keys are refused.

    Raises
    ------
    UsageError
        If a key is unknown or a value does not fit its type.
    """
    types = get_type_hints(spec.options)
    known = {f.name: types[f.name] for f in fields(spec.options)}
    values = {}
    for key, value in given.items():
        if key not in known:
            raise UsageError(
                f"{spec.role} {spec.name} has no option {key!r}{did_you_mean(key, known)}"
            )
        values[key] = _coerce(f"{spec.role}.{key}", value, known[key])
    try:
        return spec.options(**values)
    except ValueError as error:
        raise UsageError(f"{spec.role} {spec.name}: {error}") from error


def output_options(options: Any) -> dict[str, Any]:
    """The options that affect output, as plain values for a fingerprint."""
    return {
        f.name: getattr(options, f.name)
        for f in fields(options)
        if f.metadata.get("affects_output", True)
    }


def option_names(spec: Spec) -> set[str]:
    return {f.name for f in fields(spec.options)}


def describe_options(spec: Spec) -> list[tuple[str, str, str]]:
    """(name, default, help) of each option, for `clapbatch plugins`."""
    return [
        (f.name, "" if f.default is MISSING else str(f.default), f.metadata.get("help", ""))
        for f in fields(spec.options)
    ]


def _coerce(name: str, value: Any, wanted: type) -> Any:
    try:
        if wanted is bool:
            if isinstance(value, bool):
                return value
            return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[
                str(value).lower()
            ]
        return wanted(value)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{name} must be of type {wanted.__name__}, not {value!r}") from error


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of an error message: the near names, or else all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        return f"; did you mean {' or '.join(near)}?"
    return f"; there are: {', '.join(names)}" if names else "; there are none"
