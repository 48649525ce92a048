"""The built-in rules behind the protocol of backends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from papertune import versions
from papertune.generators.protocol import Request, Written
from papertune.generators.rules import pairs_about
from papertune.study.settings import RulesGenerator

BATCH = 64  # documents per append to the store


class RulesBackend:
    """Writes pairs by rules; see ``rules.py``."""

    def __init__(self, settings: RulesGenerator, *, folder: Path | None, threads: int) -> None:
        self._settings = settings

    def version(self) -> dict[str, Any]:
        """The version of the rules: other rules write other pairs."""
        return {"rules": versions.RULES}

    def write(self, requests: Iterable[Request]) -> Iterator[list[Written]]:
        """Pairs of each document, in batches of 64."""
        batch: list[Written] = []
        for request in requests:
            pairs = pairs_about(request.document, self._settings.style, self._settings.pairs)
            batch.append(Written(request, pairs=tuple((q, a) for q, a in pairs)))
            if len(batch) == BATCH:
                yield batch
                batch = []
        if batch:
            yield batch
