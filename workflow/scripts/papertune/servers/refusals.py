"""What the error of a chat completions server means, by its HTTP status and its message.

Servers word the same error in many ways, and with different statuses: used-up credit comes with 402,
403, 429 or 400, a missing model with 404 or 400. So one table of statuses and words says what an error
means; the first row that matches counts.
"""

import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from itertools import islice
from typing import Any

from papertune.files import from_json

LONGEST = 2000  # characters of a server's message that are searched
SHOWN = 300  # characters that are shown
DEPTH = 8  # nested objects in an error: a gateway's error contains that of the service behind it
PARTS = 5  # items of a list of errors that are read
MOST = 20  # texts of an error that are read


class Kind(Enum):
    """The consequence of a refusal."""

    STOP = auto()  # no request can succeed
    LIMIT = auto()  # a rate limit; no document is the cause
    PASSING = auto()  # a transient error; a retry may succeed
    DOCUMENT = auto()  # this document is refused; others may not be


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal's kind, meaning and hint, in words; ``{model}`` and ``{key}`` are filled in."""

    kind: Kind
    what: str = "the server refuses this document"
    hint: str = ""


_CREDIT = Refusal(
    Kind.STOP, "the account's credit or quota is used up", "top it up or raise its limit"
)
_ACCOUNT = Refusal(Kind.STOP, "the service blocks the account", "resolve this with the service")
_KEY = Refusal(
    Kind.STOP, "the server refuses the key", "set the environment variable {key} to its key"
)
_URL = "set url to end before /chat/completions, most often in /v1"
_MODEL = Refusal(
    Kind.STOP,
    "the server has no model {model!r} loaded for chat, or no such path",
    f"load the model, or set model to a name that the server serves (ask its /models); {_URL}",
)
_MEMORY = Refusal(
    Kind.STOP,
    "the server cannot load the model {model!r}",
    "take a smaller model or a machine with more memory",
)
_LENGTH = Refusal(
    Kind.STOP,
    "the model {model!r} does not write that many tokens",
    "set max_new_tokens of its decoding to what the server allows",
)
NO_SERVER = Refusal(Kind.STOP, "this is not a chat completions server", _URL)
_LIMIT = Refusal(Kind.LIMIT, "the server limits the rate of requests", "lower concurrency")
_PASSING = Refusal(Kind.PASSING, "the server fails")
_DOCUMENT = Refusal(Kind.DOCUMENT)

ALL = range(600)
_REFUSED = tuple({0, *range(400, 500)} - {408, 409, 425, 429})
# statuses, pattern of the message (in lower case), and the meaning
_ROWS: tuple[tuple[Collection[int], str, Refusal], ...] = (
    (_REFUSED, r"max_(?:completion_)?tokens\W{1,3}must be less than or equal", _LENGTH),
    # a document that is too long
    (ALL, r"context[ _-]?(?:length|window|size|limit)|exceed_context|too many (?:input )?tokens"
          r"|(?:prompt|input|messages?|request)[ _](?:is |are )?too (?:long|large)"
          r"|max(?:imum)? (?:model|sequence|input) len|longer than the (?:maximum |model)"
          r"|reduce the length|(?:input|prompt) (?:token count|length)|tokens to keep from the"
          r"|inputs?\W+tokens? .{0,40}must be|max_tokens must be at least 1, got -"
          r"|string_above_max_length", _DOCUMENT),
    # limits per minute, also where they are called a quota
    ((429,), r"try (?:again )?in \W*\d|retrydelay|per[ _-]?(?:min|sec)", _LIMIT),
    ((0,), r"rate.?limit|too many requests|overload", _LIMIT),
    ((*_REFUSED, 429), r"insufficient[ _](?:user[ _])?(?:quota|balance|credit|fund)"
               r"|exceeded[ _](?:your )?current[ _]quota|per[ _-]?day\b|daily|arrear"
               r"|余额不足|欠费|free allocated quota|freetieronly"
               r"|credit balance|billing|(?:more|out of|available|no|enough) credits?\b"
               r"|credits? (?:limit|exhausted|used|depleted|expired)|included credits"
               r"|(?:spend(?:ing)?|monthly|usage|key) limit|can only afford", _CREDIT),
    (_REFUSED, r"(?:account|organi[sz]ation|project|workspace).{0,60}"
               r"(?:deactivat|suspend|disabled|terminat|blocked|archived)|account_deactivated"
               r"|must be verified|country, region|not available in your (?:country|region)", _ACCOUNT),
    # a document that the service's content rules block, also with the status of a wrong key
    (_REFUSED, r"content[ _]?(?:filter|management|policy|violat|exists risk)|flagged|moderation"
               r"|usage (?:policy|policies|guidelines)|responsible ?ai|safety|data_inspection"
               r"|prohibited_content|sensitive (?:content|word|info)", _DOCUMENT),
    (ALL, r"more system memory|insufficient (?:system resources|memory)|failed to load (?:the )?model"
          r"|loading aborted", _MEMORY),
    (_REFUSED, r"completion tokens|output tokens|max_(?:completion_|new_)?tokens.{0,60}"
               r"(?:too (?:large|big|high)|must be|less than|at most|exceed|maximum)|max_tokens: \d+ >",
     _LENGTH),
    (_REFUSED, r"no models? (?:is |are )?(?:currently )?loaded|model (?:is |was )?(?:not |un)loaded"
               r"|model_(?:not|decommissioned)\w*|(?:invalid|unknown|no such) model\b|valid model id"
               r"|models?\b.{0,80}(?:not exist|not found|decommissioned|no longer|not available"
               r"|unavailable|deprecated|not serve)|no (?:endpoints|allowed providers|route)"
               r"|deploymentnotfound|deployment .{0,40}not exist|(?:unable to|not have) access .{0,30}model"
               r"|not a chat model|not support (?:chat|generate|completion)|chat[ _]template", _MODEL),
    (_REFUSED, r"api[ _-]?key|unauthori[sz]ed|authenticat|credentials|access token", _KEY),
    # meaning of the status alone
    ((401, 403, 407), "", _KEY),
    ((402,), "", _CREDIT),
    ((404, 410), "", _MODEL),
    ((405, *range(300, 400)), "", NO_SERVER),
    ((429,), "", _LIMIT),
    ((0, 408, 409, 425, *range(500, 600)), "", _PASSING),
)  # fmt: skip
_TABLE = [(statuses, re.compile(words), what) for statuses, words, what in _ROWS]

