"""Listings out of local files, and what a bad row costs."""

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
        ({**ROW, "paper_url": ""}, "neither paper_url nor doi"),
        ({**ROW, "paper_url": "", "doi": "n/a"}, "'n/a' is no DOI"),
        ({**ROW, "paper_url": "http://[", "doi": ""}, "paper_url is no url"),
        ({**ROW, "paper_url": 7}, "paper_url is no text"),
        ({**ROW, "abstract": ["x"]}, "abstract is no text"),
        ("text", "not a JSON object"),
    ],
)
def test_a_bad_row_is_named_with_its_line_and_the_others_go_on(listed, bad, problem):
    documents, [rejection] = listed([ROW, bad, OTHER])
    assert len(documents) == 2
    assert rejection.key == "rows.jsonl:2"
    assert rejection.reason == "bad_row"
    assert problem in rejection.detail


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
    with pytest.raises(CollectError, match=r"'feld' .did you mean 'field'"):
        rows_of(FilesSource.model_validate(source))


def test_a_category_that_is_no_text_costs_its_row(written):
    path = written([{**ROW, "field": ["a"]}, {**OTHER, "field": 7}])
    source = {"kind": "files", "path": path, "columns": {"category": "field"}}
    [document], [rejection] = rows_of(FilesSource.model_validate(source))
    assert document.category == "7" and "field is no text" in rejection.detail


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("title,year,abstract", "paper_url or doi"),
        ("paper_url,year", "title, abstract"),
        ("titel,paper_url,year,abstract", r"title \(did you mean 'titel'\?\)"),
    ],
)
def test_a_table_without_a_column_is_an_error_naming_the_nearest(listed, header, said):
    with pytest.raises(CollectError, match=said) as caught:
        listed(f"{header}\n{','.join('x' for _ in header.split(','))}\n", "rows.csv")
    assert caught.value.where == "rows.csv:1"
