"""The abstract of a landing page: a cascade of extractors, the surest first.

Publisher's own markup → JSON in scripts → ``citation_abstract``, Dublin Core, JSON-LD → a section
headed "Abstract" → ``og:description``, which is often cut off, a citation or boilerplate and is
taken only where it is none of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from papertune.sources.judgement import is_abstract, is_cut, is_description
from papertune.sources.publishers import (
    decode_at,
    ieee_abstract,
    sciencedirect_abstract,
    selectors_of,
)
from papertune.sources.text import BLOCK_TAG, clean

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

_HEADING = re.compile(r"^\s*(?:\d+\.?\s+)?(?:abstract|summary)\s*[:.]?\s*$", re.IGNORECASE)
_NAMED = re.compile(
    r"^(?:paper-?|article-?|hlfld-?)?abstract(?:-?(?:text|content|body|section|full|infull))?$",
    re.IGNORECASE,
)
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_META = (
    "citation_abstract",
    "dcterms.abstract",
    "dc.description.abstract",
    "dc.description",
    "dcterms.description",
    "eprints.abstract",
    "bepress_citation_abstract",
)
_ARTICLES = {"ScholarlyArticle", "Article", "TechArticle", "Report", "CreativeWork", "Thesis"}


def find_abstract(html: str, url: str) -> tuple[str, str] | None:
    """The abstract of a landing page and the name of the extractor that found it.

    Args:
        html: The page as it came, or as a browser wrote it.
        url: Where it came from; chooses the publisher's extractors.

    Returns:
        Text and extractor (``meta:citation_abstract``, ``script:json``, ``section`` …), or None.
    """
    soup = _parsed(html)
    for candidates in (_publisher, _scripts, _metas, _json_ld, _sections):
        for text, found_by in candidates(soup, html, url):
            cleaned = clean(text)
            if is_abstract(cleaned) and not is_cut(cleaned):
                return cleaned, found_by
    for text, found_by in _descriptions(soup):
        cleaned = clean(text)
        if is_description(cleaned):
            return cleaned, found_by
    return None


def _parsed(html: str) -> BeautifulSoup:
    import warnings

    from bs4 import BeautifulSoup, XMLParsedAsHTMLWarning

    with warnings.catch_warnings():  # XHTML with an XML declaration is meant to be read as HTML
        warnings.simplefilter("ignore", XMLParsedAsHTMLWarning)
        # half a surrogate pair, which browsers let pass, is no text to lxml
        return BeautifulSoup(html.encode("utf-8", "replace").decode(), "lxml")


# ---- extractors: (soup, html, url) → candidates (text or markup, name) ------------------------


def _publisher(soup: BeautifulSoup, html: str, url: str) -> Iterator[tuple[str, str]]:
    text = ieee_abstract(html)
    if text:
        yield text, "publisher:ieee"
    hosts = _hosts(soup, url)
    for name, selector in selectors_of(hosts):
        css, _, attribute = selector.partition("@")
        for element in soup.select(css, limit=5):
            yield (
                str(element.get(attribute, "")) if attribute else _markup(element),
                f"publisher:{name}",
            )
    if any(host.endswith("sciencedirect.com") for host in hosts):
        yield sciencedirect_abstract(html), "publisher:sciencedirect"


def _scripts(soup: BeautifulSoup, html: str, url: str) -> Iterator[tuple[str, str]]:
    """The one abstract in the page's data; several would be those of recommended papers too."""
    found: dict[str, None] = {}
    for script in soup.find_all("script"):
        if "ld+json" in str(script.get("type", "")):
            continue
        source = script.string or ""
        for match in re.finditer(r'"(?:abstract|abstractText|paperAbstract)"\s*:\s*(?=")', source):
            value = decode_at(source, match.end())
            if isinstance(value, str) and is_abstract(clean(value)):
                found[value] = None
    if len(found) == 1:
        yield next(iter(found)), "script:json"


def _metas(soup: BeautifulSoup, html: str, url: str) -> Iterator[tuple[str, str]]:
    found: dict[str, list[str]] = {}
    for meta in soup.find_all("meta"):
        name = str(meta.get("name") or meta.get("property") or "").lower()
        if name in _META:
            found.setdefault(name, []).append(str(meta.get("content") or ""))
    for name in _META:
        for content in found.get(name, []):
            yield content, f"meta:{name}"


