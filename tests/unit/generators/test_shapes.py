"""Certain and uncertain formats of replies, and texts that mention a model's markers."""

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


BETWEEN = {
    "a heading": "## Limits\n",
    "a bold heading": "**Limits**\n",
    "a heading of two": "## Part II\n\n### Limits\n",
    "a title between rules": "=== 2 ===\n",
    "a title of words between rules": "--- Pair 2 of 2 ---\n",
    "a number": "#2\n",
    "a number and a word": "Set 2:\n",
    "a number of a pair": "Pair number 2\n",
    "questions and answers": "**Q&A 2**\n",
    "a topic": "Topic: caches\n",
    "what it is asked about": "Context: The cache holds lines.\n",
    "a tag": "</pair>\n<pair>\n",
}


@pytest.mark.parametrize("between", BETWEEN.values(), ids=BETWEEN.keys())
@pytest.mark.parametrize("form", ["Q: {}\nA: {}", "**{}**\n\n{}", "1. {}\n{}"])
def test_what_leads_to_the_next_question_is_not_of_the_answer(between, form):
    if between.startswith(("Topic", "Context", "**Q&A")) and form[0] != "Q":
        return  # labels among labels only
    first, second = (form.format(*pair) for pair in BOTH)
    assert texts_in(f"{first}\n\n{between}\n{second}") == BOTH


@pytest.mark.parametrize(
    "said",
    ["Two parts:\n\n**Cache**\n\n**Core**", "It is of\nType 2", "It uses these:\n**Cache**"],
)
def test_a_heading_that_an_answer_announces_is_of_it(said):
    (_, found), other = texts_in(f"Q: {Q1}\nA: {said}\n\nQ: {Q2}\nA: {A2}")
    assert found.split() == said.replace("*", "").split() and other == (Q2, A2)


REMARKS = [
    "These Q&A pairs cover the whole abstract.",
    "The above questions and answers follow the abstract.",
    "All answers are drawn from the abstract.",
    "Each pair can be answered from the text alone.",
    "By answering these questions, a reader learns what Tern does.",
    "If you'd like more, just ask!",
    "Do you want me to write harder ones?",
    "I've made sure that each answer is short.",
    "(Word count: 41)",
    "[End of pairs]",
    "## Notes\n\nEach answer is taken from the text.",
    "**Key points:**\n\n* Each question is specific.\n* Each answer is short.",
    "</output>",
    "N'hésitez pas à me demander d'autres questions !",
    "Ich hoffe, diese Fragen helfen Ihnen weiter!",
    "希望这些问答对您有所帮助！",
]


@pytest.mark.parametrize("remark", REMARKS)
@pytest.mark.parametrize("form", ["Q: {}\nA: {}", "**{}**\n\n{}", "1. {}\n{}"])
def test_what_a_writer_says_of_all_pairs_is_of_none(remark, form):
    text = "\n\n".join(form.format(*pair) for pair in BOTH)
    if form[0] == "*":  # the answer stands alone in its paragraph
        text = text.replace("**\n\n", "**\n")
    assert texts_in(f"{text}\n\n{remark}") == BOTH


def test_a_farewell_in_the_line_below_is_of_no_answer():
    assert texts_in(f"Q: {Q1}\nA: {A1}\nLet me know if you need more.") == [(Q1, A1)]


