"""The text of born-digital papers: columns in order, words whole, no running heads, no references.

PDFium (Chrome's reader, which handles ligatures and hyphens at line ends) reads the letters;
:mod:`papertune.collect.texts.pdf_layout` orders them. Scanned, garbled, encrypted, damaged and very
long files are rejected with a reason; there is no text recognition (OCR).
"""

import ctypes
import math
import re
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import pypdfium2
from pypdfium2 import raw

from papertune.collect.identifiers import arxiv_id, doi_of
from papertune.collect.texts.pdf_front import abstract_of, lead_of, title_of
from papertune.collect.texts.pdf_layout import Letter, lines_of, without_furniture
from papertune.collect.texts.pdf_lines import Style
from papertune.collect.texts.pdf_pages import Page, is_garbled, is_scan, without_cover
from papertune.collect.texts.pdf_text import HYPHEN, paragraphs, without_references
from papertune.errors import CollectError

_MOST_LETTERS = 40_000  # of one page: more is a plot drawn with letters
_MOST_DRAWN = 400_000  # of one page: more is meant to slow the reader down
# ligatures in TeX's fonts without letter names; 13 is left out, as PDFium ends lines with it
_LIGATURES = {
    **{11: "ff", 12: "fi", 14: "ffi", 15: "ffl"},
    **{27: "ff", 28: "fi", 29: "fl", 30: "ffi", 31: "ffl"},
}
_STYLED = 3  # first pages whose fonts are read, for title and abstract
_FEW_LETTERS = 1_000  # a page with fewer may be a picture
_MOST_OBJECTS = 2_000  # objects of such a page that are examined
_HINTS = {
    "pdf_scanned": "run it through text recognition (ocrmypdf) first",
    "pdf_garbled": "run it through text recognition again (ocrmypdf --force-ocr)",
    "pdf_too_long": "raise max_pages, max_megabytes or max_seconds, or take a part of it",
    "pdf_damaged": "get the file again; it may be cut off, or a web page that is named .pdf",
    "pdf_encrypted": "save a copy without a password",
}
# first bytes → kind of other files that are named .pdf
_OTHERS = {
    b"PK\x03\x04": "an archive or a document of an office program",
    b"\xd0\xcf\x11\xe0": "a document of an office program",
    b"%!PS": "PostScript",
    b"\x1f\x8b": "packed with gzip",
    b"version https://git-lfs": "a pointer of Git LFS, whose file was not downloaded",
    b"{": "JSON",
    b"{\\rtf": "a document of an office program",
    b"\xff\xd8\xff": "a picture",
    b"\x89PNG": "a picture",
}


class PdfError(CollectError):
    """A PDF was rejected; ``reason`` is a short code that is counted."""

    def __init__(self, reason: str, what: str, path: Path) -> None:
        super().__init__(what, where=str(path), hint=_HINTS[reason])
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper's title and text, and its arXiv number or DOI if its first page gives one."""

    title: str
    text: str
    number: str = ""


def read_pdf(
    path: str | Path,
    *,
    part: Literal["whole", "abstract"] = "whole",
    max_pages: int = 60,
    max_megabytes: float = 50.0,
    max_seconds: float = 60.0,
) -> Paper:
    """Read a paper; empty lines separate the paragraphs of its text.

    Longer and larger files are rejected before they are read, slow ones after the page that passes
    ``max_seconds``.

    Args:
        part: With ``abstract``, the text is empty if no abstract is found.

    Raises:
        PdfError: with the reason ``pdf_encrypted``, ``pdf_scanned``, ``pdf_garbled``, ``pdf_damaged`` or
            ``pdf_too_long``.
        OSError: the file cannot be read.
    """
    path = Path(path)
    megabytes = path.stat().st_size / 1e6
    if megabytes > max_megabytes:
        what = f"too large: {megabytes:.0f} MB, max_megabytes is {max_megabytes:g}"
        raise PdfError("pdf_too_long", what, path)
    with closing(_opened(path)) as document:
        count = len(document)
        if count > max_pages:
            what = f"too many pages: {count}, max_pages is {max_pages}"
            raise PdfError("pdf_too_long", what, path)
        started, pages = time.monotonic(), []
        for number in range(count):
            pages.append(_page(document, number, path))
            if time.monotonic() - started > max_seconds:
                much = f"{number + 1} of {count} pages in {max_seconds:.0f} s"
                raise PdfError("pdf_too_long", f"slower than max_seconds: {much}", path)
        named = str(document.get_metadata_dict().get("Title") or "")
        kept = without_cover(pages)
        known = _number(document, len(pages) - len(kept))
    _check(pages, path)
    lines = without_furniture([page.lines for page in kept])
    text = paragraphs(without_references(lines))
    first = [line for line in lines if line.page == lines[0].page]  # pages before it may be blank
    title = title_of(named, first) or title_of(named, pages[0].lines)
    if is_garbled(text):
        what = "the text is not readable: its letters have no names, or were recognised badly"
        raise PdfError("pdf_garbled", what, path)
    if part == "abstract":
        front = paragraphs([line for line in lines if not line.note])
        text = abstract_of(front, title) or lead_of([line for line in first if not line.note])
    return Paper(title, text, known)


