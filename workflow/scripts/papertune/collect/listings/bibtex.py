"""BibTeX files: titles, years, DOIs, urls and, if there are any, abstracts.

LaTeX is converted to Unicode. A bad entry is a rejection with file and line; the others are read.
"""

from __future__ import annotations

import codecs
import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from papertune.collect.identifiers import address_in, arxiv_id, doi_of
from papertune.collect.listings.by_year import Located
from papertune.collect.listings.columns import is_another_page
from papertune.collect.listings.contents import begins_as
from papertune.collect.listings.encodings import encoding_of
from papertune.collect.listings.listing import entry_item
from papertune.collect.listings.rows import reading
from papertune.collect.listings.years import year_of
from papertune.collect.texts.text import clean
from papertune.records import Document, Rejection
from papertune.study.settings.listings import BibtexSource

if TYPE_CHECKING:
    from bibtexparser.model import Entry, Field
    from pylatexenc.latex2text import LatexNodes2Text  # type: ignore[import-untyped]

FIELDS = ("title", "abstract", "doi", "url", "eprint", "year", "date")
SAID = ("journal", "howpublished", "note")  # other fields that may have an arXiv number
_OWN = re.compile(rb"\s*%+ *Encoding: *([\w-]+)", re.IGNORECASE)
_KEYLESS = re.compile(r"(?im)^([ \t]*+@(?!string\b)\w++\s*+[{(])(?=\s*+[\w-]++\s*+=)")
_FIELD = re.compile(r'\s*+[\w-]++\s*+=\s*+[\w{"]')  # the beginning of another field
_LATEX = re.compile(r"\\(?![%&#])|[{}$~]|``|''|--|[?!]`")


def read(source: BibtexSource, year: int) -> Iterator[Located]:
    """The entries of a source's files, in their order; nothing is fetched.

    Raises:
        CollectError: a file cannot be read, or its encoding cannot be told.
    """
    import bibtexparser
    from bibtexparser.model import (
        DuplicateBlockKeyBlock,
        DuplicateFieldKeyBlock,
        Entry,
        ParsingFailedBlock,
    )

    # its warnings become rejections
    logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)
    decoder = _decoder()
    for path in source.files_of(year):
        with reading(path):
            begins_as(path, "bibtex", "empty")
            # an entry without a key needs the comma after it, too
            text = _KEYLESS.sub(r"\1,", path.read_text(_encoding(path, source.encoding)))
        blocks = bibtexparser.parse_string(text).blocks
        volumes = {block.key: block for block in blocks if isinstance(block, Entry) and block.key}
        for block in blocks:
            where = f"{path}:{(block.start_line or 0) + 1}"
            failed = block if isinstance(block, ParsingFailedBlock) else None
            entry = failed.ignore_error_block if failed else block
            twice = block.duplicate_keys if isinstance(block, DuplicateFieldKeyBlock) else ()
            if twice and isinstance(entry, Entry) and _is_whole(entry, twice):
                failed = None
            published = _year(entry) if isinstance(entry, Entry) else None
            # keys are often empty or repeated: an entry is identified by its content
            if failed and not isinstance(block, DuplicateBlockKeyBlock):
                said = getattr(failed.error, "abort_reason", "") or failed.error
                detail = " ".join(str(said).split()).partition(" Note: ")[0].rstrip(": ")[:300]
                yield where, published, Rejection("list", where, "bad_entry", detail)
            elif isinstance(entry, Entry):
                volume = volumes.get(_raw(entry, "crossref"))
                published = published or (_year(volume) if volume else None)
                yield where, published, _item(entry, published or 0, where, decoder)


def _is_whole(entry: Entry, twice: Iterable[str]) -> bool:
    """Whether an entry has each needed field once, and with no unresolved string in it."""
    needed = [_raw(entry, name) for name in FIELDS]
    once = not {name.lower() for name in twice} & {*FIELDS, "crossref"}
    return once and all(re.match(r'[{"\d]', value) for value in needed if value)


def _encoding(path: Path, said: str) -> str:
    """The encoding of a file: by the settings, by JabRef's comment in it, or detected."""
    with path.open("rb") as stream:
        own = _OWN.match(stream.read(2048))
        stream.seek(0)
        with suppress(LookupError):
            said = said or (codecs.lookup(own[1].decode()).name if own else "")
        kind = encoding_of(stream, said)
    return "utf-8-sig" if kind == "utf-8" else kind


