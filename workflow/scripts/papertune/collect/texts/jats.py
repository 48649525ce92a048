"""JATS markup, in which Crossref and others give abstracts, into clean text."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from papertune.collect.texts.formulas import formulas_in_text
from papertune.collect.texts.text import clean, folded, label, words

if TYPE_CHECKING:
    from lxml.etree import _Element

_UNWANTED = words(
    "fn fig graphic inline-graphic inline-supplementary-material supplementary-material media"
    " table-wrap annotation annotation-xml object-id"
)
_FORMULAS = words("inline-formula disp-formula alternatives math tex-math")
_INLINE = words(
    "b bold em email ext-link i italic monospace named-content overline related-article"
    " related-object roman sans-serif sc span strike strong styled-content sub sup tt u underline"
    " uri xref article-title"
)
_BLOCKS = words(
    "abstract break br def def-item def-list disp-quote div label list list-item p sec semantics"
    " table tbody td term th thead title tr ul ol li h1 h2 h3 h4 h5 h6"
)
_MATHML = words(
    "mrow mi mo mn ms mtext mspace msub msup msubsup mfrac msqrt mroot mover munder munderover"
    " mstyle mfenced mtable mtr mtd mpadded mphantom menclose mmultiscripts mprescripts none"
)
# what is no tag of these is text: p<q
_NAMES = "|".join(_UNWANTED | _FORMULAS | _INLINE | _BLOCKS | _MATHML)
_NO_TAG = re.compile(
    rf"<(?!/?(?:(?:jats|mml):[A-Za-z][\w.-]*|(?:{_NAMES}))(?:\s+[\w:.-]+\s*=[^<>]*)?\s*/?>|!--)",
    re.IGNORECASE,
)
_AMPERSAND = re.compile(r"&(?!#\d+;|#x[0-9A-Fa-f]+;)([A-Za-z]\w*;)?")
_PREAMBLE = re.compile(r"\\documentclass.*?\\begin\s*\{document\}", re.DOTALL)
_END = re.compile(r"\\end\s*\{document\}")
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
    root = etree.fromstring(source.encode("utf-8", "replace"), parser)
    return clean(_said(root, folded(root, _said)))


def without_preambles(text: str) -> str:
    """A text without the LaTeX documents that some publishers wrap each formula in."""
    return _END.sub("", _PREAMBLE.sub("", text)) if "\\documentclass" in text else text


def _said(element: _Element, inside: str) -> str:
    """What stands for an element: blocks are set apart by a blank."""
    from lxml import etree

    name = _name(element)
    raw = "".join(map(str, element.itertext()))
    text = " ".join(raw.split())
    if name in _UNWANTED:
        return ""
    if name in _FORMULAS:
        markup = etree.tostring(element, encoding="unicode", with_tail=False)
        return html.unescape(formulas_in_text(markup))
    if name in ("sub", "sup"):  # clean() knows which of them is a power
        return f"<{name}>{raw}</{name}>"
    if name in _INLINE:
        return inside
    if text.strip(":.—–- ").lower() in _HEADINGS:
        return " "
    parent = element.getparent()
    # the title of the paper itself is no label
    if name == "title" and (
        (parent is not None and _name(parent) == "sec") or len(text.split()) <= 3
    ):
        return f" {label(text)} "
    return f" {text if name == 'title' else inside} "


def _name(element: _Element) -> str:
    """The local name in lower case, whatever the namespace."""
    return str(element.tag).rpartition("}")[2].rpartition(":")[2].lower()


def _entity(match: re.Match[str]) -> str:
    """What XML does not know by name as itself: HTML's characters, and a bare ampersand."""
    name = match[1] or ""
    if name in ("amp;", "lt;", "gt;", "quot;", "apos;"):
        return match[0]
    char = html.unescape(match[0])
    return char if name and char != match[0] else f"&amp;{name}"
