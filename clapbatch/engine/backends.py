"""Many recordings at once: joblib over threads, processes or machines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from clapbatch.config import RunConfig
from clapbatch.engine.pipeline import Job, Outcome
from clapbatch.engine.recipe import Recipe

EmbedTrack = Callable[[Job, Recipe, int], Outcome]


def run(
    embed_track: EmbedTrack, jobs: Sequence[Job], recipe: Recipe, config: RunConfig
) -> Iterator[Outcome]:
    """Outcomes as they come, in any order; the store puts them in order again.

    Every unit of work is computed by one thread, whatever the backend and however many workers:
    only who computes it differs, never what.
    """
    workers = config.workers
    if not jobs:
        return
    if config.backend == "sequential" or workers == 1:
        for job in jobs:
            yield embed_track(job, recipe, 1)
        return
    import joblib

    # Threads of one process share its encoder; other workers have one each, and where there are
    # fewer songs than workers, each song may use several threads.
    inside = workers if config.backend == "threads" else max(1, workers // len(jobs))
    parallel = joblib.Parallel(
        n_jobs=min(workers, len(jobs)),
        backend="threading" if config.backend == "threads" else config.backend,
        return_as="generator_unordered",
        batch_size=1,
        pre_dispatch="2 * n_jobs",
    )
    yield from parallel(joblib.delayed(embed_track)(job, recipe, inside) for job in jobs)
