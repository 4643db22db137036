"""Many recordings at once: joblib over threads, processes or machines."""

from __future__ import annotations

import os
import signal
import threading
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from clapbatch.config import RunConfig
from clapbatch.domain import Failure
from clapbatch.engine.decoding import dismiss, end_with
from clapbatch.engine.pipeline import Job
from clapbatch.engine.reading import abandon
from clapbatch.errors import UsageError

if TYPE_CHECKING:
    from joblib.parallel import ParallelBackendBase

# A Recipe, or several; and what becomes of a recording under it.
R = TypeVar("R")
T = TypeVar("T")
EmbedTrack = Callable[[Job, R, int], tuple[Job, T]]


@dataclass(frozen=True)
class Engine:
    """A joblib backend, ready to be used: its name for joblib or itself.

    width : recordings under way at once.
    threads : how many batches a worker may have in its encoder at once.
    died : what is raised when a worker process ended under its recording.
    """

    backend: str | ParallelBackendBase
    width: int
    threads: int
    died: tuple[type[BaseException], ...] = ()


def run(
    embed_track: EmbedTrack[R, T], jobs: Sequence[Job], recipe: R, config: RunConfig
) -> Generator[tuple[Job, T | Failure]]:
    """Outcomes as they come, in any order; the store puts them in order again.

    Closing the generator stops the work.

    Every unit of work is computed by one thread, whatever the backend and however many workers:
    only who computes it differs, never what. A worker that dies takes down no other recording:
    those under way at that moment are tried once more, one at a time, each in a new worker. The
    one that kills its worker again is a Failure; it alone is.

    Raises
    ------
    UsageError
        If the backend's package is not installed or its cluster cannot be reached.
    """
    try:
        yield from _run(embed_track, jobs, recipe, config)
    finally:
        dismiss()
        abandon()


def _run(
    embed_track: EmbedTrack[R, T], jobs: Sequence[Job], recipe: R, config: RunConfig
) -> Iterator[tuple[Job, T | Failure]]:
    if not jobs:
        return
    if config.backend == "sequential" or (config.backend == "threads" and config.workers == 1):
        for job in jobs:
            yield embed_track(job, recipe, 1)
        return
    with _ENGINES[config.backend](config, len(jobs)) as engine:
        waiting = iter(jobs)
        while True:
            under_way: dict[Job, None] = {}
            try:
                for outcome in _parallel(embed_track, waiting, recipe, engine, under_way):
                    del under_way[outcome[0]]
                    yield outcome
                return
            except engine.died:
                suspects = list(under_way)
            for job in suspects:
                try:
                    yield from _parallel(embed_track, iter([job]), recipe, engine, {})
                except engine.died:
                    yield job, _worker_failure(job)


def _parallel(
    embed_track: EmbedTrack[R, T],
    jobs: Iterator[Job],
    recipe: R,
    engine: Engine,
    under_way: dict[Job, None],
) -> Iterator[tuple[Job, T]]:
    """Outcomes as they come; `under_way` gets every job that is handed to a worker."""
    import joblib

    own: dict[str, Any] = {}
    if engine.backend == "loky":
        own = {"initializer": end_with, "initargs": (os.getpid(),)}

    def handed_out() -> Iterator[Job]:
        for job in jobs:
            under_way[job] = None
            yield job

    parallel = joblib.Parallel(
        # With one worker joblib would compute in this very process, and die with the recording.
        n_jobs=max(2, engine.width),
        backend=engine.backend,
        return_as="generator_unordered",
        batch_size=1,
        # This bounds what is under way, and so the suspects when a worker dies.
        pre_dispatch=engine.width,
        **own,
    )
    with _deaf_to_ctrl_c():
        outcomes: Any = parallel(
            joblib.delayed(embed_track)(job, recipe, engine.threads) for job in handed_out()
        )
    try:
        while (outcome := next(outcomes, None)) is not None:
            yield outcome
    finally:
        # Whoever stops early has a reason and tells it; joblib's warning says nothing more.
        with warnings.catch_warnings(action="ignore"):
            outcomes.close()


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """For the hundredth of a second in which worker processes start, who inherit it for good.

    Ctrl-C is for the program, which ends them; it must not surprise them amid their imports.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _worker_failure(job: Job) -> Failure:
    return Failure(
        job.track.name,
        "worker",
        "",
        "the process that embedded it died, twice: it crashed or was killed by the system, "
        "perhaps for want of memory",
    )


def check(config: RunConfig) -> None:
    """Find out before the work whether the backend can be used.

    Raises
    ------
    UsageError
        If its package is not installed, or dask was given no scheduler.
    """
    package = {"dask": "distributed", "ray": "ray"}.get(config.backend)
    if package:
        from importlib.util import find_spec

        if find_spec(package) is None:
            raise UsageError(
                f"--backend {config.backend} needs the package {package}: "
                f"pip install 'clapbatch[{config.backend}]'"
            )
    if config.backend == "dask" and not config.scheduler:
        raise UsageError(
            "--backend dask needs --scheduler ADDRESS, where `dask scheduler` listens "
            "(tcp://HOST:8786)"
        )
    if config.scheduler and config.backend not in ("dask", "ray"):
        raise UsageError(f"--scheduler goes with --backend dask or ray, not {config.backend}")


@contextmanager
def _threads(config: RunConfig, songs: int) -> Iterator[Engine]:
    """Threads of one process share its encoder: one song alone can keep all of them busy."""
    yield Engine("threading", min(config.workers, songs), config.workers)


@contextmanager
def _loky(config: RunConfig, songs: int) -> Iterator[Engine]:
    """Processes have an encoder each; with fewer songs than workers, each has several threads."""
    from concurrent.futures.process import BrokenProcessPool

    width = min(config.workers, songs)
    yield Engine("loky", width, max(1, config.workers // width), (BrokenProcessPool,))


@contextmanager
def _dask(config: RunConfig, songs: int) -> Iterator[Engine]:
    from clapbatch.engine import clusters

    with clusters.dask(config, songs) as engine:
        yield engine


@contextmanager
def _ray(config: RunConfig, songs: int) -> Iterator[Engine]:
    from clapbatch.engine import clusters

    with clusters.ray(config, songs) as engine:
        yield engine


_ENGINES: dict[str, Callable[[RunConfig, int], AbstractContextManager[Engine]]] = {
    "threads": _threads,
    "loky": _loky,
    "dask": _dask,
    "ray": _ray,
}
