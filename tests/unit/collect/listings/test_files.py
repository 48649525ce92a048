"""Listings from local files, and the cost of a bad row."""

import json

import pytest

from listed import rows_of
from papertune.collect.identifiers import document_id
from papertune.errors import CollectError
from papertune.records import Document
from papertune.study.settings.listings import FilesSource

URL = "https://a.example/1"
ROW = {"title": "A <i>small</i> paper", "paper_url": URL, "year": 2020, "abstract": "We &amp; you."}
OTHER = {"title": "Another", "doi": "10.1145/1.2", "year": "2020", "abstract": ""}


@pytest.fixture
def listed(written):
    return lambda content, name="rows.jsonl": rows_of(
        FilesSource(kind="files", path=written(content, name))
    )


def test_rows_become_documents(listed):
    documents, rejections = listed([ROW, OTHER], "rows.csv")
    assert not rejections
    doi = "10.1145/1.2"
    assert documents == [
        Document(document_id(URL), "A small paper", URL, 2020, "We & you.", "listing"),
        Document(document_id(doi), "Another", f"https://doi.org/{doi}", 2020, doi=doi),
    ]


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ({**ROW, "title": " "}, "no title"),
        ({**ROW, "paper_url": "", "abstract": ""}, "neither paper_url nor doi"),
        ({**ROW, "paper_url": "", "doi": "n/a", "abstract": "N/A"}, "neither paper_url nor doi"),
        ({**ROW, "paper_url": "http://[", "doi": ""}, "paper_url is no url"),
        ({**ROW, "paper_url": "click", "abstract": ""}, "'click' is neither a url nor a DOI"),
        ({**ROW, "paper_url": "Click here"}, "'Click here' is neither a url nor a DOI"),
        ({**ROW, "paper_url": 7}, "paper_url is no text"),
        ({**ROW, "abstract": ["x", "y"]}, "abstract is no text"),
        ({**ROW, "abstract": {"Aim": "We look.", "Results": "It is."}}, "abstract is no text"),
        ({"title": "A", "arxiv_id": 1901.1}, "neither paper_url nor doi"),
        ("text", "not a JSON object"),
    ],
)
def test_a_bad_row_is_named_with_its_line_and_the_others_go_on(listed, bad, problem):
    documents, [rejection] = listed([ROW, bad, OTHER])
    assert len(documents) == 2
    assert rejection.key == "rows.jsonl:2"
    assert rejection.reason == "bad_row"
    assert problem in rejection.detail


def test_a_paper_with_a_text_needs_no_address_and_is_known_by_its_title(listed):
    table = "Title,Year,Abstract\nWhat? A #1 paper,2020,We look.\nWhat? A #2 paper,2020,We see.\n"
    documents, rejections = listed(table, "rows.csv")
    assert not rejections and len({one.id for one in documents}) == 2
    assert [(one.title, one.url, one.text) for one in documents] == [
        ("What? A #1 paper", "", "We look."),
        ("What? A #2 paper", "", "We see."),
    ]
    [again], _ = listed("title,doi,abstract,year\nwhat?  a #1 PAPER,N/A,We look.,2020\n", "b.csv")
    assert again.id == documents[0].id


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json"])
def test_half_a_surrogate_pair_costs_its_character(listed, name):
    halves = {"title": "A \ud800", "paper_url": f"{URL}\udfff", "abstract": "\udc00 We."}
    [document], _ = listed([{**ROW, **halves}], name)
    assert (document.title, document.text) == ("A \ufffd", "\ufffd We.")
    assert document.url == f"{URL}\ufffd"


def test_an_abstract_that_says_there_is_none_is_empty(listed):
    for text in ("N/A", "-", "No abstract available.", " "):
        [document], _ = listed([{**ROW, "abstract": text}])
        assert (document.text, document.found_by) == ("", "")


def test_a_heading_may_differ_in_case_and_blanks(listed):
    table = 'Title, Paper_URL ,Year,ABSTRACT\n"A\nB",https://a.example/1,2020.0,"x\ny"\n'
    [document], _ = listed(table, "rows.csv")
    assert (document.title, document.text) == ("A B", "x y")


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_a_column_may_have_the_category(written, name):
    rows = [{**ROW, "Field": " computer\n vision"}, {**OTHER, "Field": ""}]
    path = written(rows, name)
    source = {"kind": "files", "path": path, "columns": {"category": "field "}}
    documents, rejections = rows_of(FilesSource.model_validate(source))
    assert [one.category for one in documents] == ["computer vision", ""] and not rejections
    source["columns"]["category"] = "feld"
    with pytest.raises(CollectError, match=r"'feld' .did you mean 'Field'"):
        rows_of(FilesSource.model_validate(source))


