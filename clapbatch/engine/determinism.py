"""One arithmetic thread, fixed seeds: the same bytes every time."""

from __future__ import annotations

import random
from contextlib import AbstractContextManager

SEED = 42


def one_blas_thread() -> AbstractContextManager[object]:
    """Matrix products within are computed by one thread: their last bits depend on how many."""
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[object] = threadpool_limits(limits=1, user_api="blas")
    return limits


def prepare_worker() -> None:
    """Once in every process that computes.

    The global generators are seeded although nothing here draws from them: a plugin might.
    torch is seeded and capped by the runtime, where it is imported.
    """
    import numpy as np

    one_blas_thread()
    random.seed(SEED)
    np.random.seed(SEED)
