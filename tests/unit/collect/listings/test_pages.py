"""Pages of DBLP, the ACL Anthology and PMLR that list papers: small ones, read from the cache."""

import pytest
from pydantic import TypeAdapter

from papertune.collect.identifiers import document_id
from papertune.collect.listings.listing import items
from papertune.errors import CollectError
from papertune.study.settings import Source

PMLR = "https://proceedings.mlr.press/v9"


@pytest.fixture
def listed(cached):
    def read(kind, url, *entries, year=2021, **settings):
        """What a page of these entries lists under the source's url."""
        source = {"kind": kind, "url": url, **settings}
        place = url.replace("{year}", str(year)).replace("{volume}", "9")
        session = cached(place, f"<html><body><h2>X</h2>{''.join(entries)}</body></html>")
        return list(items(session, TypeAdapter(Source).validate_python(source), year))

    return read


# ---- DBLP's tables of contents ----------------------------------------------------------------


def toc(key, title="A.", kind="inproceedings", year="2021", ee=True):
    link = f"https://e.example/{key}"
    edition = f'<div class="body"><ul><li class="ee"><a href="{link}">e</a></li></ul></div>'
    return (
        f'<li class="entry {kind}" id="{key}"><nav class="publ"><ul><li class="drop-down">'
        f'<div class="head"><a href="{link}">v</a></div>{edition if ee else ""}</li></ul></nav>'
        f'<cite><span class="title" itemprop="name">{title}</span>'
        f'<meta itemprop="datePublished" content="{year}"></cite></li>'
    )


def test_the_entries_of_a_table_of_contents(listed):
    entries = toc("a", "<i>A</i>."), toc("b", ee=False), toc("k", kind="editor toc")
    one, other, volume = listed("dblp", "https://dblp.example/db/conf/x/x{year}.html", *entries)
    assert (one.title, one.url, other.url) == ("A", "https://e.example/a", "https://e.example/b")
    assert (volume.key, volume.reason, volume.detail) == ("k", "proceedings_volume", "A")
    # a page of many years gives the year asked for
    entries = toc("a", "A.", year="2019"), toc("b", "B.")
    assert [item.title for item in listed("dblp", "https://dblp.example/all", *entries)] == ["B"]


# ---- the ACL Anthology's volumes and events ---------------------------------------------------

EVENT = "https://acl.example/events/x-{year}/"


def card(key, title="A Title", abstract="", gone=False, tag="p"):
    style = ' style="text-decoration: line-through"' if gone else ""
    body = (
        f'<div class="card abstract-collapse" id="abstract-{key.replace(".", "--")}">'
        f'<div class="card-body p-3 small">{abstract}</div></div>'
    )
    return (
        f'<{tag} class="d-sm-flex align-items-stretch"><span class="d-block mr-2 list-button-row">'
        f'<a class="badge" href="https://acl.example/{key}.pdf">pdf</a></span>'
        f'<span class="d-block"{style}><strong><a class="align-middle" href="/{key}/">{title}</a>'
        f'</strong><br><a href="/people/a-b/">A B</a></span></{tag}>{body if abstract else ""}'
    )


@pytest.mark.parametrize("tag", ["p", "div"])
def test_an_anthology_page_gives_titles_and_abstracts(listed, tag):
    found = listed(
        "acl",
        EVENT,
        card("2021.x-main.0", "Proceedings of X", tag=tag),
        card("W18-0100", "Proceedings of Y", tag=tag),
        card("2021.x-main.1", "<span>BERT</span> &amp; Co", "We <i>do</i>.", tag=tag),
        card("P18-1003", tag=tag),
        card("P18-1002", gone=True, tag=tag),
    )
    assert [getattr(item, "key", None) or (item.title, item.url, item.text) for item in found] == [
        "2021.x-main.0",
        "W18-0100",
        ("BERT & Co", "https://acl.example/2021.x-main.1/", "We do."),
        ("A Title", "https://acl.example/P18-1003/", ""),
        "P18-1002",
    ]
    assert [item.reason for item in found] == ["front_matter", "front_matter", "", "", "retracted"]
    assert [item.found_by for item in found[2:4]] == ["listing", ""]
    assert found[2].id == document_id(found[2].url)


