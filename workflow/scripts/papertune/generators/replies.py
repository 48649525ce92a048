"""The answer that stands in a reply of a chat completions server."""

import re
from contextlib import suppress
from typing import Any

from papertune.answering.decoding import before_any
from papertune.files import from_json
from papertune.generators.thoughts import NOTHING_AFTER, is_all_thought, used_up
from papertune.study.settings import Decoding

CUT = {"length", "max_tokens", "model_length"}  # finish reasons of an answer without its end

# the server's own trouble
BROKEN = {"error", "abort", "aborted", "cancelled", "insufficient_system_resource"}
# of Gemini, too, which has several words for it
_FILTERED = re.compile(r"content_?filter|safety|prohibited|blocklist|recitation|spii|sensitive")
_PARTS = {"text": "text", "output_text": "text", "refusal": "refusal"}  # type of a part → its text


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
    end = str(choice.get("finish_reason") or "").lower()
    message = choice["message"] if "message" in choice else {"content": choice["text"]}
    text = message.get("content") or message.get("refusal") or ""
    if isinstance(text, list):  # thoughts and text apart
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


# no tokenizer makes fewer tokens than words, or than a quarter of what stands without blanks
_WORD = re.compile(r"[A-Za-z]{2,}|[\u0400-\u04ff]{2,}")
_DENSE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
LEAST_READ = 256  # tokens; a smaller count is not of a whole prompt but of what was not cached
SURE = 0.9  # of the least tokens that a prompt can have


def prompt_cut(content: bytes, prompt: str) -> str:
    """How a server says that it has read but a part of a prompt, in words; nothing where it does not.

    Some cut prompts in silence to the context that they were started with. What they count, in tokens
    of a tokenizer that is not known here, is then less than any could make of the text.
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
