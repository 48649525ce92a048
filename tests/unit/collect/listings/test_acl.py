"""The ACL Anthology's XML and pages, small ones in the shape of the real ones."""

from __future__ import annotations

import pytest

from papertune.collect.identifiers import document_id
from papertune.collect.listings import acl
from papertune.collect.web.page_cache import Page
from papertune.collect.web.session import PoliteSession
from papertune.errors import CollectError
from papertune.records import Document
from papertune.study.settings import Fetching
from papertune.study.settings.listings import AclSource, AclXmlSource

META = '<meta><booktitle>Proceedings of X</booktitle><year>{}</year><url hash="a">x</url></meta>'


def paper(number, title="A Title", more="", url=""):
    address = f'<url hash="ab12">{url}</url>' if url else ""
    return (
        f'<paper id="{number}"><title>{title}</title><author><first>A</first><last>B</last>'
        f"</author>{address}{more}</paper>"
    )


def volume(name, *papers, year=2021):
    front = f'<frontmatter><url hash="0f">2021.x-{name}.0</url></frontmatter>'
    return f'<volume id="{name}" type="proceedings">{META.format(year)}{front}{"".join(papers)}</volume>'


def collection(*volumes, name="2021.x"):
    body = "".join(volumes)
    head = "<?xml version='1.0' encoding='UTF-8'?>"
    return f'{head}\n<collection id="{name}">{body}<event id="e"/></collection>'


@pytest.fixture
def session(tmp_path):
    return PoliteSession(Fetching(), tmp_path / "cache")


@pytest.fixture
def listed(session, tmp_path):
    def read(text, volumes=(), year=2021):
        (tmp_path / f"{year}.x.xml").write_text(text, encoding="utf-8")
        path = str(tmp_path / "{year}.x.xml")
        source = AclXmlSource(kind="acl_xml", path=path, volumes=list(volumes))
        return list(acl.list_xml(session, source, year))

    return read


def test_a_paper_has_its_abstract_and_doi(listed):
    more = (
        "<abstract>We parse <tex-math>O(n^2)</tex-math> faster &amp; <b>well</b>: é "
        "10<sup>5</sup>.</abstract><doi>10.18653/V1/2021.x-main.1</doi><revision id='1' href='v1'/>"
    )
    title = "<fixed-case>BERT</fixed-case> is <i>not</i> <fixed-case>E</fixed-case>nough"
    front, found = listed(collection(volume("main", paper(1, title, more, "2021.x-main.1"))))
    assert (front.key, front.reason) == ("2021.x-main.0", "front_matter")
    assert found == Document(
        id=document_id("10.18653/v1/2021.x-main.1"),
        title="BERT is not Enough",
        url="https://aclanthology.org/2021.x-main.1/",
        year=2021,
        text="We parse $O(n^2)$ faster & well: é 10^5.",
        found_by="listing",
        doi="10.18653/v1/2021.x-main.1",
    )


def test_a_paper_without_abstract_or_doi_is_still_to_be_asked_for(listed):
    found = listed(collection(volume("main", paper(7))))[1]
    assert (found.url, found.text, found.found_by) == (
        "https://aclanthology.org/2021.x-main.7/",
        "",
        "",
    )
    assert found.id == document_id(found.url)


@pytest.mark.parametrize(
    ("made", "reason", "detail"),
    [
        (
            paper(1, more='<retracted date="2022-05-06">Wrong track.</retracted>'),
            "retracted",
            "Wrong",
        ),
        (paper(1, more='<removed date="2022-05-06"/>'), "removed", "A Title"),
        (paper(1, "Preface"), "front_matter", "Preface"),
        (paper(1, ""), "no_title", ""),
    ],
)
def test_what_is_no_paper_is_counted_under_its_id(listed, made, reason, detail):
    _, rejection, found = listed(collection(volume("main", made, paper(2))))
    assert (rejection.stage, rejection.key, rejection.reason) == ("list", "2021.x-main.1", reason)
    assert detail in rejection.detail
    assert isinstance(found, Document)


@pytest.mark.parametrize("wanted", ["short", "{year}.x-short"])
def test_the_volumes_asked_for(listed, wanted):
    text = collection(volume("long", paper(1, "Long")), volume("short", paper(1, "Short")))
    assert [item.title for item in listed(text, [wanted])[1:]] == ["Short"]


def test_a_year_that_the_file_does_not_have_is_an_error(listed):
    text = collection(volume("long", year=2020), volume("short", year=2021))
    with pytest.raises(CollectError, match=r"no volume of 2019 but long \(2020\), short \(2021\)"):
        listed(text, year=2019)
    with pytest.raises(CollectError, match="no volume of 2021") as caught:
        listed(text, ["demo"])
    assert "long, short" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "number", "key"),
    [("P18", "1", "P18-1003"), ("W18", "2", "W18-0203"), ("D19", "51", "D19-5103")],
)
def test_ids_before_2020_are_made_as_the_anthology_made_them(listed, name, number, key):
    year = 2000 + int(name[1:])
    made = f'<volume id="{number}"><meta/>{paper(3)}</volume>'
    assert [item.url for item in listed(collection(made, name=name), year=year)] == [
        f"https://aclanthology.org/{key}/"
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<html><body>", "not XML"),
        ("<html></html>", "its root is <html>"),
        ('<volume id="P18"><paper id="1000"/></volume>', "its root is <volume>"),
        ("", "not XML"),
    ],
)
def test_what_is_no_file_of_the_anthology_is_an_error(listed, text, said):
    with pytest.raises(CollectError, match=said):
        listed(text)