def test_a_category_that_is_no_text_costs_its_row(written):
    path = written([{**ROW, "field": ["a", "b"]}, {**OTHER, "field": 7}])
    source = {"kind": "files", "path": path, "columns": {"category": "field"}}
    [document], [rejection] = rows_of(FilesSource.model_validate(source))
    assert document.category == "7" and "field is no text" in rejection.detail


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("title,year,pages", "paper_url or doi"),
        ("paper_url,year", "title, abstract"),
        ("titles,paper_url,year,abstract", r"title \(did you mean 'titles'\?\)"),
    ],
)
def test_a_table_without_a_column_is_an_error_naming_the_nearest(listed, header, said):
    with pytest.raises(CollectError, match=said) as caught:
        listed(f"{header}\n{','.join('x' for _ in header.split(','))}\n", "rows.csv")
    assert caught.value.where == "rows.csv"


ABSTRACT = (
    "We present a cache that learns. It is measured on many programs, and it is better than what came "
    "before in all respects that people care about. Its price is small, and we say where it fails too."
)
EXPORTS = {
    "zotero.csv": '\ufeff"Key","Item Type","Publication Year","Title","Publication Title","DOI",'
    f'"Url","Abstract Note","Date"\n"K1","book","2020","A","Proc","10.1145/1","","{ABSTRACT}",""\n',
    "scopus.csv": "\ufeffAuthors,Title,Year,Source title,DOI,Link,Abstract,EID\n"
    f'Doe,A,2020,J,10.1145/1,https://www.scopus.com/inward/1,"{ABSTRACT}",2-s2.0\n',
    "savedrecs.txt": "\ufeffPT\tAU\tTI\tSO\tAB\tPY\tDI\tUT\n"
    f"J\tDoe\tA\tJ\t{ABSTRACT}\t2020\t10.1145/1\tWOS:1\n",
    "ieee.csv": '"Document Title","Publication Title","Publication Year","Abstract","DOI","PDF Link"\n'
    f'"A","Proc","2020","{ABSTRACT}","10.1145/1","https://x.example/stamp.jsp?arnumber=1"\n',
    "endnote.txt": "Reference Type\tAuthor\tYear\tTitle\tSecondary Title\tDate\tDOI\tAbstract\n"
    f"Journal Article\tDoe\t2020\tA\tJ\tMay\t10.1145/1\t{ABSTRACT}\n",
    "excel.csv": "sep=;\nTitel;Erscheinungsjahr;DOI;Zusammenfassung;;\n"
    f"A;2020;10.1145/1;{ABSTRACT};;\n;;;;;\n",
    "cnki.csv": f'题名,作者,发表时间,DOI,摘要\nA,王,2020-05-01,10.1145/1,"{ABSTRACT}"\n',
    "dspace.csv": "id,dc.title[en_US],dc.date.issued[],dc.identifier.doi[],dc.description.abstract[en]\n"
    f'1,A,2020-05,10.1145/1,"{ABSTRACT}"\n',
    "csl.json": {"items": [{"title": "A", "DOI": "10.1145/1", "abstract": ABSTRACT, "container-title": "J",
                            "issued": {"date-parts": [["2020", 5]]}}]},
    "crossref.json": {"message": {"items": [{"title": ["A"], "DOI": "10.1145/1", "link": [{"URL": "x"}],
                      "abstract": f"<jats:p>{ABSTRACT}</jats:p>", "issued": {"date-parts": [[2020]]}}]}},
    "openalex.json": {"results": [{"title": "A", "display_name": "A", "doi": "https://doi.org/10.1145/1",
                      "publication_year": 2020,
                      "abstract_inverted_index": {w: [n] for n, w in enumerate(ABSTRACT.split())}}]},
    "s2.json": {"data": [{"title": "A", "externalIds": {"DOI": "10.1145/1"}, "abstract": ABSTRACT,
                "year": 2020, "url": "https://www.semanticscholar.org/paper/1"}]},
    "better.json": {"config": {}, "collections": {}, "items": [{"title": "A", "DOI": "10.1145/1", "url": "",
                    "abstractNote": ABSTRACT, "date": "May 2020"}]},
    "zotero-api.json": [{"key": "K", "version": 1, "library": {}, "data": {
        "title": "A", "DOI": "10.1145/1", "url": "", "abstractNote": ABSTRACT, "date": "2020-05"}}],
    "openreview.json": {"notes": [{"id": "x", "forum": "x", "content": {
        "title": {"value": "A"}, "abstract": {"value": ABSTRACT}, "year": {"value": 2020},
        "doi": {"value": "10.1145/1"}}}], "count": 1},
    "scholarly.json": [{"bib": {"title": "A", "pub_year": "2020", "abstract": ABSTRACT},
                        "doi": "10.1145/1"}],
    "europepmc.json": {"resultList": {"result": [{"title": "A", "doi": "10.1145/1", "pubYear": "2020",
                       "abstractText": ABSTRACT}]}},
    "solr.json": {"responseHeader": {"status": 0}, "response": {"numFound": 1, "docs": [
        {"title": ["A"], "doi": ["10.1145/1"], "year": "2020", "abstract": ABSTRACT}]}},
    "elastic.json": {"took": 1, "_shards": {"total": 1}, "hits": {"total": {"value": 1}, "hits": [
        {"_id": "1", "_source": {"title": "A", "doi": "10.1145/1", "year": 2020, "abstract": ABSTRACT}}]}},
    "dblp.json": {"result": {"status": {"@code": "200"}, "completions": {"@total": "1", "c": {"text": "a"}},
                  "hits": {"@total": "1", "hit": [{"@id": "1", "info": {
                      "title": "A", "year": "2020", "doi": "10.1145/1", "abstract": ABSTRACT}}]}}},
    "camel.csv": f'PaperTitle,Doi,PublicationYear,AbstractText\nA,10.1145/1,2020,"{ABSTRACT}"\n',
    "marks.csv": f'\u200bTitle,\u00a0DOI*,Pub. Year,Abstract:\nA,10.1145/1,2020,"{ABSTRACT}"\n',
    "tr.csv": f'Başlık;Yıl;DOI;Özet\nA;2020;10.1145/1;"{ABSTRACT}"\n',
}  # fmt: skip


