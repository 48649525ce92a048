"""Tables of every kind, row by row."""

import gzip
import json
from datetime import datetime
from pathlib import Path

import pandas
import pyarrow
import pytest
from pyarrow import parquet

from papertune.collect.listings.rows import raw_rows, runs
from papertune.errors import CollectError

ROWS = [{"q": "Why?", "a": "So."}, {"q": "How, then?", "a": "Thus."}]
LINES = '{"q": "Why?", "a": "So."}\n\n{"q": "How, then?", "a": "Thus."}\n'


def read_rows(path):
    """All rows of a table, with their lines."""
    return [row for run in runs(raw_rows(path)) for row in run]


@pytest.mark.parametrize(
    ("name", "content", "lines"),
    [
        ("p.jsonl", LINES, [1, 3]),
        ("p.ndjson", "\ufeff" + LINES, [1, 3]),
        ("p.jsonl.gz", gzip.compress(LINES.encode(), mtime=0), [1, 3]),
        ("p.json", json.dumps(ROWS, indent=1), [2, 6]),
        ("p.json", json.dumps({"version": 1, "data": ROWS}), [1, 2]),
        ("p.csv", 'q,a\n"Why?",So.\n\n"How, then?",Thus.\n', [2, 4]),
        ("p.CSV", '\ufeffq , a\r\nWhy?,So.\r\n"How, then?",Thus.\r\n', [2, 3]),
        ("p.csv", "\ufeffq;a\nWhy?;So.\nHow, then?;Thus.\n", [2, 3]),
        ("p.csv", "q\ta\nWhy?\tSo.\nHow, then?\tThus.\n", [2, 3]),
        ("p.csv.gz", gzip.compress(b'q,a\nWhy?,So.\n"How, then?",Thus.\n', mtime=0), [2, 3]),
        ("p.tsv", "q\ta\nWhy?\tSo.\nHow, then?\tThus.\n", [2, 3]),
    ],
)
def test_every_kind_of_file_gives_the_same_rows_and_their_lines(written, name, content, lines):
    assert list(read_rows(Path(written(content, name)))) == list(zip(lines, ROWS, strict=True))


@pytest.mark.parametrize("name", ["p.jsonl", "p.json"])
def test_objects_over_several_lines_one_after_the_other_are_rows(written, name):
    text = "\n".join(json.dumps(row, indent=2) for row in ROWS)
    assert read_rows(Path(written(text, name))) == [(1, ROWS[0]), (5, ROWS[1])]
    with pytest.raises(CollectError, match="not JSON"):
        read_rows(Path(written(f'{text}\n{{\n"q": so\n}}', name)))


def test_parquet_is_read_too(written):
    parquet.write_table(pyarrow.Table.from_pylist(ROWS), "p.parquet")
    assert list(read_rows(Path("p.parquet"))) == [(1, ROWS[0]), (2, ROWS[1])]
    written(Path("p.parquet").read_bytes()[:-9], "cut.parquet")
    with pytest.raises(CollectError, match="not a Parquet file"):
        list(read_rows(Path("cut.parquet")))


def test_quotes_of_a_tsv_are_text_and_cells_of_a_csv_have_lines(written):
    [(_, row)] = read_rows(Path(written('q\ta\n"Hm," he said.\t„Hm“\n', "p.tsv")))
    assert row["q"] == '"Hm," he said.'
    rows = list(read_rows(Path(written('q,a\n"two\nlines",A\none\nx,y,z\nlast,A\n', "p.csv"))))
    assert [line for line, _ in rows] == [2, 4, 5, 6]
    assert [isinstance(row, str) for _, row in rows] == [False, True, True, False]


def test_lines_that_are_no_json_object_are_named_and_the_others_go_on(written):
    lines = [b'{"q": 1}', b"{broken", b"", b'{"q": "\xff"}', b"[1]", b"[" * 100_000, b'{"q": 2}']
    path = Path(written(b"\xef\xbb\xbf" + b"\r\n".join(lines)))
    rows = list(read_rows(path))
    assert [line for line, row in rows if isinstance(row, str)] == [2, 4, 5, 6]
    assert [row for _, row in rows if isinstance(row, dict)] == [{"q": 1}, {"q": 2}]


