"""Turns of a prompt file: lines ``--- system``, ``--- user`` and ``--- assistant`` begin them.

A model that was tuned to chat is given them as a chat; any other one the same text, to go on with. A
file without such lines is one turn of the user, as it stands.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from papertune.errors import SettingsError

ROLES = ("system", "user", "assistant")
# backslashes before a line that looks like a beginning, of which one goes, make it text
_BEGINNING = re.compile(r"(?P<text>\\*)---[ \t]+(?P<role>[^\s$]+)[ \t]*")
HINT = (
    "turns begin with a line --- system, --- user or --- assistant; a line of text that looks so is "
    "written with a backslash before it"
)


class Turn(NamedTuple):
    """Who says what; the text may still have ``$names``."""

    role: str
    text: str


@lru_cache
def turns_in(template: str, where: str = "", begun: bool = True) -> tuple[Turn, ...]:
    """The turns of a template, each without the line breaks around it.

    Where the last one is the assistant's, the answer is ``begun``, and what is written goes on with it.

    Raises:
        SettingsError: roles that are none or in an order that no chat has, an empty turn, text before
            the first turn, an answer that is begun where none may be; names the line.
    """
    lines = template.split("\n")
    begun_at = list(_beginnings(lines))
    if not begun_at:
        return (Turn("user", _text(lines)),)

    def wrong(what: str, number: int) -> SettingsError:
        return SettingsError(f"line {number} of the prompt: {what}", where=where, hint=HINT)

    if any(line.strip() for line in lines[: begun_at[0][0]]):
        raise wrong("the first turn begins, and there is text before it", begun_at[0][0] + 1)
    turns: list[Turn] = []
    ends = [number for number, _ in begun_at[1:]] + [len(lines)]
    for (number, role), end in zip(begun_at, ends, strict=True):
        text, before = _text(lines[number + 1 : end]).strip("\n"), turns[-1].role if turns else ""
        if role not in ROLES:
            raise wrong(f"there is no role {role!r}", number + 1)
        if role == "system" and before:
            raise wrong("the system speaks first or not at all", number + 1)
        if role == "assistant" and before != "user":
            raise wrong("the assistant answers a turn of the user, and here is none", number + 1)
        if role == before:
            raise wrong(f"two turns of the {role}, one after the other", number + 1)
        if not text.strip():
            raise wrong(f"the {role} says nothing", number + 1)
        turns.append(Turn(role, text))
    if turns[-1].role == "system" or (turns[-1].role == "assistant" and not begun):
        said = f"the last turn is the {turns[-1].role}'s; it has to be the user's"
        raise wrong(f"{said}, which is answered", begun_at[-1][0] + 1)
    return tuple(turns)


def as_text(turns: tuple[Turn, ...]) -> str:
    """Turns as one text that a model without a chat template goes on with.

    An answer follows in the next line, and after it and after what the system says is a blank line.
    """
    if len(turns) == 1:
        return turns[0].text
    after = {"user": "\n", "system": "\n\n", "assistant": "\n\n"}
    before = "".join(turn.text + after[turn.role] for turn in turns[:-1])
    last = turns[-1]  # an answer that is begun goes on
    return before + last.text + "\n" * (last.role == "user")


def _beginnings(lines: list[str]) -> Iterator[tuple[int, str]]:
    """(place, role) of lines that begin turns, if the file has turns at all.

    It has where a role is named, or where its first line looks so (one that is misspelt).
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
