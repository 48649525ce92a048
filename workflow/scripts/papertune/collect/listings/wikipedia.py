"""Wikipedia's pages by title and category, through the MediaWiki API, following its etiquette."""

import logging
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from papertune.collect.identifiers import document_id
from papertune.collect.listings.answers import as_number, json_object, objects, within
from papertune.collect.listings.listing import item_of
from papertune.collect.texts.wikipedia_text import (
    Section,
    sections_of_extract,
    sections_of_html,
    without_boilerplate,
)
from papertune.collect.web.session import PoliteSession
from papertune.collect.web.transport import PageError
from papertune.errors import CollectError
from papertune.identity import digest
from papertune.jobs import stopping
from papertune.jobs.apart import Readers, Unread
from papertune.records import Document, Rejection
from papertune.sentences import learned_sentences, word_count
from papertune.study.settings.qa import WikipediaSource

log = logging.getLogger("papertune")

MAXLAG = 5  # seconds of replication lag above which the API asks clients to wait
LAG_PAUSE = 5.0  # seconds; the minimum pause then, by the API's manual
LONGEST_PAUSE = 60.0
TRIES = 6
BUSY = ("maxlag", "ratelimited", "readonly")
NO_PAGE = {"missingtitle": "missing", "invalidtitle": "invalid_title",
           "pagecannotexist": "invalid_title"}  # fmt: skip
# names of the category namespace in various languages, besides Category, which all wikis accept
CATEGORY = """
category kategorie catégorie categoría categoria categorie kategoria kategória kategori kategorija
kategorio kategoriya luokka flokkur catagóir categori jamii thể_loại категория категорія категорија
катэгорыя санат κατηγορία կատեգորիա კატეგორია 分类 分類 カテゴリ 분류 קטגוריה تصنيف رده زمرہ श्रेणी
বিষয়শ্রেণী பகுப்பு వర్గం ವರ್ಗ വർഗ്ഗം หมวดหมู่
"""
FORMS = {
    "extracts": {"action": "query", "prop": "extracts|pageprops", "explaintext": 1,
                 "exsectionformat": "wiki", "ppprop": "disambiguation"},
    "html": {"action": "parse", "prop": "text|properties", "disableeditsection": 1,
             "disabletoc": 1, "disablelimitreport": 1},
}  # fmt: skip


def list_documents(
    session: PoliteSession, source: WikipediaSource, year: int = 0, *, refresh: bool = False
) -> Iterator[Document | Rejection]:
    """The pages of titles, then those of categories and their subcategories, each once.

    Raises:
        CollectError: the API refuses a request, or its answer is not valid.
    """
    wiki = _Wiki(session, source, refresh)
    given: set[str] = set()
    for item in wiki.titles():
        page = item if isinstance(item, Rejection) else item_of(wiki.page, item, item)
        if isinstance(page, Rejection):
            yield page
            continue
        title, sections = page
        for document in _documents(session.readers, source, wiki.url_of(title), title, sections):
            yield document
            given |= {title} if isinstance(document, Document) else set()
        if len(given) == source.limit:
            return


class _Wiki:
    """One wiki's API; ``refresh`` requests cached answers again."""

    def __init__(self, session: PoliteSession, source: WikipediaSource, refresh: bool) -> None:
        self._session, self._source, self._refresh = session, source, refresh
        self._api = source.url.replace("{language}", source.language)
        self._asked: set[str] = set()

    def url_of(self, title: str) -> str:
        """The url of a page."""
        parts = urlsplit(self._api)
        return f"{parts.scheme}://{parts.netloc}/wiki/{_quoted(title)}"

    def titles(self) -> Iterator[str | Rejection]:
        """The titles in order; categories level by level, each once."""
        yield from self._source.titles
        below = [f"Category:{category_name(name)}" for name in self._source.categories]
        for depth in range(self._source.depth + 1):
            level, below = below, []
            for category in level:
                if _canonical(category) in self._asked:
                    continue
                self._asked.add(_canonical(category))
                title = ""
                for member in self._members(category, depth < self._source.depth):
                    title = member["title"]
                    if member.get("ns") == 0:
                        yield title
                    elif member.get("ns") == 14:
                        below.append(title)
                if not title:
                    yield Rejection("list", category, "empty_category", "no page is in it")

    def page(self, title: str) -> tuple[str, list[Section]] | Rejection:
        """A page's title (after redirects) and its sections; or its rejection."""
        if _canonical(title) in self._asked:
            return Rejection("list", title, "duplicate", "already listed, or in two categories")
        self._asked.add(_canonical(title))
        if re.search(r"[<>\[\]{}|#]", title):
            return Rejection("list", title, "invalid_title", "titles cannot have any of <>[]{}|#")
        html = self._source.text == "html"
        asked = {**FORMS[self._source.text], "redirects": 1, "page" if html else "titles": title}
        try:
            answer = self._ask(asked)
        except PageError as page_error:
            if page_error.reason != "too_large":
                raise
            return Rejection("list", title, "too_large", f"{page_error.what}; {page_error.hint}")
        error = answer.get("error") or {}
        pages = within(answer, ("query", "pages")) or [{}]  # an interwiki title gives no pages
        page: dict[str, Any] = answer.get("parse") or pages[0]
        found = str(page.get("title") or title)
        if error or not page or page.get("missing"):
            reason = NO_PAGE.get(str(error.get("code")), "missing")
            detail = str(error.get("info") or "there is no such page in this wiki")
        elif page.get("invalid"):
            reason, detail = "invalid_title", str(page.get("invalidreason", ""))
        elif page.get("ns", 0) != 0:
            reason, detail = "no_article", f"{found} is in another namespace"
        elif "disambiguation" in (page.get("pageprops") or page.get("properties") or {}):
            reason, detail = "disambiguation", self.url_of(found)
        else:
            read = sections_of_html if html else sections_of_extract
            text = page.get("text" if html else "extract")
            try:
                of = f"{self.url_of(found)} {digest(text)}"
                made = self._session.readers.read(read, str(text or ""), of=of)
                return found, [Section(**section) for section in made]
            except Unread as unread:
                reason, detail = unread.reason, f"{unread.what}; {unread.hint}"
        return Rejection("list", title, reason, detail)

    def _members(self, category: str, categories_too: bool) -> Iterator[dict[str, Any]]:
        """The members of a category, 500 per request."""
        kinds = "page|subcat" if categories_too else "page"
        asked = {"action": "query", "list": "categorymembers", "cmtitle": category}
        more: Any = {"cmtype": kinds, "cmlimit": 500}
        told: list[Any] = []
        while isinstance(more, dict) and more and more not in told:  # else it would not end
            told.append(more)
            asked |= more
            answer = self._ask(asked)
            members = objects(within(answer, ("query", "categorymembers")))
            yield from (one for one in members if isinstance(one.get("title"), str))
            more = within(answer, ("continue",))

    def _ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        """An answer, which may say that there is no such page; raises CollectError for others."""
        common = {"format": "json", "formatversion": 2, "maxlag": MAXLAG}
        url = f"{self._api}?{urlencode({**asked, **common})}"
        code = info = ""
        for attempt in range(TRIES):
            page = self._session.get(url, refresh=self._refresh or attempt > 0, api=True)
            answer = json_object(page.text) or {}
            code, info, lag = (within(answer, ("error", name)) for name in ("code", "info", "lag"))
            code, info = str(code or ""), str(info or "")
            if code in NO_PAGE or (not code and {"query", "parse", "batchcomplete"} & set(answer)):
                return answer
            self._session.cache.forget(url)
            if code not in BUSY:
                break
            pause = min(max(LAG_PAUSE, as_number(lag)) * (attempt + 1), LONGEST_PAUSE)
            log.info("%s is busy (%s); retrying in %.0f s", self._api, info or code, pause)
            with stopping.at_once():
                stopping.pause(pause)
        said = f"refuses: {info or code}" if code else f"gives {' '.join(page.text.split())[:80]!r}"
        what = f"the MediaWiki API {said}"
        hint = "check source.language and source.url; open the url in a browser: it must give JSON"
        if code in BUSY:
            what = f"the wiki is busy ({info or code})"
            hint = "run again later; the pages so far are kept"
        raise CollectError(what, where=url, hint=hint)


