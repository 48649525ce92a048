"""Plain text out of what publishers and users write: markup, entities and labels removed."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING

from papertune.collect.texts.formulas import formulas_in_text

if TYPE_CHECKING:
    from lxml.etree import _Element

_BLOCK = (
    "p|br|div|li|ul|ol|section|sec|h[1-6]|tr|td|blockquote|dd|dt|jats:p|jats:sec|jats:title|title"
    "|jats:list|jats:list-item|jats:break|simple-para|abstract-sec"
)
_INLINE = (
    "a|abbr|abstract|abstracttext|b|bold|cite|code|em|emph|font|i|inf|inline-graphic|italic"
    "|jats:[a-z-]+|kwd|label|m[a-z]{1,9}|mml:[a-z]+|monospace|named-content|q|roman|s|sans-serif|sc"
    "|semantics|small|span|strong|styled-content|sub|sup|tt|u|underline|uri|var|xref"
    "|inline-formula|tex-math|math|alternatives"
)
_ATTRIBUTES = r"(?:\s+[\w:-]+\s*=[^<>]*)?\s*/?"
BLOCK_TAG = re.compile(rf"</?(?:{_BLOCK}){_ATTRIBUTES}>", re.IGNORECASE)
_INLINE_TAG = re.compile(rf"</?(?:{_INLINE}){_ATTRIBUTES}>", re.IGNORECASE)
_INVISIBLE = re.compile(
    "[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffc"
    "\ud800-\udfff\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]"
)
# ligatures, and the alphabets of mathematics
_TYPESET = re.compile("[\ufb00-\ufb06\U0001d400-\U0001d7ff]+")
# "Abstract interpretation …" is a sentence, "Abstract: …" and "ABSTRACT We …" have a heading
_LABEL = re.compile(
    r"^(?:(?i:abstract|summary|résumé|zusammenfassung)\s*[:.—–|]\s*|(?i:abstract)\s*-{1,2}\s+"
    r"|ABSTRACT\s+(?=[A-Z])|Abstract(?=[A-Z][a-z])|Abstract\s+(?=(?:We|This|In this|The|Background)\b))"
)
_SCRIPT = re.compile(
    r"([\w)\]]{1,40})<(?:jats:)?(su[bp])\b[^<>]*>\s*([^<>]{1,40}?)\s*</(?:jats:)?\2\s*>",
    re.IGNORECASE,
)
_TITLE = re.compile(
    r"<((?:jats:)?title|h[1-6])\b[^<>]*>\s*([^<>]{2,60}?)\s*</\1\s*>", re.IGNORECASE
)
_HEADING = re.compile(r"(?:abstract|summary|résumé|zusammenfassung)[:.]?", re.IGNORECASE)


def clean(text: str) -> str:
    """Plain text: no tags, entities, invisible characters or leading label; one space; NFC.

    Only tags that publishers use are taken for tags: ``p<q and q>r`` stays as it is. A formula is
    said once, the parts of a structured abstract keep their labels, ``10<sup>5</sup>`` is ``10^5``.
    """
    for _ in range(2):  # feeds escape twice now and then
        text = _without_tags(text)
        unescaped = html.unescape(text)
        if unescaped == text:
            break
        text = unescaped
    text = _INVISIBLE.sub("", _without_tags(text))
    text = _TYPESET.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
    text = " ".join(unicodedata.normalize("NFC", text).split())
    return _LABEL.sub("", text).strip()


def scripts(markup: str) -> str:
    """Superscripts that mean a power get a caret: ``10<sup>5</sup>`` is not 105."""
    return _SCRIPT.sub(_script, _SCRIPT.sub(_script, markup))  # an index and a power


def label(heading: str) -> str:
    """The heading of an abstract's part as it stands in running text: ``Methods:``."""
    heading = heading.strip()
    return heading if heading.endswith((":", ".", "?", "!")) else f"{heading}:"


def raised(text: str, mark: str) -> str:
    """What stands above (or below) the line behind its mark: ``^2``, ``^(-x+1)``."""
    if len(text) == 1 or text.isalnum():
        return f"{mark}{text}"
    return f"{mark}({text})" if text else ""


def words(text: str) -> frozenset[str]:
    """The words of a text as a set, for tables of names."""
    return frozenset(text.split())


def folded(
    element: _Element,
    said: Callable[[_Element, str], str],
    text: Callable[[str, _Element], str] = lambda text, _: text,
) -> str:
    """What stands in an element of lxml, made from the inside out; comments say nothing.

    Args:
        said: What stands for a child, by the child and what stands in it.
        text: What stands for a string, by the string and the element that it is directly in.
    """
    from lxml.etree import Entity

    parts = [text(element.text or "", element)]
    for child in element:
        if isinstance(child.tag, str):
            parts.append(said(child, folded(child, said, text)))
        elif child.tag is Entity:  # left alone by the parser
            parts.append(str(child.text))
        parts.append(text(child.tail or "", element))
    return "".join(parts)


def inner(element: _Element | None) -> str:
    """What stands in an element: its text and that of its markup, escaped as in HTML.

    Entities that the parser left alone stay as they are, ``&uuml;``.
    """
    if element is None:
        return ""
    return folded(element, _kept, lambda text, _: html.escape(text, quote=False))


def _kept(element: _Element, inside: str) -> str:
    if element.tag in ("sub", "sup", "tex-math"):  # 10<sup>5</sup> is not 105
        return f"<{element.tag}>{inside}</{element.tag}>"
    return f" {inside} " if element.tag in ("br", "p", "par") else inside


def _without_tags(text: str) -> str:
    if "<" not in text:
        return text
    text = _TITLE.sub(
        lambda match: " " if _HEADING.fullmatch(match[2]) else f" {label(match[2])} ",
        scripts(formulas_in_text(text)),
    )
    return _INLINE_TAG.sub("", BLOCK_TAG.sub(" ", text))


def _script(match: re.Match[str]) -> str:
    before, kind, inside = match[1], match[2].lower(), match[3]
    between = ""
    if kind == "sub":
        between = "_" if before[-1].isdigit() and inside[:1].isdigit() else ""
    elif not inside.isalpha() or inside == "n" or (len(before) == 1 and before.isalpha()):
        # a small number behind a long word is a note, and "st", "TM", "®" are no powers
        known = before[-1].isdigit() or before[-1] in ")]" or len(before) <= 4
        between = "^" if known and re.match(r"[\w+−–-]", inside) else ""
    return f"{before}{between}{inside}"
