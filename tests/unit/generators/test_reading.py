"""Replies of models in all observed formats, and the pairs that must be read from them."""

import json

import pytest

from papertune.generators.reading import pairs_in, question_in
from papertune.generators.replies import answer_in
from papertune.study.settings import Decoding
from two_pairs import A1, A2, BOTH, PLAIN, Q1, Q2, texts_in

JSON_SHAPES = {
    "plain": PLAIN,
    "fenced": f"```json\n{PLAIN}\n```",
    "prose around": f"Sure! Here are [two] pairs:\n\n{PLAIN}\n\nLet me know if you need {{more}}!",
    "dict container": f'{{"qa_pairs": {PLAIN}}}',
    "deep container": f'{{"result": {{"title": "Tern", "pairs": {PLAIN}}}}}',
    "numbered keys": json.dumps([{"Question 1": Q1, "Answer 1": A1}, {"Q2": Q2, "A2": A2}]),
    "one flat object": json.dumps({"Q1": Q1, "A1": A1, "Q2": Q2, "A2": A2}),
    "objects in sequence": "\n".join(json.dumps(item) for item in json.loads(PLAIN)),
    "one fence per pair": "\n".join(
        f"```json\n{json.dumps(item)}\n```" for item in json.loads(PLAIN)
    ),
    "two-element lists": json.dumps([[Q1, A1], [Q2, A2]]),
    "columns": json.dumps({"questions": [Q1, Q2], "answers": [A1, A2]}),
    "question as key": json.dumps({Q1: A1, Q2: A2}),
    "single quotes": str(json.loads(PLAIN)),
    "trailing commas": PLAIN.replace("}", ",}").replace("]", ",]"),
    "keys without quotes": PLAIN.replace('"question"', "question").replace('"answer"', "answer"),
    "missing comma": PLAIN.replace("}, {", "} {"),
    "comments": PLAIN.replace("[{", "[ // pairs\n{"),
    "decorated strings": PLAIN.replace("Tern predicts", "**Tern** predicts"),
    "thought": f"<think>\nFirst [draft]: Q: x? A: y.\n</think>\n\n{PLAIN}",
    "thought without its beginning": f"I draft Q1: x? A1: y.\n</think>\n{PLAIN}",
    "cut inside the third question": PLAIN[:-1] + ', {"question": "What is ha',
    "cut inside the third answer": PLAIN[:-1]
    + ', {"question": "What is half?", "answer": "The set {a, b} is ha',
    "cut in a container": f'{{"pairs": {PLAIN[:-1]}, {{"question": "What is half?", "ans',
    "cut flat object": json.dumps({"Q1": Q1, "A1": A1, "Q2": Q2, "A2": A2})[:-1]
    + ', "Q3": "What is half?", "A3": "It is h',
    "cut single quotes": str(json.loads(PLAIN))[:-1] + ", {'question': 'What is half?', 'answer': 'It's ha",
}  # fmt: skip

TEXT_SHAPES = {
    "Q1: A1:": f"Keywords: caches, energy.\n\nQ1: {Q1}\nA1: {A1}\n\nQ2: {Q2}\nA2: {A2}",
    "numbered words": f"Question 1: {Q1}\nAnswer 1: {A1}\nQuestion 2: {Q2}\nAnswer 2: {A2}",
    "bold": f"**Question 1:** {Q1}\n**Answer 1:** {A1}\n\n**Question 2:** {Q2}\n**Answer 2:** {A2}",
    "bold, colon outside": f"**Question**: {Q1}\n\n**Answer**: {A1}\n\n"
    f"**Question**: {Q2}\n\n**Answer**: {A2}",
    "headings": f"### Question 1\n{Q1}\n\n### Answer 1\n{A1}\n\n### Question 2\n{Q2}\n\n### Answer 2\n{A2}",
    "short headings": f"### Q\n{Q1}\n### A\n{A1}\n### Q\n{Q2}\n### A\n{A2}",
    "pair headings": f"## Pair 1\n**Q:** {Q1}\n**A:** {A1}\n\n## Pair 2\n**Q:** {Q2}\n**A:** {A2}",
    "numbered list": f"1. Question: {Q1}\n   Answer: {A1}\n2. Question: {Q2}\n   Answer: {A2}",
    "numbered bold list": f"1. **Q:** {Q1}\n   **A:** {A1}\n\n2. **Q:** {Q2}\n   **A:** {A2}",
    "bullets": f"- Q: {Q1}\n- A: {A1}\n- Q: {Q2}\n- A: {A2}",
    "on one line": f"Q: {Q1} A: {A1}\nQ: {Q2} A: {A2}",
    "fenced text": f"```\nQ1: {Q1}\nA1: {A1}\nQ2: {Q2}\nA2: {A2}\n```",
    "farewell": f"Q1: {Q1}\nA1: {A1}\nQ2: {Q2}\nA2: {A2}\n\nI hope these pairs help! Ask me for more.",
    "rules between": f"Q: {Q1}\nA: {A1}\n\n---\n\nQ: {Q2}\nA: {A2}\n\n---",
    "explanations between": f"Q: {Q1}\nA: {A1}\nExplanation: it says so.\nQ: {Q2}\nA: {A2}",
    "numbered questions": f"Here you are:\n1. {Q1}\n{A1}\n2. {Q2}\n{A2}",
    "numbered bold questions": f"1. **{Q1}**\n   - {A1}\n\n2. **{Q2}**\n   - {A2}",
    "numbered, one line": f"1. {Q1} - {A1}\n2. {Q2} - {A2}",
    "bold questions": f"**{Q1}**\n{A1}\n\n**{Q2}**\n{A2}",
    "windows line ends": f"Q1: {Q1}\r\nA1: {A1}\r\nQ2: {Q2}\r\nA2: {A2}\r\n",
}


