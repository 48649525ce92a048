"""The pairs that documents come with, behind the protocol of backends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from papertune.generators.protocol import Request, Written
from papertune.study.settings import SourceGenerator

BATCH = 1024  # documents per append to the store


class SourceBackend:
    """A document's own question with its text as the answer, as they are."""

    def __init__(self, settings: SourceGenerator, *, folder: Path | None, threads: int) -> None:
        pass

    def version(self) -> dict[str, Any]:
        """Nothing is written, so nothing but the document counts."""
        return {}

    def write(self, requests: Iterable[Request]) -> Iterator[list[Written]]:
        """The pair of each document, none where it has no question, in batches."""
        batch: list[Written] = []
        for request in requests:
            question = request.document.question
            pairs = ((question, request.document.text),) if question else ()
            batch.append(Written(request, pairs=pairs))
            if len(batch) == BATCH:
                yield batch
                batch = []
        if batch:
            yield batch
