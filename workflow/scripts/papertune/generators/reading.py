"""Reading pairs out of what a model wrote: JSON in any dress, or labelled text.

Whole JSON values are taken wherever they stand, so fences, prose around them and a cut at the end
do not matter. What is nearly JSON is repaired object by object. Only then labels are looked for
(``Q1:``, ``**Question:**``, ``### Answer``) and, last, numbered questions with text below them.
"""

import json
import re
from collections.abc import Iterable
from typing import Any

from papertune.generators import plain_text
from papertune.generators.plain_text import Pairs, unlabelled

_TAG = r"(?:think(?:ing)?|reasoning)>"
_THOUGHT = re.compile(rf"<({_TAG[:-1]})>.*?</\1>", re.S | re.I)
_END_OF_THOUGHT = re.compile(rf"^.*</{_TAG}", re.S | re.I)
_THINKING = re.compile(f"<{_TAG}", re.I)

_QUESTION_NAMES = {"q", "question", "researchquestion", "query", "ques", "questiontext"}
_ANSWER_NAMES = {"a", "answer", "approach", "response", "ans", "reply", "answertext"}
_PLURALS = ({"questions", "qs"}, {"answers", "as", "responses"})

# backslashes of LaTeX that a model forgot to double; \n, \t, \b, \f, \r, \u are escapes of JSON too
_LATEX = re.compile(
    r"(?<!\\)\\(?=[^\"\\/bfnrtu\n]|b(?:ar|eta|egin|f|ig|inom|oldsymbol)\b|f(?:rac|orall)\b"
    r"|n(?:abla|eq|e|u|ot|orm)\b|r(?:ho|ight|angle|ightarrow|m)\b"
    r"|t(?:au|ext\w*|heta|ilde|imes|o|op|anh)\b|u(?![0-9a-fA-F]{4}))"
)


def pairs_in(text: str, *, cut: bool = False) -> Pairs:
    """The question–answer pairs in a model's raw output, cleaned, in their order.

    Of a text that was ``cut`` by the token limit the last labelled answer is taken only if it ends
    like a sentence. (In JSON a half answer shows by itself and is never taken.)
    """
    # the opening tag of a thought is often part of the prompt
    text = _END_OF_THOUGHT.sub("", _THOUGHT.sub("", text))
    unfinished = False
    if start := _THINKING.search(text):
        # of a thought without an end only whole JSON is read: labels in it are drafts
        unfinished = not text[: start.start()].strip()
        text = text[start.end() :] if unfinished else text[: start.start()]
    pairs = _read_json(text)
    if not pairs and not unfinished:
        pairs = plain_text.read_labelled(text, cut) or plain_text.read_numbered(text, cut)
    cleaned = (
        (plain_text.clean_line(question), plain_text.clean(answer)) for question, answer in pairs
    )
    return [(question, answer) for question, answer in cleaned if question and answer]


def _read_json(text: str) -> Pairs:
    """Pairs of every whole or repairable JSON value in the text."""
    if not re.search("[\"'“]", text):
        return []
    text = _LATEX.sub(r"\\\\", text)
    values: list[Any] = []
    decoder = json.JSONDecoder(strict=False)
    position = 0
    for bracket in re.finditer(r"[\[{]", text):
        if bracket.start() < position:
            continue
        try:
            value, end = decoder.raw_decode(text, bracket.start())
        except (json.JSONDecodeError, RecursionError):
            value, end = _repair(text, bracket.start())
        if end > 0 and (_pairs_in(value) or _is_part(value)):
            values.append(value)
            position = end
    pairs = [pair for value in values for pair in _pairs_in(value)] or _pairs_in(values)
    if not pairs:
        # the first value in brackets that is whole, repaired with everything it holds
        for bracket in re.finditer(r"[\[{](?=\s*[\"'“])", text):
            end, whole = _span(text, bracket.start(), nested=True)
            if whole:
                return _pairs_in(_loads(text[bracket.start() : end]))
    return pairs


def _loads(text: str) -> Any:
    from json_repair import loads

    try:
        return loads(text, skip_json_loads=True)
    except (ValueError, RecursionError, IndexError):
        return None


