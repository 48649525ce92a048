"""The demo venue: its pages, and its answers to requests.

It has a table of contents in DBLP's format and landing pages of several kinds (``pages.html``). The
kind of a paper's page is drawn from a hash of its key, so that it does not change when papers are
added. Three papers are special, each in another year: one page has no abstract, one answers 429
before 200, and one does not exist.
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
JAVASCRIPT_YEARS = range(2018, 2022)  # years in which a script writes some of the pages
JAVASCRIPT_SHARE = 1 / 3
SPECIAL = {2008: "empty", 2012: "busy", 2016: "gone"}
SPECIAL_PAPER = 3  # its index among the year's papers


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
    """A year's table of contents in DBLP's format; its first entry is the volume itself."""
    return str(_templates().contents(papers, year, library))


def landing(paper: Paper, kind: str) -> str:
    """A paper's landing page, of the given kind."""
    return str(_templates().landing(paper, kind))


@cache
def _templates() -> Any:
    from jinja2 import Environment

    text = Path(__file__).with_name("pages.html").read_text("utf-8")
    how = Environment(autoescape=True, trim_blocks=True, keep_trailing_newline=True)
    return how.from_string(text).module


# ---- the site ---------------------------------------------------------------


class Venue:
    """The venue of a source's settings, as a :class:`papertune.demo.sites.Site`."""

    hosts = (INDEX, LIBRARY)

    def __init__(self, source: DemoSource) -> None:
        self._source = source

    def identity(self, year: int) -> str:
        """A digest of a year's papers and pages, whose urls do not change with their content."""
        listed, kinds = _year(self._source, year)
        return digest([[asdict(paper), kinds[paper.key]] for paper in listed])

    def answer(self, url: str, times: int) -> tuple[int, str, str]:
        """Status, media type and body for a path; the busy page answers 429 the first time."""
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
