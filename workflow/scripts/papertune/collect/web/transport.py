"""One request and its answer, with a reason for each error, a size limit and a time limit.

An API's key, as a header or in the query, is sent with a request and stored nowhere.
"""

import logging
import re
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote, quote_plus, unquote_plus, urlencode, urljoin, urlsplit, urlunsplit

import requests
from requests.exceptions import InvalidSchema, InvalidURL
from urllib3.exceptions import HTTPError, InvalidHeader, LocationParseError, ReadTimeoutError
from urllib3.util import Retry

from papertune.collect.web.addresses import HINT, Allowed, PrivateAddress
from papertune.collect.web.connections import GuardedAdapter, has_no_end
from papertune.collect.web.pauses import PATIENCE
from papertune.errors import CollectError, keys_in, one_line

READABLE = ("text/", "application/xhtml", "application/json", "application/xml")
SHORTEST = 6  # a shorter value is no secret, and masking it would break words
Fields = Mapping[str, str] | None
HARMLESS = {"accept", "accept-language", "content-type"}  # headers that contain no key
# these loggers would write whole urls, with their keys
for _name in ("connectionpool", "connection", "response", "util.retry"):
    logging.getLogger(f"urllib3.{_name}").addFilter(lambda _: False)


class PageError(CollectError):
    """A page could not be fetched.

    Args:
        reason: A short code that is counted (``http_404``, ``robots``, ``timeout`` …).
        passing: Whether the error is temporary, so that the outcome is not stored.
    """

    def __init__(
        self, url: str, reason: str, what: str, *, passing: bool = False, hint: str = ""
    ) -> None:
        super().__init__(one_line(what), where=url, hint=hint)
        self.reason, self.passing = reason, passing
        self.retry_after: float | None = None  # seconds that the host asks to wait
        self.text = ""  # of the answer, if one came


class HostStopped(CollectError):
    """A host was given up for this job: it sets a challenge, or does not answer."""


class Credentials:
    """The headers and secret query parameters of one request, sent to the requested host alone.

    After a redirect, another host gets only headers that ask for a media type or a language. Empty
    parameters of ``secret`` are not sent. A key in the url itself is sent with the url.
    """

    def __init__(self, url: str, headers: Fields = None, secret: Fields = None) -> None:
        self.url = url
        self._headers = dict(headers or {})
        self._secret = {name: value for name, value in (secret or {}).items() if value}
        said = [value for n, value in self._headers.items() if n.lower() not in HARMLESS]
        # of "Bearer KEY" also the key by itself
        values = {*self._secret.values(), *said, *(value.rpartition(" ")[2] for value in said)}
        self._forms = _forms(values)

    def sent(self, url: str, *, elsewhere: bool) -> tuple[str, dict[str, str]]:
        """Url and headers as they are sent: with the secret, but not to another host."""
        if elsewhere:
            return url, {name: v for name, v in self._headers.items() if name.lower() in HARMLESS}
        if self._secret:
            parts = urlsplit(url)
            query = "&".join(filter(None, (parts.query, urlencode(self._secret))))
            url = urlunsplit(parts._replace(query=query))
        return url, self._headers

    def stripped(self, url: str) -> str:
        """A url that a site gave, without the parameters that repeat the secret."""
        with suppress(ValueError):  # text that is no url has no parameters
            parts = urlsplit(url)
            fields = parts.query.split("&")
            kept = [field for field in fields if not self._tells(field)]
            if kept != fields:
                url = urlunsplit(parts._replace(query="&".join(kept)))
        return _starred(url, self._forms)  # a key of the site's own stays

    def hidden(self, text: str, landed: str = "") -> str:
        """A text with secrets replaced by stars: pages and errors may repeat what was sent.

        Keys in the url, and in the url ``landed`` that it led to, are secrets too.
        """
        keys = {*keys_in(self.url), *keys_in(landed)}
        return _starred(text, self._forms + _forms(keys))

    def _tells(self, field: str) -> bool:
        name, _, value = map(unquote_plus, field.partition("="))
        return name in self._secret or value in self._secret.values()


def _forms(values: Iterable[str]) -> list[str]:
    """The forms that secrets may have in a text, the longest first."""
    forms = {form for value in values for form in (value, quote(value, ""), quote_plus(value))}
    return sorted((f for f in forms if len(f) >= SHORTEST), key=len, reverse=True)


def _starred(text: str, forms: list[str]) -> str:
    for form in forms:
        text = text.replace(form, "***")
    return text


def _nobody(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """An empty authentication; without one, requests looks the host up in ``~/.netrc``."""
    return request


class _OneHop(requests.Session):
    """A session that resolves no redirects: that would read their bodies, however large."""

    def resolve_redirects(self, *_: Any, **__: Any) -> Any:
        """No redirects."""
        return iter(())


class Http(threading.local):
    """Each thread's own connections, to allowed addresses only.

    ``timeout`` is in seconds, for connecting and between two parts of an answer.
    """

    def __init__(self, user_agent: str, allowed: Allowed, timeout: float) -> None:
        self._timeout, self._session = timeout, _OneHop()
        self._session.auth = _nobody
        accepted = "text/html,application/xhtml+xml,application/json;q=0.9"
        self._session.headers.update({"Accept": accepted, "User-Agent": user_agent})
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, GuardedAdapter(allowed))

    def ask(self, url: str, own: Credentials, *, direct: bool) -> "Answer":
        """Request a url once, without the environment's proxies if ``direct``; raises PageError."""
        how: dict[str, Any] = {"timeout": self._timeout, "stream": True, "allow_redirects": False}
        if direct:
            how["proxies"] = {"no_proxy": urlsplit(url).hostname}
        try:
            elsewhere = self._session.should_strip_auth(own.url, url)
            address, headers = own.sent(url, elsewhere=elsewhere)
            response = self._session.get(address, headers=headers, **how)
        except PrivateAddress as error:
            raise private(url, error) from None
        except requests.Timeout:
            raise timed_out(url, self._timeout) from None
        except (InvalidURL, InvalidSchema, LocationParseError, UnicodeError) as error:
            said = own.hidden(str(error))
            raise PageError(url, "bad_url", f"not a valid url ({said})") from None
        except requests.RequestException as error:
            what = f"no connection ({own.hidden(_root(error))})"
            raise PageError(url, "connection", what, passing=True) from None
        return Answer(url, response, self._timeout, own)