def category_name(given: str) -> str:
    """A category's name without its namespace, in whatever language.

    It accepts ``Kategorie:Brücken``, ``:Catégorie:Ponts``, ``[[Категория:Мосты]]`` and a url.
    """
    name = given.strip()
    if re.match("https?://", name, re.IGNORECASE):
        parts = urlsplit(name)
        titled = parse_qs(parts.query).get("title")
        # /wiki/Category:A, or /zh-hans/分类:A of a wiki with several scripts
        name = titled[0] if titled else unquote(parts.path.split("/", 2)[-1])
    name = name.removeprefix("[[").removesuffix("]]").partition("|")[0]
    name = name.replace("_", " ").strip().lstrip(":").strip()
    space, colon, rest = name.partition(":")
    space = space.strip().casefold().replace(" ", "_")
    return rest.strip() if colon and space in CATEGORY.split() else name


def _canonical(title: str) -> str:
    """A title in the wiki's canonical form: spaces for underscores, first letter upper case."""
    text = " ".join(title.replace("_", " ").split())
    return text[:1].upper() + text[1:]


def _quoted(name: str) -> str:
    return quote(name.replace(" ", "_"), safe="/:@!$*(),;~")


def _documents(
    readers: Readers, source: WikipediaSource, url: str, title: str, sections: list[Section]
) -> Iterator[Document | Rejection]:
    """The documents of a page: one, or one for each section of the second level."""
    parts: list[tuple[str, list[str]]] = []
    for section in without_boilerplate(sections, source.skip):
        if not parts or (source.unit == "section" and section.level <= 2):
            parts.append((section.heading, []))
        parts[-1][1].extend(section.paragraphs)
    every = [paragraph for _, paragraphs in parts for paragraph in paragraphs]
    if not any(every):
        yield Rejection("list", url, "no_text", title)
        return
    spoken: Iterator[list[str]] | None = None
    if source.sentences:
        try:
            spoken = iter(readers.read(learned_sentences, every, of=f"{url} {digest(every)}"))
        except Unread as unread:
            yield Rejection("list", url, unread.reason, f"{unread.what}; {unread.hint}")
            return
    names = Counter[str]()
    for heading, paragraphs in parts:
        if not paragraphs:
            continue
        names[heading] += 1
        if spoken is not None:
            own = islice(spoken, len(paragraphs))
            left, paragraphs = source.sentences or 0, []
            for said in own:
                paragraphs += [" ".join(said[:left])] if left else []
                left -= min(left, len(said))
        at = address = url
        name = title
        if heading:  # sections with the same heading are numbered, as in the wiki itself
            fragment = _quoted(f"{heading} {names[heading]}" if names[heading] > 1 else heading)
            at, name = f"{url}#{fragment}", f"{title}: {heading}"
            address = f"{url}?section={fragment}"  # ids ignore a url's fragment
        text = "\n".join(paragraphs)
        words = word_count(text)
        if words < source.min_words:
            yield Rejection("list", at, "too_short", f"{name}: {words} words")
        else:
            yield Document(document_id(address), name, at, year=0, text=text, found_by="listing")
