"""Where a model comes from: its base and the base's licence, its data and who wrote that."""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from yaml import YAMLError

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
        "name": origin.base, "hub": origin.hub, "revision": origin.revision,
        "scratch": origin.scratch, "licence": licence, "licence_said_by": said_by,
    }  # fmt: skip


def licence_of(folder: Path) -> tuple[str, str]:
    """The licence that a model folder names, and the file that does; ``unknown`` and nothing else.

    The card's front matter is asked first, then ``config.json``, then the title of a licence file.
    A file of another title is a licence all the same: ``other``.
    """
    from huggingface_hub.repocard import metadata_load

    for name, read in (
        ("README.md", metadata_load),
        ("config.json", lambda path: json.loads(path.read_text("utf-8"))),
    ):
        try:
            licence = _named(read(folder / name) or {})
        except (OSError, ValueError, YAMLError):  # not there, or one that nobody can read
            continue
        if licence:
            return licence, name
    for path in sorted(folder.glob("LICENSE*")) + sorted(folder.glob("LICENCE*")):
        with path.open(encoding="utf-8", errors="replace") as stream:
            title = " ".join(re.sub(r"[^a-z0-9. -]+", " ", stream.read(400).lower()).split())
        known = (one for said, one in _TITLES.items() if title.startswith(said))
        return next(known, "other"), path.name
    return UNKNOWN, ""


def _named(said: Any) -> str:
    """``license`` of a card or a configuration; one of no common name stands in ``license_name``."""
    if not isinstance(said, dict):
        return ""
    value = said.get("license")
    values = [v for v in (value if isinstance(value, list) else [value]) if isinstance(v, str)]
    name = said.get("license_name")
    if values == ["other"] and isinstance(name, str):
        values = [name]
    # in the form of the Hub's identifiers
    found = "-".join(values[0].strip().lower().split()) if values and values[0] else ""
    return found if not found or _IDENTIFIER.fullmatch(found) else "other"


def data_facts(
    train: Sequence[Pair], validation: Sequence[Pair], files: Iterable[Path], origin: Origin
) -> dict[str, Any]:
    """The pairs of a dataset: how many, about what, by whom, and the digest of their files.

    Args:
        train: Pairs to train on, of which a model may take a subset.
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
