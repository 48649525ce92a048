"""Multiple-choice questions: the letter of an answer is replaced by the text of its option."""

import re
from typing import Any

_OPTION = re.compile(r"^[ \t]*+[(*]*+([A-Ha-h])[*]*+[.)][)*]*+[ \t]++(\S[^\n]*+)$", re.M)
_LETTER = re.compile(r"[(*]*+([A-Ha-h])(?:[.:)*]++(?:\s|\Z)|\s*+\Z)")
_FIRST, _SECOND = re.compile(r"\bA[.)]\s", re.I), re.compile(r"\bB[.)]\s", re.I)


def in_text(question: str, answer: str) -> tuple[str, str]:
    """A question without the options below it, and its answer with a letter resolved."""
    found = [*_OPTION.finditer(question)]
    if [one[1].upper() for one in found[:2]] != ["A", "B"]:
        inline = _LETTER.fullmatch(answer) and _FIRST.search(question) and _SECOND.search(question)
        return question, "" if inline else answer
    options = {one[1].upper(): one[2].strip() for one in found}
    return question[: found[0].start()].strip(), chosen(options, answer)


def in_object(options: Any, answer: str) -> str:
    """The answer in an object with options, a list or an object by letters, with a letter resolved."""
    if isinstance(options, list):
        options = dict(zip("ABCDEFGH", options, strict=False))
    if not isinstance(options, dict) or not all(isinstance(one, str) for one in options.values()):
        return answer
    named = {str(name).strip(" .)(").upper(): text for name, text in options.items()}
    lettered = {letter: _OPTION.sub(r"\2", text) for letter, text in named.items()}
    return chosen(lettered, answer)


def chosen(options: dict[str, str], answer: str) -> str:
    """The option whose letter an answer is or begins with, empty if there is no such option; any other
    answer unchanged.
    """
    letter = _LETTER.match(answer)
    if answer.isdigit() and answer not in options.values():
        return ""  # an index, ambiguously from 0 or from 1
    return options.get(letter[1].upper(), "") if letter else answer
