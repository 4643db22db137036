"""Reports come into place whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from clapbatch.builtin.reporters.csv import CsvOptions, CsvReporter
from clapbatch.engine.reports import check_folder, write_report
from clapbatch.errors import UsageError
from clapbatch.fingerprint import file_sha256
from clapbatch.testing import small_analysis


class Full:
    """A reporter whose disk is full half way."""

    def write(self, analysis, folder):
        (folder / "half.csv").write_text("half")
        raise OSError(28, "No space left on device")


CSV = CsvReporter(CsvOptions())


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_manifest_names_every_file_with_its_hash(tmp_path: Path) -> None:
    write_report(small_analysis(), tmp_path / "r", [CSV])
    manifest = json.loads((tmp_path / "r" / "manifest.json").read_text())
    files = {path.name for path in (tmp_path / "r").iterdir()} - {"manifest.json"}
    assert set(manifest["files"]) == files
    for name, sha256 in manifest["files"].items():
        assert file_sha256(tmp_path / "r" / name) == sha256


def test_a_full_disk_leaves_no_half_written_report(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no space left on device"):
        write_report(small_analysis(), tmp_path / "r", [CSV, Full()])
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_the_old_report_as_it_was(tmp_path: Path) -> None:
    write_report(small_analysis(), tmp_path / "r", [CSV])
    before = contents(tmp_path / "r")
    with pytest.raises(UsageError):
        write_report(small_analysis(), tmp_path / "r", [Full()])
    assert contents(tmp_path / "r") == before
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_the_drafts_of_killed_runs_are_swept_away_and_those_of_living_ones_are_not(
    tmp_path: Path,
) -> None:
    dead = tmp_path / ".r.999999999.abc"
    alive = tmp_path / f".r.{os.getppid()}.abc"
    dead.mkdir()
    alive.mkdir()
    write_report(small_analysis(), tmp_path / "r", [CSV])
    assert not dead.exists()
    assert alive.exists()


def test_a_folder_with_other_things_is_never_taken(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "manifest.json").write_text("{}")
    with pytest.raises(UsageError, match="not a report"):
        check_folder(tmp_path / "photos")


def test_an_empty_folder_may_be_taken(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    check_folder(tmp_path / "r")
    write_report(small_analysis(), tmp_path / "r", [CSV])
    assert (tmp_path / "r" / "scores.csv").exists()


def test_a_report_can_be_read_by_whom_the_umask_lets(tmp_path: Path) -> None:
    write_report(small_analysis(), tmp_path / "r", [CSV])
    (tmp_path / "plain").mkdir()
    assert (tmp_path / "r").stat().st_mode == (tmp_path / "plain").stat().st_mode
