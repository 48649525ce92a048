"""Which of the pairs about a document are kept, and why the others are not."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from papertune.generators.plain_text import Pairs
from papertune.generators.reading import LONGEST, pairs_in
from papertune.jobs.apart import Unread
from papertune.records import Document
from papertune.study.settings import Generator, SourceGenerator

SHORTEST_QUESTION = 3  # words
LONGEST_QUESTION = 100
LONGEST_ANSWER = 1200
LONGEST_WORD = 20  # characters, on average, so that one word is no way around the above
LONGEST_STEM = 100  # characters

_REFUSAL = re.compile(
    r"^\W*+(?:(?:i['’]?m|i am|we are)?\s*+(?:very |really )?(?:sorry|unable|afraid)\b"
    r"|i (?:cannot|can['’]?t|can not|could not|couldn['’]t|do not|don['’]?t|won['’]t|am not able)\b"
    r"|as an? (?:ai|artificial|large|language)\b|unfortunately,? (?:i|the (?:abstract|text|paper))\b"
    r"|my apologies|i apologi[sz]e|no answer\b|n/?a\W*+$|unknown\W*+$"
    r"|(?:this|that|it|the answer) (?:is|was)(?: not|n['’]t) (?:mentioned|specified|stated|provided|given)\b"
    r"|not (?:mentioned|specified|stated|provided|given|available)\b"
    r"|(?:there is )?no (?:information|mention)\b"
    r"|the (?:abstract|text|passage|context|document)\b[^.]{0,40}\b(?:does|do)(?: not|n['’]t)"
    r" (?:explicitly )?(?:mention|specify|state|provide|say|contain|give|include|discuss)\b)",
    re.I,
)

_WORD = re.compile(r"\d++(?:[.,]\d++)*+|[^\W\d_]++")
FUNCTION_WORDS = frozenset(
    _WORD.findall(
        """a about above after again all also an and any are as at be because been before being below
    between both but by can cannot could did do does doing down during each either few for from
    further had has have having he her here hers him his how however i if in into is it its itself
    just may me might more most must my neither no nor not now of off on once only or other our
    out over own per rather same shall she should so some such than that the their theirs them
    then there therefore these they this those through thus to too under until up upon us very via
    was we were what when where whether which while who whom whose why will with within without
    would yes yet you your"""
    )
)


@dataclass(frozen=True, slots=True)
class Judged:
    """What the store has of an attempt at a document, as :func:`judge` says it."""

    document: str
    kept: Pairs
    rejected: Pairs
    why: str


def judge(
    generator: Generator,
    written: Mapping[str, Any],
    document: Document,
    read: Callable[..., Pairs] = pairs_in,
) -> dict[str, Any]:
    """Read and check what a generator wrote about a document.

    Args:
        generator: Its settings say how many pairs are kept, and how well they are grounded.
        written: ``pairs``, or a model's ``text`` and whether it is ``cut``, or a lasting ``error``.
        document: What it is about.
        read: Reads the text, as :func:`papertune.generators.reading.pairs_in`.

    Returns:
        ``document``, its id; ``kept`` pairs; (reason, detail) of those ``rejected``; ``why`` there
        is no pair.
    """
    ready, why = written.get("pairs"), written.get("error") or ""
    kept: Pairs = []
    rejected: Pairs = []
    if isinstance(generator, SourceGenerator):  # people's words are not for rules to judge
        kept = list(ready or ())
        why = "" if kept else "the document has no question"
    elif not why:
        try:
            pairs = read(written["text"], cut=written["cut"]) if ready is None else ready
        except Unread as error:
            said = f"{error.reason}: {error.what}"
            return {"document": document.id, "kept": [], "rejected": [], "why": said}
        grounding = getattr(generator, "grounding", None)
        kept, rejected = check_pairs(pairs, document, most=generator.pairs, grounding=grounding)
        if pairs:
            why = "" if kept else "every pair was rejected"
        elif ready is not None:
            why = "the rules found nothing to ask about"
        elif len(written["text"]) > LONGEST:
            why = f"output too long: {len(written['text']):,} characters, more than {LONGEST:,}"
        elif text := written["text"].strip():
            why = f"{'refusal' if _REFUSAL.match(text) else 'unreadable output'}: {text[:200]}"
        else:
            why = "empty output"
    return {"document": document.id, "kept": kept, "rejected": rejected, "why": why}


def check_pairs(
    pairs: Iterable[tuple[str, str]], document: Document, *, most: int, grounding: float | None
) -> tuple[Pairs, Pairs]:
    """The pairs kept, in their order, and (reason, detail) of each one rejected.

    After ``most`` they are surplus. ``grounding`` is the least share of an answer's content words
    that must stand in the document's title or text; ``None`` where it is taken from them anyway.
    """
    kept: Pairs = []
    rejected: Pairs = []
    questions: set[str] = set()
    words = frozenset[str]()
    if grounding is not None:
        words = _content_words(f"{document.title}\n{document.text}")
    for question, answer in pairs:
        asked, said, length = _plain(question), _plain(answer), len(question.split())
        own = frozenset[str]() if grounding is None else _content_words(answer)
        share = len(own & words) / len(own) if own else 1.0  # of "Yes." all is in the text
        faults = {
            "empty": not asked or not said,
            "refusal": _REFUSAL.match(answer) or _REFUSAL.match(question),
            "answer_is_question": asked == said,
            "question_too_short": length < SHORTEST_QUESTION,
            "question_too_long": _exceeds(question, LONGEST_QUESTION),
            "answer_too_long": _exceeds(answer, LONGEST_ANSWER),
            "duplicate": asked in questions,
            "ungrounded": grounding is not None and share < grounding,
            "surplus": len(kept) == most,
        }
        reason = next((name for name, found in faults.items() if found), None)
        if reason is None:
            kept.append((question, answer))
            questions.add(asked)
            continue
        detail = f"{question[:200]} → {answer[:200]}"
        if reason == "ungrounded":
            detail = f"{share:.2f} of the answer's words: {detail}"
        rejected.append((reason, detail))
    return kept, rejected


def _exceeds(text: str, words: int) -> bool:
    return len(text.split()) > words or len(text) > words * LONGEST_WORD


def _plain(text: str) -> str:
    """Words in lower case without punctuation: what two equal questions have in common."""
    return " ".join(re.findall(r"\w+", text.lower()))


def _content_words(text: str) -> frozenset[str]:
    """Stems of the words that are no function words, and the numbers."""
    return frozenset(
        _stem(word) for word in _WORD.findall(text.lower()) if word not in FUNCTION_WORDS
    )


@lru_cache(maxsize=100_000)
def _stem(word: str) -> str:
    """``predicts`` and ``predicting`` are grounded in ``predict`` (Porter 2, English)."""
    if len(word) > LONGEST_STEM:  # its time grows faster than the word
        return word
    from nltk.stem.snowball import SnowballStemmer

    return str(SnowballStemmer("english").stem(word))
