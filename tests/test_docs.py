"""The docs are true: every command in them runs, every piece of code is what the files hold."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [
        ROOT / "README.md",
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("queries/*.md"),
        ROOT / "reports/README.md",
    ]
)
EXAMPLE = ROOT / "plugins" / "clapbatch-example"
SONGS = ROOT / "tests" / "songs"


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)


def page_id(page: object) -> str:
    return page.relative_to(ROOT).as_posix() if isinstance(page, Path) else ""


COMMANDS = [
    pytest.param(line, id=f"{page_id(page)}: {line[:60]}")
    for page in PAGES
    for block in blocks(page, "sh")
    for line in block.replace("\\\n", " ").splitlines()
    if line.strip() and not line.startswith("#")
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder such as the docs speak of: songs/, song.mp3, queries.txt, …"""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "songs").mkdir()
    for name in ("fur_elise.ogg", "porch_steps.ogg", "sticks_and_skins.ogg"):
        shutil.copy(SONGS / name, folder / "songs")
    shutil.copy(SONGS / "fur_elise.ogg", folder / "song.mp3")
    (folder / "queries.txt").write_text("solo piano\nacoustic guitar\ndrums\n")
    shutil.copy(SONGS / "truth.csv", folder)
    (folder / "labels.txt").write_text("piano\nguitar\ndrums\n")
    shutil.copy(EXAMPLE / "clapbatch_example.py", folder)
    shutil.copytree(ROOT / "queries", folder / "queries")
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_in_the_docs_runs(command: str, place: Path, kept_graphs: Path) -> None:
    home = place / "home"
    home.mkdir(exist_ok=True)
    if not (home / "graphs").exists():
        (home / "graphs").symlink_to(kept_graphs)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        shell=True,
        cwd=place,
        env={**os.environ, "PATH": path, "CLAPBATCH_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


def test_the_python_page_runs_from_top_to_bottom(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    names: dict[str, object] = {}
    for block in blocks(ROOT / "docs" / "python.md", "python"):
        exec(compile(block, "docs/python.md", "exec"), names)
    assert (place / "reports" / "from-python" / "scores.csv").exists()


def test_the_plugin_how_to_shows_the_code_of_the_example() -> None:
    code = (EXAMPLE / "clapbatch_example.py").read_text("utf-8")
    *shown, proof = blocks(ROOT / "docs" / "plugins.md", "python")
    assert len(shown) == 4
    for block in shown:
        assert block in code
    tests = (EXAMPLE / "tests" / "test_example.py").read_text("utf-8")
    assert proof.splitlines()[-1] in tests
    [packaging] = blocks(ROOT / "docs" / "plugins.md", "ini")
    assert packaging in (EXAMPLE / "setup.cfg").read_text("utf-8")


def test_the_example_is_a_page() -> None:
    code = (EXAMPLE / "clapbatch_example.py").read_text("utf-8")
    assert len(code.splitlines()) < 80


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


def test_the_example_is_found_as_soon_as_it_is_installed(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    source = shutil.copytree(EXAMPLE, tmp_path / "source")
    target = tmp_path / "installed"
    subprocess.run([*pip, "--no-build-isolation", "--target", str(target), str(source)], check=True)
    done = subprocess.run(
        [sys.executable, "-m", "clapbatch", "plugins"],
        env={**os.environ, "PYTHONPATH": str(target)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "bands 1  ten octave bands" in done.stdout