class Answer:
    """One answer of a url, its body not read yet; redirects are not followed."""

    def __init__(
        self, url: str, response: requests.Response, timeout: float, own: Credentials
    ) -> None:
        self.url, self.response, self._timeout, self.own = url, response, timeout, own
        self.status, self.headers = response.status_code, response.headers

    def target(self) -> str:
        """The target of a redirect, or an empty string; a short body is read and discarded.

        A target that is no url stays as the site wrote it.
        """
        if not self.response.is_redirect:
            return ""
        with suppress(PageError):  # only with the body read can the connection be used again
            self.body(65536, cut=True)
        target = self.headers["Location"]
        with suppress(UnicodeError):
            target = target.encode("latin-1").decode()  # decoded as Latin-1, meant as UTF-8
        with suppress(ValueError):
            target = urljoin(self.url, target)
        return self.own.stripped(target)

    def body(self, limit: int, *, cut: bool = False) -> bytes:
        """The body: at most ``limit`` bytes after decompression, within three times the timeout.

        Raises PageError if it is larger (``cut`` returns its beginning instead), late or cut off.
        """
        hint = "raise fetching.max_megabytes if the page is wanted"
        too_large = PageError(self.url, "too_large", f"larger than {limit / 1e6:g} MB", hint=hint)
        length = self.headers.get("Content-Length", "")
        told = float(length) if length.isdecimal() else 0  # Python reads no int of 5,000 digits
        if told > limit and not cut:
            raise too_large
        end = time.monotonic() + 3 * self._timeout
        body = bytearray()
        raw: Any = self.response.raw
        try:
            # whatever has arrived, not a full block: a page that trickles in must time out, too
            while block := raw.read1(65536, decode_content=True):
                body += block
                if len(body) > limit:
                    if cut:
                        return bytes(body[:limit])
                    raise too_large
                if time.monotonic() > end:
                    raise timed_out(self.url, self._timeout)
        except ReadTimeoutError:
            raise timed_out(self.url, self._timeout) from None
        except (HTTPError, OSError) as error:
            what = f"the connection was cut ({_root(error)})"
            raise PageError(self.url, "connection", what, passing=True) from None
        if body and has_no_end(raw):
            raise PageError(self.url, "connection", "the compressed body was cut off", passing=True)
        return bytes(body)

    def retry_after(self) -> float | None:
        """The wait in seconds that a Retry-After asks for (seconds or a date); None without one."""
        try:
            return Retry().get_retry_after(self.response.raw)
        except InvalidHeader:
            return None

    def check_media(self) -> None:
        """Raise PageError if the answer is a PDF or another file instead of a page."""
        media = self.headers.get("Content-Type", "text/html").lower()
        readable = media.startswith(READABLE) or "+json" in media or "+xml" in media
        if self.status == 200 and not readable:
            raise PageError(self.url, "not_html", f"not a page but {media.split(';')[0]}")

    def check_status(self, text: str) -> None:
        """Raise PageError if the status is not 200, with the beginning of ``text``."""
        if self.status == 200:
            return
        asked, said = self.retry_after(), self.own.hidden(self.response.reason or "", self.url)
        reason, what = f"http_{self.status}", f"status {self.status} {said}".strip()
        passing = self.status >= 500 or self.status in (408, 425)
        if self.status == 429 or (self.status == 503 and (asked or 0) > PATIENCE):
            wait = f", wait {asked:.0f} s" if asked is not None else ""
            what = f"too many requests (status {self.status}){wait}"
            reason, passing = "rate_limited", True
        error = PageError(self.url, reason, what, passing=passing)
        error.retry_after, error.text = asked if passing else None, text[:2000]
        raise error


def private(url: str, error: PrivateAddress) -> PageError:
    """The error for a url that leads to a private address."""
    return PageError(url, "private_address", str(error), hint=HINT)


def timed_out(url: str, timeout: float) -> PageError:
    """The error for a page that did not arrive in time."""
    return PageError(url, "timeout", f"no answer within {timeout:g} s", passing=True)


def _root(error: BaseException) -> str:
    """The innermost cause in one line: urllib3's own messages are long and repeat the url."""
    inner: Any = error
    while getattr(inner, "args", None) and isinstance(inner.args[0], BaseException):
        inner = inner.args[0]
    reason = getattr(inner, "reason", None)
    said = str(reason if isinstance(reason, BaseException) else inner).split("\n")[0]
    return re.sub(r"^\w+\(host=[^)]*\): ", "", said)[:200]