def test_the_volumes_of_an_event(listed):
    entries = [card("2021.x-long.1", "L"), card("2021.w-1.1", "W"), card("2021.x-longer.1", "N")]
    items = listed("acl", EVENT, *entries, volumes=["{year}.x-long"])
    assert [item.title for item in items] == ["L"]
    with pytest.raises(CollectError, match=r"none of the volumes 2021\.y-long") as caught:
        listed("acl", EVENT, *entries, volumes=["{year}.y-long"])
    assert "2021.x-long, 2021.w-1, 2021.x-longer" in caught.value.hint
    people = "<strong><a href='/people/x/'>x</a></strong><strong><a href='http://[x'>y</a></strong>"
    with pytest.raises(CollectError, match="no paper of the ACL Anthology"):
        listed("acl", EVENT, people)


@pytest.mark.parametrize(("year", "title"), [(2020, "B"), (1998, "A"), (2001, "C")])
def test_an_anthology_page_of_many_years_gives_the_year_asked_for(listed, year, title):
    entries = [card("2020.x-1.1", "B"), card("P98-1001", "A"), card("P01-1001", "C")]
    items = listed("acl", "https://acl.example/venues/x/", *entries, year=year)
    assert [item.title for item in items] == [title]


# ---- PMLR's volumes ---------------------------------------------------------------------------


def paper(title="A Title", links="[<a href='/v9/a19a.html'>abs</a>]"):
    return (
        f'<div class="paper"><p class="title">{title}</p><p class="details"><span class="authors">'
        f'A,&nbsp;B</span>;<span class="info">PMLR 9:1-8</span></p><p class="links">{links}</p></div>'
    )


def volume(listed, *papers):
    return listed("pmlr", PMLR.replace("9", "{volume}/"), *papers, volumes={2021: [9]})


@pytest.mark.parametrize(
    "links",
    [
        # today's, absolute
        f"[<a href='{PMLR}/a19a.html'>abs</a>][<a href='{PMLR}/a19a/a19a.pdf' onclick='ga()'>"
        "Download PDF</a>][<a href='https://openreview.net/forum?id=x'>OpenReview</a>]",
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
    [found] = volume(listed, paper("On <i>small</i> things &amp; more", links))
    assert (found.title, found.url) == ("On small things & more", f"{PMLR}/a19a.html")


def test_a_volume_as_jmlr_had_it(listed):
    found, rejection = volume(
        listed,
        "<dl><dt>First <em>Paper</em></dt><dd>A. B; JMLR W&amp;CP 9:1-8, 2010.<br>"
        "[<a href='a10a.html'>abs</a>] [<a href='a10a/a10a.pdf'>pdf</a>]</dd>"
        "<dt>Second</dt><dd>[<a href='b10a.pdf'>pdf</a>]</dd></dl>",
    )
    assert (found.title, found.url) == ("First Paper", f"{PMLR}/a10a.html")
    assert (rejection.key, rejection.reason) == ("v9#2", "no_link")


def test_what_is_no_paper_of_a_volume_is_counted_with_its_place(listed):
    nowhere = paper("A", "[<a href='a.pdf'>abs</a>]"), paper("A", "<a href='http://[x'>a</a>")
    found = volume(listed, paper(), paper(""), *nowhere)[1:]
    assert [item.key for item in found] == ["v9#2", "v9#3", "v9#4"]
    assert [item.reason for item in found] == ["no_title", "no_link", "no_link"]
    with pytest.raises(CollectError, match=r"/v9/: no paper on this volume page"):
        volume(listed, "<dl><dt>A term</dt></dl>")
