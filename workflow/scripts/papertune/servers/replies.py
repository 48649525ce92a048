"""What is asked of a server, and what comes back: a reply, or why there is none."""

import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from papertune.errors import ServerError
from papertune.servers.refusals import Kind


class Failure(Exception):
    """No answer that another try may bring, or (``DOCUMENT``) none for this item in this run."""

    def __init__(
        self,
        what: str,
        kind: Kind = Kind.PASSING,
        *,
        pause: float | None = None,
        fatal: ServerError | None = None,
    ) -> None:
        super().__init__(what)
        self.kind, self.pause = kind, pause  # seconds that the server asked for
        self.fatal = fatal  # what to raise when no try helped


@dataclass(frozen=True, slots=True)
class Asked:
    """One thing to ask about: an ``item`` of who asks, what goes into the request (messages or a
    prompt), and the parameters of decoding, which a server may not take.
    """

    item: Any
    body: dict[str, Any]
    decoding: dict[str, Any] = field(default_factory=dict)
    text: str = ""  # of the prompt


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: the ``value`` that was read in it, or the ``error`` why there is none."""

    asked: Asked
    value: Any = None
    error: str = ""
    sent: dict[str, Any] | None = None  # the decoding as it was sent, where a server takes no other


def pause_asked(retry_after: str) -> float | None:
    """The seconds that a Retry-After asks for, which gives them or a date; None if it gives neither."""
    with suppress(ValueError, OverflowError):
        if re.fullmatch(r"\s*[0-9]{1,12}(?:\.[0-9]{1,9})?\s*", retry_after):
            return float(retry_after)
        date = parsedate_to_datetime(retry_after)
        date = date.replace(tzinfo=date.tzinfo or UTC)
        return max(0.0, (date - datetime.now(UTC)).total_seconds())
    return None
