"""The abstract of a landing page: a cascade of extractors, the most reliable first.

Publisher's own markup → JSON in scripts → ``citation_abstract``, Dublin Core, JSON-LD → a section
headed or named "Abstract" → the page's description, unless it is truncated, a citation or
boilerplate, as it often is → the paragraph that a truncated description begins.
Additions after an abstract are removed; of several languages the title's is taken. If the first
abstract is truncated, a complete one is taken from any extractor. A complete one is replaced only
by a longer text that continues it, and by a section's only if it may be just a part.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from bs4 import BeautifulSoup, Tag

from papertune.collect.texts import markup, publishers
from papertune.collect.texts.about_page import (
    bare_title,
    declared_language,
    is_about,
    is_news,
    is_not_found,
    is_scholarly,
)
from papertune.collect.texts.endings import trimmed
from papertune.collect.texts.is_abstract import (
    is_abstract,
    is_cut,
    is_dangling,
    is_description,
    is_fuller,
    is_part,
    is_study,
    is_unfinished,
    without_ellipsis,
)
from papertune.collect.texts.languages import by_language, language_among
from papertune.collect.texts.sections import (
    is_elsewhere,
    is_headed_other,
    paragraph_with,
    sections,
)
from papertune.collect.texts.text import clean, letters
from papertune.sentences import terms

# names of meta tags, the most reliable first
_ABSTRACTS = (
    "citation_abstract", "dcterms.abstract", "dc.description.abstract", "eprints.abstract",
    "bepress_citation_abstract", "prism.abstract",
)  # fmt: skip
# may describe the site, unless other tags say that the page is about a paper
_MAYBE = ("dc.description", "dcterms.description", "abstract")
# mostly truncated, or about something else
_DESCRIPTIONS = ("og:description", "description", "twitter:description")


@dataclass(frozen=True, slots=True)
class Found:
    """An abstract, its extractor (``meta:citation_abstract``), and whether it is only a beginning."""

    text: str
    found_by: str
    truncated: bool = False

    @property
    def is_sure(self) -> bool:
        """Whether the page marks it as an abstract, not only by a heading."""
        return self.found_by.startswith(("publisher:", "script:", "meta:", "json-ld:"))


def best_abstract(html: str, url: str) -> Found | None:
    """The most complete abstract of a landing page, or None; ``truncated`` if it is cut off.

    Args:
        html: The page as served, or as rendered by a browser.
        url: The page's url; it selects the publisher's extractors.
    """
    soup = markup.parsed(html)
    if is_not_found(soup):
        return None
    news = is_news(soup, url)
    found = _judged(_candidates(soup, html, url, news), soup)
    if not found or found[0].truncated:
        found += _judged(((text, "section") for text in sections(soup, margin=True)), soup)
    if _are_several(found, soup):
        found = [one for one in found if one.is_sure]
    described = [] if news else list(_descriptions(soup, found[0].text if found else ""))
    whole = _judged(described, soup, is_description)
    if not found:
        cut = [text for text, _ in described if is_unfinished(clean(text))]
        # sites cut descriptions after a full sentence, too
        cut += [one.text for one in whole if not one.truncated]
        found = [one for text in cut for one in _in_paragraph(soup, clean(text))]
        found = [one for one in found if not whole or len(one.text) > len(whole[0].text)] or whole
        return found[0] if found else None
    first = found[0]
    if first.truncated:
        whole += _in_paragraph(soup, first.text)
    for other in [*found[1:], *whole]:
        if _is_better(other, first):
            first = other
    if first.truncated and any(_ends_so(other, first) for other in [*found, *whole]):
        return replace(first, truncated=False)
    if first.truncated and len(first.text) < 80:
        # so short a beginning says less than another complete text
        return next((other for other in found if not other.truncated), first)
    return first


def _judged(
    candidates: Iterable[tuple[str, str]],
    soup: BeautifulSoup,
    is_one: Callable[[str], bool] = is_abstract,
) -> list[Found]:
    """The candidates that are abstracts; in the title's language only, if any are in it."""
    found = []
    title, declared = bare_title(soup), declared_language(soup)
    for text, name in candidates:
        for language, part in by_language(clean(text)):
            part = trimmed(clean(part))
            if is_one(part):
                unfinished = name.startswith(("meta:", "json-ld:")) and is_unfinished(part)
                found.append((language, Found(part, name, unfinished or is_cut(part))))
    wanted = language_among([(language, one.text) for language, one in found], title, declared)
    return [one for language, one in found if language in ("", wanted) or not wanted]


