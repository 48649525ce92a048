"""Every reason for rejecting a pair."""

import pytest

from papertune.generators.checking import check_pairs, is_unfinished, judge
from papertune.records import Document
from papertune.study.settings import OpenAIGenerator, TransformersGenerator

DOCUMENT = Document(
    id="d",
    title="Tern",
    url="https://example.org/1",
    year=2020,
    text="We present Tern, a prefetcher that predicts cache misses. It saves 12.5% of the energy.",
)
GOOD = ("What does Tern predict?", "Tern predicts cache misses.")


def check(*pairs, most=9, grounding=0.5):
    return check_pairs(pairs, DOCUMENT, most=most, grounding=grounding)


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        (("", "Tern."), "empty"),
        (("What is Tern?", "..."), "empty"),
        (("What is Tern?", "I cannot answer this from the abstract."), "refusal"),
        (("What is Tern?", "The abstract does not mention the energy of Tern."), "refusal"),
        (("What is Tern?", "what is tern"), "answer_is_question"),
        (("What?", "A prefetcher."), "question_too_short"),
        (("What is " + "Tern and " * 100 + "?", "A prefetcher."), "question_too_long"),
        (("What is Tern?", "Tern saves energy. " * 500), "answer_too_long"),
        (("What does TERN predict", "Cache misses."), "duplicate"),
        (("Who made Tern?", "Professor Lindqvist from Uppsala University."), "ungrounded"),
        (("How much does it save?", "It reaches 99.9%."), "ungrounded"),
    ],
)
def test_reasons(pair, reason):
    kept, rejected = check(GOOD, pair)
    assert kept == [GOOD]
    assert [why for why, _ in rejected] == [reason]
    assert rejected[0][1]


@pytest.mark.parametrize(
    "pair",
    [
        ("What is Tern?", "A prefetcher"),
        ("Is energy saved?", "Yes."),
        ("How much is saved?", "12.5%"),
        ("What is predicted?", "The missing of caches is predicted."),
        ("What is Tern about?", "An energy-saving prefetcher for cache misses, named Tern."),
    ],
)
def test_kept(pair):
    assert check(GOOD, pair) == ([GOOD, pair], [])


def test_more_than_asked_for_is_surplus_and_grounding_a_threshold_that_can_be_off():
    other = ("What is Tern?", "A prefetcher.")
    kept, rejected = check(GOOD, other, ("How much is saved?", "12.5%"), most=2)
    assert kept == [GOOD, other]
    assert [why for why, _ in rejected] == ["surplus"]
    half = ("What does Tern save?", "Energy, wonderfully.")
    assert check(half, grounding=0.5)[0] and not check(half, grounding=0.6)[0]
    assert check(("Who made Tern?", "Lindqvist."), grounding=None)[0]


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        *((text, True) for text in ("I'm sorry, but", "I can’t help", "Unfortunately, I", "N/A")),
        *((text, True) for text in ("I am unable to", "Sorry, no.")),
        *((text, False) for text in ("I/O is saved", "It is unable to scale", "An AI planner")),
        ("A cannot-link constraint", False),
    ],
)
def test_refusals(text, refused):
    _, rejected = check(("What is Tern?", text), grounding=None)
    assert [why for why, _ in rejected] == ["refusal"] * refused


def test_of_a_conversation_nothing_is_kept_after_a_turn_that_is_not():
    good = [
        (f"What does Tern number {n} predict?", "the next cache miss of a program")
        for n in range(3)
    ]
    bad = ("What colour is the casing?", "Turquoise with golden stripes.")
    said = [good[0], bad, good[1], good[2]]
    how = {"most": 9, "grounding": 0.5}
    kept, rejected = check_pairs(said, DOCUMENT, **how, linked=True)
    assert kept == good[:1]
    assert [reason for reason, _ in rejected] == ["ungrounded", "after_rejected", "after_rejected"]
    assert check_pairs(said, DOCUMENT, **how)[0] == good


@pytest.mark.parametrize(
    "answer",
    ["It has three parts:", "The cache, the core,", "It has several parts such as", "Caches (of lines",
     "It has three parts:\n1. The cache", "It has three parts:\nThe cache", "它有三个部分：",
     "It has a cache …", "It has a cache..."],
)  # fmt: skip
def test_an_answer_that_announces_more_is_unfinished(answer):
    assert is_unfinished(answer)


@pytest.mark.parametrize(
    "answer",
    ["12%", "It is in (0, 1]", "The parts are:\n1. A\n2. B", "Two parts:\nThe cache and the core.",
     "AND", "a) yes", "The operator is AND.", "At 12:30", "Two parts:\nThe cache.\nThe core."],
)  # fmt: skip
def test_a_short_answer_is_finished(answer):
    assert not is_unfinished(answer)


def test_unfinished_answers_of_a_model_are_rejected():
    generator = OpenAIGenerator(
        backend="openai", model="m", url="http://x/v1", prompt="p", grounding=0.0
    )
    text = '[{"question": "What has it in it?", "answer": "It has three parts:"}]'
    document = Document("d", "Tern", "https://example.org/1", 2020, "Tern has three parts.")
    judged = judge(generator, {"text": text, "cut": False}, document)
    assert [reason for reason, _ in judged["rejected"]] == ["answer_unfinished"]


@pytest.mark.parametrize(
    ("text", "cut", "why"),
    [
        ("<think>Which pairs? Q: a? A: b.", True, "max_new_tokens (512)"),
        ("<think>Which pairs?</think>\n", False, "all thought"),
        ("[THINK]Which pairs?", False, "all thought"),
        ("Nothing of use.", True, "unreadable output"),
    ],
)
def test_a_text_that_is_all_thought_is_called_so(text, cut, why):
    generator = TransformersGenerator(backend="transformers", model="m", prompt="p")
    assert why in judge(generator, {"text": text, "cut": cut}, DOCUMENT)["why"]
