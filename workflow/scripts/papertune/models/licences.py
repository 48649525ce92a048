"""Licences of weights: as named in a model folder, and of the file that it was made from."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from yaml import YAMLError

from papertune.files import read_json

MADE_FROM = "made_from.json"  # in a model folder that was converted from a GGUF file
UNKNOWN = "unknown"  # also an identifier of the Hub
# names of files with licences and terms, which are copied with the weights
_LICENCE = re.compile(r"(licen[cs]e|copying|notice|use_policy|[a-z0-9_.-]*terms)[a-z0-9_.-]*", re.I)
_NO_TEXT = (".py", ".pyc", ".so", ".safetensors")
# first words of licence texts that state their own name; others are not recognized
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


def is_licence(name: str) -> bool:
    """Whether a file of this name has a licence or terms."""
    return bool(_LICENCE.fullmatch(name)) and not name.endswith(_NO_TEXT)


def licence_of(folder: Path) -> tuple[str, str]:
    """The licence that a model folder names, and the file that names it; else ``unknown``.

    The card's front matter is read first, then ``config.json``, then the title of a licence file.
    A licence file with another title counts as ``other``.
    """
    from huggingface_hub.repocard import metadata_load

    for name in ("README.md", "config.json"):
        read: Callable[[Path], Any] = metadata_load if name == "README.md" else read_json
        path = (folder / name).resolve()  # the Hub's cache has links
        if not path.is_file():  # opening a fifo would block
            continue
        try:
            licence = _named(read(path))
        except (OSError, ValueError, YAMLError, RecursionError):  # missing or unreadable
            continue
        if licence:
            return licence, name
    for path in [*sorted(folder.glob("LICENSE*")), *sorted(folder.glob("LICENCE*"))]:
        if not path.is_file():  # opening a fifo would block
            continue
        with path.open(encoding="utf-8", errors="replace") as stream:
            title = " ".join(re.sub(r"[^a-z0-9. -]+", " ", stream.read(400).lower()).split())
        known = (one for said, one in _TITLES.items() if title.startswith(said))
        return next(known, "other"), path.name
    return UNKNOWN, ""


def _named(said: Any) -> str:
    """``license`` of a card or a configuration, or ``license_name`` for an uncommon licence."""
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


def made_from(base: Path) -> dict[str, Any]:
    """The record of the GGUF file that a base was made from, with its terms; else empty."""
    try:
        made = read_json(base / MADE_FROM)
        packed = f"{made['package']} {made['version']}" if "package" in made else made["gguf"]
        terms = made["licence"]["files"]
        return {"made_from": packed, "sha256": made["sha256"], "terms": terms}
    except (OSError, ValueError, LookupError, TypeError):
        return {}
