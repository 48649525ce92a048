"""Plain text from publishers' and users' markup: tags, entities and labels removed."""

import html
import re
import unicodedata
from collections.abc import Callable
from html.entities import codepoint2name, html5

from lxml import etree

from papertune.collect.texts.formulas import LONG_NUMBER, formulas_in_text
from papertune.collect.texts.languages import ABSTRACT
from papertune.sentences import composed, edged, flat, has_code, lined, without_runs, word_count

_BLOCK = (
    "br|div|li|ul|ol|section|h[1-6]|table|tr|td|th|blockquote|dd|dt|simple-para|abstract-sec"
    "|jats:(?:def|label|term)|(?:jats:)?(?:p|sec|title|list(?:-item)?|break|def-(?:list|item)|disp-quote)"
)
STYLES = (
    "a|abbr|abstract|abstracttext|b|bold|cite|code|em|email|emph|ext-link|font|i|inline-graphic|italic"
    "|kwd|monospace|named-content|overline|q|related-(?:article|object)|roman|s|sans-serif|sc|small"
    "|span|strike|strong|styled-content|tt|u|underline|uri|var|xref|article-title"
)
_INLINE = (
    rf"{STYLES}|inf|jats:[a-z-]+|label|m[a-z]{{1,9}}|mml:[a-z]+|semantics|sub|sup|inline-formula"
    "|tex-math|math|alternatives"
)
ATTRIBUTES = r"(?:\s++[\w:-]++\s*+=[^<>]*+|\s*+/?)"
BLOCK_TAG = re.compile(rf"</?(?:{_BLOCK}){ATTRIBUTES}>", re.IGNORECASE)
_INLINE_TAG = re.compile(rf"</?(?:{_INLINE}){ATTRIBUTES}>", re.IGNORECASE)
_INVISIBLE = re.compile(
    "(?<![\u0600-\u06ff\u0700-\u0dff])[\u200c\u200d]"  # Persian and Indic words need them
    "|[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffc"
    "\ud800-\udfff\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]"
)
# ligatures, and the alphabets of mathematics
_TYPESET = re.compile("[\ufb00-\ufb06\U0001d400-\U0001d7ff]+")
# "Abstract interpretation …" is a sentence, "Abstract: …" and "ABSTRACT We …" have a heading
_LABEL = re.compile(
    r"^(?:(?i:abstract|summary|résumé|zusammenfassung)\s*[:.—–|]\s*|(?i:abstract)\s*-{1,2}\s+"
    rf"|[\[【〔（(]?(?i:{ABSTRACT})(?:[\]】〕）)]\s*[:：]?\s*|\s*[:：]\s*)"
    r"|ABSTRACT\s+(?=[A-Z])|Abstract(?=[A-Z][a-z])|Abstract\s+(?=(?:We|This|In this|The|Background)\b))"
)
_SCRIPT = re.compile(
    r"([\w)\]]{1,40})<(?:jats:)?(su[bp])\b[^<>]*>([^<>]{1,80})</(?:jats:)?\2\s*>",
    re.IGNORECASE,
)
_HEADED = re.compile(
    r"(<(?:(?:jats:)?sec|div)\b[^<>]*>\s*)?<((?:jats:)?(?:title|p)|h[1-6])\b[^<>]*>([^<>]{0,300})</\2\s*>",
    re.IGNORECASE,
)
_HEADING = re.compile(
    rf"(?:abstracts?|summary|{ABSTRACT})\s*[:：.—–-]*",
    re.IGNORECASE,
)
_XML_TAG = re.compile(
    r"</?(?!(?:sub|sup|tex-math)\b)([\w-]++)[^<>]*+>|<!--.*?(?:-->|\Z)", re.DOTALL
)
_PREAMBLE = re.compile(
    r"\\documentclass(?:(?!\\documentclass).)*?\\begin\s*\{document\}", re.DOTALL
)
_END = re.compile(r"\\end\s*\{document\}")
# character → its name in HTML 4, else the shortest in HTML 5
_NAMES = {
    html5[name]: name[:-1]
    for name in sorted(html5, key=lambda name: (len(name), name), reverse=True)
    if name.endswith(";")
} | {chr(code): name for code, name in codepoint2name.items()}


def clean(text: str) -> str:
    """Plain text: no tags, entities, invisible characters or leading label; one space; NFC.

    Only tags that publishers use are taken for tags: ``p<q and q>r`` stays as it is. A formula is
    kept once, the parts of a structured abstract keep their labels, ``10<sup>5</sup>`` is ``10^5``.
    """
    for _ in range(2):  # some feeds escape twice
        text = _without_tags(without_runs(text))
        read = unescaped(text)
        if read == text:
            break
        text = read
    text = _without_tags(text)
    if not text.isascii() or not text.isprintable():  # most texts are, and the searches are slow
        text = _INVISIBLE.sub("", text)
        text = _TYPESET.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
    return _LABEL.sub("", flat(composed(text))).strip()


