"""A request to a server and its reply, with the answer or the reason why there is none."""

import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from papertune.errors import ServerError
from papertune.servers.refusals import Kind


class Failure(Exception):
    """A request without an answer; a retry may help, except for ``DOCUMENT`` (none in this run)."""

    def __init__(
        self,
        what: str,
        kind: Kind = Kind.PASSING,
        *,
        pause: float | None = None,
        fatal: ServerError | None = None,
    ) -> None:
        super().__init__(what)
        self.kind, self.pause = kind, pause  # seconds of the server's Retry-After
        self.fatal = fatal  # the error to raise when no retry helps


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: the caller's ``item``, the body (messages or a prompt), and the parameters of
    decoding, which a server may not accept.
    """

    item: Any
    body: dict[str, Any]
    decoding: dict[str, Any] = field(default_factory=dict)
    text: str = ""  # the prompt as text


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply: the ``value`` that was read from it, or the ``error`` that explains why none was."""

    asked: Asked
    value: Any = None
    error: str = ""
    sent: dict[str, Any] | None = None  # the decoding as sent, if the server required changes


def pause_asked(retry_after: str) -> float | None:
    """The seconds of a Retry-After header, which has seconds or a date; None if it has neither."""
    with suppress(ValueError, OverflowError):
        if re.fullmatch(r"\s*[0-9]{1,12}(?:\.[0-9]{1,9})?\s*", retry_after):
            return float(retry_after)
        date = parsedate_to_datetime(retry_after)
        date = date.replace(tzinfo=date.tzinfo or UTC)
        return max(0.0, (date - datetime.now(UTC)).total_seconds())
    return None
