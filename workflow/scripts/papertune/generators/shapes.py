"""Pairs in a JSON value of any shape that models write."""

import re
from collections.abc import Iterable
from contextlib import suppress
from itertools import groupby
from typing import Any

from papertune.collect.listings.messages import NoConversation, is_turn, questions_in
from papertune.generators.choices import in_object
from papertune.generators.languages import ANSWER_WORDS, ASKS, QUESTION_WORDS
from papertune.generators.plain_text import Pairs, labels_question, read_labelled, unlabelled

_QUESTION_NAMES = {"q", "question", "researchquestion", "query", "ques", "questiontext"}
_QUESTION_NAMES |= {word.replace(" ", "") for word in QUESTION_WORDS}
_ANSWER_NAMES = {"a", "answer", "approach", "response", "ans", "reply", "answertext"}
_ANSWER_NAMES |= {word.replace(" ", "") for word in ANSWER_WORDS}
_KINDS = ("correct", "model", "sample", "expected", "ideal", "reference", "gold")
_ANSWER_NAMES |= {f"{kind}answer" for kind in _KINDS}
_PLURALS = ({"questions", "qs"}, {"answers", "as", "responses"})
# keys of a list that an answer announces, and of the continuation of an answer
_ANNOUNCED = {"details", "steps", "points", "keypoints", "items", "list", "parts", "components"}
_ANNOUNCED |= {"examples", "bullets", "bulletpoints", "features", "contributions", "findings"}
_GOES_ON = re.compile(r"(answer)(?:continued|continuation|contd?|part|parts|rest)")
_OPTIONS = {"options", "choices"}
_PLAIN = {"text", "value", "content", "answer"}
# keys of dataset records without names for question and answer
_INSTRUCTED = (
    {"instruction", "output"}, {"instruction", "response"}, {"prompt", "completion"}, {"prompt", "response"},
    {"input", "output"}, {"user", "assistant"}, {"human", "assistant"}, {"human", "gpt"}, {"human", "ai"},
)  # fmt: skip
_ASKED = {"instruction", "prompt", "input", "user", "human"}


def _name(key: object) -> str:
    """A key without number and marks: ``Question 1:`` → ``question``, ``问题（一）`` → ``问题``."""
    name = str(key).lower()
    return (
        _GOES_ON.sub(r"\1", re.sub(r"[^a-z]", "", name))
        if name.isascii()
        else re.sub(r"[\s\d_:：.*#()（）【】一二三四五六七八九十-]|ที่", "", name)
    )


def is_part(value: Any, names: set[str] = _QUESTION_NAMES | _ANSWER_NAMES) -> bool:
    """Whether a value is a list such as ``["question", "How …"]``, one half of a pair."""
    named = isinstance(value, list | tuple) and len(value) == 2 and isinstance(value[0], str)
    return named and _name(value[0]) in names


def _joined(parts: Iterable[Any]) -> Pairs:
    """Pairs of the questions and the answers among named parts.

    They are matched by the numbers in their names if all have one, else by their order. Several answers
    after one question are parts of one answer. If the match is uncertain, there are no pairs.
    """
    said = [
        (part[0], is_part(part, _QUESTION_NAMES), _string(part[1]))
        for part in parts
        if is_part(part)
    ]
    asked = [(name, text) for name, asks, text in said if asks]
    answers = [(name, text) for name, asks, text in said if not asks]
    if len({_name(name) for name, _ in answers}) > 1 and len({text for _, text in answers}) > 1:
        pairs = []  # different answers, not parts of one
    elif len(asked) == 1:
        pairs = [(asked[0][1], "\n".join(dict.fromkeys(text for _, text in answers if text)))]
    else:
        numbered = [{_number(name): text for name, text in some} for some in (asked, answers)]
        turns = [len(list(run)) for _, run in groupby(asks for _, asks, _ in said)]
        if "" not in numbered[0] | numbered[1] and [*map(len, numbered)] == [
            len(asked),
            len(answers),
        ]:
            pairs = [(text, numbered[1].get(number, "")) for number, text in numbered[0].items()]
        elif len(asked) == len(answers) and (len(turns) == 2 or {*turns} == {1}):
            pairs = [(q, a) for (_, q), (_, a) in zip(asked, answers, strict=True)]
        elif said and said[0][1] and {*turns[::2]} == {1}:
            pairs = []
            for _, asks, text in said:
                if asks:
                    pairs.append((text, ""))
                else:
                    pairs[-1] = (pairs[-1][0], f"{pairs[-1][1]}\n{text}".strip("\n"))
        else:
            pairs = []
    return [(q, a) for q, a in pairs if q and a]


def _number(name: str) -> str:
    found = re.search(r"\d{1,6}", name)
    return found[0] if found else ""


