"""A torch module and an example input become a fast numpy-to-numpy function.

On a processor that function is an OpenVINO graph: made from the module once, kept in the model
folder, compiled in well under a second ever after, so that a warm run imports no torch. On a GPU,
and as the reference, it is the torch module itself.
"""

from __future__ import annotations

import os
import queue
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from clapbatch.errors import ModelError, UsageError
from clapbatch.fingerprint import fingerprint

if TYPE_CHECKING:
    import torch

FLOAT32, BF16 = "float32", "bf16"
OPENVINO, TORCH = "openvino", "torch"
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
    ) -> Compiled:
        """Make a module callable with numpy arrays of exactly the example's shapes and types.

        build : makes the module with its weights; called only if the graph is not kept yet, or
            if the engine is torch.
        example : one array per input; shapes stay fixed.
        key : names the module and its weights: a graph version of the author's and the weights'
            sha256. Change it whenever `build` would give another function.
        any_shape : keep one graph for all shapes that this module is compiled for, where a module
            is wanted in several; what is returned still takes the example's shapes alone.

        Raises
        ------
        ModelError
            If a kept graph cannot be read or a new one cannot be written.
        """
        if self.engine == TORCH:
            return _TorchFunction(build(), self.device, self.precision)
        shapes = [list(array.shape) for array in example]
        kept = [[-1] * len(shape) for shape in shapes] if any_shape else shapes
        path = self._graph(build, example, kept, key)
        return _OpenVinoFunction(path, shapes, self.precision, self.threads)

    def _graph(
        self,
        build: Callable[[], torch.nn.Module],
        example: Sequence[NDArray[Any]],
        kept: list[list[int]],
        key: str,
    ) -> Path:
        shapes = [[shape, str(array.dtype)] for shape, array in zip(kept, example, strict=True)]
        name = fingerprint([key, shapes, _openvino_version()])[:32]
        path = self.graphs / f"{name}.xml"
        if not path.exists():
            _convert(build(), example, kept, path)
        return path


def choose_runtime(
    engine: str, device: str, precision: str, *, threads: int, graphs: Path
) -> Runtime:
    """Settle `auto`: a GPU if there is one and torch is asked for, OpenVINO on processors.

    `device` auto stays on the processor: a GPU is used when asked for by name, so that the same
    command gives the same bytes on a machine into which somebody has put a card.
    """
    device = "cpu" if device == "auto" else device
    if engine == "auto":
        engine = OPENVINO if device == "cpu" else TORCH
    if engine == OPENVINO and device != "cpu":
        raise UsageError(f"--runtime openvino runs on the cpu; for --device {device} use torch")
    return Runtime(engine, device, precision, threads, graphs)


class _OpenVinoFunction:
    """One compiled graph, one copy of the weights, `threads` streams of one thread each."""

    def __init__(self, path: Path, shapes: list[list[int]], precision: str, threads: int) -> None:
        import openvino

        core = openvino.Core()
        # Left alone, OpenVINO takes bf16 wherever the processor has it: always say which.
        settings = {
            "INFERENCE_PRECISION_HINT": _OPENVINO_PRECISION[precision],
            "NUM_STREAMS": str(threads),
            "INFERENCE_NUM_THREADS": str(threads),
            "ENABLE_CPU_PINNING": "NO",
        }
        try:
            graph = core.read_model(path)
            graph.reshape(dict(enumerate(shapes)))
            compiled = core.compile_model(graph, "CPU", settings)
        except RuntimeError as error:
            raise ModelError(
                f"the kept graph {path} cannot be read ({str(error).splitlines()[0]}); "
                "delete it and run again"
            ) from error
        self._idle: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(threads):
            self._idle.put(compiled.create_infer_request())

    def __call__(self, *inputs: NDArray[Any]) -> NDArray[np.float32]:
        request = self._idle.get()
        try:
            result = request.infer(list(inputs), share_inputs=True)
            output: NDArray[np.float32] = np.array(result[0], dtype=np.float32)
            return output
        finally:
            self._idle.put(request)


class _TorchFunction:
    """The module itself, deterministic."""

    def __init__(self, module: torch.nn.Module, device: str, precision: str) -> None:
        make_torch_deterministic()
        self._module = module.eval().to(device)
        self._device = device
        self._precision = precision

    def __call__(self, *inputs: NDArray[Any]) -> NDArray[np.float32]:
        import torch

        tensors = [torch.from_numpy(np.ascontiguousarray(array)) for array in inputs]
        with (
            torch.inference_mode(),
            torch.autocast(self._device, torch.bfloat16, enabled=self._precision == BF16),
        ):
            output = self._module(*(tensor.to(self._device) for tensor in tensors))
        result: NDArray[np.float32] = output.float().cpu().numpy()
        return result


def make_torch_deterministic() -> None:
    """One thread a call and the same bits every time; before CUDA starts."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(42)
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


def _convert(
    module: torch.nn.Module, example: Sequence[NDArray[Any]], shapes: list[list[int]], path: Path
) -> None:
    """Write the module as an OpenVINO graph: whole or not at all, two programs at once or not."""
    import openvino
    import torch

    with torch.inference_mode(), warnings.catch_warnings():
        # Tracing warns wherever Python reads a shape, as every transformer does.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        graph = openvino.convert_model(
            module.eval(),
            example_input=tuple(torch.from_numpy(array) for array in example),
            input=shapes,
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            draft = Path(folder) / path.name
            openvino.save_model(graph, draft, compress_to_fp16=False)
            # The .xml goes last: whoever sees it may rely on the weights beside it.
            os.replace(draft.with_suffix(".bin"), path.with_suffix(".bin"))
            os.replace(draft, path)
    except OSError as error:
        raise ModelError(
            f"the converted graph cannot be kept in {path.parent} ({error.strerror}); "
            "make room there or set CLAPBATCH_HOME to another folder"
        ) from error


def _openvino_version() -> str:
    from importlib.metadata import version

    return version("openvino")


def _torch_version() -> str:
    from importlib.metadata import version

    return version("torch")
