"""What a checkpoint file holds: read without running it, checked tensor by tensor, made safe.

A checkpoint is data. A .pt file is a pickle, and a pickle can carry code; it is read by torch's
restricted reader alone, which builds tensors and containers and calls nothing else.
"""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from clapbatch.api import ModelError
from clapbatch.builtin.embedders.clap.htsat import AudioTower, HtsatShape
from clapbatch.builtin.embedders.clap.roberta import RobertaShape, TextTower

AUDIO = ("audio_branch.", "audio_projection.")
TEXT = ("text_branch.", "text_projection.")
LOGIT_SCALE = "logit_scale_a"
# In the files, but not on an embedding's path, or made again from nothing.
UNUSED = (
    "logit_scale_t",
    "audio_transform.",
    "text_transform.",
    "audio_branch.tscam_conv.",
    "audio_branch.head.",
    "audio_branch.spectrogram_extractor.",
    "audio_branch.logmel_extractor.",
    "text_branch.embeddings.position_ids",
    "text_branch.embeddings.token_type_ids",
)
UNUSED_ENDINGS = (".attn_mask", ".relative_position_index")
SHOWN = 5  # names in a message

Tower = TypeVar("Tower", bound=nn.Module)


class _Ignored:
    """Stands in for numpy's scalars in an optimizer's state, which nothing here looks at."""

    def __init__(self, *_arguments: object) -> None: ...

    def __setstate__(self, _state: object) -> None: ...


# A learning rate that numpy computed is saved as one of these.
_HARMLESS: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    (_Ignored, name)
    for name in ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar", "numpy.dtype")
]


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The named tensors of a .pt or .safetensors file, memory-mapped where the format allows.

    Raises
    ------
    ModelError
        If it is no such file, or carries code.
    """
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as file:
                return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        content = _load_pickle(path)
    except ModelError:
        raise
    except FileNotFoundError:
        raise ModelError(f"there is no checkpoint {path}") from None
    # Broken pickles and archives fail in every way there is, index errors among them.
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(
            f"{path} is no checkpoint that can be read ({reason}); fetch it again"
        ) from error
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict):
        raise ModelError(f"{path} holds no named tensors, but a {type(content).__name__}")
    tensors = {key: value for key, value in content.items() if isinstance(value, Tensor)}
    if not tensors:
        raise ModelError(f"{path} holds no named tensors")
    return tensors


def _load_pickle(path: Path) -> Any:
    # Mapped, a training checkpoint's optimizer, two thirds of it, is never read.
    mapped = zipfile.is_zipfile(path)
    try:
        with torch.serialization.safe_globals(_HARMLESS), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on pickle protocols; what matters raises
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{path} is refused: it holds more than tensors ({_offence(error)}), and a checkpoint "
            "that carries code could do anything on this machine; ask for it as .safetensors"
        ) from error


def _offence(error: pickle.UnpicklingError) -> str:
    """From torch's page of advice, the one thing that matters: what the file tried to call."""
    for before, word in pairwise(str(error).replace("`", " ").split()):
        if before in ("GLOBAL", "class", "function"):
            return word
    return "in a form that torch does not take for weights"


