"""`doctor`: what this installation is made of, and whether it keeps its promise."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import click

from clapbatch.cli.main import DONE, NOTHING_DONE

# Beside what reports name: what decides whether and how fast it runs at all.
MORE_PACKAGES = ("joblib", "pluggy", "safetensors", "distributed", "ray")
# What the kernels of an encoder can use, as Linux names it.
FEATURES = ("avx", "avx2", "fma", "avx_vnni", "avx512f", "avx512_bf16", "amx_bf16", "amx_int8")
ENVIRONMENT = ("CLAPBATCH_HOME", "CLAPBATCH_OFFLINE", "HF_HUB_OFFLINE")
TEST_SECONDS = 6.0


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks.")
def doctor(as_json: bool) -> int:
    """Examine this installation: the text to paste into a bug report.

    Names versions, processor, devices, models, graphs, store and plugins, and lets the embedded
    encoder hear one sound with one thread and with two: the bits must be the same. Nothing is
    changed, nothing is sent anywhere. Exit code 1 if something is wrong.
    """
    problems: list[str] = []
    found = {name: _examined(name, look, problems) for name, look in EXAMINATIONS.items()}
    told = {**found, "problems": problems}
    text = json.dumps(told, indent=2, ensure_ascii=False) if as_json else _as_text(told)
    click.echo(_without_home(text))
    return NOTHING_DONE if problems else DONE


def _examined(name: str, look: Callable[[], Any], problems: list[str]) -> Any:
    """What there is to see; what goes wrong is a finding, not the end of the examination."""
    try:
        return look()
    except Exception as error:
        reason = str(error) or type(error).__name__
        problems.append(f"{name}: {reason}")
        return {"problem": reason}


def _versions() -> dict[str, str]:
    from clapbatch import __version__
    from clapbatch.engine.reports import versions

    found = {"clapbatch": __version__, **versions()}
    for package in MORE_PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _machine() -> dict[str, Any]:
    import joblib

    return {
        "system": platform.platform(),
        "processor": _processor(),
        "features": _features(),
        "cores": joblib.cpu_count(),
        "devices": _devices(),
        "environment": {name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
    }


def _cpuinfo(name: str) -> str:
    """A line of Linux's description of the first processor; "" elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def _processor() -> str:
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def _features() -> list[str]:
    """What of FEATURES this processor has; without Linux's word, what OpenVINO makes of it."""
    flags = set(_cpuinfo("flags").split())
    if flags:
        return [feature for feature in FEATURES if feature in flags]
    from clapbatch.runtime import _import_openvino  # plainly imported, it would report home

    capabilities = _import_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return [f"openvino {name}" for name in sorted(capabilities)]


def _devices() -> list[str]:
    """torch, seconds to import, is asked for a card only where there are signs of one."""
    devices = ["cpu"]
    if Path("/dev/nvidia0").exists() or shutil.which("nvidia-smi"):
        import torch

        count = torch.cuda.device_count()
        devices += [f"cuda:{i} {torch.cuda.get_device_name(i)}" for i in range(count)]
        if not count:
            devices.append("an NVIDIA card that torch cannot use")
    return devices


def _models() -> dict[str, dict[str, Any]]:
    from clapbatch import folders
    from clapbatch.fingerprint import file_sha256

    return {
        path.relative_to(folders.models()).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": file_sha256(path),
        }
        for path in sorted(folders.models().rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def _graphs() -> dict[str, Any]:
    from clapbatch import folders

    files = [path for path in folders.graphs().rglob("*") if path.is_file()]
    return {
        "folder": str(folders.graphs()),
        "graphs": sum(path.suffix == ".xml" for path in files),
        "bytes": sum(path.stat().st_size for path in files),
    }


def _store() -> dict[str, Any]:
    """Read alone: opening it as a run does may repair it."""
    from clapbatch import folders
    from clapbatch.store import SCHEMA_VERSION

    path = folders.store()
    if not path.exists():
        return {"file": str(path), "state": "not there yet"}
    found: dict[str, Any] = {"file": str(path), "bytes": path.stat().st_size}
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
        (schema,) = db.execute("PRAGMA user_version").fetchone()
        if schema != SCHEMA_VERSION:
            return {**found, "state": f"of schema {schema}; this clapbatch has {SCHEMA_VERSION}"}
        for name, table in (("files", "files"), ("songs", "embeddings"), ("sentences", "texts")):
            (found[name],) = db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()
    return {**found, "state": "can be read"}


def _plugins() -> dict[str, list[str]]:
    from clapbatch.registry import Registry
    from clapbatch.roles import ROLES

    registry = Registry()
    return {
        role.role: [
            f"{spec.name} {spec.version} ({registry.origin(spec)})" for spec in registry.specs(role)
        ]
        for role in ROLES
    }


def _self_test() -> dict[str, Any]:
    """The embedded encoder hears noise and a rising tone, with one thread and with two."""
    import hashlib
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    from clapbatch.domain import Segment
    from clapbatch.errors import PluginError
    from clapbatch.registry import Registry, make_options
    from clapbatch.roles import EmbedderSpec

    started = time.perf_counter()
    spec = Registry().get(EmbedderSpec, "musicnn")
    options = make_options(spec, {})
    rate = spec.card(options).rate
    moments = np.arange(round(TEST_SECONDS * rate)) / rate
    noise = 0.1 * np.random.default_rng(42).standard_normal(len(moments))
    sound = (0.3 * np.sin(2 * np.pi * (110 + 200 * moments) * moments) + noise).astype(np.float32)
    half = len(sound) // 2
    segments = [
        Segment(0, 0.0, TEST_SECONDS / 2, 0, sound[:half]),
        Segment(1, TEST_SECONDS / 2, TEST_SECONDS, half, sound[half:]),
    ]
    alone = spec.make(options, _runtime(1)).embed(segments)
    both = spec.make(options, _runtime(2))
    with ThreadPoolExecutor(2) as pool:
        rows = list(pool.map(lambda segment: both.embed([segment]), segments * 2))
    if not np.array_equal(np.concatenate([alone, alone]), np.concatenate(rows)):
        raise PluginError("the same sound gave other bits with two threads than with one")
    return {
        "result": "the same bits with one thread and with two",
        "vectors": hashlib.sha256(alone.tobytes()).hexdigest()[:16],
        "seconds": round(time.perf_counter() - started, 1),
    }


def _runtime(threads: int) -> Any:
    from clapbatch import folders
    from clapbatch.runtime import choose_runtime

    return choose_runtime("auto", "cpu", "float32", threads=threads, graphs=folders.graphs())


EXAMINATIONS: dict[str, Callable[[], Any]] = {
    "versions": _versions,
    "machine": _machine,
    "models": _models,
    "graphs": _graphs,
    "store": _store,
    "plugins": _plugins,
    "self_test": _self_test,
}


def _as_text(told: dict[str, Any]) -> str:
    lines = []
    for section, content in told.items():
        lines.append(section.replace("_", " "))
        rows = content.items() if isinstance(content, dict) else enumerate(content, 1)
        for name, value in rows:
            lines.append(f"  {name}: {_in_words(value)}")
        if not content:
            lines.append("  none")
    return "\n".join(lines)


def _in_words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_in_words(inner)}" for name, inner in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)


def _without_home(text: str) -> str:
    """The name of the person's folder is nobody's business."""
    home = str(Path.home())
    return text if home == os.sep else text.replace(home, "~")
