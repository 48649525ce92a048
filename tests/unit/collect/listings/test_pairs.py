"""Ready-made pairs: the columns and what they mean, and the cost of a bad row."""

import json

import pytest

from papertune.collect.listings import by_year
from papertune.errors import CollectError
from papertune.records import Document
from papertune.study.settings.qa import PairsSource

ROWS = [
    {
        "id": "a1",
        "translation": {"en": "A dog.", "de": "Ein Hund."},
        "year": 2020,
        "rate": 3.5,
        "animal": "dog",
    },
    {"id": "a2", "translation": {"en": "A cat.", "de": "Eine Katze."}, "year": 2021, "rate": None},
]


@pytest.fixture
def listed(written):
    def read(content, name="pairs.jsonl", year=0, columns=None, **settings):
        columns = columns or {"question": "q", "answer": "a"}
        path = written(content, name)
        source = PairsSource(kind="pairs", path=path, columns=columns, **settings)
        return list(by_year.items(source, year))

    return read


def test_columns_are_mapped_also_within_objects(listed):
    columns = {"question": "translation.en", "answer": "translation.de", "year": "year",
               "score": "rate", "id": "id", "category": "animal"}  # fmt: skip
    [pair] = listed(ROWS, year=2020, columns=columns)
    assert pair == Document(
        pair.id, "A dog.", "pairs.jsonl#a1", 2020, "Ein Hund.", "listing", question="A dog.",
        score=3.5, category="dog",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("row", "columns", "text"),
    [
        ({"q": "Who?", "a": {"text": ["Ann", "Bob"]}}, {"answer": "a.text.1"}, "Bob"),
        ({"q": "Why?", "a.x": "So.", "a": {"x": "No."}}, {"answer": "a.x"}, "So."),
        ({"q": "Write f.", "a": "def f(x):\r\n    return x\n"}, {}, "def f(x):\n    return x"),
    ],
)
def test_lists_are_entered_by_place_dots_may_be_names_and_lines_stay(listed, row, columns, text):
    row |= {"t": "Exam 1", "c": "Let n be 3."}
    columns = {"question": "q", "answer": "a", "context": "c", "title": "t", **columns}
    [pair] = listed([row], columns=columns)
    assert (pair.title, pair.text) == ("Exam 1", text)
    assert pair.question == f"Let n be 3.\n{row['q']}"


WHERE = [({"lang": "de", "n": 2}, ["Q3"]), ({"ok": True}, ["Q1", "Q2"])]


@pytest.mark.parametrize(("where", "found"), WHERE)
@pytest.mark.parametrize("name", ["p.jsonl", "p.csv"])  # whose values are texts
def test_rows_can_be_chosen_by_what_a_column_says(listed, where, found, name):
    rows = [
        {"q": "Q1", "a": "A1", "lang": "de", "n": 1, "ok": True},
        {"q": "Q2", "a": "A2", "lang": "en", "n": 1, "ok": True},
        {"q": "Q3", "a": "A3", "lang": "de", "n": 2, "ok": False},
    ]
    assert [pair.question for pair in listed(rows, name, where=where)] == found


def test_bad_rows_are_rejected_with_their_line_and_the_others_go_on(listed):
    lines = ['{"q": "Q", "a": 0}', '{"q":', "[1]", '{"q": "", "a": "A"}', '{"q": "Q", "a": ["A"]}']
    kept, *lost = listed("\n".join([*lines, '{"q": "Q"}', '{"q": "Q", "a": NaN}']))
    assert kept.text == "0"
    reasons = ["bad_row", "bad_row", "no_question", "bad_row", "no_answer", "no_answer"]
    assert [(item.key, item.reason) for item in lost] == [
        (f"pairs.jsonl:{line}", reason) for line, reason in enumerate(reasons, start=2)
    ]


def test_a_year_may_be_of_the_file(written):
    written([{"q": "Q", "a": "A"}], "p-2019.jsonl")
    columns = {"question": "q", "answer": "a"}
    source = PairsSource(kind="pairs", path="p-{year}.jsonl", columns=columns)
    assert source.years == "needed"
    assert [pair.year for pair in by_year.items(source, 2019)] == [2019]
    with pytest.raises(CollectError, match=r"no such file .*p-2019.jsonl"):
        list(by_year.items(source, 2018))


def test_the_limit_is_of_a_year(listed):
    rows = [{"q": f"Q{n}", "a": "A", "y": 2000 + n % 2} for n in range(10)]
    columns = {"question": "q", "answer": "a", "year": "y"}
    undated = {"q": "Q", "a": "A", "y": "soon"}  # rejected with every year
    *pairs, lost = listed([*rows, undated], columns=columns, limit=2, year=2001)
    assert [pair.question for pair in pairs] == ["Q1", "Q3"]
    assert (lost.reason, lost.detail) == ("no_year", "'soon'")
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


