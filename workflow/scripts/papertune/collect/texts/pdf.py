"""The text of born-digital papers: columns in order, words whole, no running heads, no references.

PDFium reads the letters (Chrome's reader; it knows ligatures and hyphens at line ends), the order
comes from :mod:`papertune.collect.texts.pdf_layout`. Scanned, encrypted, damaged and very long files are
refused with the reason; nothing is recognised from pictures.
"""

from __future__ import annotations

import re
import time
import unicodedata
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from papertune.collect.texts.is_abstract import is_abstract
from papertune.collect.texts.pdf_layout import Line, lines_of, without_furniture
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


_HINTS = {
    "pdf_scanned": "run it through text recognition (ocrmypdf) first",
    "pdf_too_long": "raise max_pages, max_megabytes or max_seconds, or take a part of it",
    "pdf_damaged": "get the file again; it may be cut off, or a web page with the name of a PDF",
    "pdf_encrypted": "save a copy without a password",
}


class PdfError(CollectError):
    """A PDF that no text is taken from; ``reason`` is a short word that is counted."""

    def __init__(self, reason: str, what: str, path: Path) -> None:
        super().__init__(what, where=str(path), hint=_HINTS[reason])
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Paper:
    """What a PDF says: paragraphs are apart by an empty line."""

    title: str
    text: str
    pages: int


def read_pdf(
    path: Path,
    *,
    max_pages: int = 60,
    max_megabytes: float = 50.0,
    max_seconds: float = 60.0,
) -> Paper:
    """Title and text of a paper.

    Args:
        path: The file.
        max_pages: Longer ones are refused.
        max_megabytes: Larger ones are refused before they are opened.
        max_seconds: Reading stops, and refuses the file, after the page that passes this.

    Raises:
        PdfError: with the reason ``pdf_encrypted``, ``pdf_scanned``, ``pdf_damaged`` or
            ``pdf_too_long``.
        OSError: the file cannot be read.
    """
    megabytes = path.stat().st_size / 1e6
    if megabytes > max_megabytes:
        raise PdfError("pdf_too_long", f"larger than is asked for: {megabytes:.0f} MB", path)
    with closing(_opened(path)) as document:
        count = len(document)
        if count > max_pages:
            raise PdfError("pdf_too_long", f"more pages than are asked for: {count}", path)
        started = time.monotonic()
        pages, heights = [], []
        for number in range(count):
            lines, height = _page(document, number)
            pages.append(lines)
            heights.append(height)
            if time.monotonic() - started > max_seconds:
                much = f"{number + 1} of {count} pages in {max_seconds:.0f} s"
                raise PdfError("pdf_too_long", f"slower than is asked for: {much}", path)
        named = str(document.get_metadata_dict().get("Title") or "")
    letters = sum(len(line.text) for lines in pages for line in lines)
    if letters < min(_LETTERS_A_PAGE * count, 2000):
        what = f"{letters} letters on {count} pages: pictures of pages, without text"
        raise PdfError("pdf_scanned", what, path)
    title = _title(named, pages[0])
    lines = [line for page in without_furniture(pages, heights) for line in page]
    return Paper(title, paragraphs(without_references(lines)), count)


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


def _opened(path: Path) -> pypdfium2.PdfDocument:
    import pypdfium2

    data = path.read_bytes()
    try:
        document = pypdfium2.PdfDocument(data)
        if len(document) == 0:
            raise pypdfium2.PdfiumError("no pages")
        return document
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower() or "security" in str(error).lower():
            raise PdfError("pdf_encrypted", "the file asks for a password", path) from None
        raise PdfError("pdf_damaged", f"no PDF, or a broken one ({error})", path) from None


def _page(document: pypdfium2.PdfDocument, number: int) -> tuple[list[Line], float]:
    """A page's lines and its height; a page that is broken has none.

    Only of upright letters: stamps along the margin stand on their side.
    """
    import pypdfium2
    import pypdfium2.raw as raw

    letters = []
    try:
        with closing(document[number]) as page, closing(page.get_textpage()) as text:
            left, bottom, right, top = page.get_bbox()
            for index in range(min(text.count_chars(), _MOST_LETTERS)):
                code = raw.FPDFText_GetUnicode(text, index)
                char = HYPHEN if code == 0xFFFE else chr(code or 32)
                if char.isspace() or abs(raw.FPDFText_GetCharAngle(text, index)) <= 0.1:
                    x0, y0, x1, y1 = text.get_charbox(index, loose=True)
                    letters.append((char, x0 - left, y0 - bottom, x1 - left, y1 - bottom))
    except pypdfium2.PdfiumError:
        return [], 0.0
    return lines_of(letters, number, right - left), top - bottom


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
