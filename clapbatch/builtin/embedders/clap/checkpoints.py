"""Checkpoints on this machine: found, fetched, made safe once, checked and removed.

    models/clap/<name>/weights.safetensors   a published checkpoint, converted
    models/clap/own/<hash>/…                 a user's file, converted
    models/clap/own/known.json               which of a user's files has which hash
    models/roberta-base/                     the tokenizer's two files

Beside each weights.safetensors a record.json says where it comes from; it is written last, so that
whoever sees it may rely on the weights. A warm run reads records and hashes nothing.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

from clapbatch.api import ModelError, Runtime, downloads, file_sha256, fingerprint, folders
from clapbatch.builtin.embedders.clap.catalogue import (
    MERGES,
    PUBLISHED,
    TOKENIZER_FILES,
    VOCABULARY,
    Published,
)
from clapbatch.builtin.embedders.clap.records import (
    RECORD,
    Record,
    known_sha256,
    own_folder,
    own_sha256,
    read_record,
    write_json,
)

WEIGHTS = "weights.safetensors"
# The converted weights of both towers, float32, HTSAT-base: room to ask for before fetching.
CONVERTED_BYTES = 800_000_000


def identity(checkpoint: str) -> dict[str, str]:
    """The sha256 of the weights and of the tokenizer's files; fetches nothing it can know.

    Raises
    ------
    ModelError
        If a user's file is not there, or a published one of unknown hash cannot be fetched.
    """
    return {"weights": _sha256(checkpoint), "tokenizer": _tokenizer_sha256(checkpoint)}


def ready(checkpoint: str) -> Record | None:
    """The record of a checkpoint that is converted and usable as it is; else None."""
    if checkpoint in PUBLISHED:
        record = read_record(_published_folder(checkpoint))
        pinned = PUBLISHED[checkpoint].file.sha256
        return record if record and record.sha256 == (pinned or record.sha256) else None
    known = known_sha256(Path(checkpoint))
    return read_record(own_folder(known)) if known else None


def unavailable(checkpoint: str) -> str:
    """Why a checkpoint cannot be used, in one sentence; "" if it can. At most five seconds."""
    if checkpoint not in PUBLISHED:
        return "" if Path(checkpoint).is_file() else f"there is no checkpoint {checkpoint}"
    if ready(checkpoint) is None:
        return downloads.unreachable(PUBLISHED[checkpoint].file)
    return "" if _tokenizer_folder(checkpoint) else downloads.unreachable(VOCABULARY)


def weights_path(checkpoint: str) -> Path:
    """The converted weights, fetched and converted now if they are not there yet.

    Raises
    ------
    ModelError
        If they cannot be fetched, are damaged, unsafe, or of another model.
    """
    if checkpoint in PUBLISHED:
        folder = _published_folder(checkpoint)
        if ready(checkpoint) is None:
            _install_published(PUBLISHED[checkpoint], folder)
    else:
        folder = own_folder(_sha256(checkpoint))
        if read_record(folder) is None:
            _install_own(Path(checkpoint), folder)
    return folder / WEIGHTS


def tokenizer_folder(checkpoint: str) -> Path:
    """The folder with vocab.json and merges.txt: beside a user's checkpoint, or the model folder.

    Raises
    ------
    ModelError
        If they are in neither and cannot be fetched.
    """
    found = _tokenizer_folder(checkpoint)
    if found:
        return found
    folder = _roberta_folder()
    for file in TOKENIZER_FILES:
        downloads.fetch(file, folder)
    return folder


def remove(checkpoint: str) -> bool:
    """Delete what was converted from a checkpoint, and its graphs; False if there was nothing.

    A user's own file is left alone.
    """
    if checkpoint in PUBLISHED:
        folder = _published_folder(checkpoint)
    else:
        known = known_sha256(Path(checkpoint))
        folder = own_folder(known) if known else Path()
    if folder == Path() or not folder.is_dir():
        return False
    record = read_record(folder)
    with downloads.locked(folder):
        shutil.rmtree(folder)
    if record:
        shutil.rmtree(_graphs_folder(folders.graphs(), record.sha256), ignore_errors=True)
    return True


def require_ready(checkpoint: str) -> Record:
    """The record of a checkpoint that is on disk.

    Raises
    ------
    ModelError
        If it is not.
    """
    record = ready(checkpoint)
    if record is None:
        raise ModelError(f"{checkpoint} is not on disk; clapbatch models download {checkpoint}")
    return record


def own_records() -> list[Record]:
    """The records of users' files that were converted, by path."""
    found = (read_record(path.parent) for path in own_folder("").glob(f"*/{RECORD}"))
    return sorted((record for record in found if record), key=lambda record: record.source)


