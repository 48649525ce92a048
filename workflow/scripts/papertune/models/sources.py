"""Sources of bases: folders, GGUF files and packages; their presence, identity and licence."""

import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from papertune.errors import PapertuneError
from papertune.files import atomic_write, file_digest, from_json
from papertune.models.gguf import Header, read_header
from papertune.models.packages import licence_named, licences_in, not_installed, pieces_of
from papertune.owned import make_folder, own
from papertune.study.layout import Layout
from papertune.study.nearby import near_names
from papertune.study.settings import Base, OpenAIGenerator, TransformersGenerator


class Source(NamedTuple):
    """A file, or its parts in order, and facts about them."""

    pieces: list[tuple[Path, str]]  # path, and SHA-256 if known beforehand
    told: dict[str, Any]  # for the record


def gguf_of(base: Base) -> Path:
    """The file of a ``gguf`` base."""
    return Path(base.gguf).expanduser()


def not_there(base: Base) -> tuple[str, str] | None:
    """What a base lacks on this machine, and what to do; None if nothing."""
    if base.package:
        return not_installed(base)
    path = gguf_of(base) if base.gguf else Path(base.path)
    key = "gguf" if base.gguf else "path"
    if not (base.gguf or base.path) or (path.is_file() if base.gguf else path.exists()):
        return None
    kind = "file of llama.cpp's or Ollama's" if base.gguf else "model folder"
    what = "is not a file" if path.exists() else f"does not exist{near_names(path)}"
    return (
        f"{key}: {getattr(base, key)} {what}",
        f"{key} of a base names a {kind}, from / or from the folder that snakemake runs in "
        f"({os.getcwd()})",
    )


def source_of(base: Base) -> Source:
    """The source of a ``gguf`` or ``package`` base.

    Raises:
        PapertuneError: a package or the file is missing.
    """
    if wrong := not_there(base):
        raise PapertuneError(wrong[0], hint=wrong[1])
    if base.package:
        parts = [one.model_dump() for one in base.package.pieces]
        told = {"package": base.package.name, "version": base.package.version, "parts": parts}
        return Source(pieces_of(base.package), told)
    return Source([(gguf_of(base), "")], {"gguf": gguf_of(base).name})


def header_of_source(base: Base) -> Header:
    """The header of a ``gguf`` or ``package`` base's file; read once per process.

    Raises:
        PapertuneError: it is missing, or not a GGUF file.
    """
    path = source_of(base).pieces[0][0]  # the header is in the first part
    try:
        return _header(path, os.stat(path).st_mtime_ns)
    except OSError as error:
        what = f"it cannot be read ({error.strerror})"
        raise PapertuneError(what, where=str(path), hint="make it readable for you") from None


@lru_cache(maxsize=16)
def _header(path: Path, _: int) -> Header:
    return read_header(path)


def licence_of_source(base: Base, metadata: dict[str, Any]) -> dict[str, Any]:
    """The licence of a base's weights: ``name``, source (``said_by``), ``link`` and ``files``."""
    name, by = str(metadata.get("general.license", "")), "the GGUF file"
    if name.lower() in ("", "other") and metadata.get("general.license.name"):
        name = str(metadata["general.license.name"])
    if not name and base.package:
        name, by = licence_named(base.package), f"the package {base.package.name}"
    files = [file for file, _ in licences_in(base.package)] if base.package else []
    link = str(metadata.get("general.license.link", ""))
    return {"name": name, "said_by": by if name else "", "link": link, "files": files}


def notice(licence: dict[str, Any]) -> str:
    """What users must know about the licence before they use the weights."""
    said = licence["name"] or "not named in it: ask its publisher"
    link = f" ({licence['link']})" if licence["link"] else ""
    files = ", ".join(licence["files"])
    terms = f"; its text goes into the model folder: {files}" if files else ""
    return f"licence of the weights: {said}{link}{terms}. By using them you agree to it"


def digest_of_file(file: Path, kept: Path) -> str:
    """SHA-256 of a file for planning, cached in ``kept`` until the file changes.

    A missing file keeps its cached digest; empty if that is not known either.
    """
    known: Any = {}
    try:
        with open(kept, "rb", opener=own) as stream:
            known = from_json(stream.read(10_000))
    except (OSError, ValueError):
        pass
    known = known if isinstance(known, dict) else {}
    try:
        state = os.stat(file)
    except OSError:
        return str(known.get("sha256", ""))
    same = {"bytes": state.st_size, "changed": state.st_mtime_ns}
    if known.get("sha256") and known == known | same:
        return str(known["sha256"])
    found = file_digest(file)
    try:
        make_folder(kept.parent)
        with atomic_write(kept) as stream:
            json.dump(same | {"sha256": found}, stream)
    except OSError:  # it is computed again next time
        pass
    return found


def from_hub(layout: Layout) -> dict[str, tuple[str, str]]:
    """Folder → id and revision of the bases and generators' models that come from the Hub."""
    study = layout.experiment
    bases = {
        layout.base_named(name): (base.hub, base.revision) for name, base in study.bases.items()
    }
    writers = {
        layout.generator_model(name) or "": (one.model, one.revision)
        for name, one in ((name, study.generator(name)) for name in study.generators)
        if isinstance(one, TransformersGenerator | OpenAIGenerator)
    }
    found = bases | writers
    return {folder: one for folder, one in found.items() if folder and all(one)}
