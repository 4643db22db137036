"""A torch module and an example input become a fast numpy-to-numpy function.

On a processor that function is an OpenVINO graph: made from the module once, kept in the model
folder, compiled in well under a second ever after, so that a warm run imports no torch. On a GPU,
and as the reference, it is the torch module itself.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import os
import queue
import re
import shutil
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from clapbatch.errors import ModelError, UsageError
from clapbatch.fingerprint import fingerprint

if TYPE_CHECKING:
    import torch

FLOAT32, BF16 = "float32", "bf16"
OPENVINO, TORCH = "openvino", "torch"
GRAPH = "graph.xml"
_OPENVINO_PRECISION = {FLOAT32: "f32", BF16: "bf16"}


class Compiled(Protocol):
    """A compiled module: arrays in, the module's one output (float32) out. Thread-safe."""

    def __call__(self, *inputs: NDArray[Any]) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class Runtime:
    """Where and how a neural module runs. All fields but `threads` and `graphs` affect output.

    engine : openvino or torch. device : cpu, cuda or mps. precision : float32 or bf16.
    threads : how many calls may run at once in this process, one arithmetic thread each.
    graphs : folder in which converted graphs are kept.
    """

    engine: str
    device: str
    precision: str
    threads: int
    graphs: Path

    def identity(self) -> dict[str, str]:
        """What the bits of an output depend on, for fingerprints and manifests."""
        version = _openvino_version() if self.engine == OPENVINO else _torch_version()
        return {
            "engine": self.engine,
            "engine_version": version,
            "device": self.device,
            "precision": self.precision,
        }

    def compile(
        self,
        build: Callable[[], torch.nn.Module],
        example: Sequence[NDArray[Any]],
        *,
        key: str,
        any_shape: bool = False,
        any_rows: bool = False,
    ) -> Compiled:
        """Make a module callable with numpy arrays of exactly the example's shapes and types.

        build : makes the module with its weights; called only if the graph is not kept yet, or
            if the engine is torch.
        example : one array per input; shapes stay fixed.
        key : names the module and its weights: a graph version of the author's and the weights'
            sha256. Change it whenever `build` would give another function.
        any_shape : keep one graph for all shapes that this module is compiled for, where a module
            is wanted in several; what is returned still takes the example's shapes alone.
        any_rows : take any number of rows (first axis, of every input) up to the example's. Only
            for a module in which a row's output depends on that row alone.

        Raises
        ------
        ModelError
            If a new graph cannot be written, or a GPU's memory is too small. A kept graph that
            cannot be read is made anew.
        UsageError
            If this machine lacks the device or the precision.
        """
        compiled = self._compile(build, example, key, any_shape)
        shapes = [array.shape for array in example]

        def call(*inputs: NDArray[Any]) -> NDArray[np.float32]:
            if [array.shape for array in inputs] == shapes:
                return compiled(*inputs)
            given, rows = len(inputs[0]), len(example[0])
            own = [(given, *shape[1:]) for shape in shapes]
            if not any_rows or not 0 < given < rows or [array.shape for array in inputs] != own:
                raise ValueError(f"a module compiled for shapes {shapes} got others")
            if self.device == "cuda":  # which fills the other rows with what others ask
                return compiled(*inputs)
            filled = (np.pad(array, _after(array, rows - given)) for array in inputs)
            return compiled(*filled)[:given]

        return call

    def _compile(
        self,
        build: Callable[[], torch.nn.Module],
        example: Sequence[NDArray[Any]],
        key: str,
        any_shape: bool,
    ) -> Compiled:
        if self.engine == TORCH:
            from clapbatch.torch_runtime import torch_function

            return torch_function(build(), example, self.device, self.precision == BF16)
        shapes = [list(array.shape) for array in example]
        kept = [[-1] * len(shape) for shape in shapes] if any_shape else shapes
        types = [str(array.dtype) for array in example]
        # A folder a graph, not a file: its two files come into place together or not at all.
        folder = self.graphs / fingerprint([key, kept, types, _openvino_version()])[:32]
        make = partial(_OpenVinoFunction, folder / GRAPH, example, self.precision, self.threads)
        if folder.exists():
            try:
                return make()
            except ModelError:
                # A graph can always be made again.
                shutil.rmtree(folder, ignore_errors=True)
        _convert(build(), example, kept, folder)
        return make()


def choose_runtime(
    engine: str, device: str, precision: str, *, threads: int, graphs: Path
) -> Runtime:
    """Settle `auto`: OpenVINO on a processor, torch on a GPU, and a GPU where there is one.

    Raises
    ------
    UsageError
        If the engine, device and precision do not go together on this machine.
    """
    if device == "auto":
        device = "cuda" if engine != OPENVINO and _cuda_is_there() else "cpu"
    if engine == "auto":
        engine = OPENVINO if device == "cpu" else TORCH
    if engine == OPENVINO and device != "cpu":
        raise UsageError(f"--runtime openvino runs on the cpu; for --device {device} use torch")
    return Runtime(engine, device, precision, threads, graphs)


