"""Publishers' places of the abstract: a table of CSS selectors, and data in a page's scripts."""

import json
import re
from collections.abc import Iterator
from html import escape
from typing import Any

from bs4 import BeautifulSoup

from papertune.collect.identifiers import host_of
from papertune.collect.texts.about_page import title_of
from papertune.collect.texts.is_abstract import is_abstract
from papertune.collect.texts.text import clean, letters, words

# Hosts (with subdomains), each publisher's name, and selectors in their order. `@name` after a
# selector takes that attribute. Atypon's platform serves ACM, Taylor & Francis, SAGE, Wiley, ACS
# and many more. The last rows begin with a mark in the page in place of a host: for mirrors,
# proxies and pages saved without their url.
_TABLE = r"""
acm.org acm sagepub.com sage science.org science pnas.org pnas: section#abstract ||
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
pubmed.ncbi.nlm.nih.gov pubmed: #eng-abstract || .abstract-content.selected
plos.org plos: .abstract-content
ndss-symposium.org ndss: .paper-data > p:not(:has(strong))
Abs1-content springer: #Abs1-content
field-name-field-paper-description usenix: .field-name-field-paper-description .field-items
proceedings-detail ijcai: .proceedings-detail .row > .col-md-12:not(:has(.keywords))
data-p13n-title iospress: [data-p13n-title][data-abstract]@data-abstract
note-content-field openreview: .note-content-field:-soup-contains('Abstract') +
    .note-content-value.markdown-rendered
"""

_IEEE = re.compile(r"(?:xplGlobal|\bglobal)\.document\.metadata\s*=\s*(?=\{)")
_STATE = re.compile(r'"abstracts"\s*:\s*(?=\{)')
_TAGS = {"section-title": "title", "simple-para": "p", "abstract-sec": "div", "inf": "sub"}
_DECODER = json.JSONDecoder(strict=False)
_ARTICLES = words(
    "ScholarlyArticle Article TechArticle Report CreativeWork Thesis MedicalScholarlyArticle"
    " Chapter PublicationIssue Dataset"
)
_KEYS = ("abstract", "abstractText", "paperAbstract", "abstract_text", "articleAbstract")
# OpenReview wraps values: {"abstract": {"value": "…"}}
_FIELD = re.compile(rf'"(?:{"|".join(_KEYS)})"\s*:\s*(?:\{{\s*"(?:value|text)"\s*:\s*)?(?=")')
_PUSH = re.compile(r"__next_f\.push\(\[\d+,\s*(?=\")")


def selectors_of(soup: BeautifulSoup, url: str, html: str) -> Iterator[tuple[str, str]]:
    """Name and selector for each publisher of a page, by its url, declared urls or marks."""
    said = soup.select("link[rel~=canonical], meta[property='og:url']")
    urls = [url, *(str(tag.get("href") or tag.get("content") or "") for tag in said)]
    hosts = {f".{host_of(item)}" for item in urls} - {"."}
    for row in _TABLE.strip().replace("\n    ", " ").splitlines():
        head, _, selectors = row.partition(": ")
        known = head.split()
        for marks, name in zip(known[::2], known[1::2], strict=True):
            ends = tuple(f".{end}" for end in marks.split(","))
            if any(host.endswith(ends) for host in hosts) if "." in marks else marks in html:
                yield from ((name, selector) for selector in selectors.split(" || "))


def ieee_abstract(html: str) -> str:
    """The abstract in IEEE Xplore's ``xplGlobal.document.metadata``, or an empty string."""
    for found in _decoded(_IEEE, html):
        if isinstance(found, dict) and isinstance(found.get("abstract"), str):
            text: str = found["abstract"]
            return "" if text.strip().lower() in ("true", "false") else text
    return ""


def sciencedirect_abstract(html: str) -> str:
    """The authors' abstract in ScienceDirect's page state, or an empty string.

    The state is XML as JSON: ``#name`` the tag, ``$`` attributes, ``$$`` children, ``_`` text. It
    also has highlights and graphical abstracts, told apart by their class.
    """
    for found in _decoded(_STATE, html):
        for abstract in found.get("content", []) if isinstance(found, dict) else []:
            kind = (abstract.get("$") or {}).get("class") if isinstance(abstract, dict) else ""
            if kind in (None, "author") and (text := _markup(abstract, top=True).strip()):
                return text
    return ""


