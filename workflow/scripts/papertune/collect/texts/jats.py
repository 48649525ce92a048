"""JATS markup, in which Crossref and others give abstracts, into clean text."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from papertune.collect.texts.formulas import formulas_in_text
from papertune.collect.texts.text import clean, label, words

if TYPE_CHECKING:
    from lxml.etree import _Element

_MATHML = (
    "mrow|mi|mo|mn|ms|mtext|mspace|msub|msup|msubsup|mfrac|msqrt|mroot|mover|munder|munderover"
    "|mstyle|mfenced|mtable|mtr|mtd|mpadded|mphantom|menclose|mmultiscripts|mprescripts|none"
)
# what is no tag of these is text: p<q
_NAMES = (
    "abstract|alternatives|annotation(?:-xml)?|article-title|b|bold|break|br|def|def-item|def-list"
    "|disp-formula|disp-quote|div|em|email|ext-link|fn|fig|graphic|i|inline-formula"
    "|inline-graphic|inline-supplementary-material|italic|label|list|list-item|math|media"
    "|monospace|named-content|overline|p|related-article|related-object|roman|sans-serif|sc|sec"
    "|semantics|span|strike|strong|styled-content|sub|sup|supplementary-material|table|table-wrap"
    "|tbody|td|term|tex-math|th|thead|title|tr|tt|u|underline|uri|xref|ul|ol|li|h[1-6]"
)
_NO_TAG = re.compile(
    rf"<(?!/?(?:(?:jats|mml):[A-Za-z][\w.-]*|(?:{_NAMES}|{_MATHML}))(?:\s+[\w:.-]+\s*=[^<>]*)?\s*/?>|!--)",
    re.IGNORECASE,
)
_AMPERSAND = re.compile(r"&(?!#\d+;|#x[0-9A-Fa-f]+;)([A-Za-z]\w*;)?")
_PREAMBLE = re.compile(r"\\documentclass.*?\\begin\s*\{document\}", re.DOTALL)
_END = re.compile(r"\\end\s*\{document\}")
_UNWANTED = words(
    "fn fig graphic inline-graphic inline-supplementary-material supplementary-material media"
    " table-wrap annotation annotation-xml object-id"
)
_FORMULAS = words("inline-formula disp-formula alternatives math tex-math")
_INLINE = words(
    "b bold em email ext-link i italic inline-formula alternatives monospace named-content"
    " overline related-article related-object roman sans-serif sc span strike strong"
    " styled-content sub sup tt u underline uri xref article-title"
)
_HEADINGS = words(
    "abstract abstracts summary abstrakt zusammenfassung kurzfassung résumé resumen resumo"
    " riassunto samenvatting sammanfattning streszczenie аннотация 摘要 抄録 要旨"
)


def text_of(markup: str) -> str:
    """The text of an abstract in JATS, or in the HTML that stands for it.

    A heading that only says "Abstract" goes, those of sections stay (``Methods: …``); formulas are
    said once, as TeX where they are given as TeX; pictures and footnotes go.
    """
    from lxml import etree

    # what was escaped as a whole is markup all the same
    if "<" not in markup and re.search(r"&lt;/?(?:jats:)?(?:p|title|sec)\b", markup):
        markup = html.unescape(markup)
    known = _AMPERSAND.sub(_entity, markup)
    source = (
        '<root xmlns:jats="jats" xmlns:mml="mml" xmlns:xlink="xlink" xmlns:xsi="xsi">'
        f"{_NO_TAG.sub('&lt;', known)}</root>"
    )
    parser = etree.XMLParser(
        recover=True, resolve_entities=False, no_network=True, remove_pis=True, huge_tree=False
    )
    try:
        root = etree.fromstring(source.encode("utf-8", "replace"), parser)
    except etree.XMLSyntaxError:
        root = None
    if root is None:
        return clean(without_preambles(markup))
    return clean("".join(_texts(root)))


def without_preambles(text: str) -> str:
    """A text without the LaTeX documents that some publishers wrap each formula in."""
    return _END.sub("", _PREAMBLE.sub("", text)) if "\\documentclass" in text else text


def _texts(element: _Element) -> Iterator[str]:
    """The pieces of text in an element, blocks set apart by a blank."""
    from lxml import etree

    name = _name(element)
    if name in _UNWANTED:
        return
    if name in _FORMULAS:
        markup = etree.tostring(element, encoding="unicode", with_tail=False)
        yield html.unescape(formulas_in_text(markup))
        return
    block = name not in _INLINE
    if block and _is_heading(element):
        yield " "
        return
    if name in ("sub", "sup"):  # clean() knows which of them is a power
        yield f"<{name}>{''.join(map(str, element.itertext()))}</{name}>"
        return
    if name == "title":
        heading = " ".join("".join(map(str, element.itertext())).split())
        # the title of the paper itself is no label
        part = element.getparent() is not None and _name(element.getparent()) == "sec"
        yield f" {label(heading) if part or len(heading.split()) <= 3 else heading} "
        return
    if block:
        yield " "
    yield element.text or ""
    for child in element:
        yield from _texts(child)
        yield child.tail or ""
    if block:
        yield " "


def _name(element: _Element) -> str:
    """The local name in lower case, whatever the namespace."""
    tag: Any = element.tag
    if not isinstance(tag, str):  # a comment
        return "fn"
    return tag.rpartition("}")[2].rpartition(":")[2].lower()


def _is_heading(element: _Element) -> bool:
    """Whether an element says no more than that an abstract follows."""
    words = "".join(map(str, element.itertext())).strip().strip(":.—–- ")
    return words.lower() in _HEADINGS


def _entity(match: re.Match[str]) -> str:
    """What XML does not know by name as itself: HTML's characters, and a bare ampersand."""
    name = match[1] or ""
    if name in ("amp;", "lt;", "gt;", "quot;", "apos;"):
        return match[0]
    char = html.unescape(match[0])
    return char if name and char != match[0] else f"&amp;{name}"
