"""What the benchmarks share: facts about the machine, fair timing, results as JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results")
SAMPLE_SONGS = Path(__file__).parents[1] / "tests" / "songs"
PACKAGES = ("numpy", "openvino", "torch", "transformers")


def machine() -> dict[str, Any]:
    """Processor, cores, memory, versions, and how busy the machine was before the benchmark."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "load_before": round(os.getloadavg()[0], 2),
    }


def interleaved(
    contestants: Mapping[str, Callable[[], object]], rounds: int = 5
) -> dict[str, dict[str, Any]]:
    """Time contestants in turn, round by round, so that a busy minute meets all of them.

    Each is called once before, unmeasured. Returns, by name, the `median` of `seconds`, and that of
    the processor time of all threads, which a busy machine disturbs less.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    processor: dict[str, list[float]] = {name: [] for name in contestants}
    for call in contestants.values():
        call()
    for _ in range(rounds):
        for name, call in contestants.items():
            start, start_processor = time.perf_counter(), time.process_time()
            call()
            seconds[name].append(round(time.perf_counter() - start, 4))
            processor[name].append(time.process_time() - start_processor)
    return {
        name: {
            "median": round(statistics.median(times), 4),
            "median_processor_seconds": round(statistics.median(processor[name]), 4),
            "seconds": times,
        }
        for name, times in seconds.items()
    }


def write(name: str, question: str, facts: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    """Write `results/<name>.json` and print it."""
    facts = {**facts, "load_after": round(os.getloadavg()[0], 2)}
    text = json.dumps({"question": question, "machine": facts, **result}, indent=1)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    print(text)


def _processor() -> str:
    """Name, family and model: in virtual machines the name alone may say too little."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        facts = dict(map(str.strip, line.split(":", 1)) for line in lines if ":" in line)
        return f"{facts['model name']} (family {facts['cpu family']}, model {facts['model']})"
    except (OSError, KeyError):
        return platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
