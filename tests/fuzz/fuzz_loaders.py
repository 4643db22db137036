"""Throw spoiled files at both loaders for as long as you like.

    python -m tests.fuzz.fuzz_loaders --seconds 300              # random, in a watched child
    python -m tests.fuzz.fuzz_loaders --seconds 300 --atheris    # led by coverage, in this process

The first way goes on after a crash, and notices hangs, noise on stderr and memory; it needs no more
than the tests do. The second needs atheris (in an environment of its own, say) and stops at the
first find; only Python's lines lead it, for the decoders are not built for it. Files that do harm
are kept in --keep.
"""

from __future__ import annotations

import argparse
import collections
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.mutate import ACTIONS, seeds, spoil, suffix
from tests.fuzz.worker import Worker

LOADERS = ("soundfile", "pyav")


def random_run(seconds: float, seed: int, keep: Path) -> int:
    """Random edits until time is up; returns how many files did harm."""
    chance = random.Random(seed)
    names = sorted(seeds())
    counts: collections.Counter[str] = collections.Counter()
    reasons: collections.Counter[str] = collections.Counter()
    most_memory = slowest = 0.0
    harm = 0
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder, Worker() as worker, Worker(headroom=0) as roomy:
        while time.monotonic() < end:
            name = chance.choice(names)
            edits = [
                (
                    chance.random(),
                    chance.choice(ACTIONS),
                    chance.randrange(1000),
                    chance.randbytes(chance.randrange(1, 9)),
                )
                for _ in range(chance.choice([1, 1, 2, 3, 5, 10, 30]))
            ]
            path = Path(folder, "spoiled" + suffix(name))
            path.write_bytes(spoil(seeds()[name], edits))
            for loader in LOADERS:
                started = time.monotonic()
                answer = worker.decode(loader, path)
                if "memory" in answer.detail:
                    answer = roomy.decode(loader, path)  # would it have taken it?
                slowest = max(slowest, time.monotonic() - started)
                most_memory = max(most_memory, answer.megabytes)
                counts[f"{loader} {answer.outcome}"] += 1
                if answer.outcome == "refused":
                    reasons[answer.detail] += 1
                if answer.outcome not in ("sound", "refused") or answer.megabytes > 1000:
                    harm += 1
                    kept = keep / f"{answer.outcome}-{loader}-{seed}-{harm}{path.suffix}"
                    kept.write_bytes(path.read_bytes())
                    print(f"{kept}: {answer}", flush=True)
    for what, count in sorted(counts.items()):
        print(f"{count:9} {what}")
    print(f"most memory {most_memory:.0f} MB, slowest {slowest:.2f} s, {len(reasons)} reasons")
    for reason, count in reasons.most_common(25):
        print(f"{count:9} {reason}")
    return harm


def atheris_run(seconds: float, seed: int, keep: Path) -> None:
    """libFuzzer, in this process, over both loaders; does not return."""
    import atheris

    with atheris.instrument_imports(include=["clapbatch", "soundfile"]):
        from clapbatch.api import Needs, RecordingError, Track
        from clapbatch.builtin.loaders.pyav import PyavLoader
        from clapbatch.builtin.loaders.soundfile import SoundfileLoader

    path = Path(tempfile.mkdtemp(), "spoiled.bin")
    corpus = keep / "corpus"
    corpus.mkdir(exist_ok=True)
    for name, data in seeds().items():
        (corpus / name).write_bytes(data)

    def once(data: bytes) -> None:
        path.write_bytes(data)
        for loader in (SoundfileLoader(), PyavLoader()):
            try:
                for block in loader.blocks(Track("fuzz", path), Needs("audio", 16_000, 10.0, 5.0)):
                    assert len(block)
            except RecordingError:
                pass

    arguments = [
        sys.argv[0],
        str(corpus),
        f"-max_total_time={int(seconds)}",
        f"-seed={seed}",
        "-max_len=20000",
        "-rss_limit_mb=1500",
        "-timeout=20",
        f"-artifact_prefix={keep}/",
    ]
    atheris.Setup(arguments, once)
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-finds"))
    parser.add_argument("--atheris", action="store_true")
    options = parser.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    run = atheris_run if options.atheris else random_run
    return 1 if run(options.seconds, options.seed, options.keep) else 0


if __name__ == "__main__":
    sys.exit(main())
