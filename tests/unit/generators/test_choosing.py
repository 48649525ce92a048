"""Which of several candidates is kept, by which marks, and that all of it is recorded."""

import pytest

from papertune.generators.checking import Judged
from papertune.generators.choosing import Marker, choose, examples_in, sentence_of
from papertune.generators.reading import question_in
from papertune.records import Document
from papertune.study.settings import OpenAIGenerator

TEXT = (
    "Caches miss often. We present Tern, a prefetcher that predicts the next cache miss of a program "
    "from the last four. On nine programs it saves 12 percent of the energy of the memory. However, it "
    "needs two kilobytes of tables in the core. This is small."
)
DOCUMENT = Document("0" * 16, "Tern, a frugal prefetcher", "https://a.example", 2020, TEXT)
PROMPT = """--- user
Title: How honeybees choose a nest
--- assistant
Question: When does a swarm of honeybees choose a nest site?
Answer: Once about 20 scouts are there.
--- user
$title $text"""
GOOD = (
    "What does the prefetcher Tern predict?",
    "Tern predicts the next cache miss of a program from the last four.",
)
WEAK = {
    "asks": ("The prefetcher Tern predicts what", GOOD[1]),
    "answers": (GOOD[0], "Misses."),
    "grounded": (GOOD[0], "It predicts the branches and jumps of a processor pipeline."),
    "about": ("What do honeybees of a swarm do to choose a prefetcher?", GOOD[1]),
    "tells": ("Does Tern predict the next cache miss of a program from the last four?", GOOD[1]),
    "meets": ("What saves 12 percent of the energy of the memory?", GOOD[1]),
    "alone": ("What does this paper say about the above algorithm of Tern?", GOOD[1]),
    "names": ("What does the paper say about the method?", GOOD[1]),
    "own": ("When does Tern predict a site?", "Once about 20 scouts of the swarm are at the nest."),
}


@pytest.mark.parametrize("mark", WEAK)
def test_each_mark_falls_with_what_it_is_about(mark):
    marker = Marker(DOCUMENT, examples_in(PROMPT))
    good, weak = marker.marks(*GOOD), marker.marks(*WEAK[mark])
    assert weak[mark] < good[mark] and min(good.values()) >= 0.5
    assert all(0 <= one <= 1 for one in (*good.values(), *weak.values()))


EMPTY = {"text": "", "cut": False, "error": ""}


def generator(**values):
    chosen = {"model": "m", "prompt": "p", "url": "http://a.example", "candidates": 3, "pairs": 1}
    return OpenAIGenerator(backend="openai", **{**chosen, **values})


def text(pair):
    return {"text": f"Question: {pair[0]}\nAnswer: {pair[1]}", "cut": False, "error": ""}


def test_the_best_is_kept_and_the_others_say_why_they_are_not():
    other = (
        "What does Tern save of the memory of nine programs?",
        "It saves 12 percent of the energy.",
    )
    texts = [text(other), text(WEAK["asks"]), text(GOOD), text(GOOD), text(("", "")), EMPTY]
    made = choose(generator(), PROMPT, texts, DOCUMENT)
    assert made["kept"] == [GOOD] and not made["why"]
    [chosen] = made["chosen"]
    assert (chosen["candidate"], chosen["of"]) == (3, 6)  # of two equal ones the first
    assert 0 < chosen["grade"] <= 1 and chosen["marks"]["meets"] > 0.5
    Judged(**made)
    told = dict(made["rejected"])
    assert {*told} == {"not_chosen", "unfit", "duplicate", "without_pair"}
    assert len(made["kept"]) + len(made["rejected"]) == len(texts)  # nothing is dropped in silence
    assert told["without_pair"] == "candidate 6 of 6: empty output"
    assert told["not_chosen"].startswith("candidate 1 of 6, grade 0")
    assert "meets 0.4" in told["not_chosen"] and "asks 0" in told["unfit"]
    assert choose(generator(), PROMPT, texts, DOCUMENT) == made
    several = choose(generator(pairs=2), PROMPT, texts, DOCUMENT)["kept"]
    assert several == [GOOD, other]


def test_where_no_candidate_is_fit_there_is_no_pair():
    made = choose(generator(), PROMPT, [text(WEAK["asks"])] * 2, DOCUMENT)
    assert (made["kept"], made["chosen"], made["why"]) == ([], [], "no candidate is fit")
    made = choose(generator(), PROMPT, [EMPTY] * 2, DOCUMENT)
    assert made["why"] == "empty output"


def test_sentences_are_asked_about_first_that_are_understood_alone():
    asked = [sentence_of(TEXT, number) for number in range(1, 5)]
    assert [one.split()[0] for one in asked] == ["We", "On", "However,", "We"]
    assert sentence_of("no sentence", 3) == "no sentence"


@pytest.mark.parametrize(
    ("written", "question"),
    [
        ("Question: What does it save? Answer: no", "What does it save?"),
        ("\n**Q:** What does it save?\nmore", "What does it save?"),
        ("<think>Which?</think>What does it save? And what?", "What does it save?"),
        ("Question: 何を節約しますか？", "何を節約しますか？"),
        ("Question: What does it", None),
        ("<think>What does it save?", None),
        ("", None),
    ],
)
def test_a_question_is_read_whose_answer_is_known(written, question):
    answer = "On nine programs it saves 12 percent."
    assert question_in(written, answer=answer) == ([(question, answer, {})] if question else [])


def test_what_was_cleaned_of_a_chosen_pair_stands_beside_its_marks():
    dressed = (GOOD[0], f"**{GOOD[1]}** 🚀")
    made = choose(generator(), PROMPT, [EMPTY, text(dressed), EMPTY], DOCUMENT)
    [chosen] = made["chosen"]
    assert made["kept"] == [GOOD] and chosen["cleaned"] == {"emoji": 1, "emphasis": 1}
    assert chosen["candidate"] == 2 and chosen["marks"]
    [alone] = choose(generator(), PROMPT, [text(dressed)], DOCUMENT)["chosen"]
    assert alone == {"cleaned": {"emoji": 1, "emphasis": 1}}