def clean(tensors: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """The tensors both towers need, named as in LAION's code, float32.

    Raises
    ------
    ModelError
        If they are of another model, or any is missing, unexpected, of another shape or not finite;
        the message names them.
    """
    if all(name.startswith("module.") for name in tensors):
        tensors = {name.removeprefix("module."): value for name, value in tensors.items()}
    _refuse_other_models(tensors, path)
    used = {
        name: value
        for name, value in tensors.items()
        if not name.startswith(UNUSED) and not name.endswith(UNUSED_ENDINGS)
    }
    wanted = expected_shapes(used)
    _require_none("lacks", [name for name in wanted if name not in used], path)
    _require_none("has unexpected", [name for name in used if name not in wanted], path)
    wrong = [
        f"{name} {tuple(value.shape)} instead of {wanted[name]}"
        for name, value in used.items()
        if tuple(value.shape) != wanted[name]
    ]
    _require_none("has misshapen", wrong, path)
    result = {}
    for name in sorted(used):
        value = used[name]
        result[name] = value.float().contiguous() if value.is_floating_point() else value
    sick = [name for name, value in result.items() if not torch.isfinite(value).all()]
    _require_none("has infinite or undefined", sick, path)
    return result


def _refuse_other_models(tensors: Mapping[str, Tensor], path: Path) -> None:
    if any("fusion_model" in name or "mel_conv" in name for name in tensors):
        raise ModelError(
            f"{path} is a fusion checkpoint, made to squeeze long sounds into one embedding; songs "
            "are cut into windows here, each embedded whole, so use one without fusion"
        )
    if any(name.startswith("audio_model.") for name in tensors):
        raise ModelError(
            f"{path} is a model of Hugging Face's transformers, with names of its own; install "
            "clapbatch-hf and use --encoder hf-clap"
        )
    for name in (
        "audio_branch.patch_embed.proj.weight",
        "audio_projection.0.weight",
        "text_branch.embeddings.word_embeddings.weight",
        "text_branch.embeddings.position_embeddings.weight",
        "text_branch.encoder.layer.0.intermediate.dense.weight",
        "text_projection.0.weight",
    ):
        if name not in tensors:
            raise ModelError(
                f"{path} is no LAION-CLAP checkpoint with HTSAT and RoBERTa towers: it has no "
                f"tensor {name}"
            )


def _require_none(fault: str, names: list[str], path: Path) -> None:
    if names:
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        raise ModelError(f"{path} {fault} tensors: {', '.join(names[:SHOWN])}{more}")


def htsat_shape(tensors: Mapping[str, Tensor]) -> HtsatShape:
    """Tiny, base, or any other size: read off the tensors."""
    depths: list[int] = []
    heads: list[int] = []
    while True:
        blocks = f"audio_branch.layers.{len(depths)}.blocks."
        depth = _count(tensors, blocks)
        table = tensors.get(f"{blocks}0.attn.relative_position_bias_table")
        if depth == 0 or table is None:
            break
        depths.append(depth)
        heads.append(table.shape[1])
    return HtsatShape(
        width=tensors["audio_branch.patch_embed.proj.weight"].shape[0],
        depths=tuple(depths),
        heads=tuple(heads),
        dim=tensors["audio_projection.0.weight"].shape[0],
    )


def roberta_shape(tensors: Mapping[str, Tensor]) -> RobertaShape:
    """The text tower's size, read off the tensors."""
    vocabulary, width = tensors["text_branch.embeddings.word_embeddings.weight"].shape
    return RobertaShape(
        vocabulary=vocabulary,
        positions=tensors["text_branch.embeddings.position_embeddings.weight"].shape[0],
        width=width,
        inner=tensors["text_branch.encoder.layer.0.intermediate.dense.weight"].shape[0],
        layers=_count(tensors, "text_branch.encoder.layer."),
        dim=tensors["text_projection.0.weight"].shape[0],
    )


def _count(tensors: Mapping[str, Tensor], prefix: str) -> int:
    """How many numbered parts follow a prefix."""
    return len({name[len(prefix) :].split(".")[0] for name in tensors if name.startswith(prefix)})


def expected_shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every tensor that a checkpoint of this size must hold."""
    audio, text = htsat_shape(tensors), roberta_shape(tensors)
    with torch.device("meta"):
        towers = (AudioTower(audio), TextTower(text))
    shapes: dict[str, tuple[int, ...]] = {LOGIT_SCALE: ()}
    for tower in towers:
        shapes |= {name: tuple(value.shape) for name, value in tower.state_dict().items()}
    return shapes


def save(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write as .safetensors, under a name of the caller's that nobody reads yet."""
    save_file(dict(tensors), path)


def load_audio_tower(path: Path) -> AudioTower:
    """The audio tower of a converted checkpoint, its weights mapped from the file."""
    tensors = _side(path, AUDIO)
    return _fill(AudioTower(htsat_shape(tensors)), tensors)


def load_text_tower(path: Path) -> TextTower:
    """The text tower of a converted checkpoint, its weights mapped from the file."""
    tensors = _side(path, TEXT)
    return _fill(TextTower(roberta_shape(tensors)), tensors)


def _side(path: Path, prefixes: tuple[str, ...]) -> dict[str, Tensor]:
    with safe_open(path, framework="pt") as file:
        names = [name for name in file.keys() if name.startswith(prefixes)]  # noqa: SIM118
        return {name: file.get_tensor(name) for name in names}


def _fill(tower: Tower, tensors: Mapping[str, Tensor]) -> Tower:
    tower.load_state_dict(tensors, strict=True, assign=True)
    return tower.eval().requires_grad_(False)
