"""The demo venue: its pages, and what it says to requests.

There is a DBLP-shaped table of contents and landing pages of several kinds (``pages.html``). What
kind of page a paper has is drawn from a hash of its key, so that it stays the same when others are
published. Three papers are special, each in a year of its own: one page has no abstract, one
answers 429 before it answers 200, one is gone.
"""

import json
from dataclasses import asdict
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from papertune.demo.papers import Paper, papers
from papertune.identity import digest, share
from papertune.study.settings.listings import DemoSource

INDEX = urlsplit(DemoSource.url).netloc
LIBRARY = "library.papertune.example"
KINDS = ("meta", "section", "script", "cut")  # read without a browser, in equal parts
JAVASCRIPT_YEARS = range(2018, 2022)  # when the publisher had many of its pages written by a script
JAVASCRIPT_SHARE = 1 / 3
SPECIAL = {2008: "empty", 2012: "busy", 2016: "gone"}
SPECIAL_PAPER = 3  # which of the year's papers


# ---- pages ------------------------------------------------------------------


def kinds_of(papers: list[Paper]) -> dict[str, str]:
    """Paper key → kind of its landing page, for the papers of one year."""
    kinds = {paper.key: KINDS[int(share(paper.key, "kind") * len(KINDS))] for paper in papers}
    for paper in papers:
        if paper.year in JAVASCRIPT_YEARS and share(paper.key, "browser") < JAVASCRIPT_SHARE:
            kinds[paper.key] = "javascript"
    special = SPECIAL.get(papers[0].year) if papers else None
    if special:
        kinds[papers[min(SPECIAL_PAPER, len(papers) - 1)].key] = special
    return kinds


def contents(papers: list[Paper], year: int, library: str = LIBRARY) -> str:
    """A year's table of contents as DBLP writes it; its first entry is the volume itself."""
    return str(_templates().contents(papers, year, library))


def landing(paper: Paper, kind: str) -> str:
    """A paper's landing page of a kind."""
    return str(_templates().landing(paper, kind))


@cache
def _templates() -> Any:
    from jinja2 import Environment

    text = Path(__file__).with_name("pages.html").read_text("utf-8")
    how = Environment(autoescape=True, trim_blocks=True, keep_trailing_newline=True)
    return how.from_string(text).module


# ---- the site ---------------------------------------------------------------


class Venue:
    """The venue of a source's settings, as a site."""

    hosts = (INDEX, LIBRARY)

    def __init__(self, source: DemoSource) -> None:
        self._source = source

    def identity(self, year: int) -> str:
        """Changes with the papers of a year and their pages, whose urls do not."""
        listed, kinds = _year(self._source, year)
        return digest([[asdict(paper), kinds[paper.key]] for paper in listed])

    def answer(self, url: str, times: int) -> tuple[int, str, str]:
        """Status, media type and body."""
        path = urlsplit(url).path
        stem = path.rsplit("/", 1)[-1].removesuffix(".html").removeprefix("pt")
        if path.startswith("/db/conf/pt/") and stem.isdigit():
            year = int(stem)
            return 200, "text/html", contents(_year(self._source, year)[0], year)
        first, _, _ = path.strip("/").removeprefix("text/").partition("/")
        listed, kinds = _year(self._source, int(first)) if first.isdigit() else ([], {})
        for paper in listed:
            if path == paper.text_path:
                return 200, "application/json", json.dumps({"text": paper.abstract})
            if path == paper.path and kinds[paper.key] == "gone":
                break
            if path == paper.path:
                if kinds[paper.key] == "busy" and times == 1:
                    said = "<!DOCTYPE html><title>Busy</title><p>Too many requests."
                    return 429, "text/html", said
                return 200, "text/html", landing(paper, kinds[paper.key])
        return 404, "text/html", "<!DOCTYPE html><title>Not found</title><p>No such page."


@lru_cache(maxsize=64)
def _year(source: DemoSource, year: int) -> tuple[list[Paper], dict[str, str]]:
    listed = papers(year, source.papers_per_year, source.seed)
    return listed, kinds_of(listed)
