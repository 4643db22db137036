"""A checkpoint is data: read without running it, checked by name, converted once."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from clapbatch.api import ModelError, UsageError
from clapbatch.builtin.embedders import clap
from clapbatch.builtin.embedders.clap import checkpoints, records, weights
from clapbatch.builtin.embedders.clap.htsat import HtsatShape
from clapbatch.builtin.embedders.clap.roberta import RobertaShape
from clapbatch.builtin.embedders.clap.untrained import save_untrained, untrained_tensors
from clapbatch.registry import make_options

AUDIO = HtsatShape(16, (1, 2), (4, 8), 32)
TEXT = RobertaShape(50, 20, 64, 64, 1, 32)


@pytest.fixture(scope="module")
def tensors() -> dict[str, Tensor]:
    return untrained_tensors(AUDIO, TEXT, 3)


def _cleaned(change: Callable[[dict[str, Tensor]], Any], tensors: dict[str, Tensor]) -> str:
    """The message with which a changed checkpoint is refused."""
    changed = dict(tensors)
    change(changed)
    with pytest.raises(ModelError) as refusal:
        weights.clean(changed, Path("x.pt"))
    return str(refusal.value)


def test_a_training_checkpoint_with_prefixes_and_a_numpy_learning_rate_is_read(
    tmp_path: Path, tensors: dict[str, Tensor]
) -> None:
    save_untrained(tmp_path / "x.pt", AUDIO, TEXT, 3)
    read = weights.clean(weights.read_tensors(tmp_path / "x.pt"), tmp_path / "x.pt")
    assert all(torch.equal(read[name], tensors[name]) for name in read)
    assert "audio_branch.bn0.running_var" in read
    assert not any("tscam" in name or "transform" in name for name in read)


def test_the_same_weights_as_safetensors_are_the_same(
    tmp_path: Path, tensors: dict[str, Tensor]
) -> None:
    save_file(
        {name: value.contiguous() for name, value in tensors.items()}, tmp_path / "x.safetensors"
    )
    read = weights.clean(weights.read_tensors(tmp_path / "x.safetensors"), tmp_path)
    assert set(read) == set(weights.clean(tensors, tmp_path))


class _Harmful:
    """Pickles as a call that leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("form", ["zip", "legacy", "pickle"])