def _cuda_is_there() -> bool:
    """Whether torch can use an NVIDIA card. Asked of the driver: torch takes seconds to import.

    A driver serves what was built for its own major version of CUDA and for older ones.
    """
    if not Path("/dev/nvidia0").exists() and shutil.which("nvidia-smi") is None:
        return False
    wanted = _torch_cuda_version()
    return wanted is not None and _driver_cuda_version() >= wanted


def _torch_cuda_version() -> int | None:
    """The major version of CUDA that torch was built for, None if for none; torch unimported."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    text = Path(spec.origin).with_name("version.py").read_text("utf-8")
    found = re.search(r"^cuda\b.*= '(\d+)\.", text, re.MULTILINE)
    return int(found[1]) if found else None


def _driver_cuda_version() -> int:
    """The major version of CUDA of the driver; 0 without one, or if it shows no card.

    CUDA Driver API: cuInit, cuDeviceGetCount, cuDriverGetVersion (13000 for 13.0); 0 is success.
    """
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        cards, version = ctypes.c_int(), ctypes.c_int()
        ready = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(cards)) == 0
        if not ready or not cards.value or driver.cuDriverGetVersion(ctypes.byref(version)):
            return 0
    except (OSError, AttributeError):
        return 0
    return version.value // 1000


def _import_openvino() -> ModuleType:
    """OpenVINO without its telemetry, which otherwise reports every import over the network."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    return importlib.import_module("openvino")


# OpenVINO finishes setting itself up in the process's first call; two first calls at once can wait
# for each other for ever (one holds Python's lock, the other a lock of C++).
_first_call = threading.Lock()


class _OpenVinoFunction:
    """One compiled graph, one copy of the weights, `threads` streams of one thread each."""

    def __init__(
        self, path: Path, example: Sequence[NDArray[Any]], precision: str, threads: int
    ) -> None:
        core = _import_openvino().Core()
        if precision == BF16 and "BF16" not in core.get_property(
            "CPU", "OPTIMIZATION_CAPABILITIES"
        ):
            raise UsageError("this processor has no bf16; use --precision float32")
        streams = min(threads, os.cpu_count() or 1)
        settings = {
            # Left alone, OpenVINO takes bf16 wherever the processor has it: always say which.
            "INFERENCE_PRECISION_HINT": _OPENVINO_PRECISION[precision],
            # As many threads as streams, or a stream might get two, and with them other bits.
            "NUM_STREAMS": str(streams),
            "INFERENCE_NUM_THREADS": str(streams),
            "ENABLE_HYPER_THREADING": "YES",
            "ENABLE_CPU_PINNING": "NO",
        }
        self._types = [array.dtype for array in example]
        shapes = [array.shape for array in example]
        try:
            graph = core.read_model(path)
            graph.reshape({i: list(shape) for i, shape in enumerate(shapes)})
            compiled = core.compile_model(graph, "CPU", settings)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise ModelError(f"the graph {path} cannot be read ({reason})") from error
        self._idle: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(streams):
            self._idle.put(compiled.create_infer_request())
        with _first_call:
            self(*example)

    def __call__(self, *inputs: NDArray[Any]) -> NDArray[np.float32]:
        arrays = [
            np.ascontiguousarray(array, dtype)
            for array, dtype in zip(inputs, self._types, strict=True)
        ]
        request = self._idle.get()
        try:
            result = request.infer(arrays, share_inputs=True)
            # The request's own memory is used again by the next call: copy.
            return np.array(result[0], dtype=np.float32)
        finally:
            self._idle.put(request)


def _after(array: NDArray[Any], rows: int) -> list[tuple[int, int]]:
    """For np.pad: so many rows more, after those that are there."""
    return [(0, rows), *[(0, 0)] * (array.ndim - 1)]


def _convert(
    module: torch.nn.Module, example: Sequence[NDArray[Any]], shapes: list[list[int]], folder: Path
) -> None:
    """Write the module as an OpenVINO graph: whole or not at all, two programs at once or not."""
    import torch

    openvino = _import_openvino()
    with torch.inference_mode(), warnings.catch_warnings():
        # OpenVINO goes by torch.jit.trace, which warns of its age and of shapes read in Python.
        warnings.simplefilter("ignore")
        graph = openvino.convert_model(
            module.eval(),
            example_input=tuple(torch.from_numpy(array) for array in example),
            input=shapes,
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".draft-", dir=folder.parent) as drafts:
            draft = Path(drafts) / folder.name
            draft.mkdir()
            openvino.save_model(graph, draft / GRAPH, compress_to_fp16=False)
            try:
                draft.rename(folder)
            except OSError:
                # Another program may have been first; its graph is as good.
                if not (folder / GRAPH).exists():
                    raise
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error).strip().splitlines()[-1]
        raise ModelError(
            f"the converted graph cannot be kept in {folder.parent} ({reason}); "
            "make room there or set CLAPBATCH_HOME to another folder"
        ) from error


def _openvino_version() -> str:
    from importlib.metadata import version

    return version("openvino")


def _torch_version() -> str:
    from importlib.metadata import version

    return version("torch")
