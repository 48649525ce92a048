"""Parameters of requests that not every server knows, and what follows where one does not."""

from collections.abc import Mapping, Sequence
from typing import Any

# where a server says that it does not take a parameter; 0 is a reply that names none
UNPROCESSED = {0, 400, 403, 404, 422, 500, 501}
RENAMED = {"max_tokens": "max_completion_tokens"}  # the others are left out
# of vLLM and others, and of llama.cpp; a server that knows one leaves the other aside
PENALTIES = {"repetition_penalty", "repeat_penalty"}
NO_PENALTY = (
    "the server knows no penalty on repetition",
    "take repetition_penalty out of the generator's decoding, or a server that knows it (vLLM, "
    "llama.cpp)",
)


def extras_of(stop: Sequence[str], repetition_penalty: float) -> dict[str, Any]:
    """What is sent of both: only what has an effect."""
    penalties = dict.fromkeys(sorted(PENALTIES), repetition_penalty)
    return ({"stop": [*stop]} if stop else {}) | (penalties if repetition_penalty != 1 else {})


def lacks_penalty(asked: Mapping[str, Any], sent: Mapping[str, Any]) -> bool:
    """Whether a penalty that was asked for is not sent: answers would be others."""
    return bool(PENALTIES & asked.keys()) and not PENALTIES & sent.keys()
