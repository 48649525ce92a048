"""Whether a server answers, asked as politely and as guarded as what is collected."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from papertune.collect.web.addresses import Allowed, PrivateAddress
from papertune.collect.web.transport import Answer, Credentials, Http, PageError, private


def answer_of(url: str, hosts: Iterable[str], token: str = "", hops: int = 0) -> Answer:
    """What a server answers, guarded as all that is collected; raises PageError where none does.

    ``hosts`` may be at private addresses. The token goes to no other host.
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
        raise PageError(url, "bad_url", f"no url that can be asked for: {error}") from None


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}
