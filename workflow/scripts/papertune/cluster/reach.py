"""Requests that test whether a server answers, with the limits and guards of collecting."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from papertune.collect.web.addresses import Allowed, PrivateAddress
from papertune.collect.web.transport import Answer, Credentials, Http, PageError, private


def answer_of(url: str, hosts: Iterable[str], token: str = "", hops: int = 0) -> Answer:
    """A server's answer, with the guards of collecting; raises PageError if there is none.

    ``hosts`` may be at private addresses. The token is sent to no other host.
    """
    allowed = Allowed(hosts)
    http, own = Http("papertune", allowed, 4), Credentials(url, _bearer(token))
    try:
        while True:
            parts = urlsplit(url)
            allowed.check_written(parts.hostname or "", parts.port)
            answer = http.ask(url, own, direct=False)
            if not hops or not (url := answer.target()):
                return answer
            hops -= 1
    except PrivateAddress as error:
        raise private(url, error) from None
    except ValueError as error:
        raise PageError(url, "bad_url", f"not a valid url: {error}") from None


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}
