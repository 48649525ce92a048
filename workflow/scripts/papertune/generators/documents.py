"""The documents of a split by their places in files: memory holds no texts."""

import json
from dataclasses import dataclass
from pathlib import Path

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


def places_of(files: list[Path], mine: SplitOf) -> tuple[list[Place], list[Rejection]]:
    """The split's documents in the order of the output, and those that came twice."""
    found: dict[str, Place] = {}
    repeated = []
    for path in files:
        with open(path, "rb") as stream:
            end = 0
            for number, line in enumerate(stream, start=1):
                offset, end = end, end + len(line)
                if not line.strip():
                    continue
                one = from_dict(Document, json.loads(line), where=f"{path}:{number}")
                if not mine(one):
                    continue
                if one.id in found:
                    why = ("repeated_document", f"{path}:{number}")
                    repeated.append(Rejection("synthesize", one.id, *why))
                else:
                    found[one.id] = Place(one.year, one.id, _key(one), path, offset)
    return sorted(found.values()), repeated


def _key(document: Document) -> str:
    """What a generator sees of a document; a question only where there is one, so keys stay."""
    seen = [document.id, document.title, document.text]
    return digest([*seen, document.question] if document.question else seen)
