"""What goes with a request and is kept nowhere: an API's key, as a header or in the query."""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from urllib.parse import quote, quote_plus, unquote_plus, urlencode, urlsplit, urlunsplit

SHORTEST = 6  # what is shorter is no secret, and hiding it would tear words
HIDDEN = "***"
HARMLESS = {"accept", "accept-language", "content-type"}  # of the headers: no key is in them
PORTS = {"http": 80, "https": 443}


class Credentials:
    """The headers and secret query parameters of one request, for the host that it asks alone.

    Another host that it redirects to gets only headers that ask for a media type or a language.
    Empty parameters of ``secret`` are not sent.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        secret: Mapping[str, str] | None = None,
    ) -> None:
        self._origin = _origin(url)
        self._headers = dict(headers or {})
        self._secret = {name: value for name, value in (secret or {}).items() if value}
        said = [value for n, value in self._headers.items() if n.lower() not in HARMLESS]
        # of "Bearer KEY" the key alone, too
        values = {*self._secret.values(), *said, *(value.rpartition(" ")[2] for value in said)}
        forms = {form for value in values for form in (value, quote(value, ""), quote_plus(value))}
        self._forms = sorted((f for f in forms if len(f) >= SHORTEST), key=len, reverse=True)

    def address(self, url: str) -> str:
        """The url as it is sent: with the secret, if it leads to the host that the secret is for."""
        if self._secret and self._is_for(url):
            parts = urlsplit(url)
            query = "&".join(filter(None, (parts.query, urlencode(self._secret))))
            url = urlunsplit(parts._replace(query=query))
        return url

    def headers(self, url: str) -> dict[str, str]:
        """The headers that are sent to a url's host."""
        if self._is_for(url):
            return self._headers
        return {name: v for name, v in self._headers.items() if name.lower() in HARMLESS}

    def stripped(self, url: str) -> str:
        """A url that a site gave, without the parameters that give the secret back to it."""
        with suppress(ValueError):  # what is no url has none
            parts = urlsplit(url)
            fields = [field for field in parts.query.split("&") if not self._tells(field)]
            if fields != parts.query.split("&"):
                url = urlunsplit(parts._replace(query="&".join(fields)))
        return self.hidden(url)

    def hidden(self, text: str) -> str:
        """A text with stars where a secret stands: pages and errors may say what was sent."""
        for form in self._forms:
            text = text.replace(form, HIDDEN)
        return text

    @contextmanager
    def unlogged(self) -> Iterator[None]:
        """Within, what urllib3 logs in this thread has the secret hidden."""
        _now.credentials = self
        try:
            yield
        finally:
            _now.credentials = None

    def _tells(self, field: str) -> bool:
        name, _, value = map(unquote_plus, field.partition("="))
        return name in self._secret or value in self._secret.values()

    def _is_for(self, url: str) -> bool:
        to, own = _origin(url), self._origin
        # from http to https of the same host is no other place
        return to == own or (own[0] == "http" and to == ("https", own[1], 443))


def _hide(record: logging.LogRecord) -> bool:
    """Take the secret of the thread's request out of a line; urllib3 logs whole urls."""
    credentials = getattr(_now, "credentials", None)
    if credentials is not None:
        record.msg, record.args = credentials.hidden(record.getMessage()), ()
    return True


_now = threading.local()
for _name in ("connectionpool", "connection", "response", "util.retry"):
    logging.getLogger(f"urllib3.{_name}").addFilter(_hide)


def _origin(url: str) -> tuple[str, str, int]:
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        return ("", "", 0)
    return (parts.scheme, parts.hostname or "", port)