_NOT_KNOWN = (
    r"(?:unsupported|not (?:be |an? )?(?:supported|permitted|allowed|recogni[sz]ed|accepted|known|valid)"
    r"|n[o']t (?:support|exist)|unknown|unrecogni[sz]ed|unexpected|extra[ _](?:input|field|forbidden)"
    r"|deprecated|cannot both|not used|not implemented|found that support|不支持)"
)
_NOT_TAKEN = (
    r"(?:must be|must not|invalid (?:value|type)|is invalid|should be|has to be|out of range"
    r"|非法|无效|不合法)"
)
_SAME = r"(?:[^.;]|\.(?=\w))"  # a character within one sentence
_PARAMETERS = {
    name: re.compile(
        rf"(?<![a-z0-9_]){name}(?![a-z0-9_]){_SAME}{{0,80}}?{of}"
        rf"|{of}{_SAME}{{0,60}}?(?<![a-z0-9_]){name}(?![a-z0-9_])"
        rf"|\binvalid\W{{1,3}}(?:\w{{1,20}}\W{{1,3}}){{0,2}}?{name}(?![a-z0-9_])"
        rf"|instead of \W?{name}(?![a-z0-9_])"
    )
    for names, of in (
        (("max_tokens", "max_completion_tokens"), _NOT_KNOWN),
        # without these, a server uses its own defaults
        (("temperature", "top_p", "seed"), f"(?:{_NOT_KNOWN}|{_NOT_TAKEN})"),
        (
            ("stop", "repetition_penalty", "repeat_penalty"),
            f"(?:{_NOT_KNOWN}|{_NOT_TAKEN}|too (?:long|many))",
        ),
    )
    for name in names
}


def meaning_of(status: int, words: str) -> Refusal:
    """The meaning of a refusal; status 0 is a reply without an answer that names no status."""
    said = words[:LONGEST].lower()
    fits = (what for statuses, of, what in _TABLE if status in statuses and of.search(said))
    return next(fits, _DOCUMENT)


def _spelled(found: re.Match[str]) -> str:
    """The usual name of a parameter that is spelled like ``MaxTokens``."""
    return "max_completion_tokens" if found[1] else "max_tokens"


def parameter_refused(words: str, asked: Collection[str]) -> str:
    """The first of the sent parameters that the server's message rejects; empty if none."""
    said = re.sub(r"max(completion)?tokens", _spelled, words[:LONGEST].lower())
    found = []
    for place, name in enumerate(asked):
        if name in _PARAMETERS and (match := _PARAMETERS[name].search(said)):
            found.append(
                (match.end(), -place, name)
            )  # of two parameters that exclude each other, the later one is left out
    return min(found)[2] if found else ""


def words_of(content: bytes) -> str:
    """A server's message about an error: from JSON its texts, else the body as plain text."""
    try:
        words = islice(_words(from_json(content), DEPTH), MOST)
        said = dict.fromkeys(filter(None, map(str.strip, words)))
    except ValueError:
        text = content[: 10 * LONGEST].decode("utf-8", "replace")
        text = re.sub(r"(?is)<(script|style)\b.*?(?:</\1\s*>|\Z)|<[^>]*+>?", " ", text)
        return " ".join(text.split())[:LONGEST]
    first, *others = said or [content[:SHOWN].decode("utf-8", "replace")]
    return first[:LONGEST] + (f" ({', '.join(others)})"[:LONGEST] if others else "")


def status_of(content: bytes) -> int:
    """The status that is named by an error in a reply with status 200; 0 if none."""
    with suppress(ValueError, LookupError, TypeError, AttributeError):
        reply = from_json(content)
        error = reply.get("error") or reply["choices"][0]["error"]
        named = (str(error.get(name)) for name in ("code", "status", "status_code"))
        return next((int(one) for one in named if re.fullmatch("[45][0-9]{2}", one)), 0)
    return 0


# fields with messages; not those that echo the request, which may contain anything
_NAMES = (
    "message", "msg", "error_message", "detail", "details", "error", "errors", "title", "reason",
    "violations", "quotaId", "retryDelay", "metadata", "raw", "innererror", "choices", "type", "code",
    "param", "loc",
)  # fmt: skip


def _words(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str | int):
        yield str(value)
    elif isinstance(value, list):
        for one in value[:PARTS]:
            yield from _words(one, depth - 1)
    elif isinstance(value, dict) and depth > 0:
        for name in _NAMES:
            if value.get(name) not in (None, "", True, False):
                yield from _words(value[name], depth - 1)
