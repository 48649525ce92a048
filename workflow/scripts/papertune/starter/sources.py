"""The source that a text names: a file, a folder, a venue, an address."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import TypeAdapter, ValidationError

from papertune.collect.listings.rows import READERS
from papertune.errors import PapertuneError
from papertune.study.mistakes import KINDS
from papertune.study.nearby import near_names
from papertune.study.settings import Source

BIBTEX = (".bib", ".bibtex")
TABLES = (".csv", ".tsv", ".xlsx", ".jsonl", ".parquet", *BIBTEX)  # files that are proposed
YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_ISSN = re.compile(r"\d{4}-\d{3}[\dXx]")
_SOURCE: TypeAdapter[Any] = TypeAdapter(Source)


def _wikipedia(name: str, language: str = "") -> dict[str, Any]:
    which = "categories" if ":" in name else "titles"
    return {"kind": "wikipedia", **({"language": language} if language else {}), which: [name]}


def _openalex(name: str) -> dict[str, Any]:
    key = "issn" if _ISSN.fullmatch(name) else "venue"
    key = "source" if re.fullmatch(r"[Ss]\d+", name) else key
    return {"kind": "openalex", key: name}


def _crossref(name: str) -> dict[str, Any]:
    return {"kind": "crossref", "issn" if _ISSN.fullmatch(name) else "container_title": name}


def _pmlr(name: str) -> dict[str, Any]:
    volumes: dict[str, list[str]] = {}
    for pair in re.split(r"[,\s]+", name):
        year, _, volume = pair.partition("=")
        volumes.setdefault(year, []).append(volume)
    return {"kind": "pmlr", "volumes": volumes}


# word → function from the name after it to settings of a source, an example, and a description
VENUES: Mapping[str, tuple[Callable[[str], dict[str, Any]], str, str]] = {
    "dblp": (
        lambda name: {"kind": "dblp_sparql", "streams": [name]},
        "conf/isca",
        "a conference or journal by its key on DBLP",
    ),
    "arxiv": (
        lambda name: {"kind": "arxiv", "category": name},
        "cs.CL",
        "a category of arXiv",
    ),
    "openalex": (_openalex, "S1983995261", "a venue by its id, ISSN or name"),
    "crossref": (_crossref, "0163-5964", "a journal by its ISSN or title"),
    "semantic_scholar": (
        lambda name: {"kind": "semantic_scholar", "venue": name},
        "ISCA",
        "a venue by its name",
    ),
    "pmlr": (_pmlr, "2022=178,2023=195", "volumes of PMLR by their years"),
    "wikipedia": (_wikipedia, "Category:Semiconductors", "a category, or a page by its title"),
}
WAYS = {
    "papers.csv": "a table: CSV, TSV, xlsx, JSONL, Parquet",
    "papers.bib": "a BibTeX file",
    "papers/": "a folder of PDFs, perhaps with a folder per year",
    **{f"{kind}:{name}": meaning for kind, (_, name, meaning) in VENUES.items()},
    "https://…": "a page of DBLP, the ACL Anthology or Wikipedia",
    "demo": "the built-in venue, to try things out",
}
CAN_BE = "; ".join(f"{meaning} ({way})" for way, meaning in WAYS.items())


def source_of(text: str, columns: Mapping[str, str] | None = None) -> Source:
    """The settings of the source that a text names.

    Args:
        text: A path, perhaps with ``{year}`` in it; ``kind:name`` or ``kind name`` of
            :data:`VENUES`; an address; or ``demo``.
        columns: Field → column of a table.

    Raises:
        PapertuneError: it is none of these, or there is no such file.
    """
    kind, _, name = re.sub(r"\s+", ":", text, count=1).partition(":")
    if text == "demo":
        values: dict[str, Any] = {"kind": "demo"}
    elif re.match(r"https?://", text):
        values = _of_address(text)
    elif kind in VENUES and name:
        values = VENUES[kind][0](name.strip())
    else:
        values = _of_path(text)
    if columns:
        if values["kind"] != "files":
            raise PapertuneError(
                "only a table has columns", where=f"COLUMNS of {text}", hint="leave out COLUMNS"
            )
        values["columns"] = dict(columns)
    try:
        return _SOURCE.validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        what = (
            f"{'.'.join(map(str, first['loc'][1:]))}: {first['msg'].removeprefix('Value error, ')}"
        )
        raise PapertuneError(what, where=text, hint=f"it can be {CAN_BE}") from None


def _of_path(text: str) -> dict[str, Any]:
    path = Path(text).expanduser()
    if path.suffix.lower() in BIBTEX:
        return {"kind": "bibtex", "paths": [str(path)]}
    table = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    if table.suffix.lower() in READERS:
        return {"kind": "files", "path": str(path)}
    if "{year}" in text or path.is_dir():
        # whole papers are longer than what small models read
        return {"kind": "pdfs", "path": str(_by_year(path)), "part": "abstract"}
    if path.exists():
        known = KINDS.get(path.suffix.lower().removeprefix("."), "")
        what = f"a file of a kind that is not supported ({path.suffix or 'no ending'})"
        raise PapertuneError(what, where=text, hint=known or f"it can be {CAN_BE}")
    what = f"no such file or folder{near_names(path, TABLES)}"
    raise PapertuneError(what, where=text, hint=f"it can be {CAN_BE}")


def _by_year(folder: Path) -> Path:
    """The folder, or ``folder/{year}`` if all folders in it are named by years."""
    inner = [one.name for one in folder.iterdir() if one.is_dir()] if folder.is_dir() else []
    return folder / "{year}" if inner and all(map(YEAR.fullmatch, inner)) else folder


def _of_address(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    host, path = parts.hostname or "", unquote(parts.path)
    if host.endswith("wikipedia.org") and path.startswith("/wiki/"):
        return _wikipedia(path[len("/wiki/") :].replace("_", " "), host.split(".")[0])
    if host.endswith("aclanthology.org") and YEAR.search(path):
        return {"kind": "acl", "url": YEAR.sub("{year}", url)}
    if host.startswith("dblp") and (found := re.match(r"/db/((?:conf|journals)/[\w+.-]+)", path)):
        if path.endswith(".html") and YEAR.search(path):
            return {"kind": "dblp", "url": YEAR.sub("{year}", url)}
        return VENUES["dblp"][0](found[1])
    if host == "proceedings.mlr.press":
        hint = "a volume has one year, and a study needs several: FROM=pmlr:2022=178,2023=195"
        raise PapertuneError("which volumes of which years?", where=url, hint=hint)
    raise PapertuneError("no known source of documents", where=url, hint=f"it can be {CAN_BE}")


def found_here(folder: Path) -> str:
    """The first table, BibTeX file or folder of PDFs in a folder; ``demo`` if there is none."""
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in TABLES and path.is_file():
            return path.name
    for path in sorted(folder.iterdir()):
        shown = path.is_dir() and not path.name.startswith(".")
        if shown and next(path.glob("*.pdf"), None):
            return path.name
    return "demo"
