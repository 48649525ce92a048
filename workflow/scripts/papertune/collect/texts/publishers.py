"""Where publishers put the abstract: a table of hosts and CSS selectors, and two kinds of script."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any

from papertune.collect.identifiers import host_of

if TYPE_CHECKING:
    from bs4 import BeautifulSoup

# Hosts and all below them, the publisher's name, and selectors in their order. `@name` after a selector
# takes that attribute. Atypon's platform serves ACM, Taylor & Francis, SAGE, Wiley, ACS and many more.
_HOSTS = r"""
acm.org acm: section#abstract [role=paragraph] || section#abstract ||
    .abstractSection.abstractInFull || .hlFld-Abstract
ieee.org ieee: .abstract-text [xplmathjax] || .abstract-text .u-mb-1 > div
springer.com springer: #Abs1-content || section[data-title=Abstract] || section.Abstract ||
    section#Abs1 || .abstract-content
nature.com nature: #Abs1-content || section[data-title=Abstract]
usenix.org usenix: .field-name-field-paper-description .field-items ||
    .field-name-field-paper-description || .field-name-field-paper-description-long
sciencedirect.com sciencedirect: .Abstracts .abstract.author || .abstract.svAbstract:not(.graphical,
    .highlights)
neurips.cc,nips.cc neurips: p.paper-abstract || .paper-abstract || p.abstract
ijcai.org ijcai: .proceedings-detail .row > .col-md-12:not(:has(.keywords)) || #content
    p:not(:has(i))
arxiv.org arxiv: blockquote.abstract
aclanthology.org,aclweb.org acl: .acl-abstract > span || .acl-abstract
mlr.press pmlr: #abstract || div.abstract
openreview.net openreview: .note-content-field:-soup-contains('Abstract') + .note-content-value ||
    .note_content_field:-soup-contains('Abstract') + .note_content_value
thecvf.com cvf: #abstract
aaai.org aaai: section.item.abstract || .abstract-text-wrap .attribute-output
wiley.com wiley: .article-section__abstract .article-section__content ||
    section.article-section__abstract || #abstract .para || #abstract
tandfonline.com tandfonline: .abstractSection.abstractInFull || .hlFld-Abstract
acs.org acs: p.articleBody_abstractText || .article_abstract-content || section#abstract ||
    .abstractSection.abstractInFull || .hlFld-Abstract
sagepub.com sage: section#abstract [role=paragraph] || section#abstract ||
    .abstractSection.abstractInFull || .hlFld-Abstract
science.org science: section#abstract [role=paragraph] || section#abstract ||
    .abstractSection.abstractInFull || .hlFld-Abstract
iop.org iop: .wd-jnl-art-abstract || .article-text.wd-jnl-art-abstract
aps.org aps: #abstract-section-content > p || section.abstract .content > p
aip.org aip: .hlFld-Abstract || section.abstract
projecteuclid.org euclid: #divARTICLECONTENTTop .panel-body || .abstract-text
iospress.com iospress: [data-abstract]@data-abstract
nber.org nber: .page-header__intro-inner
mdpi.com mdpi: .html-abstract .html-p || .art-abstract
oup.com oup: section.abstract
cambridge.org cambridge: .abstract-content .abstract || div.abstract
dagstuhl.de dagstuhl: section.abstract || #abstract
jmlr.org jmlr: p.abstract
ndss-symposium.org ndss: .paper-data > p:not(:has(strong))
"""
# names that no other kind of page has (a mark to look for first, name, selector): for mirrors, proxies
# and pages saved without their address
_ANYWHERE = r"""
Abs1-content springer: #Abs1-content
field-name-field-paper-description usenix: .field-name-field-paper-description .field-items
proceedings-detail ijcai: .proceedings-detail .row > .col-md-12:not(:has(.keywords))
data-p13n-title iospress: [data-p13n-title][data-abstract]@data-abstract
note-content-field openreview: .note-content-field:-soup-contains('Abstract') +
    .note-content-value.markdown-rendered
"""

_IEEE = re.compile(r"(?:xplGlobal|\bglobal)\.document\.metadata\s*=\s*(?=\{)")
_TAGS = {"section-title": "title", "simple-para": "p", "abstract-sec": "div", "inf": "sub"}
_DECODER = json.JSONDecoder(strict=False)


def _rows(table: str) -> list[tuple[str, str, list[str]]]:
    """The key, name and selectors of each row; a row goes on in lines that are indented."""
    rows = (row.partition(": ") for row in table.strip().replace("\n    ", " ").splitlines())
    return [(*head.split(), selectors.split(" || ")) for head, _, selectors in rows]  # type: ignore[misc]


SELECTORS, ANYWHERE = _rows(_HOSTS), _rows(_ANYWHERE)


def selectors_of(hosts: set[str], html: str) -> Iterator[tuple[str, str]]:
    """Name and selector of every publisher whose host is among ``hosts``, in order.

    Then of those whose pages are known by names that nobody else uses.
    """
    known = [
        row
        for row in SELECTORS
        if any(f".{host}".endswith(f".{end}") for end in row[0].split(",") for host in hosts)
    ] + [row for row in ANYWHERE if row[0] in html]
    return ((name, selector) for _, name, selectors in known for selector in selectors)


def hosts_of(soup: BeautifulSoup, url: str) -> set[str]:
    """The page's host by its url and by what it says of itself."""
    urls = [url]
    urls += [str(link.get("href") or "") for link in soup.find_all("link", rel="canonical")]
    urls += [str(meta.get("content") or "") for meta in soup.find_all("meta", property="og:url")]
    return {host_of(item) for item in urls} - {""}


def ieee_abstract(html: str) -> str:
    """The abstract in IEEE Xplore's ``xplGlobal.document.metadata``, or an empty string."""
    for match in _IEEE.finditer(html):
        found = decode_at(html, match.end())
        if isinstance(found, dict) and isinstance(found.get("abstract"), str):
            text: str = found["abstract"]
            return "" if text.strip().lower() in ("true", "false") else text
    return ""


def sciencedirect_abstract(html: str) -> str:
    """The authors' abstract in ScienceDirect's page state, or an empty string.

    The state is XML as JSON: ``#name`` the tag, ``$`` attributes, ``$$`` children, ``_`` text. It
    has highlights and graphical abstracts too, each with its class.
    """
    for match in re.finditer(r'"abstracts"\s*:\s*(?=\{)', html):
        found = decode_at(html, match.end())
        for abstract in found.get("content", []) if isinstance(found, dict) else []:
            kind = (abstract.get("$") or {}).get("class") if isinstance(abstract, dict) else ""
            if kind in (None, "author") and (text := _markup(abstract, top=True).strip()):
                return text
    return ""


def _markup(node: Any, *, top: bool = False) -> str:
    """The XML that the JSON stands for; its own heading left out."""
    if not isinstance(node, dict):
        return ""
    name = str(node.get("#name") or "")
    inside = escape(str(node.get("_") or ""), quote=False)
    for child in node.get("$$") or []:
        if not (top and isinstance(child, dict) and child.get("#name") == "section-title"):
            inside += _markup(child)
    tag = _TAGS.get(name, name)
    return f"<{tag}>{inside}</{tag}>" if re.fullmatch(r"[a-z][\w:-]*", tag) else inside


def decode_at(text: str, start: int) -> Any:
    """The JSON value that begins at ``start``, or None where there is none."""
    try:
        return _DECODER.raw_decode(text, start)[0]
    except (ValueError, RecursionError):
        return None
