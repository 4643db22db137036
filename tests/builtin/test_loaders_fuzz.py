"""Spoiled bytes thrown at both loaders: no crash, no hang, no noise, no memory above a gigabyte.

A longer run is `python -m tests.fuzz.fuzz_loaders`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.fuzz.mutate import ACTIONS, Edit, seeds, spoil, suffix
from tests.fuzz.worker import Worker

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")

names = st.deferred(lambda: st.sampled_from(sorted(seeds())))
edits = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(ACTIONS),
        st.integers(0, 999),
        st.binary(min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=8,
)


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as started:
        yield started


@pytest.fixture(scope="module")
def roomy() -> Iterator[Worker]:
    with Worker(headroom=0) as started:
        yield started


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spoiled")


def decode_with_both(worker: Worker, roomy: Worker, path: Path) -> None:
    for loader in ("soundfile", "pyav"):
        answer = worker.decode(loader, path)
        if "memory" in answer.detail:
            answer = roomy.decode(loader, path)  # would it have taken it?
        assert answer.outcome in ("sound", "refused"), answer
        assert answer.megabytes < 1000, answer


@settings(max_examples=800, derandomize=True, deadline=None, database=None)
@given(names, edits)
@example("caf-alac+8", [(0.99, "flip", 0, b"x")])
def test_spoiled_files_give_sound_or_a_reason(
    worker: Worker, roomy: Worker, folder: Path, name: str, edits: list[Edit]
) -> None:
    path = folder / f"spoiled{suffix(name)}"
    path.write_bytes(spoil(seeds()[name], edits))
    decode_with_both(worker, roomy, path)


@settings(max_examples=50, derandomize=True, deadline=None, database=None)
@given(names, names, st.floats(0.01, 0.99))
def test_the_head_of_one_file_on_the_body_of_another_does_no_harm(
    worker: Worker, roomy: Worker, folder: Path, head: str, body: str, share: float
) -> None:
    first, second = seeds()[head], seeds()[body]
    path = folder / f"chimera{suffix(head)}"
    path.write_bytes(first[: int(share * len(first))] + second[int(share * len(second)) :])
    decode_with_both(worker, roomy, path)


def test_the_worker_notices_a_crash_and_goes_on(worker: Worker, folder: Path) -> None:
    path = folder / "good.wav"
    path.write_bytes(seeds()["wav-16"])
    assert worker.decode("no such loader", path).outcome == "crashed"
    assert worker.decode("soundfile", path).outcome == "sound"
