"""Sentences that the store does not know are embedded while the library is looked through.

Making a text side ready takes about as long as listing a hundred thousand songs, and most of it is
not Python's: together they take hardly longer than either.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from clapbatch.config import RunConfig
from clapbatch.domain import Query
from clapbatch.engine.recipe import Recipe
from clapbatch.engine.texts import embed_queries
from clapbatch.errors import ClapbatchError
from clapbatch.registry import Registry
from clapbatch.store import Store


@contextmanager
def reading_ahead(
    queries: Sequence[Query], config: RunConfig, registry: Registry, store: Store
) -> Iterator[None]:
    """Have the queries embedded into the store by the time the block ends.

    What goes wrong there is not told: whoever asks the store for the queries meets it again.
    """
    if not queries or store.path is None:
        yield
        return
    path, recipe = store.path, Recipe.of(config, registry)

    def embed() -> None:
        # A connection of its own: SQLite's belong to the thread that opened them.
        with Store(path) as own:
            embed_queries(queries, recipe, registry, own, workers=1)

    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        reading = pool.submit(embed)
        yield
        error = reading.exception()
        if error is not None and not isinstance(error, ClapbatchError):
            raise error
