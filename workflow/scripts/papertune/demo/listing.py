"""The demo venue's table of contents, which has the shape of DBLP's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from papertune.demo.pages import CONTENTS
from papertune.records import Document, Rejection
from papertune.sources.dblp import read_contents


def list_documents(
    session: Any, source: Any, year: int, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """The papers of a year, as :func:`~papertune.sources.dblp.read_contents` gives them."""
    return read_contents(session, CONTENTS, year, refresh=refresh)
