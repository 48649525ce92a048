"""The text of born-digital papers: columns in order, words whole, no running heads, no references.

PDFium reads the letters (Chrome's reader; it knows ligatures and hyphens at line ends), the order
comes from :mod:`papertune.collect.texts.pdf_layout`. Scanned, encrypted, damaged and very long files are
refused with the reason; nothing is recognised from pictures.
"""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from papertune.collect.texts.is_abstract import is_abstract
from papertune.collect.texts.pdf_layout import (
    Letter,
    Line,
    lines_of,
    without_furniture,
)
from papertune.collect.texts.pdf_text import HYPHEN, joined, paragraphs, plain, without_references
from papertune.collect.texts.text import clean
from papertune.errors import CollectError

if TYPE_CHECKING:
    import pypdfium2

_LETTERS_A_PAGE = 100  # fewer, on average, is a scan with a stamp on it
_MOST_LETTERS = 40_000  # of one page: more is a plot drawn with letters
_ABSTRACT = re.compile(
    r"(?:^|\n)[ \t]*(?:\d\.?[ \t]+)?(?:A\s?BSTRACT|Abstract|SUMMARY|Summary)[ \t]*"
    r"(?:[:.—–-]+[ \t]*|\n+|[ \t]+(?=[A-Z]))"
)
_ABSTRACT_ENDS = re.compile(
    r"\n+\s*(?:(?:author )?key\s?-?words?\b|index terms\b|ccs concepts\b|categories and subject\b"
    r"|general terms\b|acm reference\b|(?:1|I|1\.|I\.)\s+[A-Z]|introduction\b|permission to make"
    r"|(?:©|copyright)|\*\s?(?:corresponding|equal)|(?:PACS|MSC|JEL)\b|nomenclature\b|contents\b)",
    re.IGNORECASE,
)
_NO_TITLE = re.compile(
    r"untitled|microsoft|\.(?:docx?|tex|dvi|pdf|indd|fm|ps)\b|template|^\s*(?:title|paper|document|"
    r"manuscript|main|\d+)\s*\d*\s*$|^(?:doi|arxiv)?:?\s*10\.\d{4}|proceedings of",
    re.IGNORECASE,
)


class PdfError(CollectError):
    """A PDF that no text is taken from; ``reason`` is a short word that is counted."""

    def __init__(self, reason: str, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what, where=where, hint=hint)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Paper:
    """What a PDF says: paragraphs are apart by an empty line."""

    title: str
    text: str
    pages: int


def read_pdf(
    source: Path | bytes,
    *,
    max_pages: int = 60,
    max_megabytes: float = 50.0,
    max_seconds: float = 60.0,
) -> Paper:
    """Title and text of a paper.

    Args:
        source: The file or its bytes.
        max_pages: Longer ones are refused.
        max_megabytes: Larger ones are refused before they are opened.
        max_seconds: Reading stops, and refuses the file, after the page that passes this.

    Raises:
        PdfError: with the reason ``pdf_encrypted``, ``pdf_scanned``, ``pdf_damaged`` or
            ``pdf_too_long``.
        OSError: the file cannot be read.
    """
    data = source if isinstance(source, bytes) else _bytes(source, max_megabytes)
    where = "" if isinstance(source, bytes) else str(source)
    if len(data) > max_megabytes * 1e6:
        raise _too_long(f"{len(data) / 1e6:.0f} MB", where)
    document = _opened(data, where)
    try:
        count = len(document)
        if count > max_pages:
            raise _too_long(f"{count} pages", where)
        started = time.monotonic()
        pages, heights = [], []
        for number in range(count):
            lines, height = _page(document, number)
            pages.append(lines)
            heights.append(height)
            if time.monotonic() - started > max_seconds:
                raise _too_long(f"{number + 1} of {count} pages in {max_seconds:.0f} s", where)
        named = str(document.get_metadata_dict().get("Title") or "")
    finally:
        document.close()
    letters = sum(len(line.text) for lines in pages for line in lines)
    if letters < _LETTERS_A_PAGE * max(count, 1) and letters < 2000:
        raise PdfError(
            "pdf_scanned",
            f"{letters} letters on {count} pages: pictures of pages, without text",
            where=where,
            hint="run it through text recognition (ocrmypdf) first",
        )
    title = _title(named, pages[0])
    pages = without_furniture(pages, heights)
    lines = list(without_references([line for page in pages for line in page]))
    return Paper(title, paragraphs(lines), count)


