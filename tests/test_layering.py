"""The order of the house: a file imports from its own floor or from lower ones."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "clapbatch"

# From the ground up; modules that share a floor stand in one tuple.
FLOORS = [
    ("errors", "folders", "fingerprint", "domain"),
    ("torch_runtime",),
    ("runtime", "downloads"),
    ("roles",),
    ("hookspecs",),
    ("api",),
    ("builtin",),
    ("registry", "library"),
    ("config", "database"),
    ("store",),
    ("language", "evaluation"),
    ("engine",),
    ("search",),
    ("testing", "face"),
    ("cli",),
    ("__main__",),
]
FLOOR = {name: level for level, names in enumerate(FLOORS) for name in names}
MODULES = sorted(ROOT.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Names under clapbatch that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            if node.module == "clapbatch":
                names |= {f"clapbatch.{alias.name}" for alias in node.names}
            else:
                names.add(node.module)
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name for name in names if name.startswith("clapbatch.")}


def room(module: str) -> str:
    return module.split(".")[1]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_imports_from_no_higher_floor(path: Path) -> None:
    own = path.relative_to(ROOT).with_suffix("").parts[0]
    if own == "__init__":
        return
    for module in imported(path):
        if room(module) in FLOOR:
            assert FLOOR[room(module)] <= FLOOR[own], f"{own} imports {module}"


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if "builtin" in path.parts],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_a_built_in_plugin_imports_what_every_plugin_may(path: Path) -> None:
    allowed = {"api", "builtin"}
    assert {room(module) for module in imported(path)} <= allowed


def test_every_room_has_a_floor() -> None:
    rooms = {path.relative_to(ROOT).with_suffix("").parts[0] for path in MODULES}
    assert rooms - {"__init__"} <= set(FLOOR)


def test_there_is_no_room_for_odds_and_ends() -> None:
    assert not {path.stem for path in MODULES} & {"utils", "util", "helpers", "misc", "common"}


def test_no_module_is_longer_than_500_lines() -> None:
    long = [path for path in MODULES if len(path.read_text("utf-8").splitlines()) > 500]
    assert not long
