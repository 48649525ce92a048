"""What a result depends on, as a hash.

An identity holds what changes a result (text, prompt, model and revision, decoding,
hyperparameters, seed, the stage's version) and nothing else: no labels, threads or partitions.
"""

from __future__ import annotations

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


def document_id(address: str) -> str:
    """First 16 hex digits of SHA-256 of a canonical url, or of a DOI in lower case.

    ``https://doi.org/10.1145/1.2`` and ``10.1145/1.2`` are the same document.
    """
    text = address.strip()
    lowered = text.lower()
    for prefix in (
        "https://doi.org/",
        "http://doi.org/",
        "https://dx.doi.org/",
        "http://dx.doi.org/",
        "doi:",
    ):
        if lowered.startswith(prefix):
            text = text[len(prefix) :]
            break
    text = text.lower() if text.lower().startswith("10.") and "/" in text else canonical_url(text)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def canonical_url(url: str) -> str:
    """The url with scheme and host in lower case, no fragment, no default port, no trailing slash."""
    from urllib.parse import urlsplit, urlunsplit

    parts = urlsplit(url.strip())
    host = (parts.hostname or "").lower()
    default = {"http": 80, "https": 443}.get(parts.scheme.lower())
    if parts.port and parts.port != default:
        host = f"{host}:{parts.port}"
    return urlunsplit((parts.scheme.lower(), host, parts.path.rstrip("/"), parts.query, ""))


def share(key: str, salt: str) -> float:
    """A number in [0, 1) that depends on ``key`` and ``salt`` only, evenly spread over keys."""
    return int(hashlib.sha256(f"{salt}\0{key}".encode()).hexdigest()[:13], 16) / 16**13