def _check(pages: list[Page], path: Path) -> None:
    """Raise PdfError if the pages have no text."""
    found = sum(len(line.text) for page in pages for line in page.lines)
    if not is_scan(pages):
        return
    seen = "pictures of pages" if any(page.is_picture for page in pages) else "blank, or drawings"
    what = f"{found} letters on {len(pages)} pages: {seen}, without text"
    raise PdfError("pdf_scanned", what, path)


def _opened(path: Path) -> pypdfium2.PdfDocument:
    data = path.read_bytes()
    if not data.strip(b"\0 \r\n\t"):
        raise PdfError("pdf_damaged", f"the file has no content ({len(data)} bytes)", path)
    try:
        document = pypdfium2.PdfDocument(data)
        if len(document) == 0:
            raise pypdfium2.PdfiumError("no pages")
        return document
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower() or "security" in str(error).lower():
            raise PdfError("pdf_encrypted", "the file needs a password", path) from None
        raise PdfError("pdf_damaged", _instead(data) or f"a broken PDF ({error})", path) from None


def _instead(data: bytes) -> str:
    """What kind of file it is instead of a PDF; empty if it may be one."""
    if b"%PDF-" in data[:2048]:
        return "" if b"%%EOF" in data[-2048:] else "a PDF that is cut off: its end is missing"
    head = data[:2048].lstrip(b"\xef\xbb\xbf \r\n\t")
    other = next((name for start, name in _OTHERS.items() if head.startswith(start)), "")
    if not other and re.match(rb"<(?:!doctype|html|head|\?xml|script)", head, re.IGNORECASE):
        other = "a web page"
    return f"not a PDF but {other}" if other else "not a PDF: it does not begin like one"


def _page(document: pypdfium2.PdfDocument, number: int, path: Path) -> Page:
    """A page's lines; a broken page has none.

    Only upright letters are read: stamps along the margin are rotated. Letters drawn twice at one
    place, for bold type or to slow the reader down, are read once.
    """
    try:
        with closing(document[number]) as page, closing(page.get_textpage()) as text:
            if text.count_chars() > _MOST_DRAWN:
                what = (
                    f"{text.count_chars()} letters on page {number + 1}: no real page has so many"
                )
                raise PdfError("pdf_too_long", what, path)
            left, bottom, right, top = page.get_bbox()
            found = list(_letters(text, left, bottom, number < _STYLED))
            lines = lines_of(found, number, right - left, top - bottom)
            is_picture = len(found) < _FEW_LETTERS and _is_picture(page)
    except pypdfium2.PdfiumError:
        return Page([])
    return Page(lines, is_picture)


def _letters(
    text: pypdfium2.PdfTextPage, left: float, bottom: float, styled: bool
) -> Iterator[Letter]:
    name, flags, placed = ctypes.create_string_buffer(128), ctypes.c_int(), raw.FS_MATRIX()
    style = Style()
    seen: dict[tuple[str, int, int], int] = {}
    for index in range(min(text.count_chars(), _MOST_LETTERS)):
        code = raw.FPDFText_GetUnicode(text, index)
        char = HYPHEN if code == 0xFFFE else _LIGATURES.get(code) or chr(code or 32)
        if not char.isspace() and abs(raw.FPDFText_GetCharAngle(text, index)) > 0.1:
            continue
        x0, y0, x1, y1 = text.get_charbox(index, loose=True)
        place = (char, round(2 * x0), round(2 * y0))
        # the letters of a ligature share a place, too, but follow each other
        if index - seen.setdefault(place, index) > 3 and not char.isspace():
            continue
        if styled and not char.isspace():
            raw.FPDFText_GetFontInfo(text, index, name, len(name), ctypes.byref(flags))
            raw.FPDFText_GetMatrix(text, index, ctypes.byref(placed))
            points = raw.FPDFText_GetFontSize(text, index) * math.hypot(placed.c, placed.d)
            style = Style(name.value.decode(errors="replace"), round(points, 1))
        yield char, x0 - left, y0 - bottom, x1 - left, y1 - bottom, style


def _is_picture(page: pypdfium2.PdfPage) -> bool:
    """Whether pictures cover half of a page."""
    width, height = page.get_size()
    covered = 0.0
    for found in islice(page.get_objects(max_depth=2), _MOST_OBJECTS):
        if found.type == raw.FPDF_PAGEOBJ_IMAGE:
            x0, y0, x1, y1 = found.get_bounds()
            covered += max(min(x1, width) - max(x0, 0), 0) * max(min(y1, height) - max(y0, 0), 0)
    return covered > 0.5 * width * height


def _number(document: pypdfium2.PdfDocument, first: int) -> str:
    """The arXiv number in a page's margin, or its only DOI; empty if it has none or several."""
    try:
        with closing(document[first]) as page, closing(page.get_textpage()) as text:
            said = text.get_text_range(0, min(text.count_chars(), _MOST_LETTERS))
    except pypdfium2.PdfiumError:
        return ""
    stamp = re.search(r"\barXiv:(?:\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?=v\d)", said)
    if stamp:
        return arxiv_id(stamp[0])
    named = {
        doi_of(one.rstrip(".,;)")) for one in re.findall(r"\b10\.\d{4,9}/[^\s\"<>]{2,80}", said)
    }
    return named.pop() if len(named) == 1 else ""