def _json_ld(soup: BeautifulSoup, html: str, url: str) -> Iterator[tuple[str, str]]:
    for script in soup.find_all("script", type=re.compile("ld\\+json", re.IGNORECASE)):
        try:
            data = json.loads(script.string or "", strict=False)
        except (ValueError, RecursionError):
            continue
        for node in _nodes(data, 0):
            kinds = node.get("@type") or []
            articles = _ARTICLES & set([kinds] if isinstance(kinds, str) else map(str, kinds))
            if isinstance(node.get("abstract"), str):
                yield node["abstract"], "json-ld:abstract"
            if articles and isinstance(node.get("description"), str):
                yield node["description"], "json-ld:description"


def _nodes(data: Any, depth: int) -> Iterator[dict[str, Any]]:
    """The objects of JSON-LD that describe the page; deeper ones may be cited papers."""
    if isinstance(data, list):
        for item in data:
            yield from _nodes(item, depth)
    elif isinstance(data, dict) and depth < 2:
        yield data
        for key in ("@graph", "mainEntity"):
            yield from _nodes(data.get(key), depth + 1)


def _sections(soup: BeautifulSoup, html: str, url: str) -> Iterator[tuple[str, str]]:
    for element in soup.find_all(_is_named_abstract):
        yield _markup(element), "section"
    for heading in soup.find_all([*_HEADINGS, "summary", "strong", "b", "dt", "legend", "span"]):
        if _HEADING.match(heading.get_text()):
            text = _after(heading)
            if not text and heading.parent is not None:
                text = _after(heading.parent)
            yield text, "section"


def _is_named_abstract(element: Tag) -> bool:
    if element.name in ("body", "html", "a", "button", "input", "option", "svg", "i", "label"):
        return False
    names = [str(element.get("id") or ""), *map(str, element.get("class") or [])]
    return any(_NAMED.match(name) for name in names)


def _after(heading: Tag) -> str:
    """The markup that follows a heading, up to the next heading."""
    parts: list[str] = []
    for sibling in heading.next_siblings:
        name = getattr(sibling, "name", None)
        if name in _HEADINGS or (name and sibling.find(_HEADINGS) is not None):
            break
        parts.append(_markup(sibling) if name else str(sibling))
    return " ".join(parts)


def _descriptions(soup: BeautifulSoup) -> Iterator[tuple[str, str]]:
    for meta in soup.find_all("meta", property="og:description"):
        yield str(meta.get("content") or ""), "og:description"


def _hosts(soup: BeautifulSoup, url: str) -> set[str]:
    """The page's host by its url and by what it says of itself."""
    urls = [url]
    urls += [str(link.get("href") or "") for link in soup.find_all("link", rel="canonical")]
    urls += [str(meta.get("content") or "") for meta in soup.find_all("meta", property="og:url")]
    hosts = set()
    for item in urls:
        try:
            hosts.add((urlsplit(item).hostname or "").lower())
        except ValueError:
            continue
    return hosts - {""}


def _markup(element: Tag) -> str:
    """An element's inner markup without headings, scripts, keywords and formulas said twice."""
    from bs4 import Comment

    part = _parsed(str(element))
    for comment in part.find_all(string=lambda text: isinstance(text, Comment)):
        comment.extract()
    for unwanted in part.select(
        "script, style, template, button, annotation, .MathJax_Preview, .MJX_Assistive_MathML, "
        ".keywords, .abstractKeywords, .descriptor, .sr-only"
    ):
        unwanted.decompose()
    for heading in part.find_all([*_HEADINGS, "summary", "strong", "b", "span", "dt", "legend"]):
        if not heading.decomposed and (
            heading.name in _HEADINGS or _HEADING.match(heading.get_text())
        ):
            heading.decompose()
    # every tag goes here; what is escaped in the text stays escaped until it is cleaned
    return re.sub(
        r"<[^>]*>", "", BLOCK_TAG.sub(" ", str(part.body.decode_contents() if part.body else ""))
    )
