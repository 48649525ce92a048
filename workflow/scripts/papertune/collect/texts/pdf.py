"""The text of born-digital papers: columns in order, words whole, no running heads, no references.

PDFium reads the letters (Chrome's reader; it knows ligatures and hyphens at line ends), the order
comes from :mod:`papertune.collect.texts.pdf_layout`. Scanned, encrypted, damaged and very long files are
refused with the reason; nothing is recognised from pictures.
"""

import re
import time
import unicodedata
from contextlib import closing
from pathlib import Path

import pypdfium2
from pypdfium2 import raw

from papertune.collect.texts.is_abstract import is_abstract
from papertune.collect.texts.languages import ABSTRACT, KEYWORDS
from papertune.collect.texts.pdf_layout import Line, lines_of, without_furniture
from papertune.collect.texts.text import clean, letters
from papertune.errors import CollectError
from papertune.sentences import composed, flat, is_spaceless, word_count

_HYPHEN = "\x02"  # PDFium's mark of a hyphen that ends a line
_LETTERS_A_PAGE = 100  # fewer, on average, is a scan with a stamp on it
_MOST_LETTERS = 40_000  # of one page: more is a plot drawn with letters
_HEADING = re.compile(
    r"^(?:(?:\d{1,2}(?:\.\d{1,2}){0,2}\.?|[IVX]{1,4}\.|[A-H]\.)\s+[A-Z][\w ,:&–-]{2,60}"
    r"|(?:A\s?BSTRACT|Abstract|Summary|SUMMARY|INTRODUCTION|Introduction|R\s?EFERENCES|References"
    r"|Bibliography|BIBLIOGRAPHY|A\s?CKNOWLEDGE?MENTS?|Acknowledge?ments?|Appendix|APPENDIX"
    r"|CCS CONCEPTS|KEYWORDS|Keywords|Index Terms|Conclusions?|CONCLUSIONS?))\s*[:.]?$"
)
_ABSTRACT = re.compile(
    r"(?:^|\n)[ \t]*(?:\d\.?[ \t]+)?(?:A\s?BSTRACT|Abstract|SUMMARY|Summary)"
    r"(?:[ \t]*+[:.—–-]++[ \t]*+|[ \t]*+\n++|[ \t]++(?=[A-Z]))"
    rf"|(?:^|\n)[ \t]*[\[【〔（(]?(?i:{ABSTRACT})(?:[\]】〕）)]|[ \t]*+[:：]|[ \t]*+\n)\s*"
)
_ABSTRACT_ENDS = re.compile(
    r"(?<!\s)[^\S\n]*+\n\s*+"
    rf"(?:(?:author )?key\s?-?words?\b|[\[【〔（(]?(?:{KEYWORDS})"
    r"|index terms\b|ccs concepts\b|categories and subject\b"
    r"|general terms\b|acm reference\b|(?:1|I|1\.|I\.)\s+[A-Z]|introduction\b|permission to make"
    r"|(?:©|copyright)|\*\s?(?:corresponding|equal)|(?:PACS|MSC|JEL)\b|nomenclature\b|contents\b)",
    re.IGNORECASE,
)
_NO_TITLE = re.compile(
    r"untitled|microsoft|\.(?:docx?|tex|dvi|pdf|indd|fm|ps)\b|template|^\s*(?:title|paper|document|"
    r"manuscript|main|\d++)\s*+\d*+\s*+$|^(?:doi|arxiv)?:?\s*10\.\d{4}|proceedings of",
    re.IGNORECASE,
)
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


def read_pdf(
    path: str | Path, *, max_pages: int = 60, max_megabytes: float = 50.0, max_seconds: float = 60.0
) -> tuple[str, str]:
    """Title and text of a paper; its paragraphs are apart by an empty line.

    Longer and larger files are refused before they are read, slow ones after the page that passes
    ``max_seconds``.

    Raises:
        PdfError: with the reason ``pdf_encrypted``, ``pdf_scanned``, ``pdf_damaged`` or
            ``pdf_too_long``.
        OSError: the file cannot be read.
    """
    path = Path(path)
    megabytes = path.stat().st_size / 1e6
    if megabytes > max_megabytes:
        raise PdfError("pdf_too_long", f"larger than is asked for: {megabytes:.0f} MB", path)
    with closing(_opened(path)) as document:
        count = len(document)
        if count > max_pages:
            raise PdfError("pdf_too_long", f"more pages than are asked for: {count}", path)
        started, pages = time.monotonic(), []
        for number in range(count):
            pages.append(_page(document, number))
            if time.monotonic() - started > max_seconds:
                much = f"{number + 1} of {count} pages in {max_seconds:.0f} s"
                raise PdfError("pdf_too_long", f"slower than is asked for: {much}", path)
        named = str(document.get_metadata_dict().get("Title") or "")
    found = sum(len(line.text) for lines in pages for line in lines)
    if found < min(_LETTERS_A_PAGE * count, 2000):
        what = f"{found} letters on {count} pages: pictures of pages, without text"
        raise PdfError("pdf_scanned", what, path)
    return _title(named, pages[0]), _paragraphs(_without_references(without_furniture(pages)))


def abstract_of(text: str) -> str:
    """The abstract out of a paper's text, where it is headed; else an empty string."""
    start = _ABSTRACT.search(text[:12_000])
    if not start:
        return ""
    rest = text[start.end() : start.end() + 6_000]
    end = _ABSTRACT_ENDS.search(rest)
    body = rest[: end.start()] if end else rest.split("\n\n")[0]
    abstract = clean(body)
    return abstract if is_abstract(abstract) else ""


