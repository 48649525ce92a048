"""The ACL Anthology's XML: small files in the format of the real ones."""

import pytest

from papertune.collect.identifiers import document_id
from papertune.collect.listings import acl
from papertune.errors import CollectError
from papertune.records import Document
from papertune.study.settings.listings import AclXmlSource


def paper(number, title="A Title", more=""):
    author = "<author><first>A</first><last>B</last></author>"
    return f'<paper id="{number}"><title>{title}</title>{author}{more}</paper>'


def volume(name, *papers, year=2021):
    return (
        f'<volume id="{name}" type="proceedings"><meta><year>{year}</year><url hash="a">x</url></meta>'
        f'<frontmatter><url hash="0f">2021.x-{name}.0</url></frontmatter>{"".join(papers)}</volume>'
    )


def collection(*volumes, name="2021.x"):
    head = "<?xml version='1.0' encoding='UTF-8'?>"
    return f'{head}\n<collection id="{name}">{"".join(volumes)}<event id="e"/></collection>'


@pytest.fixture
def listed(written):
    def read(text, volumes=(), year=2021):
        if text is not None:
            written(text, f"{year}.x.xml")
        source = AclXmlSource(kind="acl_xml", path="{year}.x.xml", volumes=list(volumes))
        return list(acl.list_xml(None, source, year))

    return read


def test_papers_and_what_is_none_with_its_reason(listed):
    more = (
        "<url>2021.x-main.1</url><abstract>We parse <tex-math>O(n^2)</tex-math> faster &amp; "
        "<b>well</b>: é 10<sup>5</sup>.</abstract><doi>10.18653/V1/2021.x-main.1</doi><revision/>"
    )
    title = "<fixed-case>BERT</fixed-case> is <i>not</i> <fixed-case>E</fixed-case>nough"
    papers = (
        paper(1, title, more),
        paper(7),
        paper(2, more='<retracted date="2022-05-06">Wrong track.</retracted>'),
        paper(3, more='<removed date="2022-05-06"/>'),
        paper(4, "Preface"),
        paper(5, ""),
    )
    front, found, bare, *others = listed(collection(volume("main", *papers)))
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
    assert bare.url == "https://aclanthology.org/2021.x-main.7/"
    assert (bare.id, bare.text, bare.found_by) == (document_id(bare.url), "", "")
    assert [(item.key, item.reason, item.detail) for item in others] == [
        ("2021.x-main.2", "retracted", "A Title (Wrong track.)"),
        ("2021.x-main.3", "removed", "A Title"),
        ("2021.x-main.4", "front_matter", "Preface"),
        ("2021.x-main.5", "no_title", "https://aclanthology.org/2021.x-main.5/"),
    ]


@pytest.mark.parametrize("wanted", ["short", "{year}.x-short"])
def test_the_volumes_asked_for(listed, wanted):
    text = collection(volume("long", paper(1, "Long")), volume("short", paper(1, "Short")))
    assert [item.title for item in listed(text, [wanted])[1:]] == ["Short"]


@pytest.mark.parametrize(
    ("name", "number", "key"),
    [("P18", "1", "P18-1003"), ("W18", "2", "W18-0203"), ("D19", "51", "D19-5103")],
)
def test_ids_before_2020_are_made_as_the_anthology_made_them(listed, name, number, key):
    made = f'<volume id="{number}"><meta/>{paper(3)}</volume>'
    [found] = listed(collection(made, name=name), year=2000 + int(name[1:]))
    assert found.url == f"https://aclanthology.org/{key}/"


TWO_YEARS = collection(volume("long", year=2020), volume("short"))


@pytest.mark.parametrize(
    ("text", "wanted", "said"),
    [
        ("<collection id='x'><volume>", {}, "not XML"),
        ("", {}, "empty"),
        ("<posts></posts>", {}, "its root is <posts>"),
        ('<volume id="P18"><paper id="1000"/></volume>', {}, "its root is <volume>"),
        (None, {}, r"2021\.x\.xml: no such file"),
        (TWO_YEARS, {"year": 2019}, r"no volume of 2019 but long \(2020\), short \(2021\)"),
        (TWO_YEARS, {"volumes": ["demo"]}, "no volume of 2021(?s:.*)long, short"),
    ],
)
def test_a_file_that_does_not_serve_is_an_error(listed, text, wanted, said):
    with pytest.raises(CollectError, match=said):
        listed(text, **wanted)


def test_entities_of_its_own_are_not_expanded(listed, tmp_path):
    (tmp_path / "secret").write_text("SECRET")
    head = f'<!DOCTYPE collection [<!ENTITY s SYSTEM "{(tmp_path / "secret").as_uri()}">]>'
    text = head + collection(volume("main", paper(1, "A &s; B"))).partition("\n")[2]
    assert "SECRET" not in listed(text)[1].title


def test_a_file_under_a_url_is_fetched(cached):
    url = "https://acl.example/2021.x.xml"
    text = collection(volume("main", paper(1, "Größe"))).replace("UTF-8", "ISO-8859-1")
    source = AclXmlSource(kind="acl_xml", path=url.replace("2021", "{year}"))
    _, found = acl.list_xml(cached(url, text), source, 2021)
    assert found.title == "Größe"
