"""The text of born-digital papers: columns in order, words whole, no running heads, no references.

PDFium reads the letters (Chrome's reader; it knows ligatures and hyphens at line ends), the order
comes from :mod:`papertune.sources.pdf_layout`. Scanned, encrypted, damaged and very long files are
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

from papertune.errors import CollectError
from papertune.sources.judgement import is_abstract
from papertune.sources.pdf_layout import (
    Letter,
    Line,
    is_heading,
    lines_of,
    without_furniture,
)
from papertune.sources.text import clean

if TYPE_CHECKING:
    import pypdfium2

_HYPHEN = "\x02"  # PDFium's mark of a hyphen that ends a line
_LETTERS_A_PAGE = 100  # fewer, on average, is a scan with a stamp on it
_MOST_LETTERS = 40_000  # of one page: more is a plot drawn with letters
_REFERENCES = re.compile(
    r"^(?:\d{1,2}\.?\s+|[IVX]+\.\s+)?(?:R\s?EFERENCES|References|B\s?IBLIOGRAPHY|Bibliography"
    r"|L\s?ITERATURE(?: CITED)?|Literature(?: Cited)?|Works Cited|References and Notes)\s*:?$"
)
_APPENDIX = re.compile(
    r"^(?:A\s?PPENDI(?:X|CES)|Appendi(?:x|ces)|Supplementary Materials?|SUPPLEMENTARY)\b.{0,60}$"
)
_STAMP = re.compile(
    r"^(?:permission to make digital or hard copies|copyright (?:©|\(c\)|\d{4}|held by)|©\s?\d{4}"
    r"|\(c\) \d{4}|authorized licensed use|arxiv:\d{4}\.\d+|\d{3}-\d-\d{4}-\d{4}-\d/\d\d/\$"
    r"|this work is licensed under|978-\d)",
    re.IGNORECASE,
)
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
    lines = list(_without_references([line for page in pages for line in page]))
    return Paper(title, _paragraphs(lines), count)


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
        if "password" in str(error).lower() or "security" in str(error).lower():
            raise PdfError(
                "pdf_encrypted",
                "the file asks for a password",
                where=where,
                hint="save a copy without one",
            ) from None
        raise PdfError(
            "pdf_damaged",
            f"no PDF, or a broken one ({error})",
            where=where,
            hint="get the file again; it may be cut off, or a web page with the name of a PDF",
        ) from None


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
                char = _HYPHEN
            x0, y0, x1, y1 = text.get_charbox(index, loose=True)
            yield char, x0, y0, x1, y1
    finally:
        text.close()


# ---- text --------------------------------------------------------------------------------------


def _title(named: str, lines: list[Line]) -> str:
    """The title in the metadata if the first page has it, else the first page's largest text."""
    named = clean(_plain(named))
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
    title = clean(_joined(found))
    return title if 8 <= len(title) <= 300 else (named if good else title[:300])


def _same(text: str) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text)).lower()


def _without_references(lines: list[Line]) -> Iterator[Line]:
    """All lines but those from the list of references to the appendix or the end."""
    heads = [place for place, line in enumerate(lines) if _REFERENCES.match(line.text)]
    start = next((place for place in reversed(heads) if place > 0.3 * len(lines)), len(lines))
    inside = False
    for place, line in enumerate(lines):
        if place == start:
            inside = True
        elif inside and _APPENDIX.match(line.text):
            inside = False
        if not inside:
            yield line


def _paragraphs(lines: list[Line]) -> str:
    paragraphs: list[list[str]] = []
    above: Line | None = None
    for line in lines:
        if above is None or _begins(line, above):
            paragraphs.append([])
        paragraphs[-1].append(line.text)
        above = line
    hyphened = set(re.findall(r"\b\w+-\w+\b", " ".join(line.text for line in lines).lower()))
    texts = (_joined(paragraph, hyphened) for paragraph in paragraphs)
    return "\n\n".join(text for text in texts if text and not _STAMP.match(text))


def _begins(line: Line, above: Line) -> bool:
    """Whether a paragraph begins with a line: one may go on in the next column or on the next page."""
    if is_heading(line.text) or is_heading(above.text):
        return True
    if re.search(rf"\w[-\u2010{_HYPHEN}]$", above.text) and line.text[:1].islower():
        return False
    if not line.first:
        return line.apart
    went_up = line.page != above.page or line.bottom > above.top
    alike = abs(line.size - above.size) <= 0.12 * max(line.size, above.size)
    return not (went_up and alike) or bool(re.search(r"[.!?:][\"'”’)\]]*$", above.text))


def _joined(lines: list[str], hyphened: set[str] | frozenset[str] = frozenset()) -> str:
    """Lines as running text; a word that a line end broke is whole again.

    A hyphen stays where it belongs to the word: before capitals and digits, and where the text has
    the word with its hyphen elsewhere.
    """
    text = ""
    for line in lines:
        line = line.strip()
        broken = re.search(rf"(\w+)[-\u2010{_HYPHEN}]$", text)
        if not broken or not line or not re.match(r"\w", line):
            text = f"{text} {line}" if text else line
            continue
        end = re.match(r"\w+", line)
        word = f"{broken[1]}-{end[0] if end else ''}".lower()
        keep = word in hyphened or not line[0].islower()
        text = text[:-1] + ("-" if keep else "") + line
    # PDFium also marks hyphens within what this module takes for one line
    text = re.sub(rf"(?<=\w){_HYPHEN}\s*(?=[a-z])", "", text).replace(_HYPHEN, "-")
    return _plain(text)


def _plain(text: str) -> str:
    """No ligatures, no invisible characters, one space."""
    text = re.sub("[\ufb00-\ufb06]", lambda match: unicodedata.normalize("NFKC", match[0]), text)
    text = re.sub(
        "[\u00ad\u200b-\u200f\u2060\ufeff\ufffd-\uffff\ud800-\udfff\x00-\x08\x0e-\x1f]", "", text
    )
    return " ".join(unicodedata.normalize("NFC", text).split())
