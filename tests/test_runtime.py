"""The runtime gives the same function on OpenVINO and torch, keeps its graphs, and repairs them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from clapbatch import runtime as runtime_module
from clapbatch.errors import ModelError, UsageError
from clapbatch.runtime import BF16, FLOAT32, GRAPH, OPENVINO, TORCH, Runtime, choose_runtime

EXAMPLE = [np.zeros((2, 3, 32), np.float32)]


class Tiny(torch.nn.Module):
    """(batch, 3, time) -> (batch, 5)."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.kernel = torch.nn.Parameter(torch.randn(16, 3, 5, generator=generator))
        self.matrix = torch.nn.Parameter(torch.randn(5, 16, generator=generator))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = torch.nn.functional.conv1d(x, self.kernel, padding=2).relu().mean(2)
        return torch.nn.functional.linear(features, self.matrix)


def never() -> torch.nn.Module:
    raise AssertionError("the module was built although its graph is kept")


def on(graphs: Path, engine: str = OPENVINO, threads: int = 1, precision: str = FLOAT32) -> Runtime:
    return Runtime(engine, "cpu", precision, threads, graphs)


def inputs(count: int) -> list[NDArray[np.float32]]:
    generator = np.random.default_rng(1)
    return [generator.standard_normal((2, 3, 32), np.float32) for _ in range(count)]


@pytest.fixture
def graphs(tmp_path: Path) -> Path:
    return tmp_path / "graphs"


def test_openvino_agrees_with_torch(graphs: Path) -> None:
    fast = on(graphs).compile(Tiny, EXAMPLE, key="tiny")
    reference = on(graphs, TORCH).compile(Tiny, EXAMPLE, key="tiny")
    for x in inputs(5):
        np.testing.assert_allclose(fast(x), reference(x), atol=1e-5)


def test_the_bits_are_the_same_for_any_number_of_threads_and_calls_at_once(graphs: Path) -> None:
    many = inputs(40)
    one = on(graphs).compile(Tiny, EXAMPLE, key="tiny")
    expected = [one(x) for x in many]
    two = on(graphs, threads=2).compile(never, EXAMPLE, key="tiny")
    with ThreadPoolExecutor(4) as pool:
        for got, wanted in zip(pool.map(two, many), expected, strict=True):
            np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("engine", [OPENVINO, TORCH])
def test_fewer_rows_than_the_examples_are_taken_only_where_that_was_asked_for(
    graphs: Path, engine: str
) -> None:
    (x,) = inputs(1)
    exact = on(graphs, engine).compile(Tiny, EXAMPLE, key="tiny")
    free = on(graphs, engine).compile(Tiny, EXAMPLE, key="tiny", any_rows=True)
    np.testing.assert_array_equal(free(x), exact(x))
    np.testing.assert_array_equal(free(x[:1]), exact(x)[:1])
    for compiled, wrong in ((exact, x[:1]), (free, x[:0]), (free, x[:1, :2])):
        with pytest.raises(ValueError, match="shapes"):
            compiled(wrong)


def test_an_answer_is_not_overwritten_by_the_next(graphs: Path) -> None:
    compiled = on(graphs).compile(Tiny, EXAMPLE, key="tiny")
    first, second = inputs(2)
    answer = compiled(first)
    kept = answer.copy()
    compiled(second)
    np.testing.assert_array_equal(answer, kept)


def test_inputs_of_any_layout_are_understood(graphs: Path) -> None:
    compiled = on(graphs).compile(Tiny, EXAMPLE, key="tiny")
    (x,) = inputs(1)
    wide = np.zeros((2, 3, 64), np.float32)
    wide[:, :, ::2] = x
    locked = x.copy()
    locked.flags.writeable = False
    for same in (np.asfortranarray(x), wide[:, :, ::2], locked, x.astype(np.float64)):
        np.testing.assert_array_equal(compiled(same), compiled(x))
    with pytest.raises(ValueError, match="shapes"):
        compiled(x[:1])


