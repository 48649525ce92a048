"""BibTeX files: titles, years, DOIs, addresses and, where there are any, abstracts.

LaTeX is turned into Unicode. A bad entry is a rejection with file and line; the others go on.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from papertune.collect.identifiers import document_id, doi_of, doi_url, host_of
from papertune.collect.listings.dblp import is_front_matter
from papertune.collect.texts.text import clean
from papertune.collect.web.session import PoliteSession
from papertune.errors import CollectError
from papertune.identity import digest
from papertune.records import Document, Rejection
from papertune.study.settings.listings import BibtexSource

if TYPE_CHECKING:
    from bibtexparser.model import Block, Entry, Field
    from pylatexenc.latex2text import LatexNodes2Text  # type: ignore[import-untyped]

FIELDS = (
    "title",
    "abstract",
    "doi",
    "url",
    "eprint",
    "eprinttype",
    "archiveprefix",
    "year",
    "date",
)
_ARXIV = re.compile(
    r"(?:arxiv:)?(\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(v\d+)?", re.IGNORECASE
)
_LATEX = re.compile(r"\\(?![%&#])|[{}$~]|``|''|--|[?!]`")


@dataclass(frozen=True, slots=True)
class Item:
    """A block that is or should be an entry: its line (from 1), its year, and what is wrong."""

    line: int
    year: int | None
    entry: Entry | None = None
    reason: str = ""
    detail: str = ""


def list_documents(
    session: PoliteSession, source: BibtexSource, year: int, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """The entries of a year, in the order of the files; nothing is fetched.

    An entry that nobody can tell the year of is rejected with every year, under the same key.

    Raises:
        CollectError: a file cannot be read or is not UTF-8, or none has an entry of the year.
    """
    items = [(path, item) for path in paths_of(source, year) for item in _items(path)]
    mine = [(path, item) for path, item in items if item.year in (year, None)]
    if not any(item.year == year for _, item in mine):
        years = sorted({item.year for _, item in items if item.year})
        bad = next((f"{path}:{item.line}: {item.detail}" for path, item in mine), "")
        raise CollectError(
            f"no entry of {year}" + (f"; first bad entry: {bad}" if bad else ""),
            where=", ".join(map(str, paths_of(source, year))),
            hint=f"the entries are of {years[0]}–{years[-1]}; set splits to years they have"
            if years
            else "entries need title, year (or date) and one of doi, url and eprint",
        )
    decoder = _decoder()
    for path, item in mine:
        where = f"{path}:{item.line}"
        if item.entry is None:
            yield Rejection("list", where, item.reason, item.detail)
        else:
            yield _document(item.entry, year, where, decoder)


def entries_digest(source: BibtexSource, year: int) -> str:
    """A digest of the year's entries: other years', their order and other fields are no part.

    Raises:
        CollectError: a file cannot be read.
    """
    items = [item for path in paths_of(source, year) for item in _items(path)]
    return digest(
        sorted(
            digest([item.entry.entry_type, *(_raw(item.entry, name) for name in FIELDS)])
            for item in items
            if item.entry and item.year == year
        )
    )


def paths_of(source: BibtexSource, year: int) -> list[Path]:
    """The files of a year, each once."""
    return [
        Path(path)
        for path in dict.fromkeys(path.replace("{year}", str(year)) for path in source.paths)
    ]


# ---- parsing, once per process and version of a file ------------------------------------------


def _items(path: Path) -> tuple[Item, ...]:
    try:
        state = path.stat()
    except OSError as error:
        raise CollectError(
            f"cannot read the file: {error.strerror}",
            where=str(path),
            hint="source.paths are taken from the folder that snakemake runs in",
        ) from None
    return _parsed(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=64)
def _parsed(path: Path, modified: int, size: int) -> tuple[Item, ...]:
    import bibtexparser
    from bibtexparser.model import Entry

    # what it warns of becomes a rejection
    logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)
    library = bibtexparser.parse_string(_read(path))
    entries = {block.key: block for block in library.blocks if isinstance(block, Entry)}
    items = []
    for block in library.blocks:
        if isinstance(block, Entry):
            items.append(_from_entry(block, entries.get(_raw(block, "crossref"))))
        else:
            items += _from_failure(block)
    return tuple(items)


def _read(path: Path) -> str:
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise CollectError(
            "not UTF-8", where=f"{path}:{line}", hint="save the file as UTF-8"
        ) from None


def _from_failure(block: Block) -> list[Item]:
    """What is no entry: comments and strings are none of ours, the rest is a rejection."""
    from bibtexparser.model import (
        DuplicateBlockKeyBlock,
        DuplicateFieldKeyBlock,
        Entry,
        ParsingFailedBlock,
    )

    if not isinstance(block, ParsingFailedBlock):
        return []
    inner = block.ignore_error_block
    if isinstance(block, DuplicateBlockKeyBlock):
        if not isinstance(inner, Entry):
            return []  # an @string that is written anew: BibTeX takes the last
        detail = f"the key {block.key!r} has been taken by an earlier entry"
        return [Item(_line(block), _year(inner), None, "duplicate_key", detail)]
    said = getattr(block.error, "abort_reason", "") or block.error
    detail = " ".join(str(said).split()).partition(" Note: ")[0].rstrip(": ")
    if isinstance(block, DuplicateFieldKeyBlock) and isinstance(inner, Entry):
        return [Item(_line(block), _year(inner), None, "bad_entry", detail)]
    return [Item(_line(block), None, None, "bad_entry", detail[:300])]


def _from_entry(entry: Entry, parent: Entry | None) -> Item:
    line = _line(entry)
    year = _year(entry) or (_year(parent) if parent else None)
    if year is None:
        said = _raw(entry, "year") or _raw(entry, "date")
        return Item(line, None, None, "bad_entry", f"{entry.key}: no year but {said!r}")
    joined = [f.key for f in entry.fields if f.key.lower() in FIELDS and _is_joined(f)]
    if joined:
        detail = f"{entry.key}: {joined[0]} is put together with #, which is not read here"
        return Item(line, year, None, "bad_entry", detail)
    return Item(line, year, entry)


def _document(
    entry: Entry, year: int, where: str, decoder: LatexNodes2Text
) -> Document | Rejection:
    try:
        title, text = (plain(_raw(entry, name), decoder) for name in ("title", "abstract"))
    except Exception as error:  # whatever a parser of LaTeX makes of what people write
        return Rejection("list", where, "bad_entry", f"{entry.key}: not LaTeX ({error})")
    if entry.entry_type.lower() == "proceedings":
        return Rejection("list", where, "proceedings_volume", title)
    if not title:
        return Rejection("list", where, "no_title", entry.key)
    if is_front_matter(title):
        return Rejection("list", where, "front_matter", title)
    doi, url = _address(entry)
    if not url:
        return Rejection("list", where, "no_link", f"{entry.key}: {title}".lstrip(": "))
    return Document(
        id=document_id(doi or url),
        title=title,
        url=url,
        year=year,
        text=text,
        found_by="listing" if text else "",
        doi=doi,
    )


# ---- fields -----------------------------------------------------------------------------------


def _line(block: Block) -> int:
    return (block.start_line or 0) + 1


def _raw(entry: Entry, name: str) -> str:
    """A field as it is written; names are in any case."""
    return next((str(f.value).strip() for f in entry.fields if f.key.lower() == name), "")


def _year(entry: Entry) -> int | None:
    """The year, else that of the date (``2020-05-01``, ``2020-05/2020-06``)."""
    for name, pattern in (("year", r"(\d{4})"), ("date", r"(\d{4})(?:[-/].*)?")):
        found = re.fullmatch(pattern, _raw(entry, name).strip('{}" '))
        if found:
            return int(found[1])
    return None


def _address(entry: Entry) -> tuple[str, str]:
    """DOI and landing page: the entry's own url unless it is a PDF and there is a DOI, arXiv's last."""
    doi = doi_of(_literal(_raw(entry, "doi")))
    url = _literal(_raw(entry, "url"))
    url = url if host_of(url) else ""
    doi = doi or doi_of(url)
    if doi and url.lower().endswith(".pdf"):
        url = ""
    archive = (_raw(entry, "archiveprefix") or _raw(entry, "eprinttype") or "arxiv").lower()
    eprint = _ARXIV.fullmatch(_literal(_raw(entry, "eprint"))) if archive == "arxiv" else None
    preprint = f"https://arxiv.org/abs/{eprint[1]}" if eprint else ""
    return doi, url or doi_url(doi) or preprint


def _literal(value: str) -> str:
    """An address as it is meant: no braces, no \\url, nothing escaped."""
    value = re.sub(r"^\\url\s*\{(.*)\}$", r"\1", value.strip())
    value = re.sub(r"\{?\\([_%&#~$])(?:\{\})?\}?", r"\1", value)
    return value.replace("{", "").replace("}", "").strip()


def _is_joined(field: Field) -> bool:
    """Whether a value is put together, as in ``isca # " 2020"``: its outer marks are two pieces'."""
    value = str(field.value)
    if "#" not in value or field.enclosing is None:
        return False
    if field.enclosing not in ("{", '"'):
        return True
    depth = 0
    for mark in re.findall(r'(?<!\\)[{}"]', value):
        depth += {"{": 1, "}": -1}.get(mark, 0)
        if depth < 0 or (mark == '"' and field.enclosing == '"' and depth == 0):
            return True
    return False


