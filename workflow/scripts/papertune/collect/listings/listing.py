"""Which module lists the documents of which kind of source.

Every listing is a function ``(session, source, year, *, refresh)`` that yields a Document for what
it takes and a Rejection for what it does not; year 0 asks for all where documents have no years. A
new kind is a module, its settings, and one line here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from papertune.errors import CollectError
from papertune.identity import canonical
from papertune.records import Document, Rejection, to_line
from papertune.study.experiment import Part
from papertune.study.settings import Source

LISTINGS = {
    "demo": "papertune.collect.listings.demo:list_documents",
    "dblp": "papertune.collect.listings.dblp:list_documents",
    "dblp_api": "papertune.collect.listings.dblp:search",
    "dblp_sparql": "papertune.collect.listings.dblp_sparql:list_documents",
    "dblp_snapshot": "papertune.collect.listings.dblp_snapshot:list_documents",
    "pmlr": "papertune.collect.listings.pmlr:read_volumes",
    "acl": "papertune.collect.listings.acl:list_pages",
    "acl_xml": "papertune.collect.listings.acl:list_xml",
    "arxiv": "papertune.collect.listings.arxiv:list_documents",
    "openalex": "papertune.collect.listings.openalex:list_documents",
    "crossref": "papertune.collect.listings.crossref:list_documents",
    "semantic_scholar": "papertune.collect.listings.semantic_scholar:list_documents",
    "bibtex": "papertune.collect.listings.bibtex:list_documents",
    "files": "papertune.collect.listings.files:list_documents",
    "pdfs": "papertune.collect.listings.pdf_folder:list_documents",
    "stack_exchange": "papertune.collect.listings.stack_exchange:list_documents",
    "stack_dump": "papertune.collect.listings.stack_dump:list_documents",
    "wikipedia": "papertune.collect.listings.wikipedia:list_documents",
    "pairs": "papertune.collect.listings.table_pairs:list_documents",
    "hub_dataset": "papertune.collect.listings.hub_datasets:list_documents",
}
# Small files that are read whenever a run is planned, so that it sees their new rows by itself:
# what digests a year of them. Everything else is listed once, and again by `snakemake refresh`.
WATCHED = {
    "files": "papertune.collect.listings.files:listed_digest",
    "bibtex": "papertune.collect.listings.bibtex:entries_digest",
    "pairs": "papertune.collect.listings.table_pairs:rows_digest",
}


def items(
    session: Any, source: Source, year: int, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """What a source lists of a year, or, for year 0, at all.

    Args:
        session: The source's PoliteSession; None where it is a watched file.
        source: Its settings.
        year: The year, or 0.
        refresh: Ask again for what is in the cache.

    Raises:
        CollectError: it cannot be listed as a whole.
    """
    found: Iterator[Document | Rejection] = _named(LISTINGS[source.kind])(
        session, source, year, refresh=refresh
    )
    return found


def watched(source: Source, part: Part) -> list[Path]:
    """The files that a plan looks into, if the source is such files."""
    if source.kind not in WATCHED:
        return []
    paths = getattr(source, "paths", None) or [source.path]  # type: ignore[union-attr]
    return [Path(path.replace("{year}", str(part))) for path in paths]


def watched_digest(source: Source, part: Part, mine: Callable[[str], bool] | None) -> str | None:
    """A digest of what watched files list of a part; other parts and the order are none of it.

    Args:
        source: Any source.
        part: The year or the part.
        mine: Tells by its id or key whether an item is of the part; all are if not given.

    Returns:
        The digest; None where the source is no watched file.

    Raises:
        CollectError: a file cannot be read.
    """
    paths = watched(source, part)
    if not paths:
        return None
    if isinstance(part, int):
        return str(_named(WATCHED[source.kind])(source, part))
    try:
        stamps = tuple((str(p), p.stat().st_mtime_ns, p.stat().st_size) for p in paths)
    except OSError as error:
        raise CollectError(
            f"cannot read the file: {error.strerror}",
            where=str(error.filename),
            hint="source.path is taken from the folder that snakemake runs in",
        ) from None
    hashes = _hashes(_Known(source), stamps)
    return hashlib.sha256(
        b"".join(sorted(line for key, line in hashes if mine is None or mine(key)))
    ).hexdigest()


def _named(name: str) -> Any:
    module, _, function = name.partition(":")
    return getattr(import_module(module), function)


class _Known:
    """Settings that can be looked up: equal where their values are."""

    def __init__(self, source: Source) -> None:
        self.source, self.text = source, canonical(source.model_dump())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Known) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


@lru_cache(maxsize=64)
def _hashes(
    known: _Known, stamps: tuple[tuple[str, int, int], ...]
) -> tuple[tuple[str, bytes], ...]:
    """Id and hash of everything listed; read once per process and version of the files."""
    return tuple(
        (
            item.key if isinstance(item, Rejection) else item.id,
            hashlib.sha256(to_line(item).encode()).digest(),
        )
        for item in items(None, known.source, 0)
    )