def test_a_kept_graph_is_loaded_without_torch_and_nothing_is_written(graphs: Path) -> None:
    expected = on(graphs).compile(Tiny, EXAMPLE, key="tiny")(np.ones((2, 3, 32), np.float32))
    before = sorted(graphs.rglob("*"))
    script = f"""
import sys
from pathlib import Path
import numpy as np
from clapbatch.runtime import Runtime
runtime = Runtime("openvino", "cpu", "float32", 1, Path({str(graphs)!r}))
compiled = runtime.compile(None, [np.zeros((2, 3, 32), np.float32)], key="tiny")
print(compiled(np.ones((2, 3, 32), np.float32)).tobytes().hex())
heavy = {{"torch", "transformers", "scipy", "urllib.request"}}
print(sorted(heavy & set(sys.modules)))
print(sys.modules["openvino_telemetry"])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:3] == [expected.tobytes().hex(), "[]", "None"]
    assert not done.stderr
    assert sorted(graphs.rglob("*")) == before


def test_first_calls_from_several_threads_do_not_wait_for_each_other(graphs: Path) -> None:
    on(graphs).compile(Tiny, EXAMPLE, key="tiny")
    script = f"""
import sys
from pathlib import Path
from threading import Barrier, Thread
import numpy as np
from clapbatch.runtime import Runtime
sys.setswitchinterval(1e-6)
x = np.zeros((2, 3, 32), np.float32)
runtime = Runtime("openvino", "cpu", "float32", 2, Path({str(graphs)!r}))
compiled = runtime.compile(None, [x], key="tiny")
together = Barrier(4)
for _ in range(4):
    Thread(target=lambda: (together.wait(), compiled(x))).start()
