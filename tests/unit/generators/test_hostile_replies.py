"""No reply of a model costs more than one document and a few seconds."""

import pytest

from papertune.generators.checking import check_pairs, judge
from papertune.generators.reading import LONGEST, pairs_in
from papertune.generators.rules import pairs_about
from papertune.records import Document
from papertune.sentences import sentences
from papertune.study.settings import OpenAIGenerator
from time_limit import at_most

PAIR = '{"question": "What does Tern predict?", "answer": "Tern predicts the next cache miss."}'
READ = [("What does Tern predict?", "Tern predicts the next cache miss.", {})]
LABELLED = "Q: What does Tern predict?\nA: Tern predicts the next cache miss."
SIZE = 200_000
SECONDS = 3

# what is repeated, between what stands before it and what ends it
REPEATED = {
    "line breaks": ("", "\n", "x"),
    "blank lines": ("", " \n", "x"),
    "blanks": ("", " ", "x"),
    "blanks and line breaks": ("", "  \t\n\n", "x"),
    "blanks after a label": ("Q", " ", "x"),
    "blanks after a number": ("1.", " ", "x"),
    "blanks after a full stop": ("Q: x\nA: y.", " ", "x"),
    "blank lines after a number": ("", "1\n\n", "x"),
    "blank lines before a farewell": ("x", "\n\n", "I hope this helps"),
    "farewells": ("", "\n\nI hope this helps", "\n\nx"),
    "deep lists": ("", "[", ""),
    "deep objects": ("", '{"a":', ""),
    "deep quoted lists": ("", '["', ""),
    "deep lists of numbers": ("", "[0,", ""),
    "long lists in each other": ("", "[" + "1," * 500, ""),
    "questions without an end": ("", '{"question": "', ""),
    "questions in lists": ("", '["question", [', ""),
    "opened quotes": ("[", '"', ""),
    "opened curly quotes": ("[", "“", ""),
    "quotes and commas": ("[", '", ', ""),
    "quotes and names": ('["', '", a-', ""),
    "closing brackets": ("[", "]", ""),
    "braces": ("'", "{}", ""),
    "backslashes": ('["', "\\", ""),
    "maths": ('["', "\\text", ""),
    "digits": ("", "1", "x"),
    "digits in a list": ('["', "", '", ' + "1" * SIZE + "]"),
    "opened thoughts": ("", "<think>", ""),
    "opened tags": ("", "<question>", ""),
    "tags of two kinds": ("", "<question><answer></question>", "</answer>"),
    "heads of tables": ("", "| Question | Answer |\n", ""),
    "heads of tables and prose": ("", "| Q | A |\nx\n| Q | A | B |\n| | |\n", ""),
    "thoughts of two kinds": ("", "<think></thinking>", "<thinking>"),
    "opened bold": ("Q: x\nA: y ", "**a ", ""),
    "stars": ("Q: x\nA: y ", "*", " z"),
    "stars and blanks": ("Q: x\nA: y ", "* ", "z"),
    "backticks": ("Q: x\nA: y ", "`", " z"),
    "fences": ("Q: x\nA: y\n", "```\n", ""),
    "headings": ("Q: x\nA: y\n# z", " #", " z"),
    "items of HTML": ("", "<li>x", ""),
    "opened attributes of HTML": ("<p>", "<b ", "x"),
    "items of LaTeX": ("", "\\item[x] ", ""),
    "questions of LaTeX": ("", "\\question{", ""),
    "braces of LaTeX": ("\\question{", "{}", ""),
    "items of YAML": ("", "- question: x\n", "x"),
    "deep YAML": ("- question: x\n  answer:\n    ", "- ", "x"),
    "brackets in YAML": ("- question: x\n  answer:\n    - x: ", "[", ""),
    "speakers": ("", "User: x?\n", ""),
    "users and assistants": ("", "User: x?\nAssistant: y\n", ""),
    "quoted labels": ("", "> Q: x\n> A: y\n", ""),
    "options": ("Q: x?\n", "A) x\nB) y\n", "Answer: A"),
    "numbers of labels": ("", "Q1: x\n", "A1: y"),
    "lists of questions": ("Questions:\n", "1. x\n", "Answers:\n1. y"),
    "quotes of others": ("{“question”: ", "„x“, ", ""),
    "tuples": ("[", "('", ""),
    "strings put together": ("{'question': 'x", "' + '", ""),
    "marks in strings": ("[", '"<think>",', ""),
    "open strings": ("", '["\\"', ""),
    "bullets": ("Q: x\nA: y ", "• ", "z"),
    "rules": ("Q: x\nA: y\n", "---\n", "z"),
    "rules in a line": ("Q: x\nA: y\n", "- ", "z"),
    "labels": ("", "Q: ", ""),
    "labels, line by line": ("", "Q:\nA:\n", ""),
    "decorated labels": ("", "> * ", "x"),
    "numbered": ("", "1. x\n", ""),
    "numbers and question marks": ("", "1. x?\n", ""),
    "marks that combine": ("Q: x\nA: y", "\u0315\u0300", ""),
    "a word": ("Q: What does Tern predict now?\nA: ", "ay", ""),
    "refusals": ("", "!", "sorry"),
    "pairs": ("[", PAIR + ",", ""),
}  # fmt: skip


