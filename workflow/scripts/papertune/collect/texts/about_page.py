"""What a landing page tells besides the abstract: its title, its language, whether it is news."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from bs4 import BeautifulSoup

from papertune.collect.texts.languages import stems
from papertune.collect.texts.text import clean, words

_SITE = re.compile(r" (?:[|·»–—-]|::) ")
_NEWS = words(
    "news newsroom press presse pressreleases press-release press-releases news-release news-releases"
    " releases blog blogs stories story media-releases aktuelles nachrichten noticias notizie"
    " actualites actualite nyheter nieuws uutiset novosti"
)
_NEWS_HOSTS = words("news newsroom blog blogs presse")
_NEWS_KINDS = re.compile(
    r"\W*(?:\w+ )?(?:news(?: (?:&|and) views| features?| in brief| items?| articles?| round-?up)?"
    r"|(?:press|news|media) ?releases?|blog ?posts?|editorials?|obituar(?:y|ies)|book ?reviews?|podcasts?"
    r"|careers?(?: \w+)?|world ?view|research ?highlights?|announcements?|interviews?)\W*",
    re.IGNORECASE,
)
_NEWS_TYPE = re.compile(
    r'"@type"\s?:\s?\[?\s?"(?:\w{0,20}News\w{0,20}|BlogPosting|LiveBlog\w{0,20})"'
)
_NEWS_BODIES = words("single-post node-type-news post-template-default")
_KINDS = ("dc.type", "citation_article_type", "prism.genre")
_NOT_FOUND = re.compile(
    r"\W*(?:(?:error|http)\W{0,3})?404\b(?!.{60})|.{0,30}\b(?:page|document|article|item|doi|resource"
    r"|content|file)"
    r"(?: you requested| requested)?(?: was| is| has| could| cannot| can)?(?: not| been)?(?: be)? "
    r"(?:not found|found|does(?: not|n[’']t) exist|(?:no longer |un)available|removed)\W*(?:$|[|·–—-])",
    re.IGNORECASE,
)
_DATED = re.compile(r"^/(?:19|20)\d\d/\d\d?/(?:\d\d?/)?[\w-]+/?$")  # as in urls of blogs


def title_of(soup: BeautifulSoup) -> str:
    """The title of the page's paper."""
    for name in ("citation_title", "dc.title", "og:title"):
        meta = soup.select_one(f'meta[name="{name}" i][content], meta[property="{name}"][content]')
        if meta is not None and meta["content"]:
            return str(meta["content"])
    heading = soup.find("h1") or soup.find("title")
    return heading.get_text() if heading is not None else ""


def bare_title(soup: BeautifulSoup) -> str:
    """The title without the site's name before or after it."""
    title = clean(title_of(soup))
    if is_scholarly(soup):
        return title
    return max(_SITE.split(title), key=len)


def is_scholarly(soup: BeautifulSoup) -> bool:
    """Whether the page has tags that describe a paper to libraries and search engines."""
    return any(
        name == "citation_title" or name.startswith(("eprints.", "bepress_"))
        for name, _ in _metas(soup)
    )


def declared_language(soup: BeautifulSoup) -> str:
    """The two-letter language code that the page declares (``en``); empty if it declares none."""
    for name, said in _metas(soup):
        if name in ("citation_language", "dc.language", "dcterms.language", "prism.language"):
            return said.strip().lower()[:2]
    return ""


def is_news(soup: BeautifulSoup, url: str) -> bool:
    """Whether the page is a news item, a press release or a blog post, perhaps about a paper."""
    scholarly = is_scholarly(soup)
    names = _KINDS if scholarly else (*_KINDS, "article:section")
    if any(name in names and _NEWS_KINDS.fullmatch(said) for name, said in _metas(soup)):
        return True
    if scholarly:
        return False
    for script in soup.find_all("script", type=re.compile("ld\\+json", re.IGNORECASE)):
        if _NEWS_TYPE.search(script.string or ""):
            return True
    parts = urlsplit(url)
    folders = parts.path.lower().split("/")[:-1]
    host = (parts.hostname or "").split(".")[0]
    if host in _NEWS_HOSTS or _NEWS & set(folders) or _DATED.match(parts.path):
        return True
    body = soup.body
    return body is not None and bool(_NEWS_BODIES & set(body.get("class") or ()))


def is_not_found(soup: BeautifulSoup) -> bool:
    """Whether the page's title says "not found", whatever its HTTP status."""
    headings = (soup.find("title"), soup.find("h1"))
    names = [" ".join(heading.get_text().split()) for heading in headings if heading is not None]
    return any(map(_NOT_FOUND.match, names)) and not is_scholarly(soup)


def is_about(text: str, title: str) -> bool:
    """Whether a text shares words with a title; a description of the site does not."""
    mine = stems(title)
    return len(mine & stems(text)) >= max(2, 0.3 * len(mine))


def _metas(soup: BeautifulSoup) -> Iterator[tuple[str, str]]:
    """Names in lower case and contents of a page's meta tags."""
    for meta in soup.find_all("meta"):
        name = str(meta.get("name") or meta.get("property") or "").lower()
        if name and (said := str(meta.get("content") or "")):
            yield name, said
