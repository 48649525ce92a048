"""Shapes of replies that are certain, those that are not, and texts that speak of a model's own marks."""

import json

import pytest

from papertune.generators.checking import is_unfinished
from time_limit import at_most
from two_pairs import A1, A2, BOTH, PLAIN, Q1, Q2, texts_in


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


def each(form):
    """The two pairs in a form, which may have a number."""
    return "".join(form.format(q=q, a=a, n=n) for n, (q, a) in enumerate(BOTH, start=1))


def quoted(begin, end):
    return f"[{each('{{Qquestion“: Q{q}“, Qanswer“: Q{a}“}}, ')}]".replace("“", end).replace(
        "Q", begin
    )


TEXTS = {
    "User and Assistant": each("User: {q}\nAssistant: {a}\n\n"),
    "bold speakers": each("**Human:** {q}\n**AI:** {a}\n\n"),
    "HTML, labels": each("<p><strong>Question:</strong> {q}</p>\n<p><strong>Answer:</strong> {a}</p>\n"),
    "HTML, list of definitions": "<dl>" + each("<dt>{q}</dt>\n<dd>{a}</dd>") + "</dl>",
    "HTML, list": f"<ul>{each('<li><b>Q:</b> {q}<br/><b>A:</b> {a}</li>')}</ul>",
    "HTML, headings": each("<h3>{q}</h3>\n<p>{a}</p>\n"),
    "HTML, details": each("<details><summary>{q}</summary>\n\n{a}\n</details>\n"),
    "HTML, table": f"<table><tr><th>Question</th><th>Answer</th></tr>"
    f"{each('<tr><td>{q}</td><td>{a}</td></tr>')}</table>",
    "LaTeX, items": r"\begin{enumerate}"
    + each("\n\\item \\textbf{{Question:}} {q}\n\n\\textbf{{Answer:}} {a}") + "\n\\end{enumerate}",
    "LaTeX, description": each("\\item[Question] {q}\n\\item[Answer] {a}\n"),
    "LaTeX, commands": each("\\question{{{q}}}\n\\answer{{{a}}}\n"),
    "YAML with more keys": each("- id: {n}\n  question: {q}\n  answer: {a}\n  type: factual\n"),
    "YAML, answer first": each("- answer: '{a}'\n  question: {q}\n"),
    "YAML in a fence": "```yaml\npairs:\n"
    + each("  - question: {q}\n    answer: {a}\n    level: 1\n") + "```",
    "quotes of German": quoted("„", "“"),
    "quotes of French": quoted("«", "»"),
    "single curly quotes": quoted("‘", "’"),
    "closing quotes alone": quoted("”", "”"),
    "backticks": quoted("`", "`"),
    "triple quotes": quoted('"""', '"""'),
    "tuples": str(BOTH),
    "tuples of strings in double quotes": str(BOTH).replace("'", '"'),
    "calls": each('qa.append(("{q}", "{a}"))\n'),
    "blanks that do not break": each("Question\u202f: {q}\nRéponse\u00a0: {a}\n\n"),
    "pictographs": each("❓ **Question:** {q}\n✅ **Answer:** {a}\n\n"),
    "numbers as pictographs": each("{n}\ufe0f\u20e3 **Question:** {q}\n**Answer:** {a}\n\n"),
    "letters": f"a) Question: {Q1}\n   Answer: {A1}\nb) Question: {Q2}\n   Answer: {A2}",
    "Roman numbers": f"I. Question: {Q1}\nAnswer: {A1}\nII. Question: {Q2}\nAnswer: {A2}",
    "number words": f"Question One: {Q1}\nAnswer One: {A1}\nQuestion Two: {Q2}\nAnswer Two: {A2}",
    "block quotes": each("> **Q:** {q}\n>\n> **A:** {a}\n\n"),
    "questions before answers": f"Q1: {Q1}\nQ2: {Q2}\nA2: {A2}\nA1: {A1}",
    "two lists": f"Questions:\n1. {Q1}\n2. {Q2}\n\nAnswers:\n1. {A1}\n2. {A2}",
    "two lists of Chinese": f"问题：\n1. {Q1}\n2. {Q2}\n\n答案：\n1. {A1}\n2. {A2}",
    "options": f"Question 1: {Q1}\nA. Lines.\nB. {A1}\nC. Both.\nAnswer: B\n\n"
    f"Question 2: {Q2}\nA) {A2}\nB) None of it.\nAnswer: A) {A2}",
    "options of JSON": json.dumps(
        [{"question": Q1, "options": {"A": "Lines.", "B": A1}, "answer": "B"},
         {"question": Q2, "choices": [f"A) {A2}", "B) None of it."], "answer": f"A) {A2}"}]
    ),
}  # fmt: skip


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_texts_in_any_dress(text):
    assert texts_in(text) == BOTH


