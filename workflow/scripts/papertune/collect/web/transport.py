"""One request and its answer: what can go wrong has a reason, a size limit and an end."""

import time
from contextlib import suppress
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.exceptions import InvalidSchema, InvalidURL
from urllib3.exceptions import HTTPError, InvalidHeader, LocationParseError, ReadTimeoutError
from urllib3.util import Retry

from papertune.collect.web.addresses import HINT, Allowed, GuardedAdapter, PrivateAddress
from papertune.collect.web.credentials import Credentials
from papertune.errors import CollectError

PATIENCE = 600.0  # seconds; who asks for more than this is not asked again in this job
REDIRECTS = 10
FEW_BYTES = 64 * 1024
READABLE = ("text/", "application/xhtml", "application/json", "application/xml")


class PageError(CollectError):
    """A page that could not be had.

    Args:
        url: What was asked for.
        reason: A short word that is counted (``http_404``, ``robots``, ``timeout`` …).
        what: One sentence for people.
        passing: It may be there next time, so that the outcome is not kept.
        retry_after: Seconds that the host asks to wait.
        hint: What to do.
    """

    def __init__(
        self,
        url: str,
        reason: str,
        what: str,
        *,
        passing: bool = False,
        retry_after: float | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(what, where=url, hint=hint)
        self.reason, self.passing, self.retry_after = reason, passing, retry_after
        self.text = ""  # of the answer, if one came


class HostStopped(CollectError):
    """A host that is not asked any more in this job: a challenge, or nobody answers."""


class Http(requests.Session):
    """What a thread asks with: it leads nowhere but to allowed addresses."""

    def __init__(self, user_agent: str, allowed: Allowed) -> None:
        super().__init__()
        self.headers["Accept"] = "text/html,application/xhtml+xml,application/json;q=0.9"
        self.headers["User-Agent"] = user_agent
        for scheme in ("http://", "https://"):
            self.mount(scheme, GuardedAdapter(allowed))

    def resolve_redirects(self, *_: Any, **__: Any) -> Any:
        """None: a look at where one leads would read its body, however large it is."""
        return iter(())


def send(
    http: requests.Session, url: str, timeout: float, own: Credentials, *, direct: bool
) -> requests.Response:
    """Ask for a url once; redirects are not followed and the body is not read yet.

    Args:
        http: The thread's session.
        url: What is asked for.
        timeout: Seconds to connect, and between two parts of the answer.
        own: What is sent besides and named nowhere.
        direct: The environment's proxies have no part in it.

    Raises:
        PageError: no connection, no answer within ``timeout`` seconds, or no such url.
    """
    how: dict[str, Any] = {"timeout": timeout, "stream": True, "allow_redirects": False}
    if direct:
        how["proxies"] = {"no_proxy": urlsplit(url).hostname}
    try:
        with own.unlogged():
            return http.get(own.address(url), headers=own.headers(url), **how)
    except PrivateAddress as error:
        raise private(url, error) from None
    except requests.Timeout:
        raise timed_out(url, timeout) from None
    except (InvalidURL, InvalidSchema, LocationParseError, UnicodeError) as error:
        said = own.hidden(str(error))
        raise PageError(url, "bad_url", f"not a url that can be asked for ({said})") from None
    except requests.RequestException as error:
        raise cut_off(url, f"no connection ({own.hidden(_root(error))})") from None


def redirect_target(url: str, response: requests.Response, timeout: float) -> str:
    """Where an answer redirects to; its body, if it is short, is read away.

    What is no url stays as the site wrote it.
    """
    with suppress(PageError):  # the connection can be used again after that, and is lost else
        body_of(url, response, FEW_BYTES, timeout, cut=True)
    target = response.headers["Location"]
    with suppress(UnicodeError):
        target = target.encode("latin-1").decode()  # as it came, and as it is meant
    with suppress(ValueError):
        target = urljoin(url, target)
    return target


def body_of(
    url: str, response: requests.Response, limit: int, timeout: float, *, cut: bool = False
) -> bytes:
    """The body: at most ``limit`` bytes after decompression, within three times ``timeout``.

    Raises:
        PageError: larger (with ``cut`` it gives the first ``limit`` bytes), later, or cut off.
    """
    hint = "raise fetching.max_megabytes if the page is wanted"
    too_large = PageError(url, "too_large", f"larger than {limit / 1e6:g} MB", hint=hint)
    length = response.headers.get("Content-Length", "")
    if length.isdigit() and int(length) > limit and not cut:
        raise too_large
    end = time.monotonic() + 3 * timeout
    body = bytearray()
    raw: Any = response.raw
    try:
        # what has come so far, not a full block: a page that trickles must end too
        while block := raw.read1(65536, decode_content=True):
            body += block
            if len(body) > limit:
                if cut:
                    return bytes(body[:limit])
                raise too_large
            if time.monotonic() > end:
                raise timed_out(url, timeout)
    except ReadTimeoutError:
        raise timed_out(url, timeout) from None
    except (HTTPError, OSError) as error:
        raise cut_off(url, f"the connection was cut ({_root(error)})") from None
    decoder: Any = getattr(raw, "_decoder", None)
    if body and getattr(decoder, "_state", None) == 0 and not decoder._obj.eof:
        # urllib3 takes a gzip body without its end for a whole one
        raise cut_off(url, "the packed body has no end")
    return bytes(body)


def check_status(url: str, response: requests.Response) -> None:
    """Raise PageError where the status is not 200, with the time that Retry-After asks for."""
    status = response.status_code
    if status == 200:
        return
    asked = retry_after(response)
    reason, what = f"http_{status}", f"status {status} {response.reason or ''}".strip()
    passing = status >= 500 or status in (408, 425)
    if status == 429 or (status == 503 and (asked or 0) > PATIENCE):
        wait = f", wait {asked:.0f} s" if asked is not None else ""
        reason, what, passing = "rate_limited", f"too many requests (status {status}){wait}", True
    raise PageError(url, reason, what, passing=passing, retry_after=asked if passing else None)


def retry_after(response: requests.Response) -> float | None:
    """The seconds that a Retry-After asks for, which may give them or a date."""
    try:
        return Retry().get_retry_after(response.raw)
    except InvalidHeader:
        return None


def check_media(url: str, response: requests.Response) -> None:
    """Raise PageError where a page that is there is a PDF or another file."""
    media = response.headers.get("Content-Type", "text/html").lower()
    readable = media.startswith(READABLE) or "+json" in media or "+xml" in media
    if response.status_code == 200 and not readable:
        raise PageError(url, "not_html", f"not a page but {media.split(';')[0]}")


def private(url: str, error: PrivateAddress) -> PageError:
    """The error of a url that leads to an address which is not asked."""
    return PageError(url, "private_address", str(error), hint=HINT)


def timed_out(url: str, timeout: float) -> PageError:
    """The error of a page that did not come in time."""
    return PageError(url, "timeout", f"no answer within {timeout:g} s", passing=True)


def cut_off(url: str, what: str) -> PageError:
    """The error of a page whose connection failed or broke off."""
    return PageError(url, "connection", what, passing=True)


def _root(error: BaseException) -> str:
    """The innermost cause in one line: what urllib3 wraps is long and says the url again."""
    inner: Any = error
    while getattr(inner, "args", None) and isinstance(inner.args[0], BaseException):
        inner = inner.args[0]
    reason = getattr(inner, "reason", None)
    return str(reason if isinstance(reason, BaseException) else inner).split("\n")[0][:200]
