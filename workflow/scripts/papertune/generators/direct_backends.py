"""Backends without a model: the built-in rules, and the pairs that documents come with."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from papertune import versions
from papertune.generators.protocol import Request, Written
from papertune.generators.rules import pairs_about
from papertune.records import Document
from papertune.study.settings import RulesGenerator

BATCH = 64  # documents per append to the store


class SourceBackend:
    """A document's own question with its text as the answer, as they are."""

    def __init__(self, settings: Any, **_: Any) -> None:
        self._settings = settings

    def version(self) -> dict[str, Any]:
        """Nothing is written, so nothing but the document counts."""
        return {}

    def write(self, requests: Iterable[Request]) -> Iterator[list[Written]]:
        """The pairs of each document, in batches."""
        rest = iter(requests)
        while batch := list(islice(rest, BATCH)):
            yield [Written(one, pairs=tuple(self.pairs(one.document))) for one in batch]

    def pairs(self, document: Document) -> list[tuple[str, str]]:
        """None where it has no question."""
        return [(document.question, document.text)] if document.question else []


class RulesBackend(SourceBackend):
    """Writes pairs by rules; see ``rules.py``."""

    _settings: RulesGenerator

    def version(self) -> dict[str, Any]:
        """The version of the rules: other rules write other pairs."""
        return {"rules": versions.RULES}

    def pairs(self, document: Document) -> list[tuple[str, str]]:
        """As many as the rules find, at most those that are asked for."""
        return pairs_about(document, self._settings.style, self._settings.pairs)
