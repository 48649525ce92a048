"""The answer that stands in a reply of a chat completions server."""

from typing import Any

from papertune.answering.decoding import before_any
from papertune.files import from_json
from papertune.generators.thoughts import without_thoughts
from papertune.study.settings import Decoding

CUT = {"length", "max_tokens", "model_length"}  # finish reasons of an answer without its end


def answer_in(content: bytes, decoding: Decoding) -> dict[str, Any]:
    """The answer in a reply, as fields of :class:`papertune.generators.backends.Written`.

    Args:
        content: The reply, as JSON.
        decoding: As it was asked for; its ``stop`` ends an answer whether the server knows it or not,
            and thoughts may use up its ``max_new_tokens`` before the answer begins.

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
        most = decoding.max_new_tokens
        why = f"the answer was all thought, which used up max_new_tokens ({most}): set more"
    if why:
        return {"error": why, "answered": True}
    ended = before_any(text, decoding.stop)
    return {"text": ended, "cut": end in CUT and ended == text}


def _is_all_thought(text: str) -> bool:
    answer, unfinished = without_thoughts(text)
    return unfinished or not answer.strip()
