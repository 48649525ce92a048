"""The answer in a reply of a chat completions server."""

import re
from contextlib import suppress
from typing import Any

from papertune.answering.decoding import before_any
from papertune.files import from_json
from papertune.generators.thoughts import NOTHING_AFTER, is_all_thought, used_up
from papertune.study.settings import Decoding

CUT = {"length", "max_tokens", "model_length"}  # finish reasons of a truncated answer

# finish reasons for errors of the server
BROKEN = {"error", "abort", "aborted", "cancelled", "insufficient_system_resource"}
# finish reasons of content filters; Gemini has several
_FILTERED = re.compile(r"content_?filter|safety|prohibited|blocklist|recitation|spii|sensitive")
_PARTS = {"text": "text", "output_text": "text", "refusal": "refusal"}  # type of a part → its text


def answer_in(content: bytes, decoding: Decoding) -> dict[str, Any]:
    """The answer in a reply, as fields of :class:`papertune.generators.backends.Written`.

    Args:
        content: The reply, as JSON.
        decoding: The requested decoding; its ``stop`` is applied here even if the server ignores it,
            and its ``max_new_tokens`` is named in errors.

    Raises:
        ValueError, LookupError, TypeError, AttributeError: there is no answer.
    """
    reply = from_json(content)
    choice = reply["choices"][0]
    end = str(choice.get("finish_reason") or "").lower()
    message = choice["message"] if "message" in choice else {"content": choice["text"]}
    text = message.get("content") or message.get("refusal") or ""
    if isinstance(text, list):  # thoughts and text in separate parts
        text = "".join(
            part
            if isinstance(part, str)
            else part.get(_PARTS.get(part.get("type", "text"), "")) or ""
            for part in text
        )
    if not isinstance(text, str):
        raise TypeError(type(text).__name__)
    if end in BROKEN or choice.get("error") or (reply.get("error") and not text):
        raise ValueError("an error in place of an answer")
    why = ""
    if _FILTERED.match(end):
        why = "the server's content filter ended the answer"
    elif end in CUT and is_all_thought(text):
        why = used_up(decoding.max_new_tokens)
    elif not text and (message.get("reasoning_content") or message.get("reasoning")):
        why = NOTHING_AFTER
    elif not text and (message.get("tool_calls") or message.get("function_call")):
        why = "the model called a tool in place of an answer"
    elif message.get("content") is None and not text:
        why = f"the server sent no text (finish_reason {end or 'missing'!r})"
    if why:
        return {"error": why, "answered": True}
    ended = before_any(text, decoding.stop)
    return {"text": ended, "cut": end in CUT and ended == text}


# no tokenizer makes fewer tokens than words, or than a quarter of the characters without blanks
_WORD = re.compile(r"[A-Za-z]{2,}|[\u0400-\u04ff]{2,}")
_DENSE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
LEAST_READ = 256  # tokens; a smaller count may be that of uncached tokens only
SURE = 0.9  # share of the least possible tokens of a prompt, below which it was certainly cut


def prompt_cut(content: bytes, prompt: str) -> str:
    """The error for a server that read only a part of a prompt, judged by its usage; else empty.

    Some servers silently cut prompts to their context. Their count of tokens is then smaller than that
    of any tokenizer for the whole text.
    """
    with suppress(ValueError, LookupError, TypeError, AttributeError):
        usage = from_json(content)["usage"]
        cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
        read = int(usage["prompt_tokens"]) + int(cached)
        least = len(_WORD.findall(prompt)) + len(_DENSE.findall(prompt)) // 4
        if LEAST_READ <= read < SURE * least:
            return (
                f"the server has read {read:,} tokens of a prompt of at least {least:,}: the end or"
                " the beginning was cut; start it with a longer context (num_ctx of Ollama,"
                " --ctx-size of llama.cpp) or give it shorter documents"
            )
    return ""
