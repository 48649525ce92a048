"""Lines of a paper as running text: words whole, paragraphs apart, no references."""

import re
import unicodedata

from papertune.collect.texts.pdf_layout import Line, is_heading

HYPHEN = "\x02"  # PDFium's mark of a hyphen that ends a line
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


def without_references(lines: list[Line]) -> list[Line]:
    """All lines but those from the list of references to the appendix or the end."""
    end = len(lines)
    heads = [place for place, line in enumerate(lines) if _REFERENCES.match(line.text)]
    start = next((place for place in reversed(heads) if place > 0.3 * end), end)
    after = (place for place in range(start + 1, end) if _APPENDIX.match(lines[place].text))
    return lines[:start] + lines[next(after, end) :]


def paragraphs(lines: list[Line]) -> str:
    """Running text, its paragraphs apart by an empty line; stamps of publishers left out."""
    parts: list[list[str]] = []
    for above, line in zip([None, *lines], lines, strict=False):
        if above is None or _begins(line, above):
            parts.append([])
        parts[-1].append(line.text)
    hyphened = set(re.findall(r"\b\w+-\w+\b", " ".join(line.text for line in lines).lower()))
    texts = (joined(paragraph, hyphened) for paragraph in parts)
    return "\n\n".join(text for text in texts if text and not _STAMP.match(text))


def _begins(line: Line, above: Line) -> bool:
    """Whether a paragraph begins with a line: one may go on in the next column or on the next page."""
    if is_heading(line.text) or is_heading(above.text):
        return True
    if re.search(rf"\w[-\u2010{HYPHEN}]$", above.text) and line.text[:1].islower():
        return False
    if not line.first:
        return line.apart
    went_up = line.page != above.page or line.bottom > above.top
    alike = abs(line.size - above.size) <= 0.12 * max(line.size, above.size)
    return not (went_up and alike) or bool(re.search(r"[.!?:][\"'”’)\]]*$", above.text))


def joined(lines: list[str], hyphened: set[str] | frozenset[str] = frozenset()) -> str:
    """Lines as running text; a word that a line end broke is whole again.

    A hyphen stays where it belongs to the word: before capitals and digits, and where the text has
    the word with its hyphen elsewhere.
    """
    text = ""
    for line in lines:
        line = line.strip()
        broken = re.search(rf"(\w+)[-\u2010{HYPHEN}]$", text)
        end = re.match(r"\w+", line)
        if not broken or not end:
            text = f"{text} {line}" if text else line
            continue
        word = f"{broken[1]}-{end[0]}".lower()
        text = text[:-1] + ("-" if word in hyphened or not line[0].islower() else "") + line
    # PDFium also marks hyphens within what this module takes for one line
    text = re.sub(rf"(?<=\w){HYPHEN}\s*(?=[a-z])", "", text).replace(HYPHEN, "-")
    return plain(text)


def plain(text: str) -> str:
    """No ligatures, no invisible characters, one space."""
    text = re.sub("[\ufb00-\ufb06]", lambda match: unicodedata.normalize("NFKC", match[0]), text)
    text = re.sub(
        "[\u00ad\u200b-\u200f\u2060\ufeff\ufffd-\uffff\ud800-\udfff\x00-\x08\x0e-\x1f]", "", text
    )
    return " ".join(unicodedata.normalize("NFC", text).split())