@pytest.mark.parametrize("name", EXPORTS)
def test_the_columns_of_usual_exports_are_known(listed, name):
    content = EXPORTS[name]
    [document], rejections = listed(
        content if isinstance(content, str) else json.dumps(content), name
    )
    assert not rejections
    assert (document.title, document.year, document.doi) == ("A", 2020, "10.1145/1")
    assert document.url == "https://doi.org/10.1145/1"
    assert document.text[:10] == ABSTRACT[:10]


ARXIV = {
    "kaggle.json": {"id": "2001.00001", "submitter": "D", "title": "A", "doi": None, "abstract": ABSTRACT,
                    "update_date": "2022-05-05", "versions": [
                        {"version": "v1", "created": "Thu, 2 Jan 2020 10:00:00 GMT"},
                        {"version": "v2", "created": "Sun, 2 Jan 2022 10:00:00 GMT"}]},
    "s2.jsonl": {"title": "A", "externalIds": {"ArXiv": "2001.00001"}, "abstract": ABSTRACT, "year": 2020,
                 "url": "https://www.semanticscholar.org/paper/1"},
    "number.jsonl": {"title": "A", "doi": "2001.00001", "abstract": ABSTRACT, "year": 2020},
    "link.jsonl": {"title": "A", "link": "2001.00001v3", "abstract": ABSTRACT, "year": 2020},
}  # fmt: skip


@pytest.mark.parametrize("name", ARXIV)
def test_a_paper_that_is_at_arxiv_alone_is_known_by_its_number(listed, name):
    rows = [ARXIV[name], ARXIV[name] | {"id": "2001.00002", "doi": "10.1145/2", "title": "B"}]
    [document, other], rejections = listed("\n".join(map(json.dumps, rows)), name)
    assert not rejections
    assert document.url == "https://arxiv.org/abs/2001.00001"
    assert (document.year, other.year, other.doi) == (2020, 2020, "10.1145/2")


def test_where_no_row_is_of_the_year_the_first_bad_one_says_why(written):
    path = written([{**ROW, "year": 43586}], "rows.csv")
    with pytest.raises(CollectError, match=r"rows.csv:2: no year: A small paper"):
        rows_of(FilesSource(kind="files", path=path), 2019)


