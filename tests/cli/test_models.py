"""`clapbatch models`, with a small checkpoint on a stand-in of the hub."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from clapbatch.builtin.embedders.clap import catalogue, checkpoints
from clapbatch.builtin.embedders.clap.htsat import HtsatShape
from clapbatch.builtin.embedders.clap.roberta import RobertaShape
from clapbatch.builtin.embedders.clap.untrained import save_untrained
from clapbatch.downloads import HubFile
from tests.builtin.clap_reference import write_vocabulary
from tests.local_hub import REVISION, LocalHub, serve


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("originals")
    audio, text = HtsatShape(16, (1, 2), (4, 8), 32), RobertaShape(50, 20, 64, 64, 1, 32)
    save_untrained(folder / "music.pt", audio, text, 3)
    write_vocabulary(folder)
    return folder


@pytest.fixture
def hub(originals: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    with serve() as local:
        files = {}
        for path in originals.iterdir():
            content = path.read_bytes()
            local.files[f"someone/clap/{path.name}"] = content
            sha256 = hashlib.sha256(content).hexdigest()
            files[path.name] = HubFile("someone/clap", REVISION, path.name, sha256)
        unknown = HubFile("someone/clap", REVISION, "music.pt", "")
        for name, file in (("music", files["music.pt"]), ("630k", unknown)):
            entry = catalogue.Published(name, file, "for tests")
            monkeypatch.setitem(catalogue.PUBLISHED, name, entry)
        tokenizer = (files["vocab.json"], files["merges.txt"])
        monkeypatch.setattr(checkpoints, "TOKENIZER_FILES", tokenizer)
        monkeypatch.setattr(checkpoints, "CONVERTED_BYTES", 1)
        monkeypatch.delenv("CLAPBATCH_OFFLINE")
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        monkeypatch.setenv("HF_ENDPOINT", local.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield local


def test_download_fetches_converts_and_prints_where(clapbatch, hub: LocalHub, home: Path) -> None:
    said = clapbatch("models", "download", "music")
    path = Path(said.out.strip())
    assert said.code == 0
    assert path == home / "models/clap/music/weights.safetensors"
    assert path.is_file()
    assert "as published" in said.err
    assert not list(path.parent.glob("*.pt")), "the pickle is not kept"
    assert (home / "models/roberta-base/vocab.json").is_file()
    assert len(hub.gets()) == 3


def test_what_is_on_disk_is_not_fetched_again(clapbatch, hub: LocalHub) -> None:
    clapbatch("models", "download", "music")
    asked = len(hub.requests)
    assert clapbatch("models", "download", "music").code == 0
    assert len(hub.requests) == asked


def test_a_hash_nobody_knew_is_recorded_and_shown(clapbatch, hub: LocalHub) -> None:
    sha256 = catalogue.PUBLISHED["music"].file.sha256
    assert f"sha256 {sha256} (not known before" in clapbatch("models", "download", "630k").err
    rows = {row["name"]: row for row in json.loads(clapbatch("models", "list", "--json").out)}
    assert rows["630k"] == {
        "name": "630k",
        "on_disk": True,
        "summary": "for tests",
        "sha256": sha256,
    }
    assert not rows["music"]["on_disk"]


def test_another_file_under_the_same_name_is_refused(clapbatch, hub: LocalHub) -> None:
    hub.files["someone/clap/music.pt"] = b"something else"
    said = clapbatch("models", "download", "music")
    assert said.code == 1
    assert "instead of" in said.err
    assert said.err.count("\n") == 1
    assert clapbatch("models", "path", "music").code == 1


def test_two_programs_at_once_download_once(hub: LocalHub, home: Path, monkeypatch) -> None:
    hub.delay = 0.5
    file = catalogue.PUBLISHED["music"].file
    program = f"""
from clapbatch.builtin.embedders.clap import catalogue, checkpoints
from clapbatch.downloads import HubFile
file = HubFile{(file.repository, file.revision, file.path, file.sha256)!r}
catalogue.PUBLISHED["music"] = catalogue.Published("music", file, "for tests")
print(checkpoints.weights_path("music"))
"""
    programs = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = {program.communicate()[0].strip() for program in programs}
    assert outputs == {str(home / "models/clap/music/weights.safetensors")}
    assert len(hub.gets()) == 1


def test_verify_finds_a_changed_byte(clapbatch, hub: LocalHub) -> None:
    path = Path(clapbatch("models", "download", "music").out.strip())
    assert clapbatch("models", "verify", "music").code == 0
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    said = clapbatch("models", "verify", "music")
    assert said.code == 1
    assert "instead of" in said.err


def test_remove_makes_room_and_says_so(clapbatch, hub: LocalHub, home: Path) -> None:
    clapbatch("models", "download", "music")
    assert clapbatch("models", "remove", "music").out == "music removed\n"
    assert not (home / "models/clap/music").exists()
    assert clapbatch("models", "remove", "music").out == "music was not on disk\n"


def test_a_file_of_ones_own_has_the_same_commands(clapbatch, originals: Path, home: Path) -> None:
    path = str(originals / "music.pt")
    assert clapbatch("models", "path", path).code == 1
    assert clapbatch("models", "download", path).code == 0
    assert Path(clapbatch("models", "path", path).out.strip()).is_file()
    assert path in clapbatch("models", "list").out
    assert clapbatch("models", "verify", path).code == 0
    assert clapbatch("models", "remove", path).code == 0
    assert Path(path).is_file()


def test_list_knows_all_published_checkpoints_without_a_network(clapbatch) -> None:
    said = clapbatch("models", "list")
    names = [line.split()[0] for line in said.out.splitlines()]
    assert names == ["music", "music-speech", "music-speech-audioset", "630k-audioset", "630k"]
    assert said.out.count("not here") == 5


@pytest.mark.parametrize("command", ["verify", "path"])
def test_what_is_not_on_disk_says_how_to_get_it(command: str, clapbatch) -> None:
    said = clapbatch("models", command, "music")
    assert said.code == 1
    assert "clapbatch models download music" in said.err


@pytest.mark.parametrize("command", ["download", "verify", "path", "remove"])
def test_an_unknown_name_is_wrong_usage_and_near_names_are_offered(command, clapbatch) -> None:
    said = clapbatch("models", command, "musik")
    assert said.code == 2
    assert "did you mean" in said.err
    assert "music" in said.err


def test_download_offline_is_one_sentence(clapbatch) -> None:
    said = clapbatch("models", "download", "music")
    assert said.code == 1
    assert "CLAPBATCH_OFFLINE=1 forbids" in said.err
    assert said.err.count("\n") == 1


def test_list_imports_nothing_heavy() -> None:
    program = """
import sys
from click.testing import CliRunner
from clapbatch.cli.models import models
assert CliRunner().invoke(models, ["list"]).exit_code == 0
print(sorted({"torch", "numpy", "openvino", "huggingface_hub"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "torch" not in done.stdout
    assert "openvino" not in done.stdout
    assert done.returncode == 0, done.stderr
