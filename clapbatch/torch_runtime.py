"""A torch module as a numpy-to-numpy function: on a GPU, and on a processor as the reference.

Apart from runtime.py because torch takes seconds to import, and OpenVINO graphs need none of it.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from clapbatch.errors import ModelError, UsageError


def torch_function(
    module: nn.Module, example: Sequence[NDArray[Any]], device: str, bf16: bool
) -> Callable[..., NDArray[np.float32]]:
    """The module on a device, deterministic. On cuda, calls may have fewer rows than the example.

    Raises
    ------
    UsageError
        If torch cannot use the device.
    ModelError
        If the device's memory is too small.
    """
    make_deterministic()
    try:
        ours = _Module(module.eval().to(device), device, bf16)
        return _CudaFunction(ours, example) if device == "cuda" else ours.on_numpy
    except torch.OutOfMemoryError as error:
        raise ModelError(
            f"{device} has too little memory free for this encoder; use --device cpu"
        ) from error
    except (AssertionError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise UsageError(f"torch cannot use the device {device} ({reason})") from error


def make_deterministic() -> None:
    """One thread a call and the same bits every time; before CUDA starts."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(1)
    torch.manual_seed(42)
    torch.use_deterministic_algorithms(True)
    # Else every new tensor is filled first, a tenth of the time on a GPU. Nothing here reads what
    # it has not written.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


class _Module:
    """A module in a precision."""

    def __init__(self, module: nn.Module, device: str, bf16: bool) -> None:
        self._module = module
        self._device = device
        self._bf16 = bf16

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Tensors on the device -> float32 there."""
        with (
            torch.inference_mode(),
            torch.autocast(self._device, torch.bfloat16, enabled=self._bf16),
        ):
            output: Tensor = self._module(*inputs)
        return output.float()

    def on_numpy(self, *inputs: NDArray[Any]) -> NDArray[np.float32]:
        output = self(*(tensor.to(self._device) for tensor in _tensors(inputs)))
        result: NDArray[np.float32] = output.cpu().numpy()
        return result


# A card serves one call at a time, and nothing else while kernels are recorded.
_card = threading.Lock()


@dataclass
class _Call:
    """Rows that somebody wants answered, and the answer."""

    inputs: list[Tensor]
    answer: NDArray[np.float32] | None = None
    error: Exception | None = None

    def __len__(self) -> int:
        return len(self.inputs[0])


class _CudaFunction:
    """A module's kernels, recorded once as a CUDA graph and from then on started together.

    Started one by one from Python, those of clap in bf16 take three times as long (16 windows on
    an H100: 17 ms and 5 ms). The bits are the same. A module that cannot be recorded, because it
    decides by values on the way, runs as it is.

    Calls that wait for the card at the same time share its next run, as far as their rows fit.
    """

    def __init__(self, module: _Module, example: Sequence[NDArray[Any]]) -> None:
        # A recording knows only addresses: the weights behind them must stay.
        self._module = module
        self._waiting: deque[_Call] = deque()
        self._inputs = [tensor.cuda() for tensor in _tensors(example)]
        with _card:
            self._run = self._recorded()

    def _recorded(self) -> Callable[[], Tensor]:
        """What computes the output for what stands in `_inputs`."""
        # Libraries choose and allocate in the first calls; on a stream of their own, as torch asks
        # of what comes before a recording.
        with torch.cuda.stream(torch.cuda.Stream()):  # type: ignore[no-untyped-call]
            for _ in range(2):
                self._module(*self._inputs)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                output = self._module(*self._inputs)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError:
            return lambda: self._module(*self._inputs)

        def replay() -> Tensor:
            graph.replay()
            return output

        return replay

    def __call__(self, *inputs: NDArray[Any]) -> NDArray[np.float32]:
        # Pinned memory is copied to the card several times as fast.
        call = _Call([tensor.pin_memory() for tensor in _tensors(inputs)])
        self._waiting.append(call)
        with _card:
            # Whoever has the card serves those who came before him, too.
            while call.answer is None and call.error is None:
                self._serve()
        if call.error is not None:
            raise call.error
        assert call.answer is not None
        return call.answer

    def _serve(self) -> None:
        """One run, for as many of those who wait longest as fit."""
        places: list[tuple[_Call, slice]] = []
        end = 0
        while self._waiting and end + len(self._waiting[0]) <= len(self._inputs[0]):
            call = self._waiting.popleft()
            place = slice(end, end := end + len(call))
            places.append((call, place))
            for rows, given in zip(self._inputs, call.inputs, strict=True):
                rows[place].copy_(given, non_blocking=True)
        try:
            answers: NDArray[np.float32] = self._run().cpu().numpy()
            for call, place in places:
                call.answer = answers[place]
        except Exception as error:  # for those who wait
            for call, _ in places:
                call.error = error


def _tensors(arrays: Sequence[NDArray[Any]]) -> list[Tensor]:
    return [torch.from_numpy(np.ascontiguousarray(array)) for array in arrays]
