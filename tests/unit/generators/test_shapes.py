"""Shapes of JSON that are certain, those that are not, and texts that speak of a model's own marks."""

import json

import pytest

from papertune.generators.reading import pairs_in

Q1, A1 = "What does Tern predict?", "Tern predicts the next cache miss."
Q2, A2 = "How much energy does Tern save?", "It saves 12% of the energy."
BOTH = [(Q1, A1), (Q2, A2)]
PLAIN = json.dumps([{"question": q, "answer": a} for q, a in BOTH])


def texts_in(text, *, cut=False):
    return [(question, answer) for question, answer, _ in pairs_in(text, cut=cut)]


def turns(pairs, who="role", said="content", user="user", model="assistant"):
    return [{who: role, said: text} for q, a in pairs for role, text in ((user, q), (model, a))]


RECORDS = {
    "messages": [{"messages": turns([pair])} for pair in BOTH],
    "messages of one chat": {"messages": turns(BOTH)},
    "messages with a system": [{"role": "system", "content": "Is it so?"}, *turns(BOTH)],
    "conversations": [{"conversations": turns(BOTH, "from", "value", "human", "gpt")}],
    "instructions": [{"instruction": q, "input": "", "output": a} for q, a in BOTH],
    "prompts": [{"prompt": q, "completion": a} for q, a in BOTH],
    "inputs": [{"input": q, "output": a} for q, a in BOTH],
    "users": [{"user": q, "assistant": a} for q, a in BOTH],
    "letters": {"qa": [{"Q": q, "A": a} for q, a in BOTH]},
    "one text": [{"qa": f"Q: {q} A: {a}"} for q, a in BOTH],
    "lists": [{"qa": [q, a]} for q, a in BOTH],
    "columns of objects": {
        "questions": [{"id": n, "question": q} for n, (q, _) in enumerate(BOTH)],
        "answers": [{"id": n, "answer": a} for n, (_, a) in reversed([*enumerate(BOTH)])],
    },
    "columns by number": {
        "questions": {"1": Q1, "2": Q2},
        "answers": {"2": A2, "1": A1},
    },
}


@pytest.mark.parametrize("value", RECORDS.values(), ids=RECORDS.keys())
def test_records_for_training_are_pairs(value):
    assert texts_in(json.dumps(value)) == BOTH
    if isinstance(value, list):
        assert texts_in("\n".join(map(json.dumps, value))) == BOTH


@pytest.mark.parametrize(
    "value",
    [
        {"question": Q1, "answer": A1, "response": "The core does it."},
        {"question": Q1, "answer": A1, "approach": "The core does it."},
        [Q1, A1, "The core does it."],
        {"questions": [Q1, "What is lost?", Q2], "answers": [A1, A2]},
        {"messages": turns(BOTH)[1:]},
        {"messages": [*turns(BOTH)[:1], *turns(BOTH)]},
        {"prompt": "Write two pairs.", "completion": "I would rather write a poem."},
        {"instruction": "Answer in one sentence.", "input": Q1, "output": A1},
    ],
)
def test_what_is_not_certain_is_no_pair(value):
    assert texts_in(json.dumps(value)) == []


@pytest.mark.parametrize("begin", ["", "<think>Hm: [1].</think>", f"<think>{PLAIN}</think>"])
@pytest.mark.parametrize(
    "answer",
    ["A thought stands between <think> and </think>.", "The mark <think> begins it.",
     "The mark </think> ends it.", "[THINK] is of Mistral.", "It writes <|im_end|> then."],
)  # fmt: skip
def test_what_speaks_of_the_marks_of_models_is_kept(begin, answer):
    pairs = [(f"What is said by this: {answer[:-1]}?", answer), (Q2, A2)]
    text = json.dumps([{"question": q, "answer": a} for q, a in pairs])
    assert texts_in(begin + text) == pairs
    assert texts_in(f"{begin}{text}</think>") == []


def test_a_tag_between_backticks_is_spoken_of():
    text = f"Q: What does `<think>` mark?\nA: `<think>` marks a thought.\nQ: {Q2}\nA: {A2}"
    assert texts_in(text) == [("What does <think> mark?", "<think> marks a thought."), (Q2, A2)]


def test_a_thought_within_an_answer_is_none_of_it():
    text = json.dumps([{"question": Q1, "answer": f"<think>Is it so?</think>{A1}"}])
    assert texts_in(text) == [(Q1, A1)]


@pytest.mark.parametrize(
    "end",
    ["<|im_end|>", "</s>", "<|eot_id|>\n", "<end_of_turn>", "<|endoftext|>Human: And?\nA: No."],
)
def test_the_end_of_a_turn_is_none_of_its_answer(end):
    assert texts_in(f"Q: {Q1}\nA: {A1}{end}") == [(Q1, A1)]
    assert texts_in(PLAIN + end) == BOTH
