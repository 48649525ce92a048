"""What stands in a reply of a chat completions server: the answer, or how long to wait."""

import re
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from papertune.errors import GeneratorError
from papertune.generators.refusals import Kind
from papertune.generators.thoughts import without_thoughts
from papertune.records import from_json

CUT = {"length", "max_tokens", "model_length"}  # finish reasons of an answer without its end


class Failure(Exception):
    """No answer that another try may bring, or (``DOCUMENT``) none for this document in this run."""

    def __init__(
        self,
        what: str,
        kind: Kind = Kind.PASSING,
        *,
        pause: float | None = None,
        fatal: GeneratorError | None = None,
    ) -> None:
        super().__init__(what)
        self.kind, self.pause = kind, pause  # seconds that the server asked for
        self.fatal = fatal  # what to raise when no try helped


def answer_in(content: bytes, most: int) -> dict[str, Any]:
    """The answer in a reply, as fields of :class:`papertune.generators.backends.Written`.

    Args:
        content: The reply, as JSON.
        most: ``max_new_tokens``, which thoughts may use up before the answer begins.

    Raises:
        ValueError, LookupError, TypeError, AttributeError: there is none.
    """
    reply = from_json(content)
    choice = reply["choices"][0]
    message, end = choice["message"], str(choice.get("finish_reason") or "").lower()
    text = message.get("content") or message.get("refusal") or ""
    if isinstance(text, list):  # thoughts and text apart
        text = "".join(part["text"] for part in text if part.get("type") == "text")
    if not isinstance(text, str):
        raise TypeError(type(text).__name__)
    if end == "error" or choice.get("error") or (reply.get("error") and not text):
        raise ValueError("an error in place of an answer")
    why = ""
    if end == "content_filter":
        why = "the server's content filter ended the answer"
    elif end in CUT and _is_all_thought(text):
        why = f"the answer was all thought, which used up max_new_tokens ({most}): set more"
    if why:
        return {"error": why, "answered": True}
    return {"text": text, "cut": end in CUT}


def _is_all_thought(text: str) -> bool:
    answer, unfinished = without_thoughts(text)
    return unfinished or not answer.strip()


def pause_asked(retry_after: str) -> float | None:
    """The seconds that a Retry-After asks for, which gives them or a date; None if it gives neither."""
    with suppress(ValueError, OverflowError):
        if re.fullmatch(r"\s*[0-9]{1,12}(?:\.[0-9]{1,9})?\s*", retry_after):
            return float(retry_after)
        date = parsedate_to_datetime(retry_after)
        date = date.replace(tzinfo=date.tzinfo or UTC)
        return max(0.0, (date - datetime.now(UTC)).total_seconds())
    return None
