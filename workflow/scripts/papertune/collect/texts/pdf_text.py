"""Join a PDF's lines to running text: paragraphs, no hyphenation, no references, no stamps."""

import re
import unicodedata

from papertune.collect.texts.pdf_lines import Line
from papertune.sentences import composed, flat

HYPHEN = "\x02"  # PDFium's mark of a hyphen that ends a line
_HEADING = re.compile(
    r"^(?:(?:\d{1,2}(?:\.\d{1,2}){0,2}\.?|[IVX]{1,4}\.|[A-H]\.)\s+[A-Z][\w ,:&–-]{2,60}"
    r"|(?:A\s?BSTRACT|Abstract|Summary|SUMMARY|INTRODUCTION|Introduction|R\s?EFERENCES|References"
    r"|Bibliography|BIBLIOGRAPHY|A\s?CKNOWLEDGE?MENTS?|Acknowledge?ments?|Appendix|APPENDIX"
    r"|CCS CONCEPTS|KEYWORDS|Keywords|Index Terms|Conclusions?|CONCLUSIONS?))\s*[:.]?$"
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
    r"|\(c\) \d{4}|acm isbn|view metadata, citation and similar papers|provided by core\b"
    r"|downloaded (?:from|by|on)\b|this content downloaded\b|all use subject to https?:"
    r"|check for updates|authorized licensed use|arxiv:\d{4}\.\d+|\d{3}-\d-\d{4}-\d{4}-\d/\d\d/\$"
    r"|this work is licensed under|978-\d)",
    re.IGNORECASE,
)
# a manuscript's dates have a line of their own between the authors and the abstract
_DATES = re.compile(
    r"^\((?:Dated|Received|Submitted|Accepted|Published)\b[^()]{0,150}(?:19|20)\d\d[^()]{0,150}\)$"
)


def without_references(lines: list[Line]) -> list[Line]:
    """All lines but those from the list of references to the appendix or the end."""
    end = len(lines)
    heads = [place for place, line in enumerate(lines) if _REFERENCES.match(line.text)]
    start = next((place for place in reversed(heads) if place > 0.3 * end), end)
    after = (place for place in range(start + 1, end) if _APPENDIX.match(lines[place].text))
    return lines[:start] + lines[next(after, end) :]


def paragraphs(lines: list[Line]) -> str:
    """Running text with empty lines between paragraphs, without publishers' stamps."""
    hyphened = set(re.findall(r"\b\w+-\w+\b", " ".join(line.text for line in lines).lower()))
    texts = (joined([line.text for line in one], hyphened) for one in paragraphs_of(lines))
    return "\n\n".join(text for text in texts if text and not _STAMP.match(text))


def paragraphs_of(lines: list[Line]) -> list[list[Line]]:
    """The lines of each paragraph; footnotes come before the next paragraph that begins."""
    parts: list[list[Line]] = []
    notes: list[Line] = []
    above = None
    for line in lines:
        if line.note:
            notes.append(line)
            continue
        if above is None or _begins(line, above):
            parts += _parted(notes)
            notes = []
            parts.append([])
        parts[-1].append(line)
        above = line
    return parts + _parted(notes)


def _parted(lines: list[Line]) -> list[list[Line]]:
    parts: list[list[Line]] = []
    for above, line in zip([None, *lines], lines, strict=False):
        if above is None or line.page != above.page or _begins(line, above):
            parts.append([])
        parts[-1].append(line)
    return parts


def _begins(line: Line, above: Line) -> bool:
    """Whether a line begins a paragraph, which may continue in the next column or page."""
    headed = (_HEADING.match(one.text) and one.text[-1] not in ",;" for one in (line, above))
    if any(headed) or _DATES.match(above.text) or _DATES.match(line.text):
        return True
    if re.search(rf"\w[-\u2010{HYPHEN}]$", above.text) and line.text[:1].islower():
        return False
    if not line.first or line.apart:
        return line.apart
    went_up = line.page != above.page or line.bottom > above.top
    alike = abs(line.size - above.size) <= 0.12 * max(line.size, above.size)
    return not (went_up and alike) or bool(
        re.search(r"[.!?:。！？：][\"'”’）」』)\]]*$", above.text)
    )


def joined(lines: list[str], hyphened: set[str] | frozenset[str] = frozenset()) -> str:
    """Join lines to running text, and words that were hyphenated at line ends.

    A hyphen stays if it belongs to the word: before capitals and digits, and if the word is in
    ``hyphened``, the words with a hyphen elsewhere in the text.
    """
    parts: list[str] = []
    for line in map(str.strip, lines):
        broken = re.search(rf"(?<!\w)(\w++)[-\u2010{HYPHEN}]$", "".join(parts[-4:]))
        end = re.match(r"\w+", line)
        if not broken or not end:
            parts += ["\n", line]
            continue
        word = f"{broken[1]}-{end[0]}".lower()
        hyphen = "-" if word in hyphened or not line[0].islower() else ""
        parts[-1:] = [parts[-1][:-1] + hyphen, line]
    # PDFium also marks hyphens in the middle of lines as they are split here
    text = re.sub(rf"(?<=\w){HYPHEN}\s*(?=[a-z])", "", "".join(parts)).replace(HYPHEN, "-")
    return plain(text)


def plain(text: str) -> str:
    """A text without ligatures and invisible characters, with single spaces."""
    # characters as which some fonts of office programs encode ligatures
    text = re.sub("(?<=[a-z])\u019f|\u019f(?=[a-z])", "ti", text)
    text = re.sub("(?<=[a-z])\u01a9|\u01a9(?=[a-z])", "tt", text)
    text = re.sub("[\ufb00-\ufb06]", lambda match: unicodedata.normalize("NFKC", match[0]), text)
    text = re.sub(
        "[\u00ad\u200b-\u200f\u2060\ufeff\ufffd-\uffff\ud800-\udfff\x00-\x08\x0e-\x1f]", "", text
    )
    return flat(composed(text))