def verify(checkpoint: str) -> str:
    """What is wrong with a converted checkpoint's files, in one sentence; "" if nothing is.

    Raises
    ------
    ModelError
        If it is not on disk.
    """
    record = require_ready(checkpoint)
    path = weights_path(checkpoint)
    actual = file_sha256(path)
    if actual != record.converted_sha256:
        return f"{path} has the sha256 {actual} instead of {record.converted_sha256}"
    return ""


def own_graphs(runtime: Runtime, sha256: str) -> Runtime:
    """The same runtime with a folder for this checkpoint's graphs, to be removed with it."""
    return replace(runtime, graphs=_graphs_folder(runtime.graphs, sha256))


def _install_published(entry: Published, folder: Path) -> None:
    with downloads.locked(folder):
        if ready(entry.name) is None:
            file = entry.file
            source, sha256 = downloads.fetch(file, folder, spare=CONVERTED_BYTES)
            _convert(source, f"{file.repository}@{file.revision}/{file.path}", sha256, folder)
            source.unlink()


def _install_own(source: Path, folder: Path) -> None:
    with downloads.locked(folder):
        if read_record(folder) is None:
            folder.mkdir(exist_ok=True)
            _convert(source, str(source.absolute()), folder.name, folder)


def _convert(source: Path, name: str, sha256: str, folder: Path) -> None:
    # The only place that needs torch: a warm run never comes here.
    from clapbatch.builtin.embedders.clap import weights

    tensors = weights.clean(weights.read_tensors(source), source)
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    downloads.require_room(folder, size, f"converting {source.name}")
    with tempfile.TemporaryDirectory(dir=folder) as draft:
        path = Path(draft) / WEIGHTS
        weights.save(tensors, path)
        record = Record(
            source=name,
            sha256=sha256,
            size=source.stat().st_size,
            converted_sha256=file_sha256(path),
            logit_scale=float(tensors[weights.LOGIT_SCALE].exp()),
        )
        os.replace(path, folder / WEIGHTS)
        write_json(folder / RECORD, asdict(record))


def _sha256(checkpoint: str) -> str:
    if checkpoint in PUBLISHED:
        pinned = PUBLISHED[checkpoint].file.sha256
        if pinned:
            return pinned
        weights_path(checkpoint)
        record = ready(checkpoint)
        assert record is not None
        return record.sha256
    return own_sha256(Path(checkpoint))


def _tokenizer_sha256(checkpoint: str) -> str:
    folder = _tokenizer_folder(checkpoint)
    if folder is None or folder == _roberta_folder():
        return fingerprint([VOCABULARY.sha256, MERGES.sha256])
    return fingerprint([file_sha256(folder / file.path) for file in TOKENIZER_FILES])


def _tokenizer_folder(checkpoint: str) -> Path | None:
    choices = [_roberta_folder()]
    if checkpoint not in PUBLISHED:
        choices.insert(0, Path(checkpoint).absolute().parent)
    for folder in choices:
        if all((folder / file.path).is_file() for file in TOKENIZER_FILES):
            return folder
    return None


def _published_folder(name: str) -> Path:
    return folders.models() / "clap" / name


def _graphs_folder(graphs: Path, sha256: str) -> Path:
    return graphs / f"clap-{sha256[:16]}"


def _roberta_folder() -> Path:
    return folders.models() / "roberta-base"
