"""A small encyclopaedia about a fictional country, served like the MediaWiki API.

The pages (``encyclopaedia/``) were written for the project, so no model can know their content.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from papertune.identity import digest

FOLDER = Path(__file__).with_name("encyclopaedia")
MARK = "<!-- categories: "


class Page(NamedTuple):
    """A page as ``action=parse`` returns it, and its categories."""

    title: str
    text: str  # HTML
    categories: tuple[str, ...]

    @property
    def properties(self) -> dict[str, str]:
        """The page properties that the API returns."""
        return {"disambiguation": ""} if "dmbox-disambig" in self.text else {}


class Encyclopaedia:
    """The encyclopaedia as a :class:`papertune.demo.sites.Site`."""

    hosts = ("encyclopaedia.papertune.example",)

    def identity(self, year: int) -> str:
        """A digest of all pages and redirects."""
        return digest([[*page] for page in pages().values()] + [sorted(redirects().items())])

    def answer(self, url: str, times: int) -> tuple[int, str, str]:
        """Status, media type and body of the API's answer, in JSON (formatversion 2)."""
        place = urlsplit(url)
        if place.path != "/w/api.php":
            return 404, "text/html", "<!DOCTYPE html><title>Not found</title><p>No such page."
        asked = dict(parse_qsl(place.query))
        if asked.get("action") == "parse":
            said = _parsed(asked.get("page", ""))
        elif asked.get("list") == "categorymembers":
            said = _members(asked.get("cmtitle", "").removeprefix("Category:"))
        else:
            said = _error(
                "badvalue", "This wiki gives pages as HTML and the members of categories."
            )
        return 200, "application/json", json.dumps(said)


@cache
def pages() -> dict[str, Page]:
    """Title → page, in the order of titles."""
    found = {}
    for path in sorted(FOLDER.glob("*.html")):
        first, _, text = path.read_text("utf-8").partition("\n")
        names = first.removeprefix(MARK).removesuffix(" -->").split("; ")
        title = path.stem.replace("_", " ")
        found[title] = Page(title, text, tuple(names))
    return found


@cache
def redirects() -> dict[str, str]:
    """Title → title of the page that it redirects to."""
    lines = (FOLDER / "redirects.tsv").read_text("utf-8").splitlines()[1:]
    return dict(line.split("\t") for line in lines)


def _parsed(title: str) -> dict[str, Any]:
    title = " ".join(title.replace("_", " ").split())
    title = redirects().get(title, title)
    page = pages().get(title[:1].upper() + title[1:])
    if page is None:
        return _error("missingtitle", "The page you specified doesn't exist.")
    return {"parse": {"title": page.title, "text": page.text, "properties": page.properties}}


def _members(category: str) -> dict[str, Any]:
    name = category.replace("_", " ")
    found = [{"ns": 0, "title": p.title} for p in pages().values() if name in p.categories]
    return {"batchcomplete": True, "query": {"categorymembers": found}}


def _error(code: str, info: str) -> dict[str, Any]:
    return {"error": {"code": code, "info": info}}
