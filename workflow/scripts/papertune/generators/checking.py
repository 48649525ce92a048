"""Check the pairs about a document: which are kept, and why the others are rejected."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import regex

from papertune.generators.decoration import OPEN_FENCE
from papertune.generators.grounding import Grounds
from papertune.generators.languages import REFUSAL
from papertune.generators.plain_text import Pairs
from papertune.generators.reading import LONGEST, pairs_in
from papertune.generators.thoughts import NOTHING_AFTER, is_all_thought, used_up
from papertune.jobs.apart import Unread
from papertune.records import Document
from papertune.sentences import word_count
from papertune.study.settings import Generator, SourceGenerator

SHORTEST_QUESTION = 3  # words
LONGEST_QUESTION = 100
LONGEST_ANSWER = 1200
LONGEST_WORD = 20  # average characters per word, so that long words do not evade these limits

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


_COUNT = "two|three|four|five|six|seven|eight|nine|ten|several|multiple|following"
# ends of answers whose rest is elsewhere or was never written
_UNFINISHED = re.compile(
    r"(?:[:：,，、;；…]|\.\.\.|\w\W++\w++\W++\w++\W++(?:such as|including|namely|e\.g\.|and|or|the))\s*+\Z"
    r"|[:：]\n\(?(?:1|a)[.)]\s[^\n]*+\Z"  # only the first item of a list
    rf"|\b(?:{_COUNT})\b[^\n:]{{0,80}}s:\n(?![^\n]*(?:[,;]|\band\b))[^\n]++\Z"
    r"|[(（][^()（）[\]\n]*+(?<![.!?。！？])\Z",
    re.I,
)
_ENDS_OF_ANSWERS = 2_000  # characters that are searched


@dataclass(frozen=True, slots=True)
class Judged:
    """The stored result of an attempt at a document; see :func:`judge`."""

    document: str
    kept: Pairs
    rejected: Pairs
    why: str
    chosen: list[dict[str, Any]] | None = None  # see papertune.generators.choosing


def talks(generator: Generator, document: Document) -> bool:
    """Whether a generator's pairs about a document are one conversation."""
    source = isinstance(generator, SourceGenerator)
    return bool(document.turns) if source else getattr(generator, "follow_ups", False)


def judge(
    generator: Generator,
    written: Mapping[str, Any],
    document: Document,
    read: Callable[..., Any] = pairs_in,
) -> dict[str, Any]:
    """Read and check what a generator wrote about a document.

    Args:
        generator: Its settings give the number of pairs and the least grounding.
        written: ``pairs``, or a model's ``text`` and whether it is ``cut``, or a lasting ``error``.
        document: The document.
        read: Reads the text, as :func:`papertune.generators.reading.pairs_in`.

    Returns:
        ``document``, its id; ``kept`` pairs; (reason, detail) of ``rejected`` ones; ``why`` there are
        no pairs, else empty; if decoration was removed, ``chosen`` with the ``cleaned`` marks per pair.
    """
    ready, why = written.get("pairs"), written.get("error") or ""
    kept: Pairs = []
    rejected: Pairs = []
    removed: dict[tuple[str, str], dict[str, int]] = {}
    if isinstance(generator, SourceGenerator):  # pairs that people wrote are not checked
        kept = list(ready or ())
        why = "" if kept else "the document has no question"
    elif not why:
        try:
            found = [] if ready is not None else read(written["text"], cut=written["cut"])
        except Unread as error:
            said = f"{error.reason}: {error.what}"
            return {"document": document.id, "kept": [], "rejected": [], "why": said}
        pairs = ready if ready is not None else [(asked, said) for asked, said, _ in found]
        removed = {(asked, said): marks for asked, said, marks in reversed(found) if marks}
        grounding = getattr(generator, "grounding", None)
        kept, rejected = check_pairs(
            pairs, document, most=generator.pairs, grounding=grounding,
            linked=getattr(generator, "follow_ups", False), finished=ready is None,
        )  # fmt: skip
        if pairs:
            why = "" if kept else "every pair was rejected"
        elif ready is not None:
            why = "the rules found nothing to ask about"
        elif len(written["text"]) > LONGEST:
            why = f"output too long: {len(written['text']):,} characters, more than {LONGEST:,}"
        elif written["text"].strip() and is_all_thought(written["text"]):
            most = generator.decoding.max_new_tokens if hasattr(generator, "decoding") else 0
            why = used_up(most) if written["cut"] else NOTHING_AFTER
        elif text := written["text"].strip():
            why = f"{'refusal' if _is_refusal(text) else 'unreadable output'}: {text[:200]}"
        else:
            why = "empty output"
    judged = {"document": document.id, "kept": kept, "rejected": rejected, "why": why}
    if removed:
        judged["chosen"] = [{"cleaned": removed[pair]} if pair in removed else {} for pair in kept]
    return judged


def check_pairs(
    pairs: Iterable[tuple[str, str]],
    document: Document,
    *,
    most: int,
    grounding: float | None,
    linked: bool = False,
    finished: bool = False,
) -> tuple[Pairs, Pairs]:
    """The kept pairs, in their order, and (reason, detail) of each rejected one.

    At most ``most`` pairs are kept. ``grounding`` is the least share of an answer's content words that
    must occur in the document's title or text; ``None`` if answers are taken from them anyway. If pairs
    are ``linked``, as turns of a conversation, none is kept after a rejected one. With ``finished``, an
    answer must not end with the announcement of a list ("three parts:") or its first item.
    """
    kept: Pairs = []
    rejected: Pairs = []
    questions: set[str] = set()
    grounds = None if grounding is None else Grounds(f"{document.title}\n{document.text}")
    for question, answer in pairs:
        asked, said = _plain(question), _plain(answer)
        share = 1.0 if grounds is None else grounds.share(answer)
        faults = {
            "empty": not asked or not said,
            "refusal": any(map(_is_refusal, (answer, question))),
            "answer_is_question": asked == said,
            "question_too_short": word_count(question) < SHORTEST_QUESTION,
            "question_too_long": _exceeds(question, LONGEST_QUESTION),
            "answer_too_long": _exceeds(answer, LONGEST_ANSWER),
            "answer_unfinished": finished and is_unfinished(answer),
            "duplicate": asked in questions,
            "ungrounded": share < (grounding or 0),
            "surplus": len(kept) == most,
            "after_rejected": linked and bool(rejected),
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


def _is_refusal(text: str) -> bool:
    return bool(_REFUSAL.match(text) or REFUSAL.match(text))


def is_unfinished(answer: str) -> bool:
    """Whether an answer ends where more must follow: a colon, a comma, dots, an open bracket, "such
    as", the first item of an announced list, an open code block.
    """
    return answer.endswith(OPEN_FENCE) or bool(_UNFINISHED.search(answer[-_ENDS_OF_ANSWERS:]))


def _exceeds(text: str, words: int) -> bool:
    return word_count(text) > words or len(text) > words * LONGEST_WORD


def _plain(text: str) -> str:
    """Words in lower case without punctuation, for comparing questions."""
    return " ".join(regex.findall(r"[\w\p{No}]+", text.lower()))