def test_entities_of_its_own_are_not_expanded(listed, tmp_path):
    (tmp_path / "secret").write_text("SECRET")
    head = f'<!DOCTYPE collection [<!ENTITY s SYSTEM "{(tmp_path / "secret").as_uri()}">]>'
    text = head + collection(volume("main", paper(1, "A &s; B"))).partition("\n")[2]
    assert "SECRET" not in listed(text)[1].title


def test_a_file_under_a_url_is_fetched(session):
    url = "https://acl.example/2021.x.xml"
    text = collection(volume("main", paper(1, "Größe")))
    session.cache.write(Page(url, url, "text/plain", text.replace("UTF-8", "ISO-8859-1")))
    source = AclXmlSource(kind="acl_xml", path=url.replace("2021", "{year}"))
    _, found = acl.list_xml(session, source, 2021)
    assert found.title == "Größe"


def test_a_file_that_is_not_there_is_an_error(session):
    with pytest.raises(CollectError, match=r"none\.xml: cannot read"):
        list(acl.list_xml(session, AclXmlSource(kind="acl_xml", path="none.xml"), 2021))


# ---- the pages --------------------------------------------------------------------------------


def entry(key, title="A Title", abstract="", gone=False, tag="p"):
    style = ' style="text-decoration: line-through"' if gone else ""
    made = (
        f'<{tag} class="d-sm-flex align-items-stretch"><span class="d-block mr-2 list-button-row">'
        f'<a class="badge" href="https://acl.example/{key}.pdf">pdf</a></span>'
        f'<span class="d-block"{style}><strong><a class="align-middle" href="/{key}/">{title}</a>'
        f'</strong><br><a href="/people/a-b/">A B</a></span></{tag}>'
    )
    if abstract:
        made += (
            f'<div class="card abstract-collapse" id="abstract-{key.replace(".", "--")}">'
            f'<div class="card-body p-3 small">{abstract}</div></div>'
        )
    return made


@pytest.fixture
def shown(session):
    def read(*entries, template="https://acl.example/events/x-{year}/", volumes=(), year=2021):
        url = template.replace("{year}", str(year))
        head = "<h2 id='title'><a href='/2021.x-main.pdf'>Proceedings</a></h2>"
        page = f"<html><body>{head}{''.join(entries)}</body></html>"
        session.cache.write(Page(url, url, "text/html", page))
        source = AclSource(kind="acl", url=template, volumes=list(volumes))
        return list(acl.list_pages(session, source, year))

    return read


@pytest.mark.parametrize("tag", ["p", "div"])
def test_a_page_gives_titles_and_abstracts(shown, tag):
    front, found, bare = shown(
        entry("2021.x-main.0", "Proceedings of X", tag=tag),
        entry(
            "2021.x-main.1",
            "<span class='acl-fixed-case'>BERT</span> &amp; Co",
            "We <i>do</i>.",
            tag=tag,
        ),
        entry("2021.x-main.2", tag=tag),
    )
    assert (front.key, front.reason) == ("2021.x-main.0", "front_matter")
    assert found == Document(
        id=document_id("https://acl.example/2021.x-main.1/"),
        title="BERT & Co",
        url="https://acl.example/2021.x-main.1/",
        year=2021,
        text="We do.",
        found_by="listing",
    )
    assert (bare.text, bare.found_by) == ("", "")


def test_retracted_papers_of_a_page_are_rejections(shown):
    rejection, found = shown(entry("P18-1002", gone=True), entry("P18-1003"))
    assert (rejection.key, rejection.reason) == ("P18-1002", "retracted")
    assert found.url == "https://acl.example/P18-1003/"


def test_the_volumes_of_an_event(shown):
    entries = [entry("2021.x-long.1", "L"), entry("2021.w-1.1", "W"), entry("2021.x-longer.1", "N")]
    assert [item.title for item in shown(*entries, volumes=["{year}.x-long"])] == ["L"]
    with pytest.raises(CollectError, match=r"none of the volumes 2021\.y-long") as caught:
        shown(*entries, volumes=["{year}.y-long"])
    assert "2021.x-long, 2021.w-1, 2021.x-longer" in caught.value.hint


def test_a_page_of_many_years_gives_the_year_asked_for(shown):
    entries = [entry("2020.x-1.1", "B"), entry("P98-1001", "A"), entry("P01-1001", "C")]
    for year, title in ((2020, "B"), (1998, "A"), (2001, "C")):
        items = shown(*entries, template="https://acl.example/venues/x/", year=year)
        assert [item.title for item in items] == [title]


def test_a_page_without_papers_is_an_error(shown):
    with pytest.raises(CollectError, match="no paper of the ACL Anthology"):
        shown(
            "<strong><a href='/people/x/'>x</a></strong><strong><a href='http://[x'>y</a></strong>"
        )


@pytest.mark.parametrize(
    ("key", "volume", "year"),
    [
        ("2021.naacl-main.208", "2021.naacl-main", "2021"),
        ("P18-1001", "P18-1", "2018"),
        ("W98-0101", "W98-01", "1998"),
        ("something", "somet", ""),
    ],
)
def test_what_an_id_says(key, volume, year):
    assert (acl.volume_of(key), acl.year_of(key)) == (volume, year)
