"""dask and ray as joblib backends: several machines, each with clapbatch and the songs.

Imported only when one of them is asked for. A machine's worker opens a song under the path it has
here, and refuses to work if its plugins, models or versions are not ours (`Recipe.check`).
"""

from __future__ import annotations

import importlib
import logging
import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from joblib.parallel import ParallelBackendBase

from clapbatch.config import RunConfig
from clapbatch.engine.backends import Engine
from clapbatch.errors import ClapbatchError, UsageError

CONNECT_SECONDS = 10.0

Task = Callable[[], Any]
Submit = Callable[[Task], "Future[Any]"]


class ClusterBackend(ParallelBackendBase):
    """A joblib backend over anything that turns a call into a future.

    Those that come with joblib and ray do not do: joblib's for dask waits for ever when a worker
    is killed, and computes in this process when one worker is left; ray's keeps all results to
    the end, and picks workers by lot.
    """

    supports_retrieve_callback = True

    def __init__(self, submit: Submit) -> None:
        super().__init__(nesting_level=0)
        self._submit = submit

    def effective_n_jobs(self, n_jobs: int) -> int:
        return max(2, n_jobs)  # joblib takes 1 for "in this very process"

    def configure(self, n_jobs: int = 1, parallel: Any = None, **_: Any) -> int:  # type: ignore[override]
        self.parallel = parallel
        return self.effective_n_jobs(n_jobs)

    def submit(self, func: Task, callback: Callable[[Any], Any] | None = None) -> Any:
        future = self._submit(func)
        if callback is not None:
            future.add_done_callback(callback)
        return future

    def retrieve_result_callback(self, out: Any) -> Any:
        return out.result()


@contextmanager
def dask(config: RunConfig, songs: int) -> Iterator[Engine]:
    """The cluster of `--scheduler`. Its workers' threads share one encoder a process.

    Raises
    ------
    UsageError
        If nobody answers there, or no worker has joined it.
    """
    distributed: Any = importlib.import_module("distributed")
    try:
        client = distributed.Client(
            config.scheduler, timeout=CONNECT_SECONDS, set_as_default=False, name="clapbatch"
        )
    except (OSError, TimeoutError, ValueError) as error:
        raise UsageError(f"no dask scheduler answers at {config.scheduler} ({error})") from error
    with client:
        threads = client.nthreads()
        if not threads:
            raise UsageError(
                f"the dask scheduler at {config.scheduler} has no worker; start one with "
                f"`dask worker {config.scheduler}`"
            )
        executor = client.get_executor(pure=False)
        width = min(config.jobs or sum(threads.values()), songs)
        died = (distributed.scheduler.KilledWorker,)
        yield Engine(ClusterBackend(executor.submit), width, max(threads.values()), died)


@contextmanager
def ray(config: RunConfig, songs: int) -> Iterator[Engine]:
    """The cluster of `--scheduler` or $RAY_ADDRESS; without either, one on this machine.

    Raises
    ------
    UsageError
        If nobody answers there.
    """
    # Read when ray is imported: what is done here is nobody else's business.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    package: Any = importlib.import_module("ray")
    errors = package.exceptions
    try:
        if config.scheduler:
            _knock(config.scheduler)  # ray itself would try for minutes
        package.init(
            address=config.scheduler,
            include_dashboard=None if config.scheduler else False,
            logging_level=logging.ERROR,
            log_to_driver=False,
        )
    except (OSError, errors.RaySystemError, ValueError) as error:
        raise UsageError(f"no ray cluster answers at {config.scheduler} ({error})") from error
    try:
        # Trying again is the engine's business, who knows what else was under way.
        attempt = package.remote(max_retries=0)(_attempt)
        backend = ClusterBackend(lambda task: _result(attempt.remote(task).future()))
        cores = int(package.cluster_resources().get("CPU", 1))
        width = min(config.jobs or cores, songs)
        died = (errors.WorkerCrashedError, errors.OutOfMemoryError)
        yield Engine(backend, width, max(1, cores // width), died)
    finally:
        package.shutdown()


def _knock(address: str) -> None:
    """Raises OSError or ValueError unless somebody listens at HOST:PORT or ray://HOST:PORT."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    if not parts.hostname or not parts.port:
        raise ValueError("an address is HOST:PORT")
    socket.create_connection((parts.hostname, parts.port), CONNECT_SECONDS).close()


def _attempt(task: Task) -> Any:
    """Our errors travel as results: ray would wrap them in pages of traceback."""
    try:
        return task()
    except ClapbatchError as error:
        return error


def _result(attempted: Future[Any]) -> Future[Any]:
    """The future of what was attempted: an error that came as a result is raised again."""
    future: Future[Any] = Future()

    def settle(done: Future[Any]) -> None:
        error = done.exception()
        result = None if error else done.result()
        if error or isinstance(result, ClapbatchError):
            future.set_exception(error or result)
        else:
            future.set_result(result)

    attempted.add_done_callback(settle)
    return future
