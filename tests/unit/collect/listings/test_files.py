"""Listings out of local files, and what a bad row costs."""

from __future__ import annotations

import csv
import json
import time

import pytest

from papertune.collect.identifiers import document_id
from papertune.collect.listings.files import read_rows, rows_digest
from papertune.errors import CollectError
from papertune.records import Document, Rejection

ROW = {
    "title": "A <i>small</i> paper",
    "paper_url": "https://a.example/1",
    "year": 2020,
    "abstract": "We &amp; you.",
}
OTHER = {"title": "Another", "doi": "10.1145/1.2", "year": "2020", "abstract": ""}
OLDER = {"title": "Older", "paper_url": "https://a.example/0", "year": 2019, "abstract": "Then."}


def written(tmp_path, rows, suffix):
    path = tmp_path / f"rows{suffix}"
    if suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, ["title", "paper_url", "doi", "year", "abstract"])
            writer.writeheader()
            writer.writerows(rows)
    elif suffix == ".json":
        path.write_text(json.dumps(rows, indent=2))
    else:
        path.write_text("\n".join(json.dumps(row) for row in rows) + "\n")
    return str(path)


def split(items):
    items = list(items)
    return (
        [item for item in items if isinstance(item, Document)],
        [item for item in items if isinstance(item, Rejection)],
    )


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".csv"])
def test_rows_of_the_year_become_documents(tmp_path, suffix):
    path = written(tmp_path, [OLDER, ROW, OTHER], suffix)
    documents, rejections = split(read_rows(path, 2020))
    assert not rejections
    assert documents == [
        Document(
            id=document_id("https://a.example/1"),
            title="A small paper",
            url="https://a.example/1",
            year=2020,
            text="We & you.",
            found_by="listing",
        ),
        Document(
            id=document_id("10.1145/1.2"),
            title="Another",
            url="https://doi.org/10.1145/1.2",
            year=2020,
            doi="10.1145/1.2",
        ),
    ]


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ({**ROW, "title": " "}, "no title"),
        ({**ROW, "title": None}, "no title"),
        ({**ROW, "paper_url": ""}, "neither paper_url nor doi"),
        ({**ROW, "paper_url": 7}, "paper_url or doi is no text"),
        ({**ROW, "abstract": ["x"]}, "the abstract is no text"),
        ({**ROW, "year": "soon"}, "no year but 'soon'"),
        ({**ROW, "year": True}, "no year but True"),
        ("text", "not an object"),
        (7, "not an object"),
    ],
)
@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_a_bad_row_is_named_with_its_line_and_the_others_go_on(tmp_path, bad, problem, suffix):
    path = written(tmp_path, [ROW, bad, OTHER], suffix)
    documents, rejections = split(read_rows(path, 2020))
    assert len(documents) == 2
    # the bracket and the first row take seven lines of the indented list
    line = 2 if suffix == ".jsonl" else 8
    assert [item.key for item in rejections] == [f"{path}:{line}"]
    assert rejections[0].reason == "bad_row"
    assert problem in rejections[0].detail


def test_lines_that_are_no_json_or_no_text_are_bad_rows(tmp_path):
    path = tmp_path / "rows.jsonl"
    lines = [
        json.dumps(ROW).encode(),
        b"{broken",
        b"",
        b'{"title": "\xff"}',
        json.dumps(OTHER).encode(),
    ]
    path.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(lines))
    documents, rejections = split(read_rows(str(path), 2020))
    assert len(documents) == 2
    assert [item.key for item in rejections] == [f"{path}:2", f"{path}:4"]


