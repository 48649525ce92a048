"""What a document is known by: a DOI or an arXiv number in whatever spelling, else its url.

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
)  # what pages put in for line breaks
_NOTE = re.compile(r"\s[(\[][^()\[\]]{0,60}[)\]]$")  # 10.1145/1 (open access)
_APART = re.compile(r"^(10\.\d{4,9})\s*(?:/|%2F)\s*", re.IGNORECASE)  # 10.1145 / 1, 10.1145%2F1
_VIEW = re.compile(r"/(?:abstract|full|pdf|epdf|html|meta|summary)$", re.IGNORECASE)
_DOI = re.compile(r"^(10\.\d{4,9}(?:\.\d+)*/[^\s\ud800-\udfff]+)$", re.IGNORECASE)
_NUMBER = (
    r"(?P<number>\d{4}\.\d{4,5}|(?P<archive>[a-z-]+)(?:\.[a-z-]{2,})?/(?P<old>\d{7}))(?:v\d+)?"
)
# arXiv, its mirrors, and who shows its papers under its numbers
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
# of a cell, the address that a spreadsheet or a notebook makes a link to
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


@lru_cache(maxsize=64)  # it is asked for several times in a row
def doi_of(text: str) -> str:
    """The bare DOI in lower case, or an empty string where the text is none.

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


@lru_cache(maxsize=64)  # it is asked for several times in a row
def arxiv_id(address: str) -> str:
    """arXiv's number in a url, DOI or ``arXiv:…`` without its version, or an empty string.

    ``math.GT/0309136`` is ``math/0309136``, as arXiv calls it too.
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
    """Id, bare DOI and landing page by what an entry gives as its DOI and its url.

    Either may be the other, in any spelling; all are empty where there is neither. An arXiv paper has
    a DOI too, and its page is arXiv's wherever else it is shown. Keys in the url are nobody else's: it
    is asked for, and told, without them.
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
    """The address that a cell of a table gives: out of a formula or Markdown, the first of several.

    One that lacks ``https:`` has it, and a bare arXiv number is one; any other text stays as it is.
    """
    text = text.strip()
    if found := _LINK.match(text):
        last = found.end() == len(text)  # of Markdown, the bracket that closes it too
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
        ValueError: the address is no url that could be parsed.
    """
    text = arxiv_url(arxiv_id(address)) or doi_of(address) or canonical_url(address)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def host_of(url: str) -> str:
    """The host of an http or https url in lower case, or an empty string where it is none.

    One with a user or a password in it is none: they would be sent, logged and kept.
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
    """The whole http or https url of a page's link, or an empty string where it is none."""
    try:
        url = urljoin(base, link)
    except ValueError:
        return ""
    return url if host_of(url) else ""


def canonical_url(url: str) -> str:
    """The url with scheme and host in lower case, no fragment, no default port, no trailing slash.

    Raises ValueError where it is none, or has a user in it.
    """
    parts = urlsplit(url.strip())
    if "@" in parts.netloc:
        raise ValueError("a user or password stands in it")
    host = (parts.hostname or "").lower()
    default = {"http": 80, "https": 443}.get(parts.scheme.lower())
    if parts.port and parts.port != default:
        host = f"{host}:{parts.port}"
    return urlunsplit((parts.scheme.lower(), host, parts.path.rstrip("/"), parts.query, ""))