"""
    for _ in range(3):  # without the runtime's care, about every second one hangs
        subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("name", [GRAPH, "graph.bin"])
@pytest.mark.parametrize("damage", [_truncate, Path.unlink, lambda path: path.write_bytes(b"")])
def test_a_damaged_graph_is_made_anew(
    graphs: Path, name: str, damage: Callable[[Path], object]
) -> None:
    (x,) = inputs(1)
    expected = on(graphs).compile(Tiny, EXAMPLE, key="tiny")(x)
    (folder,) = graphs.iterdir()
    damage(folder / name)
    np.testing.assert_array_equal(on(graphs).compile(Tiny, EXAMPLE, key="tiny")(x), expected)
    np.testing.assert_array_equal(on(graphs).compile(never, EXAMPLE, key="tiny")(x), expected)


def test_another_key_type_shape_or_openvino_makes_another_graph(
    graphs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for example, key in (
        (EXAMPLE, "tiny"),
        (EXAMPLE, "other weights"),
        ([np.zeros((1, 3, 32), np.float32)], "tiny"),
    ):
        on(graphs).compile(Tiny, example, key=key)
    assert len(list(graphs.iterdir())) == 3
    monkeypatch.setattr(runtime_module, "_openvino_version", lambda: "another")
    on(graphs).compile(Tiny, EXAMPLE, key="tiny")
    assert len(list(graphs.iterdir())) == 4


def test_one_graph_can_serve_all_shapes(graphs: Path) -> None:
    (x,) = inputs(1)
    both = on(graphs).compile(Tiny, EXAMPLE, key="tiny", any_shape=True)(x)
    one = on(graphs).compile(never, [EXAMPLE[0][:1]], key="tiny", any_shape=True)(x[:1])
    np.testing.assert_allclose(one, both[:1], atol=1e-5)
    assert len(list(graphs.iterdir())) == 1


def test_two_programs_may_make_the_same_graph_at_once(graphs: Path) -> None:
    def build_while_another_finishes() -> torch.nn.Module:
        on(graphs).compile(Tiny, EXAMPLE, key="tiny")
        return Tiny()

    on(graphs).compile(build_while_another_finishes, EXAMPLE, key="tiny")
    (folder,) = graphs.iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["graph.bin", GRAPH]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelError, match="CLAPBATCH_HOME"):
        on(tmp_path / "file").compile(Tiny, EXAMPLE, key="tiny")


def test_bf16_is_taken_only_when_asked_for(graphs: Path) -> None:
    (x,) = inputs(1)
    exact = on(graphs, TORCH).compile(Tiny, EXAMPLE, key="tiny")(x)
    try:
        rough = on(graphs, precision=BF16).compile(Tiny, EXAMPLE, key="tiny")(x)
    except UsageError:
        pytest.skip("this processor has no bf16")
    assert 1e-5 < np.abs(rough - exact).max() < 0.1


def test_auto_means_openvino_on_the_processor_and_torch_on_a_card(
    graphs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def chosen(engine: str, device: str) -> tuple[str, str]:
        runtime = choose_runtime(engine, device, FLOAT32, threads=1, graphs=graphs)
        return runtime.engine, runtime.device

    monkeypatch.setattr(runtime_module, "_cuda_is_there", lambda: False)
    assert chosen("auto", "auto") == (OPENVINO, "cpu")
    assert chosen(TORCH, "auto") == (TORCH, "cpu")
    assert chosen("auto", "mps") == (TORCH, "mps")
    monkeypatch.setattr(runtime_module, "_cuda_is_there", lambda: True)
    assert chosen("auto", "auto") == (TORCH, "cuda")
    assert chosen("auto", "cpu") == (OPENVINO, "cpu")
    assert chosen(OPENVINO, "auto") == (OPENVINO, "cpu")
    with pytest.raises(UsageError, match="use torch"):
        chosen(OPENVINO, "cuda")


def test_without_signs_of_a_card_torch_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(Path, "exists", lambda path: False)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert not runtime_module._cuda_is_there()


class Driver:
    """libcuda.so.1 with one card, for CUDA 12.8, unless told otherwise."""

    def __init__(self, cards: int = 1, version: int = 12080, ready: int = 0) -> None:
        self._cards, self._version, self._ready = cards, version, ready

    def cuInit(self, flags: int) -> int:  # noqa: N802
        return self._ready

    def cuDeviceGetCount(self, place: object) -> int:  # noqa: N802
        place._obj.value = self._cards  # type: ignore[attr-defined]
        return 0

    def cuDriverGetVersion(self, place: object) -> int:  # noqa: N802
        place._obj.value = self._version  # type: ignore[attr-defined]
        return 0


@pytest.mark.parametrize(
    ("driver", "built_for", "usable"),
    [
        (Driver(), "'12.4'", True),
        (Driver(), "'11.8'", True),
        (Driver(), "'13.0'", False),  # the driver is older
        (Driver(version=13000), "'12.4'", True),
        (Driver(), "None", False),  # torch for processors
        (Driver(cards=0), "'12.4'", False),
        (Driver(ready=100), "'12.4'", False),
        (None, "'12.4'", False),  # no driver
    ],
)
def test_a_card_counts_if_its_driver_serves_what_torch_was_built_for(
    driver: Driver | None, built_for: str, usable: bool, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def load(name: str) -> Driver:
        if driver is None:
            raise OSError(f"{name}: cannot open shared object file")
        return driver

    (tmp_path / "version.py").write_text(
        f"__version__ = '2.13.0'\ncuda: Optional[str] = {built_for}\nhip: Optional[str] = None\n"
    )
    found = ModuleSpec("torch", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(runtime_module.importlib.util, "find_spec", lambda name: found)
    monkeypatch.setattr(runtime_module.ctypes, "CDLL", load)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert runtime_module._cuda_is_there() is usable


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a card")
def test_a_device_that_is_not_there_is_named(graphs: Path) -> None:
    runtime = Runtime(TORCH, "cuda", FLOAT32, 1, graphs)
    with pytest.raises(UsageError, match="cuda"):
        runtime.compile(Tiny, EXAMPLE, key="tiny")


def test_the_identity_names_what_the_bits_depend_on_and_nothing_else(graphs: Path) -> None:
    identity = on(graphs).identity()
    assert identity == on(graphs / "elsewhere", threads=2).identity()
    assert identity != on(graphs, TORCH).identity()
    assert identity != on(graphs, precision=BF16).identity()
