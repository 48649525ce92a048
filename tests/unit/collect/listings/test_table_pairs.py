"""Ready-made pairs in local tables of every kind."""

from __future__ import annotations

import csv
import gzip
import json

import pytest

from papertune.collect.listings.table_pairs import list_documents, rows_digest
from papertune.errors import CollectError
from papertune.records import Document
from papertune.study.settings.qa import Columns, PairsSource

ROWS = [
    {"id": "a1", "translation": {"en": "A dog.", "de": "Ein Hund."}, "year": 2020, "rate": 3.5},
    {"id": "a2", "translation": {"en": "A cat.", "de": "Eine Katze."}, "year": 2021, "rate": None},
]


@pytest.fixture
def listed(tmp_path):
    def read(content, name="pairs.jsonl", year=0, columns=None, **settings):
        path = tmp_path / name
        if isinstance(content, list):
            content = "".join(json.dumps(row) + "\n" for row in content)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        columns = Columns(**(columns or {"question": "q", "answer": "a"}))
        source = PairsSource(kind="pairs", path=str(path), columns=columns, **settings)
        return list(list_documents(None, source, year))

    return read


def test_columns_are_mapped_also_within_objects(listed, tmp_path):
    [pair] = listed(
        ROWS,
        year=2020,
        columns={
            "question": "translation.en",
            "answer": "translation.de",
            "year": "year",
            "score": "rate",
            "id": "id",
        },
    )
    assert pair == Document(
        id=pair.id,
        title="A dog.",
        url=f"{tmp_path}/pairs.jsonl#a1",
        year=2020,
        text="Ein Hund.",
        found_by="listing",
        question="A dog.",
        score=3.5,
    )


def test_lists_are_entered_by_place(listed):
    rows = [{"question": "Who?", "answers": {"text": ["Ann", "Bob"]}}]
    columns = {"question": "question", "answer": "answers.text.1"}
    assert [pair.text for pair in listed(rows, columns=columns)] == ["Bob"]


def test_a_column_with_a_dot_in_its_name_is_itself(listed):
    [pair] = listed([{"q.x": "Why?", "a": "So."}], columns={"question": "q.x", "answer": "a"})
    assert pair.question == "Why?"


def packed(text):
    return gzip.compress(text.encode(), mtime=0)


LINES = '{"q": "Why?", "a": "So."}\n\n{"q": "How?", "a": "Thus."}\n'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.jsonl", LINES),
        ("p.ndjson", "\ufeff" + LINES),
        ("p.jsonl.gz", packed(LINES)),
        ("p.json", '[{"q": "Why?", "a": "So."}, {"q": "How?", "a": "Thus."}]'),
        (
            "p.json",
            '{"version": 1, "data": [{"q": "Why?", "a": "So."}, {"q": "How?", "a": "Thus."}]}',
        ),
        ("p.csv", 'q,a\n"Why?",So.\n\nHow?,Thus.\n'),
        ("p.CSV", "\ufeffq , a\r\nWhy?,So.\r\nHow?,Thus.\r\n"),
        ("p.csv.gz", packed("q,a\nWhy?,So.\nHow?,Thus.\n")),
        ("p.tsv", "q\ta\nWhy?\tSo.\nHow?\tThus.\n"),
    ],
)
def test_every_kind_of_file_gives_the_same_pairs(listed, name, content):
    assert [(pair.question, pair.text) for pair in listed(content, name)] == [
        ("Why?", "So."),
        ("How?", "Thus."),
    ]


def test_parquet_is_read_too(listed, tmp_path):
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist(ROWS), tmp_path / "x.parquet")
    content = (tmp_path / "x.parquet").read_bytes()
    columns = {"question": "translation.de", "answer": "translation.en"}
    pairs = listed(content, "p.parquet", columns=columns)
    assert [pair.text for pair in pairs] == ["A dog.", "A cat."]
    with pytest.raises(CollectError, match="not a Parquet file"):
        listed(content[:-9], "p.parquet", columns=columns)


def test_lines_of_a_program_stay_and_quotes_of_a_tsv_are_text(listed):
    code = "def f(x):\n    return x\n"
    assert listed([{"q": "Write f.", "a": code}])[0].text == code.rstrip()
    assert listed('q\ta\n"Hm," he said.\t„Hm“\n', "p.tsv")[0].question == '"Hm," he said.'


def test_a_context_stands_before_the_question(listed):
    rows = [{"t": "Exam 1", "c": "Let n be 3.", "q": "Is n odd?", "a": "Yes."}]
    [pair] = listed(rows, columns={"question": "q", "answer": "a", "context": "c", "title": "t"})
    assert (pair.title, pair.question) == ("Exam 1", "Let n be 3.\nIs n odd?")


def test_rows_can_be_chosen_by_what_a_column_says(listed):
    rows = [
        {"q": "Q1", "a": "A1", "lang": "de", "n": 1, "ok": True},
        {"q": "Q2", "a": "A2", "lang": "en", "n": 1, "ok": True},
        {"q": "Q3", "a": "A3", "lang": "de", "n": 2, "ok": False},
    ]
    asked = lambda **where: [pair.question for pair in listed(rows, where=where)]  # noqa: E731
    assert asked(lang="de") == ["Q1", "Q3"]
    assert asked(lang="de", n=2) == ["Q3"]
    assert asked(ok=True) == ["Q1", "Q2"]
    table = "q,a,ok,n\nQ1,A1,True,1\nQ2,A2,False,1\n"
    assert [p.question for p in listed(table, "p.csv", where={"ok": True, "n": 1})] == ["Q1"]


