"""On a graphics card: the processor's numbers, the same bits every time, no slower by a detour."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from clapbatch.builtin.embedders import clap
from clapbatch.registry import make_options
from clapbatch.roles import Encoder, TextEncoder
from clapbatch.runtime import BF16, FLOAT32, TORCH, Runtime
from clapbatch.testing import noise, segments_of
from tests.builtin.clap_reference import write_small_checkpoint
from tests.conftest import Said
from tests.reruns import beginnings, contents

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no graphics card here")

SPEC = clap.register_embedders()[0]
TEXTS = ["jazz", "the sound of the violin in the rain", "", "ein Lied 🎵", "loud " * 8, "x " * 99]


class Tiny(torch.nn.Module):
    """(batch, 32) -> (batch, 8)."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.matrix = torch.nn.Parameter(torch.randn(8, 32, generator=generator))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.linear(x, self.matrix).tanh()


class Deciding(Tiny):
    """Asks for a value on the way, which no recording can do."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result = super().forward(x)
        return result if x.sum().item() > 0 else -result


def on(device: str, precision: str = FLOAT32) -> Runtime:
    return Runtime(TORCH, device, precision, 4, Path("no graphs here"))


def inputs(count: int) -> list[NDArray[np.float32]]:
    generator = np.random.default_rng(1)
    return [generator.standard_normal((4, 32), np.float32) for _ in range(count)]


@pytest.mark.parametrize("module", [Tiny, Deciding])
def test_a_module_gives_the_processors_numbers_recorded_or_not(
    module: Callable[[], torch.nn.Module],
) -> None:
    card = on("cuda").compile(module, inputs(1), key="")
    processor = on("cpu").compile(module, inputs(1), key="")
    for x in inputs(6):
        np.testing.assert_allclose(card(x), processor(x), atol=1e-6)


def test_the_bits_are_the_same_for_calls_at_once_and_answers_are_kept() -> None:
    compiled = on("cuda").compile(Tiny, inputs(1), key="")
    many = inputs(64)
    expected = [compiled(x) for x in many]
    with ThreadPoolExecutor(8) as pool:
        for got, wanted in zip(pool.map(compiled, many), expected, strict=True):
            np.testing.assert_array_equal(got, wanted)


def test_its_memory_stays_its_own_whatever_else_uses_the_card() -> None:
    x = inputs(1)[0]
    compiled = on("cuda").compile(Tiny, [x], key="")
    expected = compiled(x)
    torch.cuda.empty_cache()
    others = [torch.full((size,), 7.0, device="cuda") for size in (64, 256, 4096, 1 << 20) * 50]
    np.testing.assert_array_equal(compiled(x), expected)
    assert others


def test_calls_of_a_few_rows_that_run_together_get_their_own_rows() -> None:
    compiled = on("cuda").compile(Tiny, inputs(1), key="", any_rows=True)
    many = [x[: 1 + index % 4] for index, x in enumerate(inputs(64))]
    expected = [compiled(x) for x in many]
    with ThreadPoolExecutor(8) as pool:
        for got, wanted in zip(pool.map(compiled, many), expected, strict=True):
            np.testing.assert_array_equal(got, wanted)


def test_another_shape_than_the_examples_is_refused() -> None:
    compiled = on("cuda").compile(Tiny, inputs(1), key="")
    with pytest.raises(ValueError, match="shapes"):
        compiled(inputs(1)[0][:2])


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_checkpoint(tmp_path_factory.mktemp("clap"))


def sides(checkpoint: Path, runtime: Runtime) -> tuple[Encoder, TextEncoder]:
    options = make_options(SPEC, {"checkpoint": str(checkpoint)})
    assert SPEC.make_text is not None
    return SPEC.make(options, runtime), SPEC.make_text(options, runtime)


def test_clap_agrees_with_the_processor_in_both_precisions(checkpoint: Path) -> None:
    windows = segments_of([noise(10.0, 48_000, seed) for seed in range(20)], 48_000)
    results = []
    for runtime in (on("cpu"), on("cuda"), on("cuda", BF16)):
        audio, text = sides(checkpoint, runtime)
        results.append((audio.embed(windows), text.embed(TEXTS)))
    for one, other, third in zip(*results, strict=True):
        assert np.abs(one - other).max() < 1e-5
        assert np.linalg.norm(third, axis=1) == pytest.approx(1, abs=1e-5)
        assert (one * third).sum(axis=1).min() > 0.9999


def test_a_windows_bits_depend_on_nothing_but_itself(checkpoint: Path) -> None:
    windows = segments_of([noise(10.0, 48_000, seed) for seed in range(20)], 48_000)
    encoder, _ = sides(checkpoint, on("cuda"))
    together = encoder.embed(windows)
    np.testing.assert_array_equal(encoder.embed(windows[7:12]), together[7:12])
    np.testing.assert_array_equal(encoder.embed(windows[::-1]), together[::-1])


@pytest.mark.parametrize("precision", [FLOAT32, BF16])
def test_the_same_bytes_for_any_number_of_jobs(
    precision: str, checkpoint: Path, tmp_path: Path, clapbatch: Callable[..., Said]
) -> None:
    songs = beginnings(tmp_path / "songs", 30.0, 4)
    queries = tmp_path / "queries.txt"
    queries.write_text("solo piano\nloud drums\n")
    reports = []
    for name, more in (
        ("one", ("--backend", "sequential")),
        ("threads", ("--jobs", "4")),
        ("processes", ("--jobs", "2", "--backend", "loky")),
    ):
        options = ("--encoder", "clap", "-o", f"embedder.checkpoint={checkpoint}", *more)
        options += ("--device", "cuda", "--precision", precision, "--no-store")
        said = clapbatch("multi", songs, queries, *options, "--out", tmp_path / name)
        assert said.code == 0, said.err
        reports.append(contents(tmp_path / name))
    assert reports[0] == reports[1] == reports[2]