def abstract_of(text: str) -> str:
    """The abstract out of a paper's text, where it is headed; else an empty string."""
    start = _ABSTRACT.search(text[:12_000])
    if not start:
        return ""
    rest = text[start.end() : start.end() + 6_000]
    end = _ABSTRACT_ENDS.search(rest)
    body = rest[: end.start()] if end else rest.split("\n\n")[0]
    abstract = clean(" ".join(body.split()))
    return abstract if is_abstract(abstract) else ""


# ---- opening -----------------------------------------------------------------------------------


def _bytes(path: Path, max_megabytes: float) -> bytes:
    size = path.stat().st_size
    if size > max_megabytes * 1e6:
        raise _too_long(f"{size / 1e6:.0f} MB", str(path))
    return path.read_bytes()


def _too_long(how: str, where: str) -> PdfError:
    return PdfError(
        "pdf_too_long",
        f"more than is asked for: {how}",
        where=where,
        hint="raise max_pages or max_megabytes, or take a part of it",
    )


def _opened(data: bytes, where: str) -> pypdfium2.PdfDocument:
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(data)
        if len(document) == 0:
            raise pypdfium2.PdfiumError("no pages")
        return document
    except pypdfium2.PdfiumError as error:
        reason, what = "pdf_damaged", f"no PDF, or a broken one ({error})"
        hint = "get the file again; it may be cut off, or a web page with the name of a PDF"
        if "password" in str(error).lower() or "security" in str(error).lower():
            reason, what = "pdf_encrypted", "the file asks for a password"
            hint = "save a copy without one"
        raise PdfError(reason, what, where=where, hint=hint) from None


def _page(document: pypdfium2.PdfDocument, number: int) -> tuple[list[Line], float]:
    """A page's lines and its height; a page that is broken has none."""
    import pypdfium2

    try:
        page = document[number]
    except pypdfium2.PdfiumError:
        return [], 0.0
    try:
        left, bottom, right, top = page.get_bbox()
        letters = (
            (char, x0 - left, y0 - bottom, x1 - left, y1 - bottom)
            for char, x0, y0, x1, y1 in _letters(page)
        )
        return lines_of(letters, number, right - left), top - bottom
    finally:
        page.close()


def _letters(page: pypdfium2.PdfPage) -> Iterator[Letter]:
    """Upright letters with their boxes; stamps along the margin stand on their side."""
    import pypdfium2.raw as raw

    text = page.get_textpage()
    try:
        for index in range(min(text.count_chars(), _MOST_LETTERS)):
            code = raw.FPDFText_GetUnicode(text, index)
            char = chr(code) if code else " "
            if abs(raw.FPDFText_GetCharAngle(text, index)) > 0.1 and not char.isspace():
                continue
            if code == 0xFFFE:
                char = HYPHEN
            x0, y0, x1, y1 = text.get_charbox(index, loose=True)
            yield char, x0, y0, x1, y1
    finally:
        text.close()


# ---- text --------------------------------------------------------------------------------------


def _title(named: str, lines: list[Line]) -> str:
    """The title in the metadata if the first page has it, else the first page's largest text."""
    named = clean(plain(named))
    words = _same("".join(line.text for line in lines))
    good = len(named) >= 8 and " " in named and not _NO_TITLE.search(named)
    if good and _same(named) in words:
        return named
    upper = [line for line in lines if sum(char.isalpha() for char in line.text) >= 4]
    upper = upper[: max(10, len(upper) // 3)]
    if not upper:
        return named if good else ""
    largest = max(line.size for line in upper)
    found: list[str] = []
    for line in upper:
        if line.size >= 0.93 * largest:
            found.append(line.text)
        elif found:
            break
    title = clean(joined(found))
    return title if 8 <= len(title) <= 300 else (named if good else title[:300])


def _same(text: str) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text)).lower()
