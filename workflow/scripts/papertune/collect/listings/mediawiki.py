"""The MediaWiki API: pages and categories, one question at a time, as its etiquette asks."""

import logging
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from papertune.collect.listings.services import json_object
from papertune.collect.texts.wikipedia_text import Section, sections_of_extract, sections_of_html
from papertune.collect.web.session import PoliteSession
from papertune.errors import CollectError
from papertune.jobs import stopping
from papertune.records import Rejection
from papertune.study.settings.qa import WikipediaSource

log = logging.getLogger("papertune")

MAXLAG = 5  # seconds that copies of the database may lag behind before who can wait should
LAG_PAUSE = 5.0  # the least pause then, as the API's manual asks
LONGEST_PAUSE = 60.0
TRIES = 6
BUSY = ("maxlag", "ratelimited", "readonly")
NO_PAGE = {
    "missingtitle": "missing",
    "nosuchpageid": "missing",
    "invalidtitle": "invalid_title",
    "pagecannotexist": "invalid_title",
}


class Wiki:
    """One wiki's API; ``refresh`` asks again even if answers are in the cache."""

    def __init__(self, session: PoliteSession, source: WikipediaSource, refresh: bool) -> None:
        self._session, self._source, self._refresh = session, source, refresh
        self._api = source.url.replace("{language}", source.language)

    def url_of(self, title: str) -> str:
        """The address of a page for people."""
        parts = urlsplit(self._api)
        name = quote(title.replace(" ", "_"), safe="/:@!$*(),;~")
        return f"{parts.scheme}://{parts.netloc}/wiki/{name}"

    def titles(self) -> Iterator[str | Rejection]:
        """The titles in order; categories level by level, each once."""
        yield from self._source.titles
        level = [
            name if name.lower().startswith("category:") else f"Category:{name}"
            for name in self._source.categories
        ]
        seen = set(map(canonical, level))
        for depth in range(self._source.depth + 1):
            below: list[str] = []
            for category in level:
                empty = True
                for member in self._members(category, depth < self._source.depth):
                    empty = False
                    title = str(member.get("title", ""))
                    if member.get("ns") == 0:
                        yield title
                    elif member.get("ns") == 14 and canonical(title) not in seen:
                        seen.add(canonical(title))
                        below.append(title)
                if empty:
                    yield Rejection("list", category, "empty_category", "no page is in it")
            level = below

    def extract(self, title: str) -> tuple[str, list[Section]] | Rejection:
        """A page's title, redirects followed, and the sections of its plain text."""
        if re.search(r"[<>\[\]{}|#]", title):
            return Rejection("list", title, "invalid_title", "a title has none of <>[]{}|#")
        asked = {"action": "query", "redirects": 1, "titles": title, "prop": "extracts|pageprops"}
        form = {"explaintext": 1, "exsectionformat": "wiki", "ppprop": "disambiguation"}
        answer = self._ask({**asked, **form})
        pages = (answer.get("query") or {}).get("pages") or []
        page = next(iter(pages.values() if isinstance(pages, dict) else pages), None)
        if page is None:
            return Rejection("list", title, "missing", "a page of another wiki")
        found = str(page.get("title") or title)
        if page.get("missing", False) is not False:
            return Rejection("list", title, "missing", "there is no such page")
        if page.get("invalid", False) is not False:
            return Rejection("list", title, "invalid_title", str(page.get("invalidreason", "")))
        if page.get("ns", 0) != 0:
            return Rejection("list", title, "no_article", f"{found} is in another namespace")
        if "disambiguation" in (page.get("pageprops") or {}):
            return Rejection("list", title, "disambiguation", self.url_of(found))
        return found, sections_of_extract(str(page.get("extract") or ""))

    def html(self, title: str) -> tuple[str, list[Section]] | Rejection:
        """A page's title, redirects followed, and the sections of its HTML."""
        asked = {"action": "parse", "redirects": 1, "page": title, "prop": "text|properties"}
        form = {"disableeditsection": 1, "disabletoc": 1, "disablelimitreport": 1}
        answer = self._ask({**asked, **form})
        if error := answer.get("error"):
            return Rejection("list", title, NO_PAGE[error["code"]], str(error.get("info", "")))
        page = answer.get("parse") or {}
        found = str(page.get("title") or title)
        properties = page.get("properties") or {}
        if isinstance(properties, list):  # of format version 1
            properties = {entry.get("name"): entry.get("*") for entry in properties}
        if "disambiguation" in properties:
            return Rejection("list", title, "disambiguation", self.url_of(found))
        text = page.get("text") or ""
        return found, sections_of_html(str(text.get("*", "") if isinstance(text, dict) else text))

    def _members(self, category: str, categories_too: bool) -> Iterator[dict[str, Any]]:
        """The members of a category, five hundred at once."""
        asked: dict[str, Any] = {
            "action": "query",
            "list": "categorymembers",
            "cmtitle": category,
            "cmtype": "page|subcat" if categories_too else "page",
            "cmlimit": 500,
        }
        more: dict[str, Any] | None = {}
        while more is not None:
            answer = self._ask({**asked, **more})
            yield from (answer.get("query") or {}).get("categorymembers") or []
            more = answer.get("continue") or None

    def _ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        """An answer; a page that is not there is one too."""
        common = {"format": "json", "formatversion": 2, "maxlag": MAXLAG}
        url = f"{self._api}?{urlencode({**asked, **common})}"
        code = info = ""
        for attempt in range(TRIES):
            page = self._session.get(url, refresh=self._refresh or attempt > 0, api=True)
            answer = json_object(page.text) or {}
            error = answer.get("error") or {}
            code, info = str(error.get("code", "")), str(error.get("info", ""))
            if code in NO_PAGE or (not code and {"query", "parse", "batchcomplete"} & set(answer)):
                return answer
            self._session.cache.forget(url)
            if code not in BUSY:
                break
            pause = min(max(LAG_PAUSE, float(error.get("lag") or 0)) * (attempt + 1), LONGEST_PAUSE)
            log.info("%s is busy (%s); asking again in %.0f s", self._api, info or code, pause)
            with stopping.at_once():
                stopping.pause(pause)
        said = f"refuses: {info or code}" if code else f"gives {' '.join(page.text.split())[:80]!r}"
        what = f"the MediaWiki API {said}"
        hint = "check source.language and source.url; open the url in a browser: it must give JSON"
        if code in BUSY:
            what = f"the wiki is busy ({info or code})"
            hint = "run again later; the pages so far are kept"
        raise CollectError(what, where=url, hint=hint)


def canonical(title: str) -> str:
    """A title as the wiki compares it: spaces for underscores, a capital first letter."""
    text = " ".join(title.replace("_", " ").split())
    return text[:1].upper() + text[1:]
