"""Identifiers of a document: its DOI or arXiv number in any spelling, else its url.

The same document has one id wherever it was listed: the hash of its DOI in lower case, of the url of
its arXiv abstract, or of its canonical url.
"""

import hashlib
import re
from functools import lru_cache
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from papertune.errors import without_keys

# https://doi.org/10.1145/1, doi.org/10.1145/1, a library's https://doi-org.proxy.example/10.1145/1,
# and https://dl.acm.org/doi/abs/10.1145/1
_DOI_URL = re.compile(
    r"^(?:(?:https?://)?(?:dx[.-]|www\.)?doi[.-]org[\w.-]*/+(?:doi:\s*)?"
    r"|https?://[^/\s]+/doi/(?:[a-z]+/)?)(?=10\.|10%)",
    re.IGNORECASE,
)
# DOI 10.1145/1, doi: https://doi.org/10.1145/1, info:doi/10.1145/1, <urn:doi:10.1145/1>
_NAMED = re.compile(r"^[<(\[{\"'\s]*+(?:(?:(?:urn|info):)?doi[:：/\s]++)?", re.IGNORECASE)
_UNSEEN = re.compile(
    "[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]"
)  # invisible characters that pages insert for line breaks
_NOTE = re.compile(r"\s[(\[][^()\[\]]{0,60}[)\]]$")  # 10.1145/1 (open access)
_APART = re.compile(r"^(10\.\d{4,9})\s*(?:/|%2F)\s*", re.IGNORECASE)  # 10.1145 / 1, 10.1145%2F1
_VIEW = re.compile(r"/(?:abstract|full|pdf|epdf|html|meta|summary)$", re.IGNORECASE)
_DOI = re.compile(r"^(10\.\d{4,9}(?:\.\d+)*/[^\s\ud800-\udfff]+)$", re.IGNORECASE)
_NUMBER = (
    r"(?P<number>\d{4}\.\d{4,5}|(?P<archive>[a-z-]+)(?:\.[a-z-]{2,})?/(?P<old>\d{7}))(?:v\d+)?"
)
# arXiv, its mirrors, and sites that show its papers under their arXiv numbers
_ARXIV_PAGE = (
    r"(?:(?:[a-z0-9]+\.)*arxiv\.org/(?:abs|pdf|html|format|ps|src|e-print|dvi|tb|other|ftp)"
    r"|xxx\.lanl\.gov/(?:abs|pdf)|ar5iv\.org(?:/(?:abs|html|pdf))?"
    r"|(?:www\.)?alphaxiv\.org/(?:[a-z]{2}/)?(?:abs|pdf|html|overview|resources|blog)"
    r"|(?:www\.)?(?:huggingface|hf)\.co/papers|(?:[a-z]+\.)?semanticscholar\.org/arxiv)"
)
_BARE = re.compile(
    r"(?:abs/)?(\d\d(?:0[1-9]|1[0-2])\.\d{4,5}|[a-z-]{5,8}(?:\.[a-z-]{2,})?/\d{7})(?:v\d+)?",
    re.IGNORECASE,
)
# the address in a cell that is a spreadsheet's link formula, or a link in Markdown or HTML
_LINK = re.compile(
    r"^=HYPERLINK\(\s*+\"([^\"]++)\"|^!?\[[^\]]*+\]\(\s*+<?(\S++)|^<([^<>\s]++)>$"
    r"|^<a\s[^>]*?href=[\"']?([^\"'\s>]++)",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"[;|,\s](?=\s{0,3}(?:https?://|www\.))", re.IGNORECASE)
_HOSTED = re.compile(r"//\w|www\.[\w-]+\.|(?:[a-z0-9-]+\.)+[a-z]{2,}/\S", re.IGNORECASE)
_ARXIV = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"^(?:https?://)?{_ARXIV_PAGE}[/:](?:arxiv:)?{_NUMBER}"
        r"(?:\.pdf|\.ps\.gz|\.md)?/?(?:$|[?#])",
        rf"^10\.48550/arxiv\.{_NUMBER}$",
        # arXiv:2101.00001 [cs.CL], arXiv preprint arXiv:2101.00001, oai:arXiv.org:2101.00001
        rf"^(?:oai:)?(?:arxiv(?:\.org)?(?:\s+(?:e-?prints?|preprints?),?)?(?::\s*+|\s++))++{_NUMBER}"
        r"(?:\s*+\[[a-z.-]{2,20}\])?$",
    )
]


