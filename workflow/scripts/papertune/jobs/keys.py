"""Keys of services: taken from the environment only, and each use is logged with its host."""

import logging
import os
from functools import cache
from urllib.parse import urlsplit

from papertune.errors import one_line

log = logging.getLogger("papertune")


def key_for(url: str, variable: str) -> str:
    """The key in an environment variable, or empty, for requests to a url's host.

    The first use in a process logs which variable is sent to which host.
    """
    key = os.environ.get(variable, "").strip()
    if key:
        _tell(variable, one_line(urlsplit(url).netloc))
    return key


def hub_token(endpoint: str) -> str:
    """The token that the Hub's library uses, from the environment or its login; logged alike."""
    from huggingface_hub import get_token  # slow to load, rarely needed

    token = get_token() or ""
    if token:
        names = (name for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN") if os.environ.get(name))
        _tell(next(names, ""), one_line(urlsplit(endpoint).netloc))
    return token


@cache
def _tell(variable: str, host: str) -> None:
    source = f"the key in ${variable}" if variable else "the token of `hf auth login`"
    log.info("requests to %s carry %s", host, source)