def clean_lines(text: str) -> str:
    """Like :func:`clean`, but a text with code keeps its lines and their indentation."""
    if not has_code(text) or re.search(r"</(?:p|pre|code|div)>", text):
        return clean(text)
    text = composed(re.sub("\r\n?", "\n", without_runs(text)))
    return edged(lined(_INVISIBLE.sub("", text)))


def unescaped(text: str) -> str:
    """A text with its entities (``&lt;``, ``&#60;``) replaced by characters."""
    return html.unescape(LONG_NUMBER.sub("\ufffd", text) if "&#" in text else text)


def in_ascii(text: str) -> str:
    """A text, in NFC, with each non-ASCII character as its HTML entity.

    The entity is a name if HTML has one (``&eacute;``, ``&rsquo;``), else a number (``&#1078;``).
    ASCII characters stay, including ampersands.
    """
    return re.sub(
        r"[^\x00-\x7f]",
        lambda found: f"&{_NAMES.get(found[0]) or f'#{ord(found[0])}'};",
        composed(text),
    )


def without_preambles(text: str) -> str:
    """A text without the LaTeX preambles that some publishers put before each formula."""
    return _END.sub("", _PREAMBLE.sub("", text)) if "\\documentclass" in text else text


def letters(text: str) -> str:
    """A text's letters and digits in lower case, by which two spellings are compared."""
    return re.sub(r"[\W_]+", "", text).lower()


def scripts(markup: str) -> str:
    """Give superscripts that are powers a caret: ``10<sup>5</sup>`` is not 105."""
    return _SCRIPT.sub(
        _script, _SCRIPT.sub(_script, markup)
    )  # twice, for a subscript and a superscript


def label(heading: str) -> str:
    """The heading of an abstract's part as a label in running text: ``Methods:``."""
    heading = heading.strip()
    return heading if heading.endswith((":", ".", "?", "!")) else f"{heading}:"


def raised(text: str, mark: str) -> str:
    """A superscript or subscript after its mark: ``^2``, ``^(-x+1)``."""
    if len(text) == 1 or text.isalnum():
        return f"{mark}{text}"
    return f"{mark}({text})" if text else ""


def words(text: str) -> frozenset[str]:
    """The words of a text as a set, for tables of names."""
    return frozenset(text.split())


def folded(
    element: etree._Element,
    said: Callable[[etree._Element, str], str],
    text: Callable[[str, etree._Element], str],
) -> str:
    """The text of an lxml element, built from the inside out; comments are left out.

    Args:
        said: (child, text within it) → the child's text.
        text: (string, its parent element) → the string's text.
    """
    parts = [text(element.text or "", element)]
    for child in element:
        if isinstance(child.tag, str):
            parts.append(said(child, folded(child, said, text)))
        parts.append(text(child.tail or "", element))
    return "".join(parts)


def inner(element: etree._Element | None) -> str:
    """The text in an element without its tags, escaped as in HTML.

    Entities that the parser left alone (``&uuml;``) stay.
    """
    if element is None:
        return ""
    markup = etree.tostring(element, encoding="unicode", with_tail=False)
    # 10<sup>5</sup> is not 105
    return _XML_TAG.sub(lambda tag: " " if tag[1] in ("br", "p", "par") else "", markup)


def _without_tags(text: str) -> str:
    if "<" not in text:
        return text
    text = _HEADED.sub(_headed, scripts(formulas_in_text(text)))
    return _INLINE_TAG.sub("", BLOCK_TAG.sub(" ", text))


def _headed(match: re.Match[str]) -> str:
    """A heading as a label, but the paper's title without one; a heading "Abstract" is removed."""
    section, name, said = match[1], match[2].lower(), match[3].strip()
    if _HEADING.fullmatch(said):
        return " "
    is_label = name[0] == "h" or (name.endswith("title") and (section or word_count(said) <= 3))
    return f" {label(said) if is_label and said else said} "


def _script(match: re.Match[str]) -> str:
    before, kind, inside = match[1], match[2].lower(), match[3].strip()
    between = ""
    if kind == "sub":
        between = "_" if before[-1].isdigit() and inside[:1].isdigit() else ""
    elif not inside.isalpha() or inside == "n" or (len(before) == 1 and before.isalpha()):
        # a small number after a long word is a note, and "st", "TM", "®" are no powers
        known = before[-1].isdigit() or before[-1] in ")]" or len(before) <= 4
        between = "^" if known and re.match(r"[\w+−–-]", inside) else ""
    return f"{before}{between}{inside}"