def _is_better(other: Found, first: Found) -> bool:
    """Whether ``other`` continues ``first``, or is complete where ``first`` is truncated."""
    if first.truncated:
        goes_on = is_fuller(other.text, first.text)
        return goes_on or (not other.truncated and _same(first.text, other.text))
    if other.truncated or not is_fuller(other.text, first.text):
        return False
    return other.is_sure or not first.is_sure or is_part(first.text)


def _ends_so(other: Found, first: Found) -> bool:
    """Whether the page shows the same text, which then is complete although it has no full stop."""
    shown = not other.is_sure or other.found_by.startswith("publisher:")
    return shown and not is_dangling(first.text) and letters(other.text) == letters(first.text)


def _in_paragraph(soup: BeautifulSoup, cut: str) -> list[Found]:
    """The paragraph of the page that begins with a truncated text; at most one."""
    beginning = without_ellipsis(cut)
    for text in paragraph_with(soup, beginning):
        whole = trimmed(clean(text))
        goes_on = whole.startswith(beginning) or is_fuller(whole, beginning)
        if goes_on and is_abstract(whole) and not is_cut(whole):
            return [Found(whole, "paragraph")]
    return []


def _same(cut: str, whole: str) -> bool:
    """Whether most words of a truncated text occur early in the complete one."""
    words, there = terms(cut, 3), terms(whole[: 2 * len(cut)], 3)
    return len(words & there) >= 0.7 * len(words)


def _candidates(soup: BeautifulSoup, html: str, url: str, news: bool) -> Iterator[tuple[str, str]]:
    """Text or markup, and the extractor that found it: the most reliable first."""
    yield publishers.ieee_abstract(html), "publisher:ieee"
    for name, selector in publishers.selectors_of(soup, url, html):
        css, _, attribute = selector.partition("@")
        found = soup.select(css, limit=12)
        if attribute:
            yield from ((str(one.get(attribute, "")), f"publisher:{name}") for one in found)
            continue
        for run in _in_a_row(found):
            texts = [
                markup.inner_text(one)
                for one in run
                if not is_elsewhere(one) and not is_headed_other(one)
            ]
            yield "\n".join(texts), f"publisher:{name}"
    yield publishers.sciencedirect_abstract(html), "publisher:sciencedirect"
    yield from ((text, "script:json") for text in publishers.abstracts_in_scripts(soup))
    yield from ((content, f"meta:{name}") for name, content in _metas(soup, _ABSTRACTS))
    if not news:
        paper, title = is_scholarly(soup), bare_title(soup)
        for name, content in _metas(soup, _MAYBE):
            if paper or is_study(clean(content)) or is_about(content, title):
                yield content, f"meta:{name}"
        yield from publishers.abstracts_in_json_ld(soup)
    yield from ((text, "section") for text in sections(soup, named=not news))


def _in_a_row(elements: Iterable[Tag]) -> list[list[Tag]]:
    """The elements that a selector finds, grouped: consecutive paragraphs are one text."""
    runs: list[list[Tag]] = []
    for one in elements:
        if runs and one.name == "p" and one.find_previous_sibling() is runs[-1][-1]:
            runs[-1].append(one)
        else:
            runs.append([one])
    return runs


def _are_several(found: list[Found], soup: BeautifulSoup) -> bool:
    """Whether the page is a list of papers, each with its abstract."""
    if is_scholarly(soup) or any(one.is_sure for one in found):
        return False
    apart: list[str] = []
    for said in sorted((letters(one.text) for one in found), key=len, reverse=True):
        if not any(said[:200] in other for other in apart):
            apart.append(said)
    return len(apart) > 2 and not is_about(found[0].text, bare_title(soup))


def _descriptions(soup: BeautifulSoup, beginning: str) -> Iterator[tuple[str, str]]:
    """Descriptions of the paper, or that begin like ``beginning``: most describe the site."""
    title, start = bare_title(soup), letters(beginning)[:100]
    for name, content in _metas(soup, _DESCRIPTIONS):
        og = name.startswith("og:")
        begun = len(start) > 60 and letters(clean(content)).startswith(start)
        if begun or is_about(content, title) or (og and is_study(clean(content))):
            yield content, name if og else f"meta:{name}"


def _metas(soup: BeautifulSoup, names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Name and content of a page's meta tags of these names, in the names' order."""
    found = []
    for meta in soup.find_all("meta"):
        keys = (str(meta.get(key) or "").lower() for key in ("name", "property", "itemprop"))
        name = next((key for key in keys if key in names), "")
        if name:
            found.append((name, str(meta.get("content") or "")))
    return sorted(found, key=lambda pair: names.index(pair[0]))
