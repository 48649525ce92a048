"""Turns of a prompt file, which begin with lines ``--- system``, ``--- user`` or ``--- assistant``.

A chat model reads them in its chat template, any other model as one text that it continues. A file
without such lines is one user turn.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from papertune.errors import SettingsError

ROLES = ("system", "user", "assistant")
# a backslash before a line that looks like a beginning makes it text; one backslash is removed
_BEGINNING = re.compile(r"(?P<text>\\*)---[ \t]+(?P<role>[^\s$]+)[ \t]*")
HINT = (
    "turns begin with a line --- system, --- user or --- assistant; put a backslash before a line "
    "of text that looks like this"
)


class Turn(NamedTuple):
    """Who says what; the text may still have ``$names``."""

    role: str
    text: str


@lru_cache
def turns_in(template: str, where: str = "", begun: bool = True) -> tuple[Turn, ...]:
    """The turns of a template, each without the line breaks around it.

    If the last turn is the assistant's, it is the beginning of the answer, which the model continues;
    allowed only with ``begun``.

    Raises:
        SettingsError: unknown roles, roles in an order that no chat has, an empty turn, text before
            the first turn, or a last turn that is not the user's where ``begun`` is False; names the
            line.
    """
    lines = template.split("\n")
    begun_at = list(_beginnings(lines))
    if not begun_at:
        return (Turn("user", _text(lines)),)

    def wrong(what: str, number: int) -> SettingsError:
        return SettingsError(f"line {number} of the prompt: {what}", where=where, hint=HINT)

    if any(line.strip() for line in lines[: begun_at[0][0]]):
        raise wrong("there is text before the first turn", begun_at[0][0] + 1)
    turns: list[Turn] = []
    ends = [number for number, _ in begun_at[1:]] + [len(lines)]
    for (number, role), end in zip(begun_at, ends, strict=True):
        text, before = _text(lines[number + 1 : end]).strip("\n"), turns[-1].role if turns else ""
        if role not in ROLES:
            raise wrong(f"there is no role {role!r}", number + 1)
        if role == "system" and before:
            raise wrong("a system turn can only be the first turn", number + 1)
        if role == "assistant" and before != "user":
            raise wrong("an assistant turn must follow a user turn", number + 1)
        if role == before:
            raise wrong(f"two {role} turns in a row", number + 1)
        if not text.strip():
            raise wrong(f"the {role} turn is empty", number + 1)
        turns.append(Turn(role, text))
    if turns[-1].role == "system" or (turns[-1].role == "assistant" and not begun):
        said = f"the last turn is the {turns[-1].role}'s; it has to be the user's"
        raise wrong(f"{said}, which the model answers", begun_at[-1][0] + 1)
    return tuple(turns)


def as_text(turns: tuple[Turn, ...]) -> str:
    """Turns as one text, which a model without a chat template continues.

    An answer is on the line after its question; a blank line follows answers and the system turn.
    """
    if len(turns) == 1:
        return turns[0].text
    after = {"user": "\n", "system": "\n\n", "assistant": "\n\n"}
    before = "".join(turn.text + after[turn.role] for turn in turns[:-1])
    last = turns[-1]  # the beginning of an answer is continued on its line
    return before + last.text + "\n" * (last.role == "user")


def _beginnings(lines: list[str]) -> Iterator[tuple[int, str]]:
    """(place, role) of the lines that begin turns; none if the file has no turns.

    It has turns if a line names a role, or if its first line looks like it (a misspelt role).
    """
    found = [(place, _BEGINNING.fullmatch(line)) for place, line in enumerate(lines)]
    named = [(place, one["role"]) for place, one in found if one and not one["text"]]
    first = next((place for place, line in enumerate(lines) if line.strip()), None)
    if any(role in ROLES or place == first for place, role in named):
        yield from named


def _text(lines: list[str]) -> str:
    return "\n".join(
        line[1:] if line[:1] == "\\" and _BEGINNING.fullmatch(line) else line for line in lines
    )
