"""Parameters of requests that not every server accepts, and what to do then."""

from collections.abc import Mapping, Sequence
from typing import Any

# statuses with which servers reject a parameter; 0 stands for a reply that names no status
UNPROCESSED = {0, 400, 403, 404, 422, 500, 501}
RENAMED = {"max_tokens": "max_completion_tokens"}  # the others are left out
# the names in vLLM and others, and in llama.cpp; a server that knows one ignores the other
PENALTIES = {"repetition_penalty", "repeat_penalty"}
NO_PENALTY = (
    "the server supports no repetition penalty",
    "take repetition_penalty out of the generator's decoding, or a server that knows it (vLLM, "
    "llama.cpp)",
)


def extras_of(stop: Sequence[str], repetition_penalty: float) -> dict[str, Any]:
    """The parameters of a request for both settings; without those that have no effect."""
    penalties = dict.fromkeys(sorted(PENALTIES), repetition_penalty)
    return ({"stop": [*stop]} if stop else {}) | (penalties if repetition_penalty != 1 else {})


def lacks_penalty(asked: Mapping[str, Any], sent: Mapping[str, Any]) -> bool:
    """Whether a wanted penalty is not sent, so that answers would differ."""
    return bool(PENALTIES & asked.keys()) and not PENALTIES & sent.keys()