MARKED = {
    "tags": "".join(f"<pair><question>{q}</question>\n<answer>{a}</answer></pair>" for q, a in BOTH),
    "tags in lines": "".join(
        f"<qa>\n<question>\n{q}\n</question>\n<answer>\n{a}\n</answer>\n</qa>\n" for q, a in BOTH
    ),
    "tags with numbers": "".join(
        f"<question{n}>{q}</question{n}><answer{n}>{a}</answer{n}>" for n, (q, a) in enumerate(BOTH)
    ),
    "tags with attributes": "".join(f'<Q>{q}</Q><answer id="1">{a}</answer>' for q, a in BOTH),
    "tags with CDATA": "".join(
        f"<question><![CDATA[{q}]]></question><answer><![CDATA[{a}]]></answer>" for q, a in BOTH
    ),
    "tags, the last without its end": "".join(
        f"<question>{q}</question><answer>{a}</answer>" for q, a in [*BOTH, ("What is half?", "It is")]
    ).removesuffix("</answer>"),
    "tags, one question without its end": f"<question>What is lost?</question><question>{Q1}"
    f"<answer>{A1}</answer>"
    + "".join(f"<question>{q}</question><answer>{a}</answer>" for q, a in BOTH),
    "table of Markdown": "Here:\n\n| # | **Question** | Answer |\n|---|:--|---|\n"
    + "".join(f"| {n} | {q} | {a} |\n" for n, (q, a) in enumerate(BOTH)) + "\nI hope this helps.",
    "table without edges": "Question | Answer\n--- | ---\n" + "\n".join(map(" | ".join, BOTH)),
    "tabs": "Question\tAnswer\n" + "\n".join(map("\t".join, BOTH)),
    "commas": "question,answer\n" + "\n".join(f'"{q}","{a}"' for q, a in BOTH),
    "YAML": "".join(f"- question: >\n    {q}\n  answer: |-\n    {a}\n" for q, a in BOTH),
    "headings": "".join(f"## Question 1: {q}\n{a}\n\n" for q, a in BOTH),
}  # fmt: skip


LABELLED = [(f"Q: {q}", f"A: {a}") for q, a in BOTH]
JSON_OF_STRINGS = {
    "labelled": json.dumps([one for pair in LABELLED for one in pair]),
    "labelled, in a container": json.dumps({"pairs": [one for pair in LABELLED for one in pair]}),
    "question and answer in one": json.dumps([f"Question: {q} Answer: {a}" for q, a in BOTH]),
    "in two lines of one": json.dumps([f"Question: {q}\nAnswer: {a}" for q, a in BOTH]),
    "by turns": json.dumps([one for pair in BOTH for one in pair]),
    "no commas": "[" + "\n".join(f'"{q}"\n"{a}"' for q, a in LABELLED) + "]",
    "a string without its end": PLAIN.replace('energy."}]', "energy.}]"),
    "an object without its end": PLAIN.replace("}, {", ", {"),
    "numbers out of order": json.dumps({"q1": Q1, "q2": Q2, "a2": A2, "a1": A1}),
    "numbers that lack an answer": json.dumps(
        {"q1": Q1, "q2": "What is lost?", "q3": Q2, "a1": A1, "a3": A2}
    ),
    "a question without answer": json.dumps(
        [{"question": Q1}, {"answer": A1}, {"question": Q2}, {"answer": A2}]
    ),
    "text in an object": json.dumps([{"question": q, "answer": {"text": a}} for q, a in BOTH]),
}