def _item(entry: Entry, year: int, where: str, decoder: LatexNodes2Text) -> Document | Rejection:
    slips = {f.key.lower(): slip for f in entry.fields if (slip := _slip(f))}
    try:
        title, text = (plain(_raw(entry, name), decoder) for name in ("title", "abstract"))
        detail = next((f"{name} {slips[name]}" for name in FIELDS if name in slips), "")
    except Exception as error:  # a LaTeX parser may fail in any way
        detail = f"not LaTeX ({error})"
    if slips and not (year and title):  # it may have become part of another field
        detail = detail or " ".join(next(iter(slips.items())))
    if not year:
        detail = detail or f"no year but {_raw(entry, 'year') or _raw(entry, 'date')!r}"
    if detail:
        return Rejection("list", where, "bad_entry", f"{entry.key}: {detail}")
    if entry.entry_type.lower() == "proceedings":
        return Rejection("list", where, "proceedings_volume", title)
    doi, url, eprint = (_literal(_raw(entry, name)) for name in ("doi", "url", "eprint"))
    how = re.search(r"https?://[^\s{}]++", _raw(entry, "howpublished"))
    url = address_in(url or _literal(how[0] if how else ""))
    if doi_of(doi) and is_another_page(url):
        url = ""
    archive = _raw(entry, "archiveprefix") or _raw(entry, "eprinttype") or "arxiv"
    number = f"arxiv:{eprint}" if eprint and archive.lower() == "arxiv" else ""
    if not number:  # Google Scholar writes journal = {arXiv preprint arXiv:2001.00001}
        number = next(filter(None, (arxiv_id(_literal(_raw(entry, n))) for n in SAID)), "")
        number = f"arxiv:{number}" if number else ""
    return entry_item(where, title, year, doi=doi or number, url=url, text=text)


def _raw(entry: Entry, name: str) -> str:
    """A field's raw value; the case of names does not matter."""
    return next((str(f.value).strip() for f in entry.fields if f.key.lower() == name), "")


def _year(entry: Entry) -> int | None:
    """The year, else that of the date (``2020-05-01``, ``2020-05/2020-06``)."""
    year, date = (year_of(_raw(entry, name).strip('{}" ')) for name in ("year", "date"))
    return year or date


def _literal(value: str) -> str:
    """A url without braces, \\url and LaTeX escapes."""
    value = re.sub(r"^\\url\s*\{(.*)\}$", r"\1", value.strip())
    value = re.sub(r"\{?\\([_%&#~$])(?:\{\})?\}?", r"\1", value)
    return value.replace("{", "").replace("}", "").strip()


def _slip(field: Field) -> str:
    """What is wrong with a value: joined by # (``isca # " 2020"``), or without a comma after it."""
    value, own = str(field.value).strip(), {"{": "}", '"': '"'}
    if field.enclosing in own:
        value = f"{field.enclosing}{value}{own[field.enclosing]}"
    rest, depth = re.sub(r'^[^\s#{}",]++', "", value), 0
    for found in re.finditer(r'(?<!\\)[{}"]', value) if value[:1] in own else ():
        depth += {"{": 1, "}": -1}.get(found[0], 0)
        if found.start() and depth < 1 and found[0] == own[value[0]]:
            rest = value[found.end() :]
            break
    if rest.lstrip().startswith("#"):
        return "is joined by #, which is not supported"
    return "has no comma after it" if _FIELD.match(rest) else ""


def plain(text: str, decoder: LatexNodes2Text) -> str:
    """LaTeX as Unicode text: accents and braces resolved, formulas left as ``$…$``."""
    # abstracts come from pages: % starts no comment, & separates no columns, a price is no formula
    text = re.sub(r"(?<!\\)([%&#])", r"\\\1", text)
    if len(re.findall(r"(?<!\\)\$", text)) % 2:
        text = re.sub(r"(?<!\\)\$", r"\\$", text)
    text = re.sub(r"\\href\s*\{[^{}]*\}", "", text)  # not supported by the decoder
    text = re.sub(r"(?<![~\s])[~\s]++(?=\\cite[a-z]*\*?\s*[\[{])", "", text)
    if _LATEX.search(text):  # the decoder is slow
        text = decoder.latex_to_text(text)
    return clean(re.sub(r"\\([%&#])", r"\1", text))


def _decoder() -> LatexNodes2Text:
    from pylatexenc.latex2text import LatexNodes2Text, MacroTextSpec, get_default_latex_context_db

    logging.getLogger("pylatexenc").setLevel(logging.CRITICAL)
    shown = {"url": "%s", **{name: name for name in ("LaTeX", "TeX", "BibTeX")}}
    macros = [MacroTextSpec(name, simplify_repl=text) for name, text in shown.items()]
    for name in ("cite", "citep", "citet", "ref", "eqref", "label", "footnote"):
        macros.append(MacroTextSpec(name, discard=True))
    context = get_default_latex_context_db()
    context.add_context_category("papertune", prepend=True, macros=macros)
    return LatexNodes2Text(latex_context=context, math_mode="verbatim")
