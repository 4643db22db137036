"""Files come from the hub pinned, whole and checked, whatever happens to the connection."""

from __future__ import annotations

import hashlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from clapbatch import downloads
from clapbatch.downloads import HubFile, fetch, offline, unreachable
from clapbatch.errors import ModelError
from tests.local_hub import REVISION, LocalHub, serve

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
FILE = HubFile("someone/model", REVISION, "weights.pt", SHA256)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    with serve() as local:
        local.files["someone/model/weights.pt"] = CONTENT
        monkeypatch.delenv("CLAPBATCH_OFFLINE")
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        monkeypatch.setenv("HF_ENDPOINT", local.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        # Smaller than the file, so that a part of it has been written when the connection breaks.
        monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 100_000)
        yield local


def test_a_file_is_fetched_once_at_its_revision(hub: LocalHub, tmp_path: Path) -> None:
    for _ in range(2):
        path, sha256 = fetch(FILE, tmp_path / "new")
        assert path.read_bytes() == CONTENT
        assert sha256 == SHA256
    assert hub.gets() == [""]


def test_a_connection_cut_in_the_middle_is_taken_up_where_it_broke(
    hub: LocalHub, tmp_path: Path
) -> None:
    hub.fault = lambda number: 300_000 if number == 0 else None
    path, _ = fetch(FILE, tmp_path)
    assert path.read_bytes() == CONTENT
    assert hub.gets() == ["", "bytes=300000-"]


def test_a_download_that_failed_goes_on_in_the_next_run(hub: LocalHub, tmp_path: Path) -> None:
    hub.fault = lambda number: 300_000 if number == 0 else "503"
    with pytest.raises(ModelError, match="503"):
        fetch(FILE, tmp_path)
    hub.fault = lambda _: None
    path, _ = fetch(FILE, tmp_path)
    assert path.read_bytes() == CONTENT
    assert hub.gets()[-1] == "bytes=300000-"
    assert not list(tmp_path.glob("*.part"))


def test_a_wrong_hash_is_said_with_both_hashes_and_nothing_is_kept(
    hub: LocalHub, tmp_path: Path
) -> None:
    other = replace(FILE, sha256="0" * 64)
    with pytest.raises(ModelError, match=f"{SHA256} instead of {'0' * 64}"):
        fetch(other, tmp_path)
    assert not list(tmp_path.glob("weights*"))


def test_a_part_of_another_file_does_not_survive(hub: LocalHub, tmp_path: Path) -> None:
    (tmp_path / "weights.pt.part").write_bytes(b"x" * 1000)
    with pytest.raises(ModelError, match="instead of"):
        fetch(FILE, tmp_path)
    path, _ = fetch(FILE, tmp_path)
    assert path.read_bytes() == CONTENT


def test_an_unknown_hash_is_given_back_to_be_recorded(hub: LocalHub, tmp_path: Path) -> None:
    assert fetch(replace(FILE, sha256=""), tmp_path)[1] == SHA256


def test_a_full_disk_is_said_before_anything_is_fetched(
    hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = len(CONTENT) + 9

    monkeypatch.setattr(downloads.shutil, "disk_usage", lambda _: Usage)
    with pytest.raises(ModelError, match=r"needs .* GB and .* has .* GB left; make room"):
        fetch(FILE, tmp_path, spare=10)
    assert hub.gets() == []
    assert fetch(FILE, tmp_path, spare=9)


def test_a_disk_that_fills_up_on_the_way_is_one_sentence(hub: LocalHub, tmp_path: Path) -> None:
    program = f"""
import resource, signal
from pathlib import Path
from clapbatch.downloads import HubFile, fetch
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
fetch(HubFile{(FILE.repository, FILE.revision, FILE.path, FILE.sha256)!r}, Path({str(tmp_path)!r}))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "ModelError" in done.stderr.splitlines()[-1]
    assert "cannot be written (File too large)" in done.stderr.splitlines()[-1]


def test_two_programs_at_once_fetch_a_file_once(hub: LocalHub, tmp_path: Path) -> None:
    hub.delay = 1.0
    program = f"""
from pathlib import Path
from clapbatch.downloads import HubFile, fetch
path, sha256 = fetch(
    HubFile{(FILE.repository, FILE.revision, FILE.path, FILE.sha256)!r}, Path({str(tmp_path)!r})
)
print(sha256)
"""
    programs = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [program.communicate()[0].strip() for program in programs] == [SHA256, SHA256]
    assert hub.gets() == [""]


def test_a_file_or_revision_that_does_not_exist_is_one_sentence(
    hub: LocalHub, tmp_path: Path
) -> None:
    for file in (replace(FILE, path="nothing.pt"), replace(FILE, revision="f" * 40)):
        with pytest.raises(ModelError, match="404"):
            fetch(file, tmp_path)
        assert "404" in unreachable(file)


def test_what_can_be_fetched_is_not_unreachable(hub: LocalHub) -> None:
    assert unreachable(FILE) == ""
    assert hub.gets() == []


@pytest.mark.parametrize("variable", ["CLAPBATCH_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_nothing_is_asked_of_anybody(
    variable: str, hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "1")
    assert f"{variable}=1 forbids" in unreachable(FILE)
    with pytest.raises(ModelError, match=f"{variable}=1 forbids"):
        fetch(FILE, tmp_path)
    assert hub.requests == []


@pytest.mark.parametrize(("value", "forbidden"), [("", False), ("0", False), ("1", True)])
def test_offline_variables_are_read_as_switches(value: str, forbidden: bool) -> None:
    assert bool(offline({"HF_HUB_OFFLINE": value})) is forbidden


def test_a_file_on_disk_needs_no_network(
    hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(FILE, tmp_path)
    monkeypatch.setenv("CLAPBATCH_OFFLINE", "1")
    assert fetch(FILE, tmp_path)[1] == SHA256


def test_a_hub_that_does_not_answer_costs_no_more_than_the_timeout(
    hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        before = time.monotonic()
        reason = unreachable(FILE, timeout=0.5)
        assert time.monotonic() - before < 2
    assert reason


def test_a_refused_connection_is_one_sentence(
    hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")
    with pytest.raises(ModelError, match="could not be fetched"):
        fetch(FILE, tmp_path)
    assert "could not be fetched" in unreachable(FILE)