def plain(text: str, decoder: LatexNodes2Text) -> str:
    """LaTeX as Unicode text: accents and braces resolved, formulas left in their dollars."""
    # abstracts come from pages: % starts no comment there, & parts no columns, a price is no formula
    text = re.sub(r"(?<!\\)([%&#])", r"\\\1", text)
    if len(re.findall(r"(?<!\\)\$", text)) % 2:
        text = re.sub(r"(?<!\\)\$", r"\\$", text)
    text = re.sub(r"\\href\s*\{[^{}]*\}", "", text)  # more than the decoder can
    text = re.sub(r"[~\s]+(?=\\cite[a-z]*\*?\s*[\[{])", "", text)
    if _LATEX.search(text):  # the decoder takes its time
        text = decoder.latex_to_text(text)
    return clean(re.sub(r"\\([%&#])", r"\1", text))


def _decoder() -> LatexNodes2Text:
    from pylatexenc.latex2text import (
        LatexNodes2Text,
        MacroTextSpec,
        get_default_latex_context_db,
    )

    logging.getLogger("pylatexenc").setLevel(logging.CRITICAL)
    macros = [MacroTextSpec("url", simplify_repl="%s")]
    macros += [MacroTextSpec(name, simplify_repl=name) for name in ("LaTeX", "TeX", "BibTeX")]
    macros += [
        MacroTextSpec(name, discard=True)
        for name in ("cite", "citep", "citet", "ref", "eqref", "label", "footnote")
    ]
    context = get_default_latex_context_db()
    context.add_context_category("papertune", prepend=True, macros=macros)
    return LatexNodes2Text(latex_context=context, math_mode="verbatim")
