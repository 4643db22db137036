"""The seam: how plugins come in, and what is said when they do not fit."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path

import pytest

from clapbatch import api, hookspecs
from clapbatch.errors import PluginError, UsageError
from clapbatch.registry import BUILTIN, Registry, make_options, output_options
from clapbatch.roles import ROLES, EmbedderSpec, ScorerSpec, option
from tests.conftest import FAKES

HOOKS = [name for name, f in vars(hookspecs).items() if hasattr(f, "clapbatch_spec")]


def plugin(tmp_path: Path, source: str, name: str = "plugin.py") -> str:
    path = tmp_path / name
    path.write_text(f"from clapbatch.api import *\n{source}", "utf-8")
    return str(path)


SCORER = """
class Zero:
    def score(self, cosines):
        return cosines[0] * 0
@hookimpl
def register_scorers():
    return [ScorerSpec(name="{name}", version="1", summary="s", make=lambda options: Zero())]
"""


def test_every_role_has_a_hook_and_every_hook_is_documented() -> None:
    assert {f"register_{role.role}s" for role in ROLES} | {"register_commands"} == set(HOOKS)
    for name in HOOKS:
        assert inspect.getdoc(getattr(hookspecs, name))


def test_every_role_has_a_built_in_plugin() -> None:
    registry = Registry()
    for role in ROLES:
        assert registry.specs(role), role.role


def test_a_fresh_registry_knows_nothing_of_the_last_one() -> None:
    assert any(spec.name == "pitch" for spec in Registry([FAKES]).specs(EmbedderSpec))
    assert not any(spec.name == "pitch" for spec in Registry().specs(EmbedderSpec))


def test_a_plugin_can_be_a_file_or_a_module(tmp_path: Path) -> None:
    assert Registry([plugin(tmp_path, SCORER.format(name="zero"))]).get(ScorerSpec, "zero")
    assert Registry(["tests.fakes"]).get(EmbedderSpec, "pitch")


def test_two_files_of_one_name_do_not_shadow_each_other(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    first = plugin(tmp_path, SCORER.format(name="one"))
    second = plugin(tmp_path / "other", SCORER.format(name="two"))
    registry = Registry([first, second])
    assert registry.get(ScorerSpec, "one")
    assert registry.get(ScorerSpec, "two")


def test_two_plugins_with_one_name_are_an_error_that_names_both(tmp_path: Path) -> None:
    clash = plugin(tmp_path, SCORER.format(name="mean"))
    with pytest.raises(PluginError, match=r"'mean'.*builtin\.scorers and .*plugin\.py"):
        Registry([clash])


def test_a_misspelled_hook_fails_loudly(tmp_path: Path) -> None:
    source = SCORER.format(name="zero").replace("register_scorers", "register_scorer")
    with pytest.raises(PluginError, match="register_scorer"):
        Registry([plugin(tmp_path, source)])


def test_a_hook_that_returns_something_else_is_refused_by_name(tmp_path: Path) -> None:
    source = "@hookimpl\ndef register_scorers():\n    return ['mean']\n"
    with pytest.raises(PluginError, match=r"plugin\.py.*ScorerSpec, not str"):
        Registry([plugin(tmp_path, source)])


@pytest.mark.parametrize("name", ["no.such.module", "/no/such/file.py"])
def test_a_plugin_that_is_not_there_is_one_sentence(name: str) -> None:
    with pytest.raises(PluginError, match="cannot be imported"):
        Registry([name])


def test_a_plugin_that_breaks_on_import_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"plugin\.py cannot be imported: division by zero"):
        Registry([plugin(tmp_path, "1 / 0")])


def test_an_unknown_name_lists_the_near_ones() -> None:
    with pytest.raises(UsageError, match=r"no scorer called 'maen'; did you mean mean"):
        Registry().get(ScorerSpec, "maen")


def test_listing_plugins_in_the_order_in_which_they_were_found() -> None:
    names = [spec.name for spec in Registry().specs(ScorerSpec)]
    assert names == ["mean", "max", "top-k", "softmax"]


@dataclass(frozen=True)
class Options:
    number: int = option(1, "a number")
    switch: bool = option(False, "a switch", affects_output=False)

    def __post_init__(self) -> None:
        if self.number < 0:
            raise ValueError("number must not be negative")


SPEC = ScorerSpec(name="s", version="1", summary="s", options=Options, make=lambda options: options)


@pytest.mark.parametrize("text", ["true", "yes", "1", True])
def test_options_are_coerced_from_strings_and_toml_values(text: object) -> None:
    assert make_options(SPEC, {"number": "3", "switch": text}) == Options(3, True)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"nubmer": "3"}, r"no option 'nubmer'; did you mean number"),
        ({"number": "three"}, r"scorer\.number must be of type int, not 'three'"),
        ({"switch": "perhaps"}, r"scorer\.switch must be of type bool"),
        ({"number": "-1"}, r"scorer s: number must not be negative"),
    ],
)
def test_a_wrong_option_is_one_sentence(given: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_options(SPEC, given)


def test_only_options_that_affect_output_are_fingerprinted() -> None:
    assert output_options(Options(2, True)) == {"number": 2}


def test_a_plugin_can_import_all_it_needs_from_the_api() -> None:
    for name in api.__all__:
        assert hasattr(api, name)


def test_built_ins_are_listed_as_strings_and_come_in_by_the_same_door() -> None:
    registry = Registry()
    for module in BUILTIN:
        assert registry.manager.has_plugin(module)
