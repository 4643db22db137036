"""Files from the Hugging Face Hub: pinned, resumed, checked, and fetched once.

huggingface_hub is imported only when something has to be asked of the hub: a program whose models
are on disk never loads it, and never touches the network.
"""

from __future__ import annotations

import errno
import os
import queue
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from clapbatch.errors import ModelError
from clapbatch.fingerprint import file_sha256

# Either variable forbids the network: the hub's own, and ours.
OFFLINE_VARIABLES = ("CLAPBATCH_OFFLINE", "HF_HUB_OFFLINE")


@dataclass(frozen=True)
class HubFile:
    """One file of one revision of a repository on the hub.

    revision : a commit hash, so that the file cannot change under the same name.
    sha256 : of its bytes, 64 hexadecimal digits; "" if nobody has recorded it yet.
    """

    repository: str
    revision: str
    path: str
    sha256: str

    @property
    def name(self) -> str:
        return f"{self.repository}/{self.path}"


def offline(environment: Mapping[str, str] = os.environ) -> str:
    """The variable that forbids the network, as `NAME=value`; "" if none does."""
    for name in OFFLINE_VARIABLES:
        value = environment.get(name, "")
        if value.lower() not in ("", "0", "no", "off", "false"):
            return f"{name}={value}"
    return ""


def unreachable(file: HubFile, *, timeout: float = 5.0) -> str:
    """Why a file cannot be fetched now, in one sentence; "" if the hub offers it.

    timeout : seconds after which the hub counts as unreachable, name lookup included.
    """
    if forbidden := offline():
        return f"{file.name} is not on disk and {forbidden} forbids fetching it"
    answers: queue.SimpleQueue[str] = queue.SimpleQueue()

    def ask() -> None:
        try:
            _size(file, timeout)
            answers.put("")
        except ModelError as error:
            answers.put(str(error))

    # A thread, because no timeout of a library covers the system's name lookup.
    threading.Thread(target=ask, daemon=True).start()
    try:
        return answers.get(timeout=timeout)
    except queue.Empty:
        return f"{file.name} is not on disk and the hub did not answer within {timeout:g} seconds"


def fetch(file: HubFile, folder: Path, *, spare: int = 0) -> tuple[Path, str]:
    """Fetch a file into `folder`; give its path and sha256.

    A download that was cut off leaves its part in the folder and goes on there next time. Two
    programs that ask for the same file at once fetch it once.

    spare : bytes of room wanted on the disk beside the file itself.

    Raises
    ------
    ModelError
        If it cannot be fetched, there is no room for it, or it is not the file that was pinned.
    """
    path = folder / Path(file.path).name
    with locked(path):
        if not path.exists():
            if forbidden := offline():
                raise ModelError(f"{file.name} is not on disk and {forbidden} forbids fetching it")
            _download(file, path, spare)
        sha256 = file_sha256(path)
        if file.sha256 and sha256 != file.sha256:
            path.unlink()
            raise ModelError(
                f"{file.name} has the sha256 {sha256} instead of {file.sha256}: it was damaged on "
                "its way or replaced, and has been deleted; fetch it again"
            )
    return path, sha256


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock beside `path`: one program at a time, on this machine, gets in."""
    from filelock import FileLock

    with _disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        yield


def require_room(folder: Path, wanted: int, purpose: str) -> None:
    """Refuse to begin what cannot be finished.

    Raises
    ------
    ModelError
        If the disk that holds `folder` has less than `wanted` bytes left.
    """
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise ModelError(
            f"{purpose} needs {wanted / 1e9:.1f} GB and {folder} has {free / 1e9:.1f} GB left; "
            "make room there or set CLAPBATCH_HOME to another folder"
        )


def _download(file: HubFile, path: Path, spare: int) -> None:
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    size = _size(file)
    part = path.with_name(f"{path.name}.part")
    done = part.stat().st_size if part.exists() else 0
    if done > size:
        part.unlink()
        done = 0
    require_room(path.parent, size - done + spare, f"fetching {file.name}")
    with _hub_errors(file), _disk_errors(path.parent), open(part, "ab") as output:
        http_get(
            _url(file),
            output,
            resume_size=done,
            headers=build_hf_headers(),
            expected_size=size,
            displayed_filename=path.name,
        )
    os.replace(part, path)


def _size(file: HubFile, timeout: float = 10.0) -> int:
    from huggingface_hub import get_hf_file_metadata

    with _hub_errors(file):
        size = get_hf_file_metadata(_url(file), timeout=timeout).size
    if size is None:
        raise ModelError(f"the hub does not say how large {file.name} is")
    return int(size)


def _url(file: HubFile) -> str:
    from huggingface_hub import hf_hub_url

    # Read here, not at the library's import, so that a mirror can be named at any time.
    endpoint = os.environ.get("HF_ENDPOINT")
    return hf_hub_url(file.repository, file.path, revision=file.revision, endpoint=endpoint)


@contextmanager
def _hub_errors(file: HubFile) -> Iterator[None]:
    """Whatever goes wrong between here and the hub becomes one sentence."""
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    network = _network_errors()
    try:
        yield
    except OfflineModeIsEnabled:
        raise ModelError(f"{file.name} cannot be fetched: HF_HUB_OFFLINE is set") from None
    except HfHubHTTPError as error:
        status = getattr(error.response, "status_code", "an error")
        raise ModelError(
            f"the hub answers {status} for {file.name} at revision {file.revision}"
        ) from error
    except network as error:
        raise ModelError(
            f"{file.name} could not be fetched ({_first_line(error)}); try again where the network "
            "reaches the hub, and what has arrived by then is not fetched twice"
        ) from error
    except OSError as error:
        if error.errno is not None:
            raise
        # How the hub's library says that fewer bytes came than were announced.
        raise ModelError(f"{file.name} did not arrive whole ({_first_line(error)})") from error


def _network_errors() -> tuple[type[Exception], ...]:
    """What the hub's HTTP library raises; which library that is depends on the hub's version."""
    from huggingface_hub import file_download

    kinds: list[type[Exception]] = [ConnectionError, TimeoutError]
    for name in ("httpx2", "httpx", "requests"):
        library = getattr(file_download, name, None)
        for kind in ("HTTPError", "RequestException"):
            error = getattr(library, kind, None)
            if isinstance(error, type) and issubclass(error, Exception):
                kinds.append(error)
    return tuple(kinds)


@contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EFBIG):
            raise ModelError(
                f"{folder} cannot be written ({error.strerror}); make room there or set "
                "CLAPBATCH_HOME to another folder"
            ) from error
        raise


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
