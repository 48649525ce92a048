"""Volume pages of PMLR, read from the cache: no network, the real session."""

import pytest

from papertune.collect.identifiers import document_id
from papertune.collect.listings import pmlr
from papertune.errors import CollectError
from papertune.study.settings.listings import PmlrSource

SITE = "https://proceedings.mlr.press"


def paper(title="A Title", links="[<a href='/v9/a19a.html'>abs</a>]"):
    return (
        f'<div class="paper"><p class="title">{title}</p><p class="details"><span class="authors">'
        f'A,&nbsp;B</span>;<span class="info">PMLR 9:1-8</span></p><p class="links">{links}</p></div>'
    )


@pytest.fixture
def listed(cached):
    def read(*papers, volumes=(9,)):
        page = f"<html><body><h2>Volume 9</h2>{''.join(papers)}</body></html>"
        for volume in volumes:
            session = cached(f"{SITE}/v{volume}/", page)
        source = PmlrSource(kind="pmlr", volumes={2020: list(volumes)})
        return list(pmlr.read_volumes(session, source, 2020))

    return read


@pytest.mark.parametrize(
    "links",
    [
        # today's, absolute
        f"[<a href='{SITE}/v9/a19a.html'>abs</a>][<a href='{SITE}/v9/a19a/a19a.pdf' onclick='ga()'>"
        f"Download PDF</a>][<a href='https://openreview.net/forum?id=x'>OpenReview</a>]",
        # of the time when the site was http only
        "[<a href='http://proceedings.mlr.press/v9/a19a.html'>abs</a>]",
        # relative, the file first, and a page beside it
        "[<a href='a19a/a19a.pdf'>pdf</a>] [<a href='a19a-supp.html'>supplement</a>] "
        "[<a href='a19a.html'>abs</a>]",
        "<a href='a19a.html'> [ABS] </a>",
        "<a href='a19a.html'>page</a>",
    ],
)
def test_the_page_with_the_abstract_has_one_address(listed, links):
    [found] = listed(paper("On <i>small</i> things &amp; more", links))
    assert found.title == "On small things & more"
    assert found.url == f"{SITE}/v9/a19a.html"
    assert found.id == document_id(found.url)


def test_a_page_as_jmlr_had_it(listed):
    found, rejection = listed(
        "<dl><dt>First <em>Paper</em></dt><dd>A. B; JMLR W&amp;CP 9:1-8, 2010.<br>"
        "[<a href='a10a.html'>abs</a>] [<a href='a10a/a10a.pdf'>pdf</a>]</dd>"
        "<dt>Second</dt><dd>[<a href='b10a.pdf'>pdf</a>]</dd></dl>"
    )
    assert (found.title, found.url) == ("First Paper", f"{SITE}/v9/a10a.html")
    assert (rejection.key, rejection.reason) == ("v9#2", "no_link")


def test_what_is_no_paper_is_counted_with_its_place(listed):
    none = (
        paper(""),
        paper("A", "[<a href='a.pdf'>abs</a>]"),
        paper("A", "<a href='http://[x'>a</a>"),
    )
    items = listed(paper(), *none, volumes=(9, 10))
    assert [(item.key, item.reason) for item in items if hasattr(item, "key")] == [
        ("v9#2", "no_title"), ("v9#3", "no_link"), ("v9#4", "no_link"),
        ("v10#2", "no_title"), ("v10#3", "no_link"), ("v10#4", "no_link"),
    ]  # fmt: skip


def test_a_page_without_papers_is_an_error(listed):
    with pytest.raises(CollectError, match=r"/v9/: no paper on this volume page"):
        listed("<dl><dt>A term</dt></dl>")