@pytest.mark.parametrize("text", JSON_OF_STRINGS.values(), ids=JSON_OF_STRINGS.keys())
def test_json_that_is_only_nearly_of_objects(text):
    assert texts_in(text) == BOTH


@pytest.mark.parametrize(
    "rest",
    [
        {"answer": "Two parts:", "answer_continued": "The cache.\nThe core."},
        {"answer": "Two parts:", "answer_2": "The cache.", "answer_3": "The core."},
        {"answer_part_1": "Two parts:", "answer_part_2": "The cache.\nThe core."},
        {"answer": "Two parts:", "details": ["The cache.", "The core."]},
        {"answer": "Two parts:", "steps": {"first": "The cache.", "second": "The core."}},
        {"answer": ["Two parts:", "The cache.", "The core."]},
    ],
)
def test_an_answer_that_goes_on_is_whole(rest):
    text = json.dumps(
        [{"question": Q1, **rest, "difficulty": "easy"}, {"question": Q2, "answer": A2}]
    )
    (asked, said), other = texts_in(text)
    assert asked == Q1 and other == (Q2, A2)
    assert (
        said.replace("first: ", "").replace("second: ", "") == "Two parts:\nThe cache.\nThe core."
    )


def test_what_does_not_certainly_belong_together_is_no_pair():
    parts = [{"question": Q1}, {"question": Q2}, {"answer": A2}, {"answer": A1}, {"answer": A1}]
    assert texts_in(json.dumps(parts)) == []


def test_a_list_goes_on_after_its_answer():
    for first, second in (("", ""), ("Research Question: ", "Approach: ")):
        text = json.dumps([first + Q1, f"{second}Two parts:", "The cache.", "The core."])
        assert texts_in(text) == [(Q1, "Two parts:\nThe cache.\nThe core.")]


@pytest.mark.parametrize("form", ["[{}]", "```json\n[{}]\n```", "{}"])
def test_an_answer_that_goes_on_behind_its_bracket(form):
    def said(answer: str, behind: str) -> str:
        text = form.replace("{}", json.dumps({"question": Q1, "answer": answer})) + behind
        ((asked, found),) = texts_in(text)
        assert asked == Q1
        return found

    assert said("Two parts:", "\n- The cache.\n- The core.") == "Two parts:\nThe cache.\nThe core."
    for rest in (
        "\n\n- The cache.\n- The core.",
        ", and the core.",
        "\nIt also holds the core.",
        "\nAdditionally, there is a core.",
        "\n2. The core.",
    ):
        assert said("It has a cache.", rest) == "It has a cache. …", rest
    for remark in (
        "\nI hope this helps!",
        "\n\n**Note:** by me.\n- a\n",
        "\n2. What is next?",
        "\n",
    ):
        assert said("It has a cache.", remark) == "It has a cache."


def test_each_object_of_lines_may_go_on_behind_its_bracket():
    lines = [json.dumps({"question": Q1, "answer": "Two parts:"}), "- The cache.", "- The core."]
    lines += [json.dumps({"question": Q2, "answer": A2})]
    assert texts_in("\n".join(lines)) == [(Q1, "Two parts:\nThe cache.\nThe core."), (Q2, A2)]


@pytest.mark.parametrize("text", MARKED.values(), ids=MARKED.keys())
def test_tags_and_tables(text):
    assert texts_in(text) == BOTH


@pytest.mark.parametrize("text", JSON_SHAPES.values(), ids=JSON_SHAPES.keys())
def test_json_in_any_dress(text):
    assert [(q, " ".join(a.split())) for q, a in texts_in(text)] == BOTH


@pytest.mark.parametrize("text", TEXT_SHAPES.values(), ids=TEXT_SHAPES.keys())
def test_labelled_and_numbered_text(text):
    assert texts_in(text) == BOTH