def test_in_ascii_a_pair_is_the_same_document(listed):
    rows = [{"q": "Où est-il ?", "a": "Là – naïf."}]
    [usual], [pair] = listed(rows), listed(rows, characters="ascii")
    assert (pair.question, pair.text) == ("O&ugrave; est-il ?", "L&agrave; &ndash; na&iuml;f.")
    assert (pair.id, pair.title, pair.url) == (usual.id, usual.title, usual.url)
    assert usual.question == "Où est-il ?"


def test_words_that_mean_nothing_are_no_answer_and_none_may_be_one(listed):
    answers = ["nan", "N/A", "-", "#REF!", "null", "None", "Na", "no", "?"]
    kept, lost = [], []
    for item in listed([{"q": f"Q{n}", "a": text} for n, text in enumerate(answers)]):
        kept.append(item.text) if isinstance(item, Document) else lost.append(item.reason)
    assert kept == answers[5:] and set(lost) == {"no_answer"}


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ({"instruction": "Q", "input": "", "output": "A"}, "answer: output"),
        ({"prompt": "Q", "completion": "A"}, "question: prompt"),
        ({"question": "Q", "context": "C", "answers": {"text": ["A"]}}, "answers.text.0"),
        ({"conversations": [{"from": "human", "value": "Q"}]}, "messages: conversations"),
        ({"messages": [{"role": "user", "content": "Q"}]}, "messages: messages"),
    ],
)
def test_all_columns_that_lack_are_told_at_once_with_what_the_table_suggests(listed, row, found):
    with pytest.raises(CollectError) as caught:
        listed([row], columns={"question": "frage", "answer": "antwort"}, where={"lang": "de"})
    assert all(name in caught.value.what for name in ("frage", "antwort", "where.lang"))
    assert found in caught.value.hint and next(iter(row)) in caught.value.hint


def test_squad_is_read_as_pairs(listed):
    qas = [
        {"id": "1", "question": "Why?", "answers": [{"text": "So."}]},
        {"id": "2", "question": "Who?", "answers": [], "is_impossible": True},
    ]
    text = json.dumps({"data": [{"title": "T", "paragraphs": [{"context": "C.", "qas": qas}]}]})
    columns = {"question": "question", "answer": "answer", "context": "context", "id": "id"}
    pair, lost = listed(text, "p.json", columns=columns)
    assert (pair.question, pair.text) == ("C.\nWhy?", "So.")
    assert "is_impossible" in lost.detail


@pytest.mark.parametrize("role", ["system", "developer", "System"])
def test_what_the_system_says_is_no_question(listed, role):
    said = [(role, "Be brief."), ("user", "Why?"), ("assistant", "So.")]
    row = {"messages": [{"role": who, "content": text} for who, text in said]}
    columns = {"question": "messages.0.content", "answer": "messages.1.content"}
    [lost] = listed([row], columns=columns)
    assert lost.reason == "system_turn" and "messages: messages" in lost.detail
    [pair] = listed([row], columns={"messages": "messages"})
    assert (pair.question, pair.text) == ("Why?", "So.")


def test_turns_may_call_their_parts_otherwise(listed):
    for who, text in (("role", "text"), ("from", "content"), ("speaker", "text")):
        row = {"m": [{who: "human", text: "Why?"}, {who: "assistant", text: "So."}]}
        [pair] = listed([row], columns={"messages": "m"})
        assert (pair.question, pair.text) == ("Why?", "So.")


@pytest.mark.parametrize(
    ("answer", "place"),
    [({"text": ["A"], "answer_start": [0]}, "a.text.0"), (["A", "B"], "a.0"), ([{"text": "A"}], "a.0.text")],
)  # fmt: skip
def test_an_answer_within_a_list_or_an_object_is_named(listed, answer, place):
    [rejection] = listed([{"q": "What?", "a": answer}])
    assert place in rejection.detail


def test_columns_that_are_called_question_and_answer_need_no_setting(written):
    path = written("question,answer\nWhat?,It\n", "a.csv")
    short = PairsSource(kind="pairs", path=path)
    said = PairsSource(
        kind="pairs", path=path, columns={"question": "question", "answer": "answer"}
    )
    assert short.identity() == said.identity()
    [document] = by_year.items(short, 0)
    assert (document.question, document.text) == ("What?", "It")
    written("Frage;Antwort\nWas?;Es\n", "a.csv")
    with pytest.raises(CollectError) as caught:
        list(by_year.items(short, 0))
    assert "{question: Frage, answer: Antwort}" in caught.value.hint