def _markup(node: Any, *, top: bool = False) -> str:
    """The XML that the JSON encodes; with ``top``, without its own heading."""
    if not isinstance(node, dict):
        return ""
    name = str(node.get("#name") or "")
    inside = escape(str(node.get("_") or ""), quote=False)
    for child in node.get("$$") or []:
        if not (top and isinstance(child, dict) and child.get("#name") == "section-title"):
            inside += _markup(child)
    tag = _TAGS.get(name, name)
    return f"<{tag}>{inside}</{tag}>" if re.fullmatch(r"[a-z][\w:-]*", tag) else inside


def _decoded(before: re.Pattern[str], text: str) -> list[Any]:
    """The JSON value after each match; None if there is no valid one."""
    return [_decoded_at(text, match.end()) for match in before.finditer(text)]


def _decoded_at(text: str, start: int) -> Any:
    try:
        return _DECODER.raw_decode(text, start)[0]
    except (ValueError, RecursionError):
        return None


def abstracts_in_json_ld(soup: BeautifulSoup) -> Iterator[tuple[str, str]]:
    """Abstracts of the page's own paper in JSON-LD, and their extractor: ``json-ld:abstract``."""
    title = title_of(soup)
    for script in soup.find_all("script", type=re.compile("ld\\+json", re.IGNORECASE)):
        for node in _nodes(_decoded_at((script.string or "").strip(), 0), 0):
            if not same_title(str(node.get("headline") or node.get("name") or ""), title):
                continue
            kinds = node.get("@type") or []
            articles = _ARTICLES & set([kinds] if isinstance(kinds, str) else map(str, kinds))
            for key in ("abstract", "description") if articles else ("abstract",):
                if isinstance(node.get(key), str):
                    yield node[key], f"json-ld:{key}"


def _nodes(data: Any, depth: int) -> Iterator[dict[str, Any]]:
    """The objects of JSON-LD that describe the page; deeper ones may be cited papers."""
    if isinstance(data, list):
        for item in data:
            yield from _nodes(item, depth)
    elif isinstance(data, dict) and depth < 2:
        yield data
        for key in ("@graph", "mainEntity"):
            yield from _nodes(data.get(key), depth + 1)


def abstracts_in_scripts(soup: BeautifulSoup) -> list[str]:
    """The page's own abstract in its scripts' data, unless it may be a recommended paper's.

    If the data has several, the one beside the page's own title is taken.
    """
    found: dict[str, str] = {}
    sources = list(_sources(soup))
    for source in sources:
        for value in _decoded(_FIELD, source):
            if isinstance(value, str) and is_abstract(cleaned := clean(value)):
                found.setdefault(cleaned, value)
    if not found:
        return []
    title = title_of(soup)
    owners: dict[str, list[str]] = {}
    for source in sources:
        # the JSON that a script is, or assigns
        start = re.match(r"\s*(?=[{\[])", source) or re.search(r"=\s*(?=[{\[])", source)
        for owner, text in _owned(_decoded_at(source, start.end()), 0) if start else ():
            owners.setdefault(clean(text), []).append(owner)
    mine = [
        value
        for cleaned, value in found.items()
        if any(same_title(owner, title) for owner in owners.get(cleaned, []))
        or (len(found) == 1 and cleaned not in owners)
    ]
    return mine if len(mine) == 1 and (title or len(found) == 1) else []


def same_title(one: str, other: str) -> bool:
    """Whether two titles are the same, even with the site's name after one, or if one is empty."""
    short, long = sorted((letters(clean(one)), letters(clean(other))), key=len)
    return short == long or not short or (len(short) > 12 and long.startswith(short))


def _sources(soup: BeautifulSoup) -> Iterator[str]:
    pushed = []
    for script in soup.find_all("script"):
        if "ld+json" in str(script.get("type", "")):
            continue
        source = script.string or ""
        if parts := _decoded(_PUSH, source):
            pushed += [part for part in parts if isinstance(part, str)]
        elif "bstract" in source:
            yield source
    if pushed:
        yield "".join(pushed)


def _owned(data: Any, depth: int) -> Iterator[tuple[str, str]]:
    """(title, abstract) of the objects that have both."""
    if depth > 40:
        return
    if isinstance(data, dict):
        title = _value(data.get("title")) or _value(data.get("name"))
        if title:
            yield from ((title, _value(data[key])) for key in _KEYS if _value(data.get(key)))
        data = list(data.values())
    for item in data if isinstance(data, list) else []:
        yield from _owned(item, depth + 1)


def _value(field: Any) -> str:
    if isinstance(field, dict):
        field = field.get("value") or field.get("text")
    return field if isinstance(field, str) else ""
