"""The abstract of a landing page: a cascade of extractors, the surest first.

Publisher's own markup → JSON in scripts → ``citation_abstract``, Dublin Core, JSON-LD → a section
headed or named "Abstract" → the page's description, which is often cut off, a citation or
boilerplate and is taken only where it is none of them. Where the first is cut off, or another one
goes on where it ends, the fuller one is taken.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bs4 import BeautifulSoup, Tag

from papertune.collect.texts import markup, publishers
from papertune.collect.texts.is_abstract import is_abstract, is_cut, is_description, is_fuller
from papertune.collect.texts.text import clean, words
from papertune.sentences import terms

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
# words beside "abstract" in a class or id of something else than the abstract's text
_NOT_NAMED = re.compile(
    r"graphical|visual|highlights?|toggler?|links?|button|btn|nav|tabs?|teaser|short|preview|heading"
    r"|header|title|labels?|keywords?|lists?|lang|language|menu|count|views?|figure|image|img|icon"
    r"|related|recommended|recommendations|similar|cited|video|audio|pdf|popup|modal|tooltip|tools"
    r"|actions|share|metrics|no|has|with|show|hide|expand|collapse|number|id|url|html|background"
    r"|factory|class|syntax|interpretation|page|type|only"
)
# words in the class or id of a part of the page that is about other papers, or a form
_OUTSIDE = re.compile(
    r"related|recommend(?:ed|ations?|er)|similar|citing|references?|bibliography|sidebar|trending"
    r"|carousel|modal|popup|dialog|footer"
)
# names of meta tags, the surest first; the last three mostly say what else a page is about
_METAS = (
    "citation_abstract", "dcterms.abstract", "dc.description.abstract", "dc.description",
    "dcterms.description", "eprints.abstract", "bepress_citation_abstract", "prism.abstract",
    "abstract", "og:description", "description", "twitter:description",
)  # fmt: skip
_NO_HEADINGS = words("script style title a option button")
_NO_BOXES = words("body html a button input option svg i label li")


@dataclass(frozen=True, slots=True)
class Found:
    """An abstract, its extractor (``meta:citation_abstract``), and whether it is only a beginning."""

    text: str
    found_by: str
    truncated: bool = False


def best_abstract(html: str, url: str) -> Found | None:
    """The fullest abstract that a landing page has, marked where it is cut off.

    Args:
        html: The page as it came, or as a browser wrote it.
        url: Where it came from; chooses the publisher's extractors.
    """
    soup = markup.parsed(html)
    texts = [(clean(text), name) for text, name in _candidates(soup, html, url)]
    found = [Found(text, name, is_cut(text)) for text, name in texts if is_abstract(text)]
    texts = [(clean(text), name) for text, name in _descriptions(soup)]
    whole = [Found(text, name) for text, name in texts if is_description(text)]
    if not found:
        return whole[0] if whole else None
    first = found[0]
    for other in [*found[1:], *whole]:
        goes_on = is_fuller(other.text, first.text) and (first.truncated or not other.truncated)
        if goes_on or (first.truncated > other.truncated and _same(first.text, other.text)):
            first = other
    if first.truncated and len(first.text) < 80:
        # what is cut before it says what it is about is worth less than another's whole
        return next((other for other in found if not other.truncated), first)
    return first


def _same(cut: str, whole: str) -> bool:
    """Most words of what is cut stand in the whole, early on."""
    words, there = terms(cut, 3), terms(whole[: 2 * len(cut)], 3)
    return len(words & there) >= 0.7 * len(words)


def _candidates(soup: BeautifulSoup, html: str, url: str) -> Iterator[tuple[str, str]]:
    """Text or markup, and who found it: the surest first."""
    yield publishers.ieee_abstract(html), "publisher:ieee"
    for name, selector in publishers.selectors_of(soup, url, html):
        css, _, attribute = selector.partition("@")
        for element in soup.select(css, limit=5):
            if attribute:
                yield str(element.get(attribute, "")), f"publisher:{name}"
            elif not _is_elsewhere(element) and not _is_headed_other(element):
                yield markup.inner_text(element), f"publisher:{name}"
    yield publishers.sciencedirect_abstract(html), "publisher:sciencedirect"
    yield from ((text, "script:json") for text in publishers.abstracts_in_scripts(soup))
    yield from ((content, f"meta:{name}") for name, content in _metas(soup, _METAS[:-3]))
    yield from publishers.abstracts_in_json_ld(soup)
    yield from ((text, "section") for text in _sections(soup))


def _descriptions(soup: BeautifulSoup) -> Iterator[tuple[str, str]]:
    title = terms(publishers.title_of(soup), 4)
    for name, content in _metas(soup, _METAS[-3:]):
        # these mostly describe the site: an abstract has words of its title
        shared = title & terms(content, 4)
        if name.startswith("og:"):
            yield content, name
        elif len(shared) >= max(2, 0.3 * len(title)):
            yield content, f"meta:{name}"


def _metas(soup: BeautifulSoup, names: tuple[str, ...]) -> list[tuple[str, str]]:
    """The contents of a page's meta tags of these names, in the names' order."""
    found = []
    for meta in soup.find_all("meta"):
        keys = (str(meta.get(key) or "").lower() for key in ("name", "property", "itemprop"))
        name = next((key for key in keys if key in _METAS), "")
        if name in names:
            found.append((name, str(meta.get("content") or "")))
    return sorted(found, key=lambda pair: names.index(pair[0]))


def _sections(soup: BeautifulSoup) -> Iterator[str]:
    named = [one for one in soup.find_all(_is_named_abstract, limit=24) if not _is_elsewhere(one)]
    held = {id(parent) for element in named for parent in element.parents}
    ids = set(map(id, named))
    if sum(not any(id(parent) in ids for parent in one.parents) for one in named) > 4:
        named = []  # a list of papers
    # the innermost first: around it stand buttons, figures and lists
    for element in sorted(named[:12], key=lambda item: id(item) in held):
        if not _is_headed_other(element):
            yield markup.inner_text(element)
    for string in soup.find_all(string=markup.HEADING, limit=12):
        heading = string.parent
        # the heading's own box, where its words lie deeper in it
        while heading and (box := heading.parent) and markup.HEADING.match(markup.short_text(box)):
            heading = box
        if heading and heading.name not in _NO_HEADINGS and not _is_elsewhere(heading):
            text = markup.text_after(heading)
            around = heading.parent if not text.strip() else None
            yield markup.text_after(around) if around else text


def _is_named_abstract(element: Tag) -> bool:
    """Called an abstract by its id, class or role in a vocabulary, in whatever spelling."""
    if element.name in _NO_BOXES:
        return False
    attributes = element.attrs
    if str(attributes.get("itemprop") or attributes.get("property") or "").endswith("abstract"):
        return element.name != "meta"
    names = [str(attributes.get("id") or ""), *map(str, attributes.get("class") or [])]
    named = [_words(name) for name in names if "bstract" in name or "BSTRACT" in name]
    return any(
        words & {"abstract", "abstracts"} and not any(map(_NOT_NAMED.fullmatch, words))
        for words in named
    )


def _is_headed_other(element: Tag) -> bool:
    """Its first heading says that it is something else: a graphical abstract, highlights."""
    heading = element.find([*markup.HEADINGS, "strong", "b"])
    before = element.find_previous_sibling(markup.HEADINGS)
    first = next(iter(element.stripped_strings), "")
    if heading is not None and next(iter(heading.stripped_strings), "") != first:
        heading = None  # it comes later
    return any(
        other and markup.OTHER.match(markup.short_text(other)) for other in (heading, before)
    )


def _is_elsewhere(element: Tag) -> bool:
    """Within a list of other papers, a margin, a dialog or the page's foot."""
    for parent in (element, *element.parents):
        names = [str(parent.get("id") or ""), *map(str, parent.get("class") or [])]
        if parent.name in ("aside", "footer", "nav") or any(map(_is_outside, names)):
            # a box around the whole page may be called after its margin
            return parent.name != "body" and parent.find("h1") is None
    return False


def _is_outside(name: str) -> bool:
    words = _words(name)
    return any(map(_OUTSIDE.fullmatch, words)) and not words & {"with", "has", "wrap", "wrapper"}


def _words(name: str) -> set[str]:
    """The words of a class or an id, in whatever spelling."""
    return {word.lower() for word in _WORD.findall(name)}
