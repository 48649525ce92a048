"""Where a model comes from: its base and the base's licence, its data and who wrote that."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from papertune.identity import canonical
from papertune.records import Pair, files_digest
from papertune.study.layout import Origin

UNKNOWN = "unknown"  # a licence that the Hub knows, too
LICENCES = ("LICENSE*", "LICENCE*", "NOTICE*", "USE_POLICY*")  # files that go where weights go
# how the texts of licences begin that say their own name; none is told by its sense
_TITLES = {
    "apache license version 2.0": "apache-2.0",
    "mit license": "mit",
    "the mit license": "mit",
    "bsd 3-clause license": "bsd-3-clause",
    "bsd 2-clause license": "bsd-2-clause",
    "gnu general public license version 3": "gpl-3.0",
    "mozilla public license version 2.0": "mpl-2.0",
}
_IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}")
_MADE_BY = ("backend", "model", "revision", "style")  # what of a pair's provenance names its writer


def base_facts(folder: Path, origin: Origin) -> dict[str, Any]:
    """The base of a model, with its licence as far as its folder says one."""
    licence, said_by = licence_of(folder)
    return {
        "name": origin.base,
        "hub": origin.hub,
        "revision": origin.revision,
        "scratch": origin.scratch,
        "licence": licence,
        "licence_said_by": said_by,
    }


def licence_of(folder: Path) -> tuple[str, str]:
    """The licence that a model folder names, and the file that does; ``unknown`` and nothing else.

    The card's front matter is asked first, then ``config.json``, then the title of a licence file.
    A file of another title is a licence all the same: ``other``.
    """
    folder = Path(folder)
    named = _in_card(folder / "README.md") or _in_config(folder / "config.json")
    if named:
        return named
    for path in sorted(folder.glob("LICENSE*")) + sorted(folder.glob("LICENCE*")):
        return _of_text(path), path.name
    return UNKNOWN, ""


def data_facts(
    train: Sequence[Pair], validation: Sequence[Pair], files: Iterable[Path], origin: Origin
) -> dict[str, Any]:
    """The pairs of a dataset: how many, about what, by whom, and the digest of their files.

    Args:
        train: Pairs to train on, of which a model may take a subset.
        validation: Pairs that choose the checkpoint.
        files: Of both; the digest is SHA-256 over them in this order.
    """
    years = [pair.year for pair in train if pair.year]
    writers = {
        canonical({key: pair.provenance[key] for key in _MADE_BY if pair.provenance.get(key)})
        for pair in train
    }
    return {
        "source": origin.source,
        "dataset": origin.dataset,
        "years": [min(years), max(years)] if years else None,
        "pairs": {"train": len(train), "validation": len(validation)},
        "documents": len({pair.document for pair in train}),
        "writers": [json.loads(writer) for writer in sorted(writers)],
        "sha256": files_digest(files),
    }


def _in_card(path: Path) -> tuple[str, str] | None:
    """``license`` of a card's front matter; a licence of no common name stands in license_name."""
    from huggingface_hub.repocard import metadata_load
    from yaml import YAMLError

    try:
        said = metadata_load(path) or {}
    except (OSError, ValueError, YAMLError):  # no card, or one that nobody can read
        return None
    value = said.get("license")
    values = [v for v in (value if isinstance(value, list) else [value]) if isinstance(v, str)]
    name = said.get("license_name")
    if values == ["other"] and isinstance(name, str) and _identifier(name) != "other":
        return _identifier(name), path.name
    return (_identifier(values[0]), path.name) if values else None


def _in_config(path: Path) -> tuple[str, str] | None:
    try:
        said = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    value = said.get("license") if isinstance(said, dict) else None
    return (_identifier(value), path.name) if isinstance(value, str) and value else None


def _of_text(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as stream:
        words = re.sub(r"[^a-z0-9. -]+", " ", stream.read(400).lower()).split()
    text = " ".join(words)
    return next((name for title, name in _TITLES.items() if text.startswith(title)), "other")


def _identifier(name: str) -> str:
    """A licence's name in the form of the Hub's identifiers, ``other`` where it is none."""
    found = "-".join(name.strip().lower().split())
    return found if _IDENTIFIER.fullmatch(found) else "other"
