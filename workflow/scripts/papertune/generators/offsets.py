"""Where the documents of a split stand in their files: memory holds places, never texts."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from papertune.identity import digest
from papertune.records import Document, Rejection, from_dict
from papertune.study.splits import SplitOf


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a document of the split stands, in the order of the output."""

    year: int
    id: str
    key: str
    path: Path
    offset: int

    def document(self) -> Document:
        """Read it."""
        with open(self.path, "rb") as stream:
            stream.seek(self.offset)
            return from_dict(Document, json.loads(stream.readline()), where=str(self.path))

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self) | {"path": str(self.path)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Place:
        """What :meth:`to_json` gave."""
        return cls(**values | {"path": Path(values["path"])})


def places_of(files: list[Path], mine: SplitOf) -> tuple[list[Place], list[Rejection]]:
    """The split's documents in the order of the output, and those that came twice."""
    found: dict[str, Place] = {}
    repeated = []
    for path in files:
        with open(path, "rb") as stream:
            offset = 0
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    document = from_dict(Document, json.loads(line), where=f"{path}:{number}")
                    if mine(document):
                        if document.id in found:
                            repeated.append(
                                Rejection(
                                    "synthesize",
                                    document.id,
                                    "repeated_document",
                                    f"{path}:{number}",
                                )
                            )
                        else:
                            key = _key(document)
                            found[document.id] = Place(
                                document.year, document.id, key, path, offset
                            )
                offset += len(line)
    return sorted(found.values()), repeated


def _key(document: Document) -> str:
    """What a generator sees of a document; a question only where there is one, so keys stay."""
    seen = [document.id, document.title, document.text]
    return digest([*seen, document.question] if document.question else seen)
