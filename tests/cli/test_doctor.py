"""`clapbatch doctor`: what it finds, what it keeps to itself, and that it can find something."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from clapbatch.fingerprint import file_sha256
from clapbatch.registry import BUILTIN
from clapbatch.store import Store
from tests.conftest import FAKES


def test_it_tells_what_a_bug_report_needs(clapbatch, home, tones, tmp_path):
    (home / "models").mkdir()
    (home / "models" / "a.safetensors").write_bytes(b"weights")
    clapbatch("single", tones / "a110.wav", "440 Hz", "--encoder", "pitch", "--plugin", FAKES)
    said = clapbatch("doctor", "--json")
    told = json.loads(said.out)
    assert said.code == 0
    assert told["problems"] == []
    assert told["versions"]["clapbatch"]
    assert told["versions"]["openvino"]
    assert told["machine"]["cores"] >= 1
    assert "cpu" in told["machine"]["devices"]
    assert told["models"] == {
        "a.safetensors": {
            "bytes": 7,
            "sha256": file_sha256(home / "models" / "a.safetensors"),
        }
    }
    assert told["store"]["songs"] == 1
    assert told["store"]["sentences"] >= 1
    assert any(name.startswith("musicnn ") for name in told["plugins"]["embedder"])
    assert told["self_test"]["result"] == "the same bits with one thread and with two"


def test_without_json_it_is_text_to_paste(clapbatch):
    said = clapbatch("doctor")
    assert said.code == 0
    sections = [line for line in said.out.splitlines() if not line.startswith(" ")]
    assert sections == [
        "versions",
        "machine",
        "models",
        "graphs",
        "store",
        "plugins",
        "self test",
        "problems",
    ]
    assert said.out.endswith("problems\n  none\n")


def test_it_keeps_the_persons_folder_and_secrets_to_itself(clapbatch, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "maria"))
    monkeypatch.setenv("CLAPBATCH_HOME", str(tmp_path / "maria" / "cache"))
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    said = clapbatch("doctor")
    assert "maria" not in said.out
    assert "~/cache/store.sqlite" in said.out
    assert "secret" not in said.out


def test_other_bits_with_two_threads_than_with_one_are_found(clapbatch, monkeypatch):
    from clapbatch.builtin.embedders.musicnn.audio import TagEncoder

    embed = TagEncoder.embed

    def wavering(self, segments):
        vectors = embed(self, segments)
        return np.nextafter(vectors, 2, dtype=np.float32) if len(segments) == 1 else vectors

    monkeypatch.setattr(TagEncoder, "embed", wavering)
    said = clapbatch("doctor")
    assert said.code == 1
    assert "self_test: the same sound gave other bits with two threads than with one" in said.out


def test_a_store_is_looked_at_and_not_touched(clapbatch, home):
    path = home / "store.sqlite"
    path.write_bytes(b"this is no database " * 500)
    said = clapbatch("doctor")
    assert said.code == 1
    assert "store: file is not a database" in said.out
    assert [file.name for file in home.glob("store*")] == ["store.sqlite"]


def test_a_store_of_another_schema_is_told_of_and_left_as_it_is(clapbatch, home):
    Store(home / "store.sqlite").close()
    with closing(sqlite3.connect(home / "store.sqlite", isolation_level=None)) as db:
        db.execute("PRAGMA user_version = 1")
    before = (home / "store.sqlite").read_bytes()
    assert "of schema 1; this clapbatch has" in clapbatch("doctor").out
    assert (home / "store.sqlite").read_bytes() == before


def test_plugins_that_clash_are_told_of_by_name(clapbatch, tmp_path, monkeypatch):
    (tmp_path / "rival.py").write_text(
        "from clapbatch.api import ScorerSpec, hookimpl\n"
        "@hookimpl\ndef register_scorers():\n"
        "    return [ScorerSpec(name='mean', version='1', summary='2nd', make=lambda o: None)]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("clapbatch.registry.BUILTIN", (*BUILTIN, "rival"))
    said = clapbatch("doctor")
    assert said.code == 1
    line = next(line for line in said.out.splitlines() if "plugins: " in line)
    assert "mean" in line
    assert "rival" in line
    assert "clapbatch.builtin.scorers" in line


@pytest.mark.parametrize("line", ["flags\t\t: fpu avx2 avx512f amx_int8", ""])
def test_a_processors_features_are_linux_s_word_or_openvino_s(monkeypatch, line):
    from clapbatch.cli import doctor

    read = Path.read_text

    def read_text(self, *arguments):
        if str(self) != "/proc/cpuinfo":
            return read(self, *arguments)
        if not line:
            raise OSError
        return f"model name\t: A processor\n{line}\n"

    monkeypatch.setattr(Path, "read_text", read_text)
    features = doctor._features()
    if line:
        assert features == ["avx2", "avx512f", "amx_int8"]
    else:
        assert "openvino FP32" in features
