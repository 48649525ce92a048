"""What a source lists: by the lister that its settings name."""

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from papertune.collect.listings import by_year
from papertune.records import Document, Rejection
from papertune.study.settings import Source


def items(
    session: Any, source: Source, year: int, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """What a source lists of a year, or, for year 0, at all.

    Args:
        session: The source's PoliteSession; None where it is local files.
        source: Its settings.
        year: The year, or 0.
        refresh: Ask again for what is in the cache.

    Raises:
        CollectError: it cannot be listed as a whole.
    """
    if source.rows:
        return by_year.items(source, year)
    module, _, function = source.lister.partition(":")
    lister: Callable[..., Iterator[Document | Rejection]]
    lister = getattr(import_module(module), function)
    return lister(session, source, year, refresh=refresh)