DRAFT = json.dumps([{"question": "What is kept near the core?", "answer": "Lines of the draft."}])
MARKS = {  # of a thought's beginning and its end
    "Qwen": ("<think>", "</think>"),
    "Mistral": ("[THINK]", "[/THINK]"),
    "gpt-oss": ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    "gpt-oss, whole": ("<|start|>assistant<|channel|>commentary<|message|>a<|end|><|start|>assistant"
                       "<|channel|>analysis<|message|>",
                       "<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>"),
    "gpt-oss without its tokens": ("analysis", "assistantfinal"),
    "Seed": ("<seed:think>", "</seed:think>"),
    "Kimi": ("◁think▷", "◁/think▷"),
    "Command A": ("<|START_THINKING|>", "<|END_THINKING|><|START_RESPONSE|>"),
    "Sky": ("<|begin_of_thought|>", "<|end_of_thought|>\n\n<|begin_of_solution|>"),
    "Gemma": ("<|channel>thought\n", "<channel|>"),
    "thought": ("<thought>", "</thought>"),
    "scratchpad": ("<scratchpad>", "</scratchpad>"),
    "analysis": ("<analysis>", "</analysis>"),
    "without the first mark": ("", "<|end|><|start|>assistant<|channel|>final<|message|>"),
}  # fmt: skip


@pytest.mark.parametrize("family", MARKS)
def test_what_a_model_thinks_is_no_pair(family):
    begin, end = MARKS[family]
    for draft in (DRAFT, "Q: What is kept near the core? A: Lines of the draft."):
        for text in (PLAIN, TEXT_SHAPES["Q1: A1:"], TEXT_SHAPES["Q1: A1:"] + "<|return|>"):
            assert texts_in(f"{begin}First: {draft}\n{end}{text}") == BOTH
        choice = {"message": {"content": f"{begin}First: {draft}"}, "finish_reason": "length"}
        if begin not in ("", "analysis"):  # a word like others, where nothing follows
            answer = answer_in(json.dumps({"choices": [choice]}).encode(), Decoding())
            assert "all thought, which used up max_new_tokens (512)" in answer["error"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I cannot help with that.",
        "The paper presents Tern. A framework for caches is given. Question and answer follow.",
        "[]",
        '{"question": "", "answer": ""}',
        '[{"question": "What is it?"}]',
        '[{"question": "What is half?", "answer": "It is only ha',
        '{"question": "What is half?", "answer": "The set {a, b} and the list [1',
        "{'question': 'What is half?', 'answer': 'It's ha",
        '```json\n[\n  {\n    "question": "What is half?",\n    "answer": "It is',
        '["Question: What is half?", "Answer: It is ha',
        "<think>Maybe Q1: What is it? A1: No idea yet.",
        f"<think>I go for this.\n{PLAIN}",
        f"[THINK]I go for this.\n{PLAIN}",
        f"<|channel|>analysis<|message|>I go for this.\n{PLAIN}",
        "[" * 5000,
        '{"a":' * 3000,
    ],
)
def test_nothing_is_made_up(text):
    assert texts_in(text) == []


def test_of_a_cut_text_the_last_answer_must_end():
    text = f"Q1: {Q1}\nA1: {A1}\nQ2: {Q2}\nA2: It saves 12% of the"
    assert texts_in(text, cut=True) == [(Q1, A1)]
    assert texts_in(f"Q1: {Q1}\nA1: {A1}", cut=True) == [(Q1, A1)]
    assert texts_in(f"1. {Q1}\n{A1}\n2. {Q2}\nIt saves", cut=True) == [(Q1, A1)]
    assert texts_in(f'[{{"question": "{Q1}", "answer": "{A1}"') == [(Q1, A1)]


def test_quotes_apostrophes_and_latex_in_nearly_json():
    text = r"""[{"question": "What is "hot" code?", "answer": "It's code with cost \(\mathcal{O}(n)\)."},
    {"question": "What is \nabla f?", "answer": "The gradient of f, \frac{1}{2}\text{ of it}."},]"""
    assert texts_in(text) == [
        ('What is "hot" code?', r"It's code with cost \(\mathcal{O}(n)\)."),
        (r"What is \nabla f?", r"The gradient of f, \frac{1}{2}\text{ of it}."),
    ]