def test_columns_of_ones_own_are_named_by_settings_and_all_that_lack_are_told_at_once(written):
    path = written(f'Name,Wann,Text,Ort\nA,2020,"{ABSTRACT}",{URL}\n', "rows.csv")
    source = {"kind": "files", "path": path}
    with pytest.raises(CollectError, match="title, paper_url or doi, year, abstract") as caught:
        rows_of(FilesSource.model_validate(source))
    assert "Name, Wann, Text, Ort" in caught.value.hint and "source.columns" in caught.value.hint
    source["columns"] = {"title": "name", "year": "Wann", "abstract": "Text", "paper_url": "Ort"}
    [document], _ = rows_of(FilesSource.model_validate(source))
    assert (document.title, document.url, document.text) == ("A", URL, ABSTRACT)


@pytest.mark.parametrize(
    "names", [("Titel", "Titre"), ("Title", "title"), ("dc.title[en]", "dc.title[de]")]
)
def test_two_columns_that_may_be_the_same_are_an_error_unless_one_is_named(written, names):
    path = written(f"{names[0]},{names[1]},doi,year,abstract\nA,B,10.1145/1,2020,x\n", "rows.csv")
    with pytest.raises(CollectError, match="title may be") as caught:
        rows_of(FilesSource(kind="files", path=path))
    assert all(name in caught.value.what for name in names)
    written(f"{names[0]},{names[1]},doi,year,abstract\nA,A,10.1145/1,2020,x\n", "rows.csv")
    [document], _ = rows_of(FilesSource(kind="files", path=path))
    assert document.title == "A"


def test_without_a_column_of_abstracts_pages_are_asked_unless_another_may_have_them(listed):
    authors = ", ".join(f"Doe {letter}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" * 2)
    [document], _ = listed(f'PMID,Title,Authors,Publication Year\n7,A,"{authors}",2020\n', "p.csv")
    assert (document.url, document.text) == ("https://pubmed.ncbi.nlm.nih.gov/7/", "")
    with pytest.raises(CollectError, match="abstract"):
        listed(f'PMID,Title,Note,Publication Year\n7,A,"{ABSTRACT}",2020\n', "p.csv")


def test_what_is_within_objects_is_named_and_may_be_an_abstract(listed):
    row = {"doi": "10.1145/1", "attributes": {"titles": [{"title": "A"}], "year": 2020}}
    with pytest.raises(CollectError) as caught:
        listed([row])
    assert "attributes.titles.0.title" in caught.value.hint
    row = {"doi": "10.1145/1", "year": 2020, "metadata": {"title": "A", "description": ABSTRACT}}
    with pytest.raises(CollectError, match="abstract") as caught:
        listed([row])
    assert "metadata.description" in caught.value.hint


def test_values_that_say_nothing_are_nothing_and_texts_stay_texts(listed):
    rows = [
        {"title": title, "doi": f"10.1145/{n}", "paper_url": "nan", "year": year, "abstract": text}
        for n, (title, year, text) in enumerate([
            ("007", "June 2020", "1/2"), ('["x"]', "01/06/2020", "#N/A"), ("1984", "2020年5月", "null"),
            ("#REF!", "2020", "x"), ("None", "2020", "x"), ("B", "c. 2020", "x"), ("C", "n.d.", "x"),
        ])
    ]  # fmt: skip
    documents, rejections = listed(rows, "rows.csv")
    assert [(one.title, one.text) for one in documents] == [
        ("007", "1/2"),
        ('["x"]', ""),
        ("1984", ""),
    ]
    assert [one.reason for one in rejections] == ["bad_row", "bad_row", "no_year", "no_year"]


def test_the_year_may_be_of_the_file(written):
    written("title,doi,abstract\nA,10.1145/1,x\n", "p-2020.csv")
    [document], _ = rows_of(FilesSource(kind="files", path="p-{year}.csv"))
    assert document.year == 2020


WHOLE = "We cut the energy of caches by a third, and show it on six programs. Prices fall, too."


@pytest.mark.parametrize(
    "end",
    [" Keywords: caches, energy, memory", " © 2019 Elsevier B.V. All rights reserved.",
     " (C) 2020 IEEE.", " Index Terms—caches; energy."],
)  # fmt: skip
def test_what_exports_have_behind_an_abstract_goes_and_documents_stay_whole(listed, end):
    row = {**ROW, "abstract": WHOLE + end}
    lines = {**ROW, "paper_url": f"{URL}/2", "abstract": 60 * f"{WHOLE} " + end}
    [short, long], _ = listed([row, lines])
    assert short.text == WHOLE
    assert long.text.endswith(end.split()[-1])