def test_a_file_that_carries_code_is_refused_and_the_code_does_not_run(
    form: str, tmp_path: Path, tensors: dict[str, Tensor]
) -> None:
    trace, path = tmp_path / "trace", tmp_path / "evil.pt"
    content = {"state_dict": tensors, "optimizer": _Harmful(trace)}
    if form == "pickle":
        path.write_bytes(pickle.dumps(_Harmful(trace)))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form == "zip")
    with pytest.raises(
        ModelError, match="refused: .*carries code" if form == "pickle" else "mkdir"
    ):
        checkpoints.weights_path(str(path))
    assert not trace.exists()
    torch.load(path, weights_only=False) if form != "pickle" else pickle.loads(path.read_bytes())
    assert trace.exists(), "the trap must be a real one"


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "no checkpoint"), (b"this is text" * 99, "no checkpoint|refused"), (b"PK\3\4", "no")],
)
def test_a_file_that_is_no_checkpoint_is_one_sentence(
    content: bytes, words: str, tmp_path: Path
) -> None:
    for name in ("x.pt", "x.safetensors"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelError, match=words) as refusal:
            checkpoints.weights_path(str(tmp_path / name))
        assert "\n" not in str(refusal.value)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    save_untrained(tmp_path / "x.pt", AUDIO, TEXT, 3)
    whole = (tmp_path / "x.pt").read_bytes()
    (tmp_path / "x.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="no checkpoint that can be read"):
        checkpoints.weights_path(str(tmp_path / "x.pt"))


def test_missing_tensors_are_named(tensors: dict[str, Tensor]) -> None:
    message = _cleaned(lambda t: t.pop("audio_branch.norm.bias"), tensors)
    assert message == "x.pt lacks tensors: audio_branch.norm.bias"


def test_a_missing_block_is_not_taken_for_a_smaller_model(tensors: dict[str, Tensor]) -> None:
    def drop_first_block(changed: dict[str, Tensor]) -> None:
        for name in list(changed):
            if name.startswith("audio_branch.layers.1.blocks.0."):
                del changed[name]

    assert "audio_branch.layers.1" in _cleaned(drop_first_block, tensors)


def test_unexpected_tensors_are_named(tensors: dict[str, Tensor]) -> None:
    message = _cleaned(lambda t: t.update({"audio_branch.extra": torch.ones(1)}), tensors)
    assert message == "x.pt has unexpected tensors: audio_branch.extra"


def test_a_tensor_of_another_shape_is_named_with_both_shapes(tensors: dict[str, Tensor]) -> None:
    message = _cleaned(lambda t: t.update({"audio_branch.norm.bias": torch.ones(7)}), tensors)
    assert "audio_branch.norm.bias (7,) instead of (32,)" in message


def test_weights_that_are_not_numbers_are_named(tensors: dict[str, Tensor]) -> None:
    sick = torch.full((32,), torch.nan)
    message = _cleaned(lambda t: t.update({"audio_branch.norm.bias": sick}), tensors)
    assert message == "x.pt has infinite or undefined tensors: audio_branch.norm.bias"


def test_many_names_are_cut_short(tensors: dict[str, Tensor]) -> None:
    extra = {f"audio_branch.extra{i}": torch.ones(1) for i in range(9)}
    assert _cleaned(lambda t: t.update(extra), tensors).endswith("extra4 and 4 more")


def test_a_fusion_checkpoint_is_refused_with_the_reason(tensors: dict[str, Tensor]) -> None:
    fusion = {"audio_branch.patch_embed.mel_conv2d.weight": torch.ones(1)}
    assert "fusion checkpoint" in _cleaned(lambda t: t.update(fusion), tensors)


def test_a_transformers_model_is_pointed_to_its_plugin(tensors: dict[str, Tensor]) -> None:
    theirs = {"audio_model.audio_encoder.norm.weight": torch.ones(1)}
    assert "clapbatch-hf" in _cleaned(lambda t: t.update(theirs), tensors)


def test_another_architecture_is_named_by_what_it_lacks(tensors: dict[str, Tensor]) -> None:
    message = _cleaned(lambda t: t.pop("audio_branch.patch_embed.proj.weight"), tensors)
    assert "no LAION-CLAP checkpoint" in message
    assert "audio_branch.patch_embed.proj.weight" in message


def test_a_users_file_is_hashed_again_only_when_it_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.pt"
    save_untrained(path, AUDIO, TEXT, 3)
    first = checkpoints.identity(str(path))["weights"]
    with monkeypatch.context() as patch:
        patch.setattr(records, "file_sha256", lambda _: pytest.fail("hashed again"))
        assert checkpoints.identity(str(path))["weights"] == first
    save_untrained(path, AUDIO, TEXT, 4)
    assert checkpoints.identity(str(path))["weights"] != first


def test_a_users_file_is_converted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.pt"
    save_untrained(path, AUDIO, TEXT, 3)
    converted = checkpoints.weights_path(str(path))
    monkeypatch.setattr(weights, "read_tensors", lambda _: pytest.fail("read again"))
    assert checkpoints.weights_path(str(path)) == converted
    assert converted.suffix == ".safetensors"


def test_a_damaged_conversion_is_found(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    save_untrained(path, AUDIO, TEXT, 3)
    converted = checkpoints.weights_path(str(path))
    assert checkpoints.verify(str(path)) == ""
    with converted.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"!")
    assert "instead of" in checkpoints.verify(str(path))


def test_removing_deletes_the_conversion_and_leaves_the_users_file(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    save_untrained(path, AUDIO, TEXT, 3)
    converted = checkpoints.weights_path(str(path))
    assert checkpoints.remove(str(path))
    assert not converted.exists()
    assert path.exists()
    assert not checkpoints.remove(str(path))


def test_a_full_disk_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.pt"
    save_untrained(path, AUDIO, TEXT, 3)
    monkeypatch.setattr("shutil.disk_usage", lambda _: _Disk(free=10))
    with pytest.raises(ModelError, match=r"converting x\.pt needs .* CLAPBATCH_HOME"):
        checkpoints.weights_path(str(path))


class _Disk:
    def __init__(self, free: int) -> None:
        self.free = free


@pytest.mark.parametrize("given", ["musik", "weights.bin", ""])
def test_an_unknown_checkpoint_name_lists_the_known_ones(given: str) -> None:
    with pytest.raises(UsageError, match="music-speech-audioset"):
        make_options(clap.register_embedders()[0], {"checkpoint": given})


def test_a_path_that_does_not_exist_is_one_sentence() -> None:
    options = clap.ClapOptions(checkpoint="nowhere/x.pt")
    assert clap.available(options) == "there is no checkpoint nowhere/x.pt"
    with pytest.raises(ModelError, match=r"there is no checkpoint nowhere/x\.pt"):
        clap.identity(options)
