"""Conversations in tables: each question with its answer, and reasons for rejected rows."""

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
PARTS = [
    {"role": "user", "parts": [{"text": "Who?"}]},
    {"role": "model", "parts": [{"text": "A miller."}]},
]
NAMED = [{"role": "USER", "message": "Who?"}, {"role": "CHATBOT", "message": "A miller."}]
SHARED = [{"from": "human", "value": "Who?"}, {"from": "gpt", "value": "A miller."}]


@pytest.mark.parametrize("value", [ROLES, json.dumps(ROLES)])
def test_the_system_asks_nothing_and_the_others_take_turns(value):
    assert questions_in(value) == [["Who?", "A miller."], ["When?", "In 1887."]]
    for value in (SHARED, PARTS, NAMED):
        assert questions_in(value) == [["Who?", "A miller."]]


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


def test_a_turn_whose_text_stands_elsewhere_names_what_it_has():
    with pytest.raises(NoConversation, match="turn 1 has role, said, but none of content, text"):
        questions_in([{"role": "user", "said": "Who?"}])


def test_a_column_of_turns_that_is_named_as_text_says_what_to_set(tmp_path):
    path = tmp_path / "talks.jsonl"
    path.write_text(json.dumps({"prompt": "Who?", "chosen": ROLES[1:3]}) + "\n")
    columns = {"question": "prompt", "answer": "chosen"}
    source = PairsSource.model_validate({"kind": "pairs", "path": str(path), "columns": columns})
    [item] = [item for run in read(source, 0) for _, _, item in run.make(run)]
    assert "set columns: {messages: chosen}" in item.detail


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
