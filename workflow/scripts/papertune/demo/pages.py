"""The demo venue's pages: a DBLP-shaped table of contents and landing pages of several kinds.

What kind of page a paper has is drawn from a hash of its key, so that it stays the same when others
are published. Three papers are special, each in a year of its own: one page has no abstract, one
answers 429 before it answers 200, one is gone.
"""

import json
from html import escape
from urllib.parse import urlsplit

from papertune.demo.papers import Paper
from papertune.identity import share
from papertune.study.settings.listings import DemoSource

INDEX = urlsplit(DemoSource.url).netloc
LIBRARY = "library.papertune.example"
KINDS = ("meta", "section", "script", "cut")  # read without a browser, in equal parts
JAVASCRIPT_YEARS = range(2018, 2022)  # when the publisher had many of its pages written by a script
JAVASCRIPT_SHARE = 1 / 3
SPECIAL = {2008: "empty", 2012: "busy", 2016: "gone"}
SPECIAL_PAPER = 3  # which of the year's papers
CUT_AT = 160  # characters of og:description, as many sites do it


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


def landing_path(paper: Paper) -> str:
    """The path of a paper's landing page."""
    return f"/{paper.year}/{paper.key}"


def text_path(paper: Paper) -> str:
    """Where the script of a JavaScript page gets its text from."""
    return f"/text/{paper.year}/{paper.key}.json"


def contents(papers: list[Paper], year: int) -> str:
    """A year's table of contents as DBLP writes it; its first entry is the volume itself."""
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>demo: PT {year}</title></head><body>
<header id="headline"><h1>Papertune Demo Venue {year}</h1></header>
<ul class="publ-list">
<li class="entry editor toc" id="conf/pt/{year}"><cite class="data">
<span class="title" itemprop="name">Proceedings of the Papertune Demo Venue, {year}.</span>
<span itemprop="datePublished">{year}</span></cite></li>
</ul>
<ul class="publ-list">
{"".join(_entry(paper) for paper in papers)}</ul></body></html>
"""


def _entry(paper: Paper) -> str:
    url = f"http://{LIBRARY}{landing_path(paper)}"
    authors = ", ".join(
        f'<span itemprop="author"><span itemprop="name">{escape(name)}</span></span>'
        for name in paper.authors
    )
    return f"""<li class="entry inproceedings" id="conf/pt/{escape(paper.key)}">
<nav class="publ"><ul><li class="drop-down"><div class="head"><a href="{url}">view</a></div>
<div class="body"><ul><li class="ee"><a href="{url}" itemprop="url">electronic edition</a></li>
</ul></div></li></ul></nav>
<cite class="data">{authors}:<br>
<span class="title" itemprop="name">{escape(paper.title)}.</span>
<meta itemprop="datePublished" content="{paper.year}"></cite></li>
"""


def landing(paper: Paper, kind: str) -> str:
    """A paper's landing page of a kind."""
    head, body = "", ""
    text = escape(paper.abstract)
    if kind in ("meta", "busy"):
        head = f'<meta name="citation_abstract" content="{text}">'
    elif kind == "section":
        body = f"<section><h2>Abstract</h2><p>{text}</p></section><h2>References</h2><p>None.</p>"
    elif kind == "script":
        # what ends a script must not stand in its data
        data = json.dumps({"title": paper.title, "abstract": paper.abstract}).replace(
            "<", "\\u003c"
        )
        body = f"<script>window.paper = {data};</script>"
    elif kind == "cut":
        short = escape(paper.abstract[:CUT_AT].rstrip())
        head = f'<meta property="og:description" content="{short}…">'
        body = f"<details><summary>Abstract</summary><p>{text}</p></details>"
    elif kind == "javascript":
        body = f"""<div id="abstract"></div><noscript>This page needs JavaScript.</noscript>
<script>
fetch({json.dumps(text_path(paper))}).then(answer => answer.json()).then(paper => {{
  document.getElementById("abstract").textContent = paper.text;
}});
</script>"""
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(paper.title)}</title>
<meta name="citation_title" content="{escape(paper.title)}">{head}</head>
<body><h1>{escape(paper.title)}</h1><p class="authors">{escape(", ".join(paper.authors))}</p>
{body}
<footer>Papertune Demo Venue {paper.year}. Every paper here is made up.</footer></body></html>
"""
