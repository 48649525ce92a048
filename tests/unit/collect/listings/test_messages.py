"""Conversations in tables: each question with its answer, and a reason for what is none."""

import json

import pytest

from papertune.collect.listings.messages import NoConversation, questions_in
from papertune.collect.listings.pairs import read
from papertune.records import Document, Rejection
from papertune.study.settings.qa import PairsSource

ROLES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Who?"},
    {"role": "assistant", "content": "A miller."},
    {"role": "user", "content": [{"type": "text", "text": "When?"}]},
    {"role": "assistant", "content": "In 1887."},
]
SHARED = [{"from": "human", "value": "Who?"}, {"from": "gpt", "value": "A miller."}]


@pytest.mark.parametrize("value", [ROLES, json.dumps(ROLES)])
def test_the_system_asks_nothing_and_the_others_take_turns(value):
    assert questions_in(value) == [["Who?", "A miller."], ["When?", "In 1887."]]
    assert questions_in(SHARED) == [["Who?", "A miller."]]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "no_turns"), ("Who?", "no_turns"), ([], "no_turns"), (["Who?"], "no_turns"),
        ([{"content": "x"}], "no_turns"), ([*ROLES[:2]], "no_answer"), ([ROLES[0]], "no_question"),
        ([ROLES[1], ROLES[1], ROLES[2]], "no_answer"), ([ROLES[2]], "no_question"),
        ([ROLES[1], ROLES[2], ROLES[2]], "no_question"),
        ([ROLES[1], SHARED[1] | {"value": " "}], "no_answer"),
        ([{"role": "tool", "content": "x"}], "other_role"), ([{"role": "user", "content": 7}], "no_text"),
        ([{"role": "user", "content": [{"type": "image"}]}], "no_text"),
    ],
)  # fmt: skip
def test_what_is_no_conversation_has_a_reason(value, reason):
    with pytest.raises(NoConversation) as error:
        questions_in(value)
    assert error.value.reason == reason


def rows(path, *values):
    path.write_text(
        "".join(json.dumps({"talk": value, "n": n}) + "\n" for n, value in enumerate(values))
    )
    source = PairsSource.model_validate(
        {"kind": "pairs", "path": str(path), "columns": {"messages": "talk", "id": "n"}}
    )
    return [item for run in read(source, 0) for _, _, item in run.make(run)]


def test_a_table_of_conversations_gives_documents_with_turns(tmp_path):
    talk, single, bad = rows(tmp_path / "talks.jsonl", ROLES, SHARED, [ROLES[2]])
    assert isinstance(talk, Document) and (talk.question, talk.text) == ("Who?", "A miller.")
    assert talk.turns == [["When?", "In 1887."]] and single.turns == []
    assert isinstance(bad, Rejection) and bad.reason == "no_question"


def test_a_table_has_questions_or_conversations():
    for columns in ({"messages": "m", "question": "q", "answer": "a"}, {"question": "q"}, {}):
        with pytest.raises(ValueError, match="question and answer, or messages"):
            PairsSource.model_validate({"kind": "pairs", "path": "a.csv", "columns": columns})