@pytest.mark.parametrize(
    ("name", "content", "message", "place"),
    [
        ("p.doc", "x", "unknown kind of file '.doc'", ""),
        ("p.txt", "x", "has no tabs", ""),
        ("p.parquet.gz", "x", "unknown kind of file", ""),
        ("p.json", '{"a": 1}', "not a JSON list", ""),
        ("p.json", '[{"a": 1}\n{"a": 2}]', "not JSON", ":2"),
        ("p.json", "[" * 100_000, "not JSON", ":1"),
        ("p.csv", 'q,a\n"never closed,A\n', "not a table", ":2"),
        ("p.csv", b"q,a\n\xff,A\n", "not UTF-8", ""),
    ],
)
def test_a_file_that_is_broken_as_a_whole_is_an_error(written, name, content, message, place):
    with pytest.raises(CollectError, match=message) as caught:
        list(read_rows(Path(written(content, name))))
    assert caught.value.where == name + place


ACCENTS = "q;a\nÜber Müller?;Café – gut\n"
KEPT = [{"q": "Über Müller?", "a": "Café – gut"}]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "windows-1252", "utf-8-sig"])
@pytest.mark.parametrize("name", ["p.csv", "p.csv.gz"])
def test_an_encoding_that_is_certain_is_read(written, name, encoding):
    data = ACCENTS.encode(encoding)
    path = Path(written(gzip.compress(data) if name.endswith(".gz") else data, name))
    assert [row for _, row in read_rows(path)] == KEPT


OTHER = [("ñandú", "cp1252"), ("Zażółć", "cp1250"), ("Müller", "cp850"), ("Müller", "mac-roman"),
         ("Новый", "cp1251"), ("一种新方法", "gb18030"), ("アルゴリズムの研究", "shift_jis")]  # fmt: skip


@pytest.mark.parametrize(("text", "encoding"), OTHER)
def test_another_is_read_if_it_is_named_and_never_guessed(written, text, encoding):
    path = Path(written(f"q;a\n{text};A\n".encode(encoding), "p.csv"))
    assert [row for _, row in raw_rows(path, encoding)] == [{"q": text, "a": "A"}]
    with pytest.raises(CollectError, match="not UTF-8") as caught:
        list(raw_rows(path))
    assert "source.encoding" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.csv", "sep=;\nq;a\nWhy, now, here?;So.\n"),
        ("p.csv", "\ufeffsep=;\r\nq;a\r\nWhy, now, here?;So.\r\n"),
        ("p.csv", "q;a;;\n;;;\nWhy, now, here?;So.;;\n"),
        ("p.csv", '\n,q,a\n0,"Why, now, here?",So.\n'),
        ("p.csv", "q|a\nWhy, now, here?|So.\n"),
        ("p.tsv", '"q"\t"a"\n"Why, now, here?"\t"So."\n'),
        ("p.txt", 'q\ta\r\n"Why, now, here?"\tSo.\r\n'.encode("utf-16")),
        ("p.tab", "q\ta\nWhy, now, here?\tSo.\n"),
        ("p.jsonl", '[\n {"q": "Why, now, here?", "a": "So."}]'),
        ("p.jsonl", '{"q": "Why, now, here?", "a": "So."}\r\n'.encode("utf-16")),
        ("p.json", '[{"q": "Why, now, here?", "a": "So."}]'.encode("utf-16")),
        (
            "p.json",
            '{"meta": {}, "results": [{"q": "Why, now, here?", "a": "So."}], "group_by": []}',
        ),
        ("p.json", '{"message": {"items": [{"q": "Why, now, here?", "a": "So."}]}}'),
    ],
)
def test_what_spreadsheets_and_apis_write_gives_the_same_row(written, name, content):
    rows = [row for _, row in read_rows(Path(written(content, name)))]
    assert rows == [{"q": "Why, now, here?", "a": "So."}]


