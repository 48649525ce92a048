"""Conversations in tables: lists of turns, each with a role and a text."""

import json
from contextlib import suppress
from typing import Any

USER, MODEL, SYSTEM = "user", "model", "system"
ROLES = {
    **dict.fromkeys(("user", "human", "prompter", "question"), USER),
    **dict.fromkeys(
        ("assistant", "gpt", "model", "bot", "ai", "chatgpt", "chatbot", "answer"), MODEL
    ),
    **dict.fromkeys(("system", "developer"), SYSTEM),
}
NAMES = (("role", "content"), ("from", "value"), ("role", "text"), ("role", "value"),
         ("from", "content"), ("from", "text"), ("speaker", "text"), ("speaker", "content"),
         ("role", "parts"), ("role", "message"))  # fmt: skip


class NoConversation(ValueError):
    """A value is no conversation; ``reason`` is counted, the message is for people."""

    def __init__(self, reason: str, what: str) -> None:
        super().__init__(what)
        self.reason = reason


def questions_in(value: Any) -> list[list[str]]:
    """The questions and answers of a conversation, in their order.

    Args:
        value: A list of ``{"role": …, "content": …}`` or ``{"from": …, "value": …}``, or such a
            list as JSON text. System turns are left out.

    Returns:
        ``[question, answer]`` for each turn of the user.

    Raises:
        NoConversation: it is no list of turns, has another role, or questions and answers do not
            alternate.
    """
    if isinstance(value, str):
        with suppress(ValueError, RecursionError):
            value = json.loads(value)
    if not isinstance(value, list | tuple) or not value:
        said = " but text: JSONL and Parquet keep lists" if isinstance(value, str) else ""
        raise NoConversation("no_turns", f"not a list of turns{said}")
    found: list[list[str]] = []
    for number, turn in enumerate(value, start=1):
        who, said = _read(turn, number)
        if who == SYSTEM:
            continue
        if not said:
            lacking = "no_question" if who == USER else "no_answer"
            raise NoConversation(lacking, f"turn {number} is empty")
        open_ = bool(found) and len(found[-1]) == 1
        if who == USER and open_:
            raise NoConversation(
                "no_answer", f"turn {number} is a second question without an answer"
            )
        if who == MODEL and not open_:
            raise NoConversation("no_question", f"turn {number} is an answer without a question")
        if who == USER:
            found.append([said])
        else:
            found[-1].append(said)
    if not found:
        raise NoConversation("no_question", "there is no question")
    if len(found[-1]) == 1:
        raise NoConversation("no_answer", "its last question has no answer")
    return found


def is_turn(value: Any) -> bool:
    """Whether a value is a turn of a conversation."""
    return isinstance(value, dict) and any(who in value and said in value for who, said in NAMES)


def is_of_system(value: Any) -> bool:
    """Whether a value is a system turn."""
    if not isinstance(value, dict) or not is_turn(value):
        return False
    who = next(names[0] for names in NAMES if names[0] in value)
    return ROLES.get(str(value[who]).strip().lower()) == SYSTEM


def _read(turn: Any, number: int) -> tuple[str, str]:
    """The role and the text of a turn; raises NoConversation."""
    if not isinstance(turn, dict):
        raise NoConversation("no_turns", f"turn {number} is not an object")
    having = [names for names in NAMES if names[0] in turn]
    names = next((names for names in having if names[1] in turn), next(iter(having), None))
    if names is None:
        raise NoConversation("no_turns", f"turn {number} has no role")
    role = str(turn[names[0]]).strip().lower()
    if role not in ROLES:
        raise NoConversation("other_role", f"turn {number} has the unknown role {role[:40]!r}")
    if names[1] not in turn:
        wanted = ", ".join(text for who, text in NAMES if who == names[0])
        raise NoConversation(
            "no_text", f"turn {number} has {', '.join(turn)}, but none of {wanted}"[:200]
        )
    said = turn[names[1]]
    if isinstance(said, list | tuple):  # parts, some of which may be pictures
        parts = [part.get("text") if isinstance(part, dict) else part for part in said]
        texts = [part for part in parts if isinstance(part, str)]
        if len(texts) < len(parts):
            raise NoConversation("no_text", f"turn {number} has parts that are not text")
        said = "\n".join(texts)
    if said is not None and not isinstance(said, str):
        raise NoConversation("no_text", f"turn {number} is not text")
    return ROLES[role], (said or "").strip()