def text_of(before, unit, end):
    return before + unit * (SIZE // max(1, len(unit)) if unit else 0) + end


DOCUMENT = Document(
    "d", "Tern", "https://example.org/1", 2020, "Tern predicts the next cache miss."
)
GENERATOR = OpenAIGenerator(
    backend="openai", model="m", url="http://x/v1", prompt="p", grounding=0.5
)


@pytest.mark.slow
@pytest.mark.parametrize("parts", REPEATED.values(), ids=REPEATED.keys())
def test_a_reply_is_judged_in_time(parts):
    written = {"text": text_of(*parts)[:LONGEST], "cut": False}
    with at_most(
        SECONDS
    ):  # a fifth of what is read, in a tenth of the time that its worst may take
        judged = judge(GENERATOR, written, DOCUMENT)
    assert judged["why"] or judged["rejected"] or judged["kept"]


def test_a_reply_of_500_line_breaks_and_its_like():
    for unit in ("\n", " \n", " ", "*", '["', "<think>", "**a "):
        with at_most(0.2):
            pairs_in(unit * 500 + "x")


def test_a_longer_reply_is_not_read_and_that_is_said():
    judged = judge(GENERATOR, {"text": f"{LABELLED}\n" * 20_000, "cut": False}, DOCUMENT)
    assert judged["why"] == "output too long: 1,300,000 characters, more than 1,000,000"


@pytest.mark.parametrize(
    "hostile",
    ["[" * 300 + "]" * 300, '{"a":' * 400 + "1" + "}" * 400, f'["question", {"[" * 450}{"]" * 450}]',
     "[" + "1" * 5000 + "]", '["x", ' + "9" * 5000 + "]"],
    ids=["lists", "objects", "answer", "number", "number in a list"],
)  # fmt: skip
def test_what_no_parser_takes_costs_no_run(hostile):
    pairs_in(hostile)
    assert pairs_in(f"{hostile}\n\n{LABELLED}") in (READ, [])


@pytest.mark.parametrize("style", ["extractive", "cloze"])
@pytest.mark.parametrize(
    "unit",
    ["A", "A-", "Aa ", "We use ", "the a ", "1", "1.", "1 a ", "of a-", "e.g. A ", "We show that ",
     "The a of ", "a. A", "In ", "Tern is ", "Tern, a ", "x\n", "a", " have", "$\\alpha$", "3 cats "],
)  # fmt: skip
def test_rules_take_any_text(unit, style):
    text = unit * (200_000 // len(unit))
    with at_most(SECONDS):
        sentences(text)
        pairs_about(Document("d", "t", "u", 2020, text), style, 4)


@pytest.mark.parametrize("style", ["extractive", "cloze"])
def test_rules_take_a_text_of_which_no_sentence_is_of_use(style):
    text = " ".join(f"We show that it ( runs {number} times as fast." for number in range(60_000))
    with at_most(SECONDS):
        pairs_about(Document("d", "t", "u", 2020, text), style, 4)


def test_one_word_is_no_way_around_the_longest_answer():
    for pair, reason in (
        (("What does Tern predict?", "x" * 30_000), "answer_too_long"),
        (("What does Tern predict " + "x" * 3_000, "Cache misses."), "question_too_long"),
    ):
        with at_most(1):
            kept, rejected = check_pairs([pair], DOCUMENT, most=4, grounding=0.0)
        assert not kept and rejected[0][0] == reason
