"""Tables of every kind, row by row."""

import gzip
import json
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from papertune.collect.listings.rows import raw_rows, runs, year_of
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
        ("p.txt", "x", "unknown kind of file '.txt'", ""),
        ("p.parquet.gz", "x", "unknown kind of file", ""),
        ("p.json", '{"a": 1}', "not a JSON list", ""),
        ("p.json", '[{"a": 1}\n{"a": 2}]', "not JSON", ":2"),
        ("p.json", "[" * 100_000, "not JSON", ":1"),
        ("p.csv", 'q,a\n"never closed,A\n', "not a table", ":2"),
        ("p.csv", b"q,a\n\xff,A\n", "not UTF-8", ""),
        ("p.jsonl.gz", "not packed", "cannot read the file", ""),
    ],
)
def test_a_file_that_is_broken_as_a_whole_is_an_error(written, name, content, message, place):
    with pytest.raises(CollectError, match=message) as caught:
        list(read_rows(Path(written(content, name))))
    assert caught.value.where == name + place


def test_years_of_many_forms():
    for value in (2020, "2020", " 2020.0", "2020-05-01", 2020.0, "2020/21"):
        assert year_of(value) == 2020
    for value in ("20201", "soon", "", True, None, float("nan")):
        assert year_of(value) is None