@lru_cache(maxsize=64)  # called several times in a row with the same text
def doi_of(text: str) -> str:
    """The bare DOI in lower case, or an empty string if the text is no DOI.

    ``https://doi.org/10.1145/AB.1``, ``doi:10.1145/ab.1`` and ``10.1145/AB.1.`` give
    ``10.1145/ab.1``, and so does the url of a publisher's page below ``/doi/``.
    """
    text = _NAMED.sub("", _UNSEEN.sub("", text)).strip()
    place = _DOI_URL.match(text)
    if place:
        text = unquote(re.split(r"[?#]", text[place.end() :])[0])
        text = text if "doi.org/" in place[0].lower() else _VIEW.sub("", text)
    text = _APART.sub(r"\1/", _NOTE.sub("", text))
    found = _DOI.match(text.rstrip(" .,;:/'\""))
    if not found:
        return ""
    doi = found[1].lower()
    while doi[-1] in ")]}>" and doi.count(doi[-1]) > doi.count("([{<"[")]}>".index(doi[-1])]):
        doi = doi[:-1]
    return doi


def doi_url(doi: str) -> str:
    """The url under which a bare DOI is resolved, or an empty string for none."""
    return f"https://doi.org/{doi}" if doi else ""


@lru_cache(maxsize=64)  # called several times in a row with the same text
def arxiv_id(address: str) -> str:
    """The arXiv number in a url, DOI or ``arXiv:…``, without its version; or an empty string.

    ``math.GT/0309136`` gives ``math/0309136``, as at arXiv.
    """
    address = doi_of(address) or unquote(address).strip().rstrip(".,;)>}")
    for pattern in _ARXIV:
        found = pattern.match(address)
        if found:
            old = found["old"]
            return f"{found['archive'].lower()}/{old}" if old else found["number"]
    return ""


def arxiv_url(number: str) -> str:
    """The page of an arXiv number, or an empty string for none."""
    return f"https://arxiv.org/abs/{number}" if number else ""


def arxiv_doi(number: str) -> str:
    """The DOI that arXiv registers for a number, or an empty string for none."""
    return f"10.48550/arxiv.{number}" if number else ""


def located(doi: str, url: str) -> tuple[str, str, str]:
    """Id, bare DOI and landing page from the DOI and the url of an entry.

    The two may be swapped, and may have any spelling; all results are empty if both are missing. A
    paper at arXiv or a mirror gets arXiv's page, and arXiv's DOI if it has no other. API keys are
    removed from the url, so that they are neither sent nor shown.
    """
    doi, url = without_keys(doi), without_keys(url)
    number = arxiv_id(doi) or arxiv_id(url)
    found, preprint = doi_of(doi) or doi_of(url), arxiv_url(number)
    url = preprint if arxiv_id(url) else url
    pages = (url, doi_url(found), preprint, doi)
    page = next((page.strip() for page in pages if host_of(page.strip())), "")
    identity = document_id(found or preprint or page) if page else ""
    return identity, found or arxiv_doi(number), page


def address_in(text: str) -> str:
    """The first address in a table cell, which may be a link formula, Markdown or HTML.

    A missing ``https:`` is added, and a bare arXiv number becomes ``arxiv:…``; other text stays.
    """
    text = text.strip()
    if found := _LINK.match(text):
        last = found.end() == len(text)  # if so, Markdown's closing bracket is part of the match
        text = next(filter(None, found.groups()), "")
        text = text.removesuffix(")").removesuffix(">") if found[2] and last else text
    if number := _BARE.fullmatch(text):
        return f"arxiv:{number[1]}"
    first = _BETWEEN.split(text, maxsplit=1)[0].rstrip(" ;|,")
    whole = f"https://{first.removeprefix('//')}" if _HOSTED.match(first) else first
    return whole if host_of(whole) else text


def document_id(address: str) -> str:
    """First 16 hex digits of SHA-256 of a DOI, an arXiv page or a canonical url.

    Raises:
        ValueError: the address cannot be parsed as a url.
    """
    text = arxiv_url(arxiv_id(address)) or doi_of(address) or canonical_url(address)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def host_of(url: str) -> str:
    """The host of an http or https url in lower case, or an empty string for any other text.

    A url with a user or password gives an empty string too: they would be sent, logged and stored.
    """
    try:
        url.encode()
        parts = urlsplit(url)
        if "@" in parts.netloc:
            return ""
        whole = parts.scheme in ("http", "https") and parts.port != 0  # a bad port raises
        return (parts.hostname or "") if whole else ""
    except ValueError:
        return ""


def whole_url(base: str, link: str) -> str:
    """The absolute http or https url of a page's link, or an empty string for other links."""
    try:
        url = urljoin(base, link)
    except ValueError:
        return ""
    return url if host_of(url) else ""


def canonical_url(url: str) -> str:
    """The url with scheme and host in lower case, no fragment, no default port, no trailing slash.

    Raises ValueError if it cannot be parsed, or contains a user or password.
    """
    parts = urlsplit(url.strip())
    if "@" in parts.netloc:
        raise ValueError("it contains a user or password")
    host = (parts.hostname or "").lower()
    default = {"http": 80, "https": 443}.get(parts.scheme.lower())
    if parts.port and parts.port != default:
        host = f"{host}:{parts.port}"
    return urlunsplit((parts.scheme.lower(), host, parts.path.rstrip("/"), parts.query, ""))
