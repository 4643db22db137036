"""The files that ship with musicnn are what they say, and can be made again."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from clapbatch.builtin.embedders import musicnn
from clapbatch.builtin.embedders.musicnn import convert_weights, minilm, weights
from clapbatch.builtin.embedders.musicnn.anchors import OWNER, WORDINGS, load_anchors
from clapbatch.builtin.embedders.musicnn.axes import AXES, MSD_TAGS, MTT_TAGS, OUTSIDE
from clapbatch.builtin.embedders.musicnn.minilm_network import load_sentence_network
from clapbatch.builtin.embedders.musicnn.network import load_networks
from clapbatch.fingerprint import file_sha256
from clapbatch.roles import NoOptions
from clapbatch.runtime import Runtime

FOLDER = weights.MSD.parent


def test_every_file_has_the_recorded_hash() -> None:
    assert {path.name: file_sha256(path) for path in FOLDER.glob("*.safetensors")} | {
        weights.BACKGROUND.name: file_sha256(weights.BACKGROUND)
    } == weights.SHA256


def test_the_identity_names_them_and_the_sentence_model() -> None:
    identity = musicnn.identity(NoOptions())
    assert weights.SHA256.items() <= identity.items()
    assert identity["all-MiniLM-L6-v2"] == file_sha256(minilm.model_folder() / "model.safetensors")


def test_the_licence_ships_with_the_weights() -> None:
    assert "Permission to use, copy, modify" in (FOLDER / "LICENSE.musicnn").read_text()


def test_the_networks_load_and_answer_for_every_tag() -> None:
    with torch.inference_mode():
        logits = load_networks()(torch.zeros(2, 187, 96))
    assert logits.shape == (2, len(MSD_TAGS) + len(MTT_TAGS))
    assert torch.isfinite(logits).all()


def test_every_tag_belongs_to_one_axis() -> None:
    assert sorted(tag for axis in AXES for tag in axis.msd) == sorted(MSD_TAGS)
    assert sorted(tag for axis in AXES for tag in axis.mtt) == sorted(MTT_TAGS)
    assert len({axis.name for axis in AXES}) == len(AXES)


def test_no_word_means_two_axes_or_lies_inside_and_outside() -> None:
    words = [*WORDINGS, *OUTSIDE]
    assert len(set(words)) == len(words)


def test_the_kept_vectors_of_the_wordings_are_those_of_the_model(kept_graphs: Path) -> None:
    wordings, outside = load_anchors()
    assert len(OWNER) == len(WORDINGS)
    embed = minilm.SentenceVectors(Runtime("openvino", "cpu", "float32", 1, kept_graphs))
    np.testing.assert_allclose(wordings, embed(WORDINGS), atol=1e-5)
    np.testing.assert_allclose(outside, embed(OUTSIDE), atol=1e-5)


def test_the_sentence_network_is_bert_with_the_mean_of_its_tokens() -> None:
    transformers = pytest.importorskip("transformers")
    path = minilm.model_folder() / "model.safetensors"
    bert = transformers.BertModel.from_pretrained(minilm.model_folder(), local_files_only=True)
    ids = torch.tensor(
        [[101, 3899, 4440, 2189, 102, 0, 0], [101, 6034, 2007, 1037, 2450, 4823, 102]]
    )
    mask = (ids != 0).to(torch.int64)
    with torch.inference_mode():
        tokens = bert.eval()(input_ids=ids, attention_mask=mask).last_hidden_state
        mean = (tokens * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
        expected = torch.nn.functional.normalize(mean, dim=1)
        torch.testing.assert_close(
            load_sentence_network(path)(ids, mask), expected, atol=1e-5, rtol=0
        )


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def table_block(pairs: list[tuple[int, bytes, bytes]]) -> bytes:
    """(shared prefix, rest of the key, value) -> a LevelDB block with one restart point."""
    body = b"".join(
        varint(shared) + varint(len(rest)) + varint(len(value)) + rest + value
        for shared, rest, value in pairs
    )
    return body + struct.pack("<II", 0, 1)


def test_a_checkpoint_is_read_from_its_table_without_the_optimiser_s_state() -> None:
    tensor = np.arange(6, dtype="<f4").reshape(2, 3)

    def entry(offset: int) -> bytes:
        dims = b"".join(b"\x12\x02\x08" + varint(size) for size in tensor.shape)
        shape = b"\x12" + varint(len(dims)) + dims
        return b"\x08\x01" + shape + b"\x20" + varint(offset) + b"\x28" + varint(24) + b"\x35abcd"

    data = table_block(
        [(0, b"", b"\x08\x01"), (0, b"model/dense/kernel", entry(300)), (18, b"/Adam", entry(0))]
    )
    index = table_block([(0, b"z", varint(0) + varint(len(data)))])
    trailer = b"\0" * 5  # a block's kind and checksum
    footer = varint(0) + varint(0) + varint(len(data) + 5) + varint(len(index))
    table = data + trailer + index + trailer + footer.ljust(48, b"\0")
    variables = convert_weights.read_checkpoint(table, b"\0" * 300 + tensor.tobytes())
    assert list(variables) == ["model/dense/kernel"]
    np.testing.assert_array_equal(variables["model/dense/kernel"], tensor)