PANDAS = [
    ("records", {}),
    ("split", {}),
    ("index", {}),
    ("columns", {}),
    ("records", {"lines": True}),
]


@pytest.mark.parametrize(("orient", "how"), PANDAS)
@pytest.mark.parametrize("index", [None, ["p1", "p2"]])
def test_shapes_of_pandas_are_read(orient, how, index):
    rows = [{"question": "Why?", "answer": "So."}, {"question": "How?", "answer": "Thus."}]
    pandas.DataFrame(rows, index=index).to_json("p.json", orient=orient, **how)
    assert [row for _, row in read_rows(Path("p.json"))] == rows


@pytest.mark.parametrize("text", ['[["Why?", "So."]]', '{"a": [{}], "b": [{}]}', '{"q": "Why?"}'])
def test_json_whose_rows_nobody_can_tell_is_an_error_that_says_what_there_is(written, text):
    with pytest.raises(CollectError, match="not a JSON list of rows, but"):
        list(read_rows(Path(written(text, "p.json"))))


def test_questions_nested_as_in_squad_are_rows_and_what_has_no_answer_is_none(written):
    qas = [
        {"id": "1", "question": "Why?", "answers": [{"text": "So.", "answer_start": 3}]},
        {"id": "2", "question": "Who?", "answers": [], "is_impossible": True},
    ]
    data = [{"title": "T", "paragraphs": [{"context": "C", "qas": qas}]}]
    text = json.dumps({"version": "v2.0", "data": data})
    (_, row), (_, lost) = read_rows(Path(written(text, "p.json")))
    assert [row[name] for name in ("title", "context", "question", "answer")] == [
        "T",
        "C",
        "Why?",
        "So.",
    ]
    assert "is_impossible" in lost


@pytest.mark.parametrize("name", ["p.csv", "p.parquet"])
def test_two_columns_of_one_name_are_an_error_that_says_where(written, name):
    if name == "p.csv":
        written("q,a,q\nWhy?,So.,Who?\n", name)
    else:
        arrays = [pyarrow.array(["x"])] * 3
        parquet.write_table(pyarrow.Table.from_arrays(arrays, names=["q", "a", "q"]), name)
    with pytest.raises(CollectError, match="'q', number 1 and number 3"):
        list(read_rows(Path(name)))


def test_the_first_sheet_of_a_workbook_is_read():
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()  # its first sheet is empty
    sheet = book.create_sheet("Papers")
    day = datetime(2020, 5, 1)
    for cells in ([], ["q", "year", None], ["007", 2020.0, None], [None], ["½", day, None]):
        sheet.append(cells)
    book.create_sheet("Notes").append(["of mine"])
    book.save("p.xlsx")
    rows = [{"q": "007", "year": 2020}, {"q": "½", "year": "2020-05-01"}]
    assert read_rows(Path("p.xlsx")) == [(3, rows[0]), (5, rows[1])]
    book.create_sheet("More").append(["q", "year"])
    book.save("p.xlsx")
    with pytest.raises(CollectError, match="More"):
        read_rows(Path("p.xlsx"))


def test_a_workbook_that_is_none_is_an_error(written):
    pytest.importorskip("openpyxl")
    for content in (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"PK\x03\x04", b"q,a\n"):
        with pytest.raises(CollectError, match="not a workbook"):
            read_rows(Path(written(content, "p.xlsx")))


def test_a_file_that_is_not_there_is_told_with_what_is(written):
    written("q,a\n", "pairs.csv")
    with pytest.raises(CollectError, match=r"did you mean 'pairs.csv'"):
        read_rows(Path("pair.csv"))
    with pytest.raises(CollectError, match="no folder"):
        read_rows(Path("data/pairs.csv"))
