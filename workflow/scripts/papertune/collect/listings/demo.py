"""The demo venue's table of contents, which has the shape of DBLP's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from papertune.collect.listings.dblp import read_contents
from papertune.demo.pages import CONTENTS
from papertune.records import Document, Rejection


def list_documents(
    session: Any, source: Any, year: int, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """The papers of a year, as :func:`~papertune.collect.listings.dblp.read_contents` gives them."""
    return read_contents(session, CONTENTS, year, refresh=refresh)