def _opened(path: Path) -> pypdfium2.PdfDocument:
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


def _page(document: pypdfium2.PdfDocument, number: int) -> list[Line]:
    """A page's lines; a page that is broken has none.

    Only of upright letters: stamps along the margin stand on their side.
    """
    found = []
    try:
        with closing(document[number]) as page, closing(page.get_textpage()) as text:
            left, bottom, right, top = page.get_bbox()
            for index in range(min(text.count_chars(), _MOST_LETTERS)):
                code = raw.FPDFText_GetUnicode(text, index)
                char = _HYPHEN if code == 0xFFFE else chr(code or 32)
                if char.isspace() or abs(raw.FPDFText_GetCharAngle(text, index)) <= 0.1:
                    x0, y0, x1, y1 = text.get_charbox(index, loose=True)
                    found.append((char, x0 - left, y0 - bottom, x1 - left, y1 - bottom))
    except pypdfium2.PdfiumError:
        return []
    return lines_of(found, number, right - left, top - bottom)


def _title(named: str, lines: list[Line]) -> str:
    """The title in the metadata if the first page has it, else the first page's largest text."""
    named = clean(_plain(named))
    if (
        not _is_long(named)
        or " " not in named.strip() + " " * is_spaceless(named)
        or _NO_TITLE.search(named)
    ):
        named = ""
    page, wanted = (
        letters(composed(text, "NFKC")) for text in ("".join(line.text for line in lines), named)
    )
    if named and wanted in page:
        return named
    upper = [line for line in lines if sum(char.isalpha() for char in line.text) >= 4]
    upper = upper[: max(10, len(upper) // 3)]
    largest = max((line.size for line in upper), default=0)
    found: list[str] = []
    for line in upper:
        if line.size >= 0.93 * largest:
            found.append(line.text)
        elif found:
            break
    title = clean(_joined(found))
    return title if _is_long(title) and len(title) <= 300 else named or title[:300]


def _is_long(title: str) -> bool:
    return len(title) >= 8 or (is_spaceless(title) and word_count(title) >= 3)


def _without_references(lines: list[Line]) -> list[Line]:
    """All lines but those from the list of references to the appendix or the end."""
    end = len(lines)
    heads = [place for place, line in enumerate(lines) if _REFERENCES.match(line.text)]
    start = next((place for place in reversed(heads) if place > 0.3 * end), end)
    after = (place for place in range(start + 1, end) if _APPENDIX.match(lines[place].text))
    return lines[:start] + lines[next(after, end) :]


def _paragraphs(lines: list[Line]) -> str:
    """Running text, its paragraphs apart by an empty line; stamps of publishers left out."""
    parts: list[list[str]] = []
    for above, line in zip([None, *lines], lines, strict=False):
        if above is None or _begins(line, above):
            parts.append([])
        parts[-1].append(line.text)
    hyphened = set(re.findall(r"\b\w+-\w+\b", " ".join(line.text for line in lines).lower()))
    texts = (_joined(paragraph, hyphened) for paragraph in parts)
    return "\n\n".join(text for text in texts if text and not _STAMP.match(text))


def _begins(line: Line, above: Line) -> bool:
    """Whether a paragraph begins with a line: one may go on in the next column or on the next page."""
    headed = (_HEADING.match(one.text) and one.text[-1] not in ",;" for one in (line, above))
    if any(headed):
        return True
    if re.search(rf"\w[-\u2010{_HYPHEN}]$", above.text) and line.text[:1].islower():
        return False
    if not line.first:
        return line.apart
    went_up = line.page != above.page or line.bottom > above.top
    alike = abs(line.size - above.size) <= 0.12 * max(line.size, above.size)
    return not (went_up and alike) or bool(
        re.search(r"[.!?:。！？：][\"'”’）」』)\]]*$", above.text)
    )


def _joined(lines: list[str], hyphened: set[str] | frozenset[str] = frozenset()) -> str:
    """Lines as running text; a word that a line end broke is whole again.

    A hyphen stays where it belongs to the word: before capitals and digits, and where the text has
    the word with its hyphen elsewhere.
    """
    parts: list[str] = []
    for line in map(str.strip, lines):
        broken = re.search(rf"(?<!\w)(\w++)[-\u2010{_HYPHEN}]$", "".join(parts[-4:]))
        end = re.match(r"\w+", line)
        if not broken or not end:
            parts += ["\n", line]
            continue
        word = f"{broken[1]}-{end[0]}".lower()
        hyphen = "-" if word in hyphened or not line[0].islower() else ""
        parts[-1:] = [parts[-1][:-1] + hyphen, line]
    # PDFium also marks hyphens within what this module takes for one line
    text = re.sub(rf"(?<=\w){_HYPHEN}\s*(?=[a-z])", "", "".join(parts)).replace(_HYPHEN, "-")
    return _plain(text)


def _plain(text: str) -> str:
    """No ligatures, no invisible characters, one space."""
    text = re.sub("[\ufb00-\ufb06]", lambda match: unicodedata.normalize("NFKC", match[0]), text)
    text = re.sub(
        "[\u00ad\u200b-\u200f\u2060\ufeff\ufffd-\uffff\ud800-\udfff\x00-\x08\x0e-\x1f]", "", text
    )
    return flat(composed(text))
