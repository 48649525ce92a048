"""The header is found below what people and programs write above it, and nowhere else."""

from pathlib import Path

import openpyxl
import pytest

from papertune.collect.listings.headers import best_sheet, header_at, unnamed
from papertune.collect.listings.rows import raw_rows, runs
from papertune.errors import CollectError

ROWS = [{"title": "A", "doi": "10.1145/1", "year": "2020"}]
BELOW = {
    "numbers": "Table 1,,\ntitle,doi,year\nA,10.1145/1,2020\n,,\n",
    "dimensions": '"About the data: exported on Jan 1, 2024"\ntitle,doi,year\nA,10.1145/1,2020\n',
    "date": "Exported on Jan 01, 2024\n\ntitle,doi,year\nA,10.1145/1,2020\n",
    "remarks": "# by me, in 2024; twice, at least, or more\n#\n# x\ntitle,doi,year\nA,10.1145/1,2020\n",
    "semicolons": "My library\r\n\r\ntitle;doi;year\r\nA;10.1145/1;2020\r\n",
    "levels": "Papers,,When\ntitle,doi,year\nA,10.1145/1,2020\n",
    "by hand": 'title, doi, year\n"A", "10.1145/1", 2020\n',
    "marks": "\ufeff\ufefftitle,\u200bdoi,year\nA,10.1145/1,2020\n",
    "names": "Abstract\n# title, doi and year\ntitle,doi,year\nA,10.1145/1,2020\n",
    "fields": "Query:,caches\nDate:,2024-01-01\nCount:,1\n\ntitle,doi,year\nA,10.1145/1,2020\n",
    "many": 15 * "# x\n\n" + "title,doi,year\nA,10.1145/1,2020\n",
    "lines": 'My list\n"title","doi","Pages\nof it","year"\nA,10.1145/1,,2020\n',
    "R": '"title" "doi" "year"\n"1" "A" "10.1145/1" 2020\n',
    "R, rows": '"title","doi","year"\n"1","A","10.1145/1",2020\n',
}


def rows_of(name):
    return [row for run in runs(raw_rows(Path(name))) for _, row in run]


@pytest.mark.parametrize("name", BELOW)
def test_titles_and_remarks_above_a_header_are_none(written, name):
    rows = [{k: v for k, v in row.items() if v} for row in rows_of(written(BELOW[name], "a.csv"))]
    assert rows == ROWS


@pytest.mark.parametrize("name", ["a.tsv", "a.tab", "a.txt"])
def test_a_table_parted_by_commas_is_one_under_the_names_of_others(written, name):
    assert rows_of(written("title,doi,year\nA,10.1145/1,2020\n", name)) == ROWS


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_a_csv_that_is_called_json_is_told_so(written, name):
    with pytest.raises(CollectError) as caught:
        rows_of(written("title,doi,year\nA,10.1145/1,2020\n", name))
    assert ".csv" in caught.value.hint
    assert rows_of(written('{"title": "", "year": ""},\n{"title": "A"},\n', "b.jsonl")) == [
        {"title": "", "year": ""},
        {"title": "A"},
    ]


def test_lines_are_those_of_the_file(written):
    path = Path(written('My library\n\ntitle,doi\n"A\nB",10.1145/1\nC,10.1145/2\n', "a.csv"))
    assert [line for line, _ in raw_rows(path)] == [4, 6]


@pytest.mark.parametrize(
    "lines",
    [
        "de,en\nFrage,question\n",
        "de\ten\nAntwort, bitte, jetzt\tanswer\nyear\tJahr\n",
        "q;a\nTitle, abstract, year?;all of them\n",
        "title\nA, doi, year\n",
        "title,doi,year\nauthor,key,id\n",
        "#title,doi,year\nauthor,key,id\n",
        "a,b,c\n1,2,3\n",
        ",question\n0,What?\n",
        'de,en\n"two\nlines",title\n',
    ],
)
def test_a_first_row_that_may_be_the_header_is_it(written, lines):
    first, rows = (
        lines.split("\n")[0],
        rows_of(written(lines, "a.tsv" if "\t" in lines else "a.csv")),
    )
    names = [name for sign in "\t;," if sign in first for name in first.split(sign)] or [first]
    assert all(isinstance(row, str) or [*row] == list(filter(None, names)) for row in rows)


def test_an_extra_cell_is_no_number_of_rows_unless_r_wrote_it(written):
    [row] = rows_of(written("id,title,doi\n1,Caches, small,10.1145/1\n", "a.csv"))
    assert "more cells" in row


def test_a_sheet_of_notes_or_sums_is_not_the_table(written):
    book = openpyxl.Workbook()
    book.active.title = "Notes"
    book.active.append(["by me"])
    book.active.append(["more of it"])
    sums, papers = book.create_sheet("Sums"), book.create_sheet("Papers")
    for cells in (["Kind", "Count"], ["book", 2]):
        sums.append(cells)
    for cells in (
        ["My library"],
        [],
        [None, "title", "doi", "year"],
        [None, "A", "10.1145/1", "2020"],
    ):
        papers.append(cells)
    papers.merge_cells("A1:D1")
    book.save("a.xlsx")
    assert [*raw_rows(Path("a.xlsx"))] == [(4, ROWS[0])]


def test_of_sheets_without_known_names_the_first_of_several_columns():
    assert best_sheet([[["x"], ["y"]], [["a", "b"]], [["c", "d"]]]) == 1
    assert best_sheet([[["x"]], [["y"]]]) == 0
    assert header_at([]) == 0


def test_a_file_without_a_header_is_told_so():
    assert "first line" in unnamed(["What is it?", "A cache."])
    assert "first line" in unnamed(["A", "10.1145/1", "2020"])
    assert not unnamed(["Name", "Wann"]) and not unnamed(["title", "2020"])
