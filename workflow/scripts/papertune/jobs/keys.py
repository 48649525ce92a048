"""Keys of services: from the environment alone, and never without a word of where they go."""

import logging
import os
from functools import cache
from urllib.parse import urlsplit

from papertune.errors import one_line

log = logging.getLogger("papertune")


def key_for(url: str, variable: str) -> str:
    """The key in an environment variable, empty where there is none, for requests to a url's host.

    The first time in a process the log tells which variable's content that host gets.
    """
    key = os.environ.get(variable, "").strip()
    if key:
        _tell(variable, one_line(urlsplit(url).netloc))
    return key


@cache
def _tell(variable: str, host: str) -> None:
    log.info("requests to %s carry the key in $%s", host, variable)
