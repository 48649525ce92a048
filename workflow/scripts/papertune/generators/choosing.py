"""Choose the best pairs of several candidates for a document, by rules without a model.

Each mark lies between 0 and 1, and the grade is their product, so each weak side lowers it. A pair with a
low grade is never kept. Marks depend only on the pair, its document and the prompt. Words that refer to
an earlier sentence are known for English only; in other languages, they cost nothing.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher
from functools import lru_cache, partial
from itertools import repeat
from math import prod
from string import Template
from typing import Any

from papertune.generators.checking import judge
from papertune.generators.grounding import Grounds
from papertune.generators.languages import ASKS
from papertune.generators.plain_text import Pairs
from papertune.generators.reading import pairs_in, question_in
from papertune.records import Document
from papertune.sentences import sentences, word_count
from papertune.study.settings import Generator
from papertune.study.turns import turns_in

Marks = dict[str, float]
PLACES = 3  # decimals of marks and grades

# beginnings of sentences that are not understood without the one before
_LEANS = re.compile(
    r"(?:(?:in |for |to do |with |under )?(?:this|these|that|those|such)\b(?! (?:paper|work|article|study"
    r"|note|survey|thesis)\b)|(?:it|its|they|their|he|she|his|her|here|there|then|thus|hence|therefore|however"
    r"|moreover|furthermore|also|instead|otherwise|both|another|further|similarly|likewise|and|but|or|so|yet"
    r"|as (?:a|an) (?:consequence|corollary|result|example|application|by-?product)"
    r"|in (?:contrast|addition|particular|fact|turn|other words|doing so)|on the other hand"
    r"|for (?:example|instance)|more (?:precisely|generally|specifically)|along the way|at the same time"
    r"|first|firstly|second|secondly|third|thirdly|finally|lastly|interestingly|surprisingly|unfortunately"
    r"|conversely|rather|specifically|consequently)\b)",
    re.I,
)
# references to something outside the sentence or question
_POINTS = re.compile(
    r"\b(?:(?:this|these|those)\b(?! (?:paper|work|article|study|note|survey|thesis)\b)"
    r"|(?:as|the) follow(?:s|ing)\b|\b(?:aforementioned|above|below)\b"
    r"|the (?:sentence|abstract|passage|text|statement|above|latter|former)\b)",
    re.I,
)
_PRONOUNS = re.compile(r"\b(?:it|its|they|them|their|he|she|we|our|us|i|my|you|your)\b", re.I)
# words that questions about any paper consist of
FRAME = """abstract accord address answer article assume author claim conclude consider demonstrate derive
describe develop discuss establish explain find give improve introduce investigate mean obtain offer paper
present propose prove provide question report result say show state study suggest work"""
# general nouns, which name nothing in particular
PLAIN = """algorithm approach case existing framework idea main method model new novel prior problem procedure
question recent result section setting solution system technique theorem thing topic use"""
FIT = 0.3  # least grade of a pair that is kept
ASKED = (5, 30)  # least and most words of a question
ANSWERED = (2, 60)  # of an answer
TOLD = (8, 50)  # of a sentence that is asked about
NAMED = 2  # words in a question that name something
LEANING = 0.5  # factor of the mark for each reference to something outside
ALIKE = 0.8  # share of common words from which on two texts say the same


def by_sentence(prompt: str) -> bool:
    """Whether a prompt asks only for a question, which is answered by a sentence of the text."""
    return "sentence" in Template(prompt).get_identifiers()


def sentence_of(text: str, candidate: int) -> str:
    """The sentence that a candidate is about: first those that are understood alone, in their order.

    If there are more candidates than sentences, it starts again with the first.
    """
    found = _sentences_to_ask(text)
    return found[(candidate - 1) % len(found)]


@lru_cache(maxsize=64)
def _sentences_to_ask(text: str) -> list[str]:
    every = [one.strip() for one in sentences(text)]
    fit = [one for one in every if one.endswith((".", "!", "。", "।")) and _within(one, *TOLD) == 1]
    return sorted(fit, key=lambda one: bool(_LEANS.match(one))) or every or [text]


def choose(
    generator: Generator,
    prompt: str,
    texts: Sequence[Mapping[str, Any]],
    document: Document,
    read: Callable[..., Any] = lambda work, *given, **named: work(*given, **named),
) -> dict[str, Any]:
    """Read and check all candidates of an attempt at a document, and keep the best pairs of all.

    Args:
        generator: Its settings give the number of pairs.
        prompt: The template; pairs must not repeat its examples.
        texts: The candidates, as for :func:`papertune.generators.checking.judge`.
        document: The document.
        read: Calls a function that reads a text.

    Returns:
        As :func:`papertune.generators.checking.judge`. With several candidates, ``chosen`` has for each
        kept pair the number of its ``candidate``, the number ``of`` candidates, its ``grade`` and
        ``marks``. Other pairs are ``rejected`` with theirs, as are candidates ``without_pair``.
    """
    judged, asked = [], by_sentence(prompt)
    for number, written in enumerate(texts, start=1):
        work = partial(read, pairs_in)
        if asked:
            work = partial(read, question_in, answer=sentence_of(document.text, number))
        judged.append(judge(generator, written, document, work))
    if len(judged) == 1:
        return judged[0]
    marker, of = Marker(document, examples_in(prompt)), len(judged)
    found = [
        (number, tuple(pair), marker.marks(*pair), own)
        for number, one in enumerate(judged, start=1)
        for pair, own in zip(one["kept"], one.get("chosen") or repeat({}), strict=False)
    ]
    found.sort(key=lambda one: -_grade(one[2]))  # stable: the first of equal ones wins
    rejected = [
        (reason, f"candidate {number} of {of}: {detail}")
        for number, one in enumerate(judged, start=1)
        for reason, detail in one["rejected"] or [("without_pair", one["why"])] * (not one["kept"])
    ]
    kept: Pairs = []
    chosen = []
    for number, (question, answer), marks, own in found:
        grade = _grade(marks)
        faults = {
            "unfit": grade < FIT,
            "duplicate": any(_alike(question, q) or _alike(answer, a) for q, a in kept),
            "not_chosen": len(kept) == generator.pairs,
        }
        reason = next((name for name, is_so in faults.items() if is_so), None)
        if reason is None:
            kept.append((question, answer))
            given = {"candidate": number, "of": of, "grade": grade, "marks": marks}
            chosen.append({**given, **own})
            continue
        why = ", ".join(f"{name} {mark:g}" for name, mark in marks.items() if mark < 1)
        told = f"candidate {number} of {of}, grade {grade:g} ({why}): {question[:200]} → {answer[:200]}"
        rejected.append((reason, told))
    whys = dict.fromkeys(one["why"] for one in judged if one["why"])
    why = "" if kept else "no candidate is fit" if found else "; ".join(whys)
    made = {"document": document.id, "kept": kept, "rejected": rejected, "why": why}
    return {**made, "chosen": chosen}


def examples_in(prompt: str) -> str:
    """The examples of a prompt: its turns without fields of a document."""
    turns = (turn.text for turn in turns_in(prompt))
    return "\n".join(text for text in turns if not Template(text).get_identifiers())


class Marker:
    """Gives the marks of pairs about one document; ``examples`` are those of the prompt."""

    def __init__(self, document: Document, examples: str) -> None:
        self.text = Grounds(f"{document.title}\n{document.text}")
        self.examples = Grounds(examples) if examples else None
        self.sentences = [(one, Grounds(one)) for one in sentences(document.text)]

    def marks(self, question: str, answer: str) -> Marks:
        """The marks of a pair, each from 0 to 1.

        ``asks``: it is a question of suitable length. ``answers``: the answer has a suitable length.
        ``grounded``: the answer's words occur in the text. ``about``: the question's words do.
        ``tells``: the answer has words that the question does not have. ``meets``: the question's words
        occur in a row in the answer, or in the sentence with most of it. ``names``: two of them are more
        specific than "the method". ``alone``: both are understood by themselves. ``own``: neither takes
        its words from the prompt's examples.
        """
        content, frame = self.text.content, {*self.text.content(FRAME)}
        asked = [word for word in content(question) if word not in frame]
        named = {*asked} - {*content(PLAIN)}
        near = max(self.sentences, key=lambda one: one[1].share(answer), default=("", None))[0]
        run = max(_run(asked, content(one)) for one in (answer, near))
        leans = [_POINTS.search(question), _PRONOUNS.search(question), _POINTS.search(answer)]
        if not _PRONOUNS.match(answer):  # "It" refers to the subject of the question
            leans.append(_LEANS.match(answer))
        marks = {
            "asks": float(question.endswith(ASKS)) * _within(question, *ASKED),
            "answers": _within(answer, *ANSWERED),
            "grounded": self.text.share(answer),
            "about": self.text.share(" ".join(asked)),
            "tells": min(1.0, 2 * (1 - Grounds(question).share(answer))),
            "meets": run / max(len(asked), 1),
            "names": min(1.0, len(named) / NAMED),
            "alone": LEANING ** sum(map(bool, leans)),
            "own": 1 - self._borrowed(f"{question}\n{answer}"),
        }
        return {name: round(mark, PLACES) for name, mark in marks.items()}

    def _borrowed(self, said: str) -> float:
        """The share of content words from the examples beyond that from the text."""
        if self.examples is None:
            return 0.0
        return max(0.0, self.examples.share(said) - self.text.share(said))


def _run(asked: list[str], told: list[str]) -> int:
    """The length of the longest run of a question's words in another text's."""
    matcher = SequenceMatcher(None, asked, told, autojunk=False)
    return matcher.find_longest_match().size


def _grade(marks: Marks) -> float:
    return round(prod(marks.values()), PLACES)


def _within(text: str, least: int, most: int) -> float:
    """1 for ``least`` to ``most`` words, proportionally less for fewer or more."""
    count = word_count(text)
    return min(1.0, count / least, most / max(count, 1))


def _alike(one: str, other: str) -> bool:
    """Whether two texts say the same: each has most of the other's content words."""
    return min(Grounds(one).share(other), Grounds(other).share(one)) >= ALIKE
