"""Convert musicnn's trained TensorFlow checkpoints to safetensors: run once, kept for the record.

    pip download --no-deps musicnn==0.1.0
    python -m clapbatch.builtin.embedders.musicnn.convert_weights musicnn-0.1.0-py3-none-any.whl

A checkpoint is two files. `.index` is a LevelDB table (uncompressed blocks, keys stored as a
shared-prefix length and a rest, a 48-byte footer that points to the index of blocks); its values
are BundleEntryProto messages: 1 dtype, 2 shape, 4 offset, 5 size. `.data-00000-of-00001` holds the
tensors as raw little-endian float32. Format: tensorflow/core/util/tensor_bundle and
leveldb/doc/table_format.md.
"""

from __future__ import annotations

import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from clapbatch.api import FloatArray
from clapbatch.builtin.embedders.musicnn.network import parameter_name
from clapbatch.builtin.embedders.musicnn.weights import MSD, MTT

WHEEL_SHA256 = "f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa"
MODELS = {"MSD_musicnn": MSD, "MTT_musicnn": MTT}

OPTIMISER_STATE = re.compile(r"/Adam(_1)?$|beta\d_power$|^global_step$|^Variable")
FOOTER_BYTES, BLOCK_TRAILER_INTS = 48, 4
DTYPE_FLOAT = 1


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A base-128 number at `at` -> (value, position after it)."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def _block(table: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """The (key, value) pairs of one table block."""
    block = table[offset : offset + size]
    restarts = int.from_bytes(block[-BLOCK_TRAILER_INTS:], "little")
    end = size - BLOCK_TRAILER_INTS * (restarts + 1)
    at, key = 0, b""
    while at < end:
        shared, at = _varint(block, at)
        rest, at = _varint(block, at)
        length, at = _varint(block, at)
        key = key[:shared] + block[at : at + rest]
        at += rest
        yield key, block[at : at + length]
        at += length


def _handle(data: bytes, at: int = 0) -> tuple[int, int, int]:
    offset, at = _varint(data, at)
    size, at = _varint(data, at)
    return offset, size, at


def read_table(table: bytes) -> Iterator[tuple[bytes, bytes]]:
    """All (key, value) pairs of a LevelDB table, in order."""
    footer = table[-FOOTER_BYTES:]
    _, _, at = _handle(footer)  # the meta index, not needed
    offset, size, _ = _handle(footer, at)
    for _, handle in _block(table, offset, size):
        block_offset, block_size, _ = _handle(handle)
        yield from _block(table, block_offset, block_size)


def _message(data: bytes) -> dict[int, list[int | bytes]]:
    """A protocol buffer message's fields: number -> its values (varints and byte strings)."""
    fields: dict[int, list[int | bytes]] = {}
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        value: int | bytes
        if tag & 7 == 0:
            value, at = _varint(data, at)
        elif tag & 7 == 2:
            length, at = _varint(data, at)
            value = data[at : at + length]
            at += length
        else:  # 5: a fixed 32-bit number (the checksum)
            value = data[at : at + 4]
            at += 4
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def _number(fields: dict[int, list[int | bytes]], key: int) -> int:
    value = fields.get(key, [0])[0]
    assert isinstance(value, int)
    return value


def _shape(entry: dict[int, list[int | bytes]]) -> list[int]:
    shape = entry.get(2, [b""])[0]
    assert isinstance(shape, bytes)
    dims = []
    for dim in _message(shape).get(2, []):
        assert isinstance(dim, bytes)
        dims.append(_number(_message(dim), 1))
    return dims


def read_checkpoint(index: bytes, data: bytes) -> dict[str, FloatArray]:
    """Every trained variable of a checkpoint by its TensorFlow name."""
    variables: dict[str, FloatArray] = {}
    for key, value in read_table(index):
        name = key.decode()
        if not name or OPTIMISER_STATE.search(name):
            continue  # the empty key is the header
        entry = _message(value)
        if _number(entry, 1) != DTYPE_FLOAT:
            raise ValueError(f"{name} is not float32")
        offset, size = _number(entry, 4), _number(entry, 5)
        variables[name] = np.frombuffer(data[offset : offset + size], "<f4").reshape(_shape(entry))
    return variables


def to_torch_layout(name: str, variable: FloatArray) -> FloatArray:
    """TensorFlow's (height, width, in, out) and (in, out) -> torch's (out, in, …)."""
    if variable.ndim == 4 and name.startswith("middle."):
        # It spans all features at once: one channel of that width there, a channel each here.
        return np.ascontiguousarray(variable[:, :, 0].transpose(2, 1, 0))
    if variable.ndim == 4:
        return np.ascontiguousarray(variable.transpose(3, 2, 0, 1))
    if variable.ndim == 2:
        return np.ascontiguousarray(variable.T)
    return variable


def main(wheel: Path) -> None:
    from safetensors.numpy import save_file

    from clapbatch.api import file_sha256

    if file_sha256(wheel) != WHEEL_SHA256:
        raise SystemExit(f"{wheel} is not the wheel of musicnn 0.1.0 that was published")
    with zipfile.ZipFile(wheel) as archive:
        for model, path in MODELS.items():
            folder = f"musicnn/{model}/"
            variables = read_checkpoint(
                archive.read(folder + ".index"), archive.read(folder + ".data-00000-of-00001")
            )
            named = {parameter_name(name): variable for name, variable in variables.items()}
            tensors = {name: to_torch_layout(name, named[name]) for name in sorted(named)}
            save_file(tensors, path)
            print(path.name, len(tensors), "tensors, sha256", file_sha256(path))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