def test_lines_of_a_csv_with_line_breaks_in_cells(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(
        'Title,paper_url,year,abstract\n"A\nB",https://a.example/1,2020,"x\ny"\n'
        ",https://a.example/2,2020,z\nC,https://a.example/3,2020,z,too,many\n"
        "D,https://a.example/4,2020.0,z\n"
    )
    documents, rejections = split(read_rows(str(path), 2020))
    assert [document.title for document in documents] == ["A B", "D"]
    assert [item.key for item in rejections] == [f"{path}:5", f"{path}:6"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("rows.csv", "title,year,abstract\n", "paper_url or doi"),
        ("rows.csv", "paper_url,year\n", "abstract, title"),
        ("rows.csv", "", "abstract, title"),
        ("rows.json", '{"title": 1}', "not a JSON list"),
        ("rows.json", '[{"title": "a"},\n{"title": ]', "rows.json:2"),
        ("rows.json", '[{"title": "a"}\n{"title": "b"}]', "rows.json:2"),
        ("rows.json", '[{"title": "a"}', "rows.json:1"),
        ("rows.json", "[]", "no row of 2020"),
        ("rows.jsonl", "", "no row of 2020"),
        ("rows.jsonl", "{broken\n", "first bad row"),
        ("rows.jsonl", json.dumps(OLDER), "years 2019–2019"),
        ("rows.txt", "x", "unknown kind of file"),
        ("rows.json", b"\xff", "not UTF-8"),
    ],
)
def test_a_file_that_gives_nothing_is_an_error_naming_it(tmp_path, name, content, said):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CollectError) as caught:
        list(read_rows(str(path), 2020))
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_an_error_naming_it(tmp_path):
    with pytest.raises(CollectError, match=r"2020\.jsonl: cannot read the file"):
        list(read_rows(str(tmp_path / "{year}.jsonl"), 2020))


def test_the_digest_of_a_year_is_that_years_only(tmp_path):
    before = rows_digest(written(tmp_path, [OLDER, ROW], ".jsonl"), 2020)
    (tmp_path / "b").mkdir()
    more = written(tmp_path / "b", [{**OLDER, "abstract": "Now."}, OLDER, ROW], ".jsonl")
    assert rows_digest(more, 2020) == before
    assert rows_digest(more, 2019) != rows_digest(written(tmp_path, [OLDER, ROW], ".jsonl"), 2019)


def test_the_digest_does_not_depend_on_formatting_or_order(tmp_path):
    rows = [ROW, OTHER, OLDER]
    digests = {
        rows_digest(written(tmp_path, rows, suffix), 2020) for suffix in (".json", ".jsonl", ".csv")
    }
    digests.add(rows_digest(written(tmp_path, rows[::-1], ".json"), 2020))
    assert len(digests) == 1


@pytest.mark.parametrize("field", ["title", "paper_url", "abstract"])
def test_the_digest_changes_with_what_a_row_says(tmp_path, field):
    before = rows_digest(written(tmp_path, [ROW], ".jsonl"), 2020)
    (tmp_path / "b").mkdir()
    after = written(tmp_path / "b", [{**ROW, field: "https://b.example"}], ".jsonl")
    assert rows_digest(after, 2020) != before


def test_a_changed_file_is_read_again_in_the_same_process(tmp_path):
    path = written(tmp_path, [ROW], ".jsonl")
    before = rows_digest(path, 2020)
    written(tmp_path, [ROW, OTHER], ".jsonl")
    assert rows_digest(path, 2020) != before
    assert len(split(read_rows(path, 2020))[0]) == 2


def test_twenty_thousand_rows_are_planned_quickly(tmp_path):
    rows = [
        {
            **ROW,
            "paper_url": f"https://a.example/{n}",
            "year": 2000 + n % 20,
            "abstract": "w " * 600,
        }
        for n in range(20_000)
    ]
    path = written(tmp_path, rows, ".jsonl")
    start = time.process_time()
    digests = {rows_digest(path, year) for year in range(2000, 2020)}
    assert len(digests) == 20
    assert time.process_time() - start < 3
    start = time.process_time()
    rows_digest(path, 2005)
    assert time.process_time() - start < 0.01


def test_without_years_every_row_is_listed(tmp_path):
    undated = {key: value for key, value in ROW.items() if key != "year"}
    path = written(tmp_path, [OLDER, undated, {**OTHER, "title": ""}], ".jsonl")
    documents, rejections = split(read_rows(path, 0))
    assert [document.year for document in documents] == [2019, 0]
    assert [item.detail for item in rejections] == ["no title"]