def test_the_second_paragraph_of_an_answer_is_of_it():
    more = "Each question costs one access."
    assert texts_in(f"Q: {Q1}\nA: {A1}\n\nIt is small.\n\nQ: {Q2}\nA: {A2}\n\n{more}") == [
        (Q1, f"{A1}\nIt is small."), (Q2, f"{A2}\n{more}"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "beside",
    ["Type: factual", "Category: recall", "Confidence: 0.9", 'Quote: "the cache"', "Topic: caches",
     "Question type: open", "Difficulty level: easy\nType: factual", "Supporting text: the cache",
     "Follow-up: Is it so?", "Title: Owls\nAbstract: Owls hunt at night."],
)  # fmt: skip
def test_labels_beside_an_answer_are_not_of_it(beside):
    text = "\n\n".join(f"Question: {q}\nAnswer: {a}\n{beside}" for q, a in BOTH)
    assert texts_in(text) == BOTH


@pytest.mark.parametrize("beside", ["Reasoning: The text says so.", "Hint: Think of lines."])
def test_labels_between_question_and_answer_are_of_neither(beside):
    assert texts_in(each(f"Question: {{q}}\n{beside}\nAnswer: {{a}}\n\n")) == BOTH


LABELS = {
    "kinds in brackets": each("**Question {n} (factual):** {q}\n\n**Answer:** {a}\n\n"),
    "kinds behind letters": each("Q{n} (easy): {q}\nA{n}: {a}\n\n"),
    "stars as bullets": each("**Pair {n}:**\n\n* **Question:** {q}\n* **Answer:** {a}\n\n"),
    "stars as bullets of letters": each("*   **Q{n}:** {q}\n*   **A{n}:** {a}\n\n"),
    "bold questions in a list": each("- **{q}**\n  - {a}\n"),
    "correct answers": each("Question {n}: {q}\nCorrect answer: {a}\n\n"),
    "sample answers": each("**{n}. {q}**\n\n**Sample Answer:** {a}\n\n"),
    "correct answers of JSON": json.dumps([{"question": q, "correct_answer": a} for q, a in BOTH]),
    "an answer key": f"Questions:\n1. {Q1}\n2. {Q2}\n\nAnswer Key:\n1. {A1}\n2. {A2}",
    "options of a numbered list": f"1. {Q1}\nA. Lines.\nB. {A1}\nAnswer: B\n\n"
    f"2. {Q2}\nA. {A2}\nB. None of it.\nAnswer: A. {A2}",
    "options of bold questions": f"**1. {Q1}**\n\na) Lines.\nb) {A1}\n\n**Correct answer:** b)\n\n"
    f"**2. {Q2}**\n\na) {A2}\nb) None of it.\n\n**Correct answer:** a) {A2}",
    "in one line": each("Q{n}: {q} A{n}: {a} "),
    "in one line, bold": each("**Question:** {q} **Answer:** {a} "),
    "numbers behind a stop": each("Q.{n}) {q}\nA.{n}) {a}\n\n"),
    "short answers of a list": each("{n}) {q}\nAns: {a}\n\n"),
    "solutions of a list": each("{n}. {q}\nSolution: {a}\n\n"),
    "quoted answers": each("### {q}\n> {a}\n\n"),
    "arrows": "[" + each("{{'question' => '{q}', 'answer' => '{a}'}}, ") + "]",
    "equals signs": "[" + each('{{"question" = "{q}", "answer" = "{a}"}}, ') + "]",
}  # fmt: skip


@pytest.mark.parametrize("text", LABELS.values(), ids=LABELS.keys())
def test_labels_of_many_kinds(text):
    assert texts_in(text) == BOTH


@pytest.mark.parametrize(
    "text",
    [
        f"1. {Q1}\n2. {Q2}\n\n1. {A1}\n2. {A2}",
        f"1. {Q1}\nA. Lines.\nB. Cores.\n\n2. {Q2}\nA. Lines.\nB. Cores.",
        f"1. {Q1}\nAnswer: {A1}\n\n2. Explain its core.\nAnswer: It is small.",
        each("Q.{n} {q}\nA.{n} {a}\n"),
    ],
)
def test_lists_that_stand_apart_are_no_pairs(text):
    assert texts_in(text) == []


@pytest.mark.parametrize(
    "end", ["Two are named:\n1. Lines.\n2.", "Three:\n- Lines.\n- Cores.", "It is of Tern et al.",
            "It saves 3.", "It uses filters, e.g.", "**Lines**"],
)  # fmt: skip
def test_of_a_cut_text_what_only_looks_like_an_end_is_none(end):
    assert texts_in(f"Q: {Q1}\nA: {A1}\n\nQ: {Q2}\nA: {end}", cut=True) == [(Q1, A1)]


@pytest.mark.parametrize(
    "said",
    ['Records such as {"id": 1} are kept.', 'It sets "mode", "depth": both are kept.',
     'The set {"a", "b"} is kept.', 'The list ["a", "b"] is kept.', 'They say: "so", and it "is": so.',
     'The mark "end"] closes it.', 'The object {"question": "x", "answer": "y"} is kept.'],
)  # fmt: skip
@pytest.mark.parametrize("more", ["", ', "source": "Abstract"'])
def test_of_an_answer_with_quotes_inside_no_half_is_taken(said, more):
    text = f'[{{"question": "{Q1}", "answer": "{said}"{more}}}, {json.dumps({"question": Q2, "answer": A2})}]'
    found = [pair for pair in texts_in(text) if not is_unfinished(pair[1])]
    assert found in ([(Q2, A2)], [(Q1, said), (Q2, A2)])


def test_a_text_without_its_beginning_is_not_taken():
    text = f'[{{"question": "{Q1}", "answer"{{ "{A1}"}}, {{"question": "{Q2}", "answer": "{A2}"}}]'
    assert [pair for pair in texts_in(text) if not is_unfinished(pair[1])] == [(Q2, A2)]


@pytest.mark.parametrize(
    "formula",
    [
        r"$x \notin A$",
        r"$\neg x$",
        r"$\bigcup A$",
        r"$\tfrac12$",
        r"$\lceil x \rceil$",
        r"$\theta_k$",
        r"$\nu_0^2$",
    ],
)
def test_commands_of_latex_are_no_escapes(formula):
    assert texts_in(f'[{{"question": "What is {formula}?", "answer": "It is {formula}."}}]') == [
        (f"What is {formula}?", f"It is {formula}.")
    ]


@pytest.mark.parametrize(
    "behind",
    ["\n- Each answer is taken from the abstract.", "\n\nThey are all based on the abstract.",
     "\n\nFinally, I checked that each answer is short.", "\n\nAlso, note that no number is given.",
     "\n1. The first pair is about its aim.", "\n\nIt is important to note that these pairs are short."],
)  # fmt: skip
def test_a_remark_behind_the_bracket_leaves_the_answer_whole(behind):
    assert texts_in(PLAIN + behind) == BOTH


@pytest.mark.parametrize("lead", ["\n2. ", "\n\n* **Pair 2**\n```json\n", " and another pair: "])
def test_what_leads_to_the_next_object_leaves_the_answer_whole(lead):
    assert texts_in(lead.join(json.dumps({"question": q, "answer": a}) for q, a in BOTH)) == BOTH


def test_what_is_written_once_more_is_what_its_writer_stands_by():
    draft = json.dumps([{"question": Q1, "answer": "It predicts the core."}])
    assert (Q1, A1) in texts_in(f"{draft}\n\nWait, that is wrong. Once more:\n\n{PLAIN}")
    assert {answer for asked, answer in texts_in(f"{draft}\n{PLAIN}") if asked == Q1} == {A1}


@pytest.mark.parametrize(
    "beside", ["Score: 5/5", "**Bloom's level:** recall", "Line: 3\nKey terms: core"]
)
@pytest.mark.parametrize("form", ["Question: {q}\nAnswer: {a}", "**{q}**\n{a}"])
def test_lines_of_one_name_below_every_answer_are_of_none(beside, form):
    assert texts_in(each(f"{form}\n{beside}\n\n")) == BOTH
    once = texts_in(f"{form.format(q=Q1, a=A1)}\n{beside}\n\n{form.format(q=Q2, a=A2)}")
    assert once[0][1].startswith(f"{A1}\n") and once[1] == (Q2, A2)


@pytest.mark.parametrize(
    "turn",
    ["\n\n### User:\nMore!\n\n### Assistant:\nQ: What is lost?\nA: Lines.", "\n<|user|>\nMore!",
     "\n\n### Instruction:\nWrite.\n\n### Response:\nNo.", "\n[INST] More! [/INST] No."],
)  # fmt: skip
def test_what_a_model_asks_itself_next_is_no_pair(turn):
    assert texts_in(each("Q: {q}\nA: {a}\n\n").rstrip() + turn) == BOTH


def test_a_label_within_a_line_of_an_answer_is_text():
    said = "Two tasks are posed. Question: which line is next."
    assert texts_in(f"Q: {Q1}\nA: {said}\n\nQ: {Q2}\nA: {A2}") == [(Q1, said), (Q2, A2)]