def pairs_of(value: Any) -> Pairs:
    """The pairs of a JSON value of any shape that models write."""
    if isinstance(value, list):
        return _pairs_in_list(value)
    if not isinstance(value, dict):
        return []
    names = {_name(key) for key in value}
    if names & _QUESTION_NAMES and names & _ANSWER_NAMES:
        pairs = _joined(_with_announced(value))
        options = next((one for key, one in value.items() if _name(key) in _OPTIONS), None)
        return [(q, in_object(options, a)) for q, a in pairs] if options else pairs
    columns = [
        next((_column(v, few) for k, v in value.items() if _name(k) in few), {}) for few in _PLURALS
    ]
    if columns[0] and columns[1]:
        asked, said = columns
        return [(q, said[at]) for at, q in asked.items()] if asked.keys() == said.keys() else []
    if instructed := _instructed(value):
        return instructed
    mapped = [(k, v) for k, v in value.items() if isinstance(v, str) and k.strip().endswith(ASKS)]
    return mapped or [pair for item in value.values() for pair in _pairs_or_labelled(item)]


def _pairs_or_labelled(value: Any) -> Pairs:
    whole = isinstance(value, str) and labels_question(value)
    return read_labelled(value, False) if whole else pairs_of(value)


def _column(value: Any, names: set[str]) -> dict[Any, str]:
    """Number or index → text of a list or object of questions only or answers only; else empty."""
    items = dict(enumerate(value)) if isinstance(value, list) else value
    if not isinstance(items, dict):
        return {}
    singular = {name.removesuffix("s") for name in names} | {"text", "value", "content"}
    found: dict[Any, str] = {}
    for at, item in items.items():
        if isinstance(item, dict):
            texts = [one for name, one in item.items() if _name(name) in singular]
            if len(texts) != 1:
                return {}
            at, item = (
                next((item[name] for name in ("id", "number", "index") if name in item), at),
                texts[0],
            )
        found[str(at)] = _string(item)
    return found if len(found) == len(items) and all(found.values()) else {}


def _instructed(value: dict[str, Any]) -> Pairs:
    """The pair of a training record: an instruction and an output, or a user and an assistant."""
    texts = {_name(key): text for key, text in value.items() if text not in ("", None, [])}
    for names in _INSTRUCTED:
        asked, said = sorted(names, key=lambda name: name not in _ASKED)
        if not names <= texts.keys() or (texts.keys() - names) & _ASKED:
            continue
        if isinstance(texts[asked], str) and isinstance(texts[said], str):
            certain = asked == "instruction" or texts[asked].rstrip().endswith(ASKS)
            certain &= not texts[said].lstrip().startswith(("[", "{")) and not labels_question(
                texts[said]
            )
            return [(texts[asked], texts[said])] if certain else []
    return []


def _pairs_in_list(value: list[Any]) -> Pairs:
    """Pairs of a list of objects, of ``[question, answer]``, or of parts as ``["question", "…"]``."""
    if value and all(map(is_turn, value)):
        with suppress(NoConversation):
            return [(question, answer) for question, answer in questions_in(value)]
        return []
    pairs = [pair for item in value for pair in pairs_of(item)]
    if pairs:
        return pairs
    if all(isinstance(item, str) for item in value):
        if value and labels_question(value[0]):
            return read_labelled("\n".join(value), False)
        asks = [item.rstrip().endswith(ASKS) for item in value]
        if len(value) > 2 and asks == [True, False] * (len(value) // 2):
            return list(zip(value[::2], value[1::2], strict=True))
        if len(value) > 2 and asks[0] and not any(asks[1:]) and _announces(value[1]):
            return [(value[0], "\n".join(value[1:]))]
    if len(value) == 2 and isinstance(value[0], str):
        question, answer = unlabelled(value[0]), _string(value[1])
        if question.endswith(ASKS) and answer:
            return [(question, unlabelled(answer))]
    alone = [item for item in value if isinstance(item, dict) and len(item) == 1]
    return _joined(next(iter(item.items())) if item in alone else item for item in value)


def _announces(text: str) -> bool:
    return text.rstrip().endswith((":", "："))


def _with_announced(value: dict[str, Any]) -> list[tuple[str, Any]]:
    """The parts of an object; an answer that announces a list gets the list from the next key."""
    parts: list[tuple[str, Any]] = []
    for key, item in value.items():
        last = parts[-1] if parts else ("", "")
        told = isinstance(last[1], str) and _announces(last[1])
        if told and _name(last[0]) in _ANSWER_NAMES and _name(key) in _ANNOUNCED:
            parts[-1] = (last[0], f"{last[1]}\n{_string(item)}")
        else:
            parts.append((key, item))
    return parts


def _string(value: Any) -> str:
    """A string unchanged; a nested answer as one line per entry."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        return ""
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list):
        return "\n".join(filter(None, map(_string, value)))
    if len(value) == 1 and _name(next(iter(value))) in _PLAIN:
        return _string(next(iter(value.values())))
    lines = ((key, _string(item)) for key, item in value.items())
    return "\n".join(
        f"{key}: {item}" if "\n" not in item else f"{key}:\n{item}" for key, item in lines if item
    )
