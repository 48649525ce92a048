"""Small pages of the shapes that publishers have used over the years, and what stands around."""

import json
import re
from pathlib import Path

import pytest

from papertune.collect.texts.abstracts import Found, best_abstract, find_abstract

ONE = "We ask whether a small model gains from reading the pages that it is asked about."
TWO = "On three venues it does, and the gain survives a change of question writer in every case."
TEXT = f"{ONE} {TWO}"
OTHER = (
    "The recommended work measures something else entirely, on other pages than ours, and nobody "
    "who asks for this paper wants to read about it at all."
)
URL = "https://journal.example/paper/1"
PAGES_FILE = Path(__file__).with_name("publisher_pages.html")


def page(body: str, head: str = "", title: str = "T") -> str:
    head = f'<title>{title}</title><meta name="citation_title" content="{title}">{head}'
    return f"<!DOCTYPE html><html><head>{head}</head><body>{body}</body></html>"


def saved() -> dict[str, tuple[str, str, str]]:
    """The pages of ``publisher_pages.html``: name → url, HTML and the extractor that finds TEXT."""
    _, *parts = re.split(r"<!-- (.+?) \| (\S+) \| (\S+) -->\n", PAGES_FILE.read_text())
    words = {"{TEXT}": TEXT, "{ONE}": ONE, "{TWO}": TWO, "{OTHER}": OTHER}
    found = {}
    for name, url, found_by, html in zip(*(parts[n::4] for n in range(4)), strict=True):
        for word, text in words.items():
            html = html.replace(word, text)
        head, _, body = html.rpartition("</head>")
        found[name] = (url, page(body, head), found_by)
    return found


PAGES = saved()


@pytest.mark.parametrize("name", PAGES)
def test_shapes_of_publishers(name):
    url, html, found_by = PAGES[name]
    assert best_abstract(html, url) == Found(TEXT, found_by)


@pytest.mark.parametrize("name", [name for name in PAGES if name not in ("ndss", "ijcai of 2016")])
def test_shapes_are_known_without_their_address(name):
    _, html, _ = PAGES[name]
    found = find_abstract(html, "https://proxy.university.example/x")
    assert found is not None and found[0] == TEXT


STRUCTURED = (
    "Background: It was unknown. Methods: We asked two models. Results: It works well enough."
)


@pytest.mark.parametrize(
    "body",
    [
        '<div id="Abs1-content"><h3>Background</h3><p>It was unknown.</p><h3>Methods</h3><p>We asked '
        "two models.</p><h3>Results</h3><p>It works well enough.</p></div>",
        '<section class="abstract"><h2>Abstract</h2><div><h3>Background:</h3><p>It was unknown.</p></div>'
        "<div><h3>Methods:</h3><p>We asked two models.</p></div><div><h3>Results:</h3><p>It works well "
        "enough.</p></div><h3>Keywords</h3><p>one, two</p></section>",
        "<h2>Abstract</h2><h3>Background</h3><p>It was unknown.</p><h3>Methods</h3><p>We asked two models."
        "</p><h3>Results</h3><p>It works well enough.</p><h2>Introduction</h2><p>More.</p>",
        '<div class="abstract"><p><strong>Background:</strong> It was unknown.</p><p><b>Methods:</b>'
        " We asked two models.</p><p><b>Results:</b> It works well enough.</p></div>",
    ],
)
def test_structured_abstracts_keep_their_labels(body):
    found = best_abstract(page(body), URL)
    assert found is not None and found.text == STRUCTURED


def test_a_prefix_gives_way_to_the_fuller_but_what_follows_makes_none_fuller():
    html = page(f'<div class="abstract"><p>{ONE}</p><p>{TWO}</p></div>')
    html = html.replace("<title>", f'<meta name="citation_abstract" content="{ONE}"><title>')
    assert best_abstract(html, URL) == Found(TEXT, "section")
    head = f'<meta name="citation_abstract" content="{TEXT}">'
    for tail in ("Keywords: model, page", "© 2021 The Authors", "Published in: A Venue, pp. 1-9"):
        html = page(f'<div class="abstract">{TEXT} {tail}</div>', head)
        assert best_abstract(html, URL) == Found(TEXT, "meta:citation_abstract")


@pytest.mark.parametrize("end", ["…", "...", " [...]", "... Read more", " …show more", ""])
def test_where_there_is_no_more_than_the_beginning_the_result_says_so(end):
    cut = TEXT[: 150 if end else 153]
    html = page("", f'<meta name="citation_abstract" content="{cut}{end}">')
    found = best_abstract(html, URL)
    assert found is not None and found.truncated
    assert found.text.startswith(cut[:140])
    assert find_abstract(html, URL) is None


def test_another_papers_abstract_does_not_replace_what_is_cut():
    head = f'<meta name="citation_abstract" content="{TEXT[:150]}…">'
    found = best_abstract(page(f'<div class="abstract">{OTHER}</div>', head), URL)
    assert found is not None and found.truncated


@pytest.mark.parametrize(
    "body",
    [
        '<div class="abstract">First page of PDF is shown here in place of an abstract.</div>',
        '<div class="abstract graphical"><h2>Graphical abstract</h2><p>A model reads pages and it '
        "answers questions about them well.</p></div>",
        "<h2>Abstract</h2><p>Click to increase image size. Click to decrease image size.</p>",
        "<h2>Abstract</h2><div><h3>Keywords</h3><p>models, pages, reading, asking, small things</p></div>",
        f'<div class="recommended"><h3>Abstract</h3><p>{OTHER}</p></div>',
        f'<h2>Related papers</h2><ul class="similar-papers"><li><div class="abstract">{OTHER}</div></ul>',
        f"<script>x = {json.dumps({'recommended': [{'title': 'Another one', 'abstract': OTHER}]})}</script>",
        f'<script type="application/ld+json">'
        f"{json.dumps({'@type': 'ScholarlyArticle', 'headline': 'Another one', 'abstract': OTHER})}</script>",
        "".join(f'<div class="abstract">{number}. {OTHER}</div>' for number in range(6)),
        '<div id="abstract"><p>This is a preview of subscription content, log in via an institution to '
        "check access to it.</p></div>",
    ],
)
def test_what_stands_in_an_abstracts_place(body):
    assert best_abstract(page(body), URL) is None


def test_a_sites_description_is_none_of_the_paper():
    title = "Small Models That Read Pages"
    site = "We present a place where all researchers of the world meet, and where they show what they do. "
    about = "We present small models and measure what they gain where they read pages before they answer. "
    for text, found_by in ((site * 2, None), (about * 2, "meta:description")):
        html = page("", f'<meta name="description" content="{text}">', title)
        found = best_abstract(html, URL)
        assert (found and found.found_by) == found_by