def test_bad_rows_are_rejected_with_their_line_and_the_others_go_on(listed, tmp_path):
    lines = '{"q": "Q", "a": "A"}\n{"q":\n[1]\n{"q": "", "a": "A"}\n{"q": "Q", "a": ["A"]}\n{"q": "Q"}\n'
    kept, *lost = listed(lines)
    assert kept.text == "A"
    assert [(item.key.rpartition(":")[2], item.reason) for item in lost] == [
        ("2", "bad_row"),
        ("3", "bad_row"),
        ("4", "no_question"),
        ("5", "bad_row"),
        ("6", "no_answer"),
    ]
    kept, *lost = listed('q,a\n"two\nlines",A\none\nx,y,z\n', "p.csv")
    assert [(item.key, item.reason) for item in lost] == [
        (f"{tmp_path}/p.csv:4", "bad_row"),
        (f"{tmp_path}/p.csv:5", "bad_row"),
    ]


@pytest.mark.parametrize(
    ("year", "expected"),
    [
        (2020, 2020),
        ("2020", 2020),
        ("2020-05-01", 2020),
        (2020.0, 2020),
        ("20201", None),
        ("", None),
    ],
)
def test_years_of_many_forms(listed, year, expected):
    columns = {"question": "q", "answer": "a", "year": "y"}
    [item] = listed([{"q": "Q", "a": "A", "y": year}], year=2020, columns=columns)
    assert getattr(item, "year", None) == expected
    if expected is None:
        assert item.reason == "no_year"


def test_a_year_may_be_of_the_file(listed, tmp_path):
    (tmp_path / "p-2019.jsonl").write_text('{"q": "Q", "a": "A"}\n')
    source = PairsSource(
        kind="pairs",
        path=str(tmp_path / "p-{year}.jsonl"),
        columns=Columns(question="q", answer="a"),
    )
    assert source.dated
    assert [pair.year for pair in list_documents(None, source, 2019)] == [2019]
    with pytest.raises(CollectError, match="cannot read the file"):
        list(list_documents(None, source, 2018))


def test_the_limit_is_of_a_year(listed):
    rows = [{"q": f"Q{n}", "a": "A", "y": 2000 + n % 2} for n in range(10)]
    columns = {"question": "q", "answer": "a", "year": "y"}
    pairs = listed(rows, columns=columns, limit=2, year=2001)
    assert [pair.question for pair in pairs] == ["Q1", "Q3"]
    assert [pair.question for pair in listed(rows, limit=3)] == ["Q0", "Q1", "Q2"]


def test_identities_stay_where_pairs_do(listed):
    one, two = listed([{"q": "Q1", "a": "A1"}, {"q": "Q2", "a": "A2"}])
    new, again = listed([{"q": "Q0", "a": "A0"}, {"q": "Q2", "a": "A2"}])
    assert again == two and new.id not in (one.id, two.id)
    columns = {"question": "q", "answer": "a", "id": "i"}
    [before] = listed([{"q": "Q", "a": "Wrong", "i": 7}], columns=columns)
    [after] = listed([{"q": "Q", "a": "Right", "i": 7}], columns=columns)
    assert before.id == after.id, "a corrected pair stays in its split"


@pytest.mark.parametrize("named", ["question", "score", "where"])
def test_a_column_that_is_nowhere_is_an_error_that_names_those_that_are(listed, named):
    columns = {"question": "q", "answer": "t.en", named: "nowhere"}
    where = {columns.pop("where"): 1} if named == "where" else {}
    with pytest.raises(CollectError, match="'nowhere'") as caught:
        listed([{"q": "Q", "t": {"en": "A", "de": "B"}}], columns=columns, where=where)
    assert "q, t.en, t.de" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.txt", "x", "unknown kind of file '.txt'"),
        ("p", "x", "unknown kind of file ''"),
        ("p.json", '{"a": 1}', "not a JSON list"),
        ("p.json", "[{", "not JSON"),
        ("p.csv", 'q,a\n"never closed,A\n', "not a table"),
        ("p.csv", b"q,a\n\xff,A\n", "not UTF-8"),
        ("p.jsonl.gz", "not packed", "cannot read the file"),
        ("p.parquet", "PAR1", "not a Parquet file"),
    ],
)
def test_a_file_that_is_broken_as_a_whole_is_an_error(listed, tmp_path, name, content, message):
    with pytest.raises(CollectError, match=message) as caught:
        listed(content, name)
    assert str(tmp_path / name) in caught.value.where


def test_the_digest_of_a_year_is_that_of_its_pairs(tmp_path):
    path = tmp_path / "p.csv"

    def digests(*rows):
        with open(path, "w", newline="") as stream:
            csv.writer(stream).writerows([["q", "a", "y", "other"], *rows])
        source = PairsSource(
            kind="pairs", path=str(path), columns=Columns(question="q", answer="a", year="y")
        )
        return rows_digest(source, 2020), rows_digest(source, 2021), rows_digest(source, 2022)

    first = digests(["Q1", "A1", 2020, 1], ["Q2", "A2", 2021, 2])
    assert first[2] == "" and len(set(first)) == 3
    assert digests(["Q2", "A2", 2021, "x"], ["Q1", "A1", 2020, "yy"]) == first
    changed = digests(["Q1", "A1", 2020, 1], ["Q2", "changed", 2021, 2])
    assert changed[0] == first[0] and changed[1] != first[1]
    path.unlink()
    with pytest.raises(CollectError, match="cannot read"):
        rows_digest(
            PairsSource(kind="pairs", path=str(path), columns=Columns(question="q", answer="a")), 0
        )