@pytest.mark.parametrize(
    "text",
    [
        f"User: {Q1}\nUser: {Q2}\nAssistant: {A2}",
        f"Q1: {Q1}\nA2: {A2}",
        f"Q: {Q1}\nQ: {Q2}\nA: {A1}\nA: {A2}\nA: {A2}",
        f"Questions:\n1. {Q1}\n2. {Q2}\n\nAnswers:\n1. {A1}",
        f"Questions:\n1. {Q1}\n2. {Q2}\n\nAnswers:\n1. Two parts:\n1. cache\n2. core\n2. {A2}",
        "The paper has two roles:\nUser: asks.\nAssistant: answers.",
        f"Q: {Q1} A) lines B) misses\nA: B",
        json.dumps({"question": Q1, "options": ["Lines.", A1], "answer": "D"}),
        json.dumps({"question": Q1, "options": ["Lines.", A1], "answer": 1}),
    ],
)
def test_what_is_not_certain_in_text_is_no_pair(text):
    assert texts_in(text) == []


def test_a_row_of_a_table_without_its_end_is_none():
    table = f"| Question | Answer |\n|---|---|\n| {Q1} | {A1} |\n| {Q2} | It saves 12"
    assert texts_in(table) == [(Q1, A1)]


def test_strings_that_are_put_together_are_one():
    for between in ('" + "', ' " "', '" +\n  "'):
        said = A1.replace(
            " predicts ", f" predicts{between} " if between[0] == '"' else f" predicts{between}"
        )
        assert texts_in(f'[{{"question": "{Q1}", "answer": "{said}"}}]') == [(Q1, A1)]


def test_apostrophes_between_single_quotes():
    text = "[{'question': 'What is Tern's aim?', 'answer': 'It's the core's.'}, {'question': 'Why is it?',"
    assert texts_in(text + " 'answer': 'It isn\\'t cold.'}]") == [
        ("What is Tern's aim?", "It's the core's."), ("Why is it?", "It isn't cold."),
    ]  # fmt: skip


def test_code_without_its_end_is_not_finished():
    code = "Run this:\n```python\nx = 1"
    for text in (
        json.dumps([{"question": Q1, "answer": code}, {"question": Q2, "answer": f"{code}\n```"}]),
        f"Q: {Q2}\nA: {code}\n```\n\nQ: {Q1}\nA: {code}",
    ):
        found = dict(texts_in(text))
        assert is_unfinished(found[Q1]) and not is_unfinished(found[Q2])
    [(_, said)] = texts_in(f"```\nQ: {Q1}\nA: {A1}\n```")
    assert said == A1


def test_a_reply_in_the_frame_of_its_prompt_is_read_within():
    assert texts_in(json.dumps({"prompt": "Which pairs are there?", "response": PLAIN})) == BOTH


def test_what_a_model_is_asked_next_is_not_of_its_answer():
    assert texts_in(f"Q: {Q1}\nA: {A1}\n\nHuman: More?\nAssistant: Sure.") == [(Q1, A1)]


def test_quotes_within_other_quotes():
    text = "[{'question': 'What is \"hot\"?', 'answer': 'It's \"warm\".'}]"
    assert texts_in(text) == [('What is "hot"?', 'It\'s "warm".')]
    text = '[{"question": "What is it?", "answer": "It joins "a" + "b" in code."}]'
    assert texts_in(text) == [("What is it?", 'It joins "a" + "b" in code.')]


@pytest.mark.parametrize("form", ["- question: {q}\n  answer: {a}\n", "{q} | {a}\n"])
def test_of_a_cut_list_or_table_the_last_answer_must_end(form):
    head = "" if form[0] == "-" else "Question | Answer\n--- | ---\n"
    text = head + form.format(q=Q1, a=A1) + form.format(q=Q2, a="It saves 12% of the")
    assert texts_in(text, cut=True) == [(Q1, A1)]


def test_aliases_of_yaml_are_not_followed():
    lists = [f"    - &a{n}\n" + f"      - *a{n - 1}\n" * 9 for n in range(1, 12)]
    with at_most(1):
        texts_in("- question: Why?\n  answer:\n    - &a0\n      - x\n" + "".join(lists))