def test_research_question_and_approach():
    pair = ("How can caches be explained?", "The paper builds\nA tree\nA probe")
    for text in (
        '["How can caches be explained?", "The paper builds\\n- A tree\\n- A probe"]',
        '[\n "question",\n "How can caches be explained?"\n],\n'
        '[\n "approach",\n "The paper builds\n - A tree\n - A probe"\n]',
        "[question, approach]\n**Question**: How can caches be explained?\n\n"
        "**Approach**:\nThe paper builds\n- **A tree**\n- A probe",
        '["Research Question: How can caches be explained?",\n'
        '"Approach: The paper builds\n* A tree\n* A probe"]',
        '[{"research question": "How can caches be explained?"},\n'
        '{"approach": "The paper builds\\nA tree\\nA probe"}]',
    ):
        assert texts_in(text) == [pair]


def test_a_nested_answer_becomes_lines():
    text = '["How is it done?", {"Architecture": "Tree", "Steps": ["Grow", "Prune"]}]'
    assert texts_in(text) == [("How is it done?", "Architecture: Tree\nSteps:\nGrow\nPrune")]


def test_a_label_inside_an_answer_is_text():
    text = (
        "**Question**: How?\n**Approach**: Two parts.\n"
        "- **Question**: an encoder.\n- **Answer**: a decoder."
    )
    assert texts_in(text) == [("How?", "Two parts.\nQuestion: an encoder.\nAnswer: a decoder.")]


@pytest.mark.parametrize("name", ["Source", "Reference", "Note", "Evidence", "Explanation"])
def test_a_bullet_of_an_answer_may_have_a_name(name):
    said = f"Two parts:\n{name}: the cache.\nTarget: the core."
    for text in (
        f"Q: {Q1}\nA: Two parts:\n- {name}: the cache.\n- Target: the core.\nQ: {Q2}\nA: {A2}",
        f"Q: {Q1}\nA: Two parts:\n{name}: the cache.\nTarget: the core.\nQ: {Q2}\nA: {A2}",
        f"**Q:** {Q1}\n**A:** Two parts:\n- **{name}:** the cache.\n- **Target:** the core.\n"
        f"**Q:** {Q2}\n**A:** {A2}",
    ):
        assert texts_in(text) == [(Q1, said), (Q2, A2)]


@pytest.mark.parametrize("name", ["Source", "Reference", "Evidence", "Explanation"])
@pytest.mark.parametrize("item", ["", "- ", "1. "])
def test_what_stands_beside_an_answer_is_not_of_it(name, item):
    text = (
        f"{item}Q: {Q1}\n{item}A: {A1}\n{item}{name}: the abstract.\n{item}Q: {Q2}\n{item}A: {A2}"
    )
    assert texts_in(text) == BOTH


def test_a_single_bullet_below_an_answer_is_not_of_it():
    text = f"1. Q: {Q1}\n   A: {A1}\n   - Source: the abstract.\n2. Q: {Q2}\n   A: {A2}\n   - Source: it."
    assert texts_in(text) == BOTH


NOTATION = [
    ("What is learned of $v^*$?", "That $v^*$ is found, as $v^*$ is unique."),
    ("What is # Learning C# about?", "The languages C# and F#"),
    ("Which search is optimal, A*?", "The best is A*"),
    ("How far is w^* from \\|w-w^*\\|_2?", "By at most \\|w^*\\|_0, of any w^*"),
]


@pytest.mark.parametrize(
    "dress",
    [
        lambda q, a: json.dumps([{"question": q, "answer": a}]),
        lambda q, a: json.dumps([[q, a]]),
        lambda q, a: f"Question: {q}\nAnswer: {a}",
        lambda q, a: f"1. {q}\n{a}",
    ],
    ids=["JSON", "lists", "labelled", "numbered"],
)
@pytest.mark.parametrize("pair", NOTATION)
def test_notation_comes_out_as_it_was_written(pair, dress):
    assert pairs_in(dress(*pair)) == [(*pair, {})]


def test_what_is_cleaned_of_question_and_answer_is_counted_together():
    text = "Question: Why is **it** so?\nAnswer: # Learning C#\n- *one* 🚀"
    removed = {"bullet": 1, "emoji": 1, "emphasis": 2, "heading": 1}
    assert pairs_in(text) == [("Why is it so?", "Learning C#\none", removed)]
    [(asked, said, removed)] = question_in("**Q:** Why is *it* so?", answer="It is $v^*$ or v^*")
    assert (asked, said, removed) == ("Why is it so?", "It is $v^*$ or v^*", {"emphasis": 1})
