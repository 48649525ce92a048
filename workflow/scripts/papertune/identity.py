"""What a result depends on, as a hash.

An identity holds what changes a result (text, prompt, model and revision, decoding,
hyperparameters, seed, the stage's version) and nothing else: no labels, threads or partitions.
"""

import hashlib
import json
from typing import Any


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON of ``value``, in hex (64 characters)."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def fingerprint(value: Any) -> str:
    """The first 16 hex digits of :func:`digest`: short enough for a folder name."""
    return digest(value)[:16]


def share(key: str, salt: str) -> float:
    """A number in [0, 1) that depends on ``key`` and ``salt`` only, evenly spread over keys."""
    return int(hashlib.sha256(f"{salt}\0{key}".encode()).hexdigest()[:13], 16) / 16**13