def _repair(text: str, start: int) -> tuple[Any, int]:
    """The innermost object or flat list that begins at ``start``, repaired, and where it ends.

    One that holds others is left to them, so that a cut or a fault costs one pair and no more.
    """
    end, whole = _span(text, start)
    piece = text[start:end]
    begin = _QUOTED_NAME if not whole else _STRINGS if text[start] == "[" else None
    if (begin and not begin.match(piece)) or not piece.strip("[{ \n"):
        return None, -1
    return _loads(piece), end


_QUOTED_NAME = re.compile(r"""\{\s*["'“]?(?:q|question|query)\s*\d*["'”]?\s*:""", re.I)
_STRINGS = re.compile(r"""\[\s*["'“]""")
_CLOSING = re.compile(r"""\s*(?:[}\]:]|,\s*(?:["'“{\[}\]]|[\w-]+\s*:|$)|$)""")


def _span(text: str, start: int, *, nested: bool = False) -> tuple[int, bool]:
    """Where the JSON value that begins at ``start`` ends, and whether it is whole.

    A quote opens a string only after one of ``[{,:`` and closes it only before one of ``]},:``, so
    apostrophes and quotes inside an answer do no harm. Of a value cut inside a string, the string
    is left out.
    """
    depth, quote, before = 0, "", ""
    opened = position = start
    while position < len(text):
        char = text[position]
        if quote:
            if char == "\\":
                position += 1
            elif char == quote and _CLOSING.match(text, position + 1):
                quote, before = "", char
        elif char in "\"'“" and before in "[{,:":
            quote, opened = ("”" if char == "“" else char), position
        elif char in "[{":
            depth += 1
            if depth > 1 and char == "{" and not nested:
                return start, False  # holds others: they are read one by one
            before = char
        elif char in "]}":
            depth -= 1
            before = char
            if depth == 0:
                return position + 1, True
        elif not char.isspace():
            before = char
        position += 1
    return (opened if quote else len(text)), False


def _name(key: object) -> str:
    """``Question 1:`` → ``question``."""
    return re.sub(r"[^a-z]", "", str(key).lower())


def _is_part(value: Any, names: set[str] = _QUESTION_NAMES | _ANSWER_NAMES) -> bool:
    """A list such as ``["question", "How …"]``, one half of a pair."""
    named = isinstance(value, list | tuple) and len(value) == 2 and isinstance(value[0], str)
    return named and _name(value[0]) in names


def _joined(parts: Iterable[Any]) -> Pairs:
    """Pairs of the questions and the answers among named parts, in their order."""
    parts = list(parts)
    questions, answers = (
        [_string(part[1]) for part in parts if _is_part(part, names)]
        for names in (_QUESTION_NAMES, _ANSWER_NAMES)
    )
    return [(q, a) for q, a in zip(questions, answers, strict=False) if q and a]


def _pairs_in(value: Any) -> Pairs:
    """The pairs of a JSON value of any of the shapes that models make."""
    if isinstance(value, list):
        return _pairs_in_list(value)
    if not isinstance(value, dict):
        return []
    names = {_name(key) for key in value}
    if names & _QUESTION_NAMES and names & _ANSWER_NAMES:
        return _joined(value.items())
    columns = [
        next((v for k, v in value.items() if _name(k) in names and isinstance(v, list)), None)
        for names in _PLURALS
    ]
    if columns[0] and columns[1]:
        return [(_string(q), _string(a)) for q, a in zip(*columns, strict=False)]
    mapped = [(k, v) for k, v in value.items() if isinstance(v, str) and k.strip().endswith("?")]
    return mapped or [pair for item in value.values() for pair in _pairs_in(item)]


def _pairs_in_list(value: list[Any]) -> Pairs:
    """Pairs of a list: of objects, ``[question, answer]``, or parts such as ``["question", "…"]``."""
    pairs = [pair for item in value for pair in _pairs_in(item)]
    if pairs:
        return pairs
    if len(value) == 2 and isinstance(value[0], str):
        question, answer = unlabelled(value[0]), _string(value[1])
        if question.endswith("?") and answer:
            return [(question, unlabelled(answer))]
    alone = [item for item in value if isinstance(item, dict) and len(item) == 1]
    return _joined(next(iter(item.items())) if item in alone else item for item in value)


def _string(value: Any) -> str:
    """A string as it is; a nested answer as one line per entry."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        return ""
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list):
        return "\n".join(filter(None, map(_string, value)))
    lines = ((key, _string(item)) for key, item in value.items())
    return "\n".join(
        f"{key}: {item}" if "\n" not in item else f"{key}:\n{item}" for key, item in lines if item
    )
