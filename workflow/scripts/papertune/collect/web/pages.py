"""Pages: decode them, recognise bot challenges in their place, and cache them on disk.

A page is cached under the requested url, so that a rerun fetches nothing twice. The cache is plain
JSON files, written whole: requests-cache and hishel use SQLite, which is unsafe on NFS, and
CacheControl caches each hop of a redirect separately, and every challenge page.
"""

import hashlib
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

from papertune.errors import RecordError, shown
from papertune.files import atomic_write, from_json, whole
from papertune.owned import NotOwned, own, tell
from papertune.records import from_dict
from papertune.sentences import word_count

log = logging.getLogger("papertune")

# Vendor → patterns in lower case of the whole title, and of marks that only its challenge page has.
# Ordinary pages behind Cloudflare have /cdn-cgi/challenge-platform/scripts/…: it is no mark.
CHALLENGES: dict[str, tuple[str, str]] = {
    "Cloudflare": (
        r"just a moment.*|attention required! \| cloudflare"
        r"|please wait\W* \| cloudflare.*|access denied \| .* cloudflare.*",
        '_cf_chl_opt|id="challenge-error-text"|cf-browser-verification|cf-error-details',
    ),
    "Anubis": (
        r"making sure you['’]re not a bot!",
        '/[.]within[.]website/x/cmd/anubis|id="anubis_challenge"',
    ),
    "Fastly": ("client challenge", "_fs-ch-"),
    "AWS WAF": ("human verification", "window[.]gokuprops"),
    "Imperva": (r"pardon our interruption(\.\.\.)?", "incapsula incident id"),
    "DDoS-Guard": ("ddos-guard", "/[.]well-known/ddos-guard/js-challenge"),
    "security check": (r"(?:security|human) (?:check|verification)|verification required!?", ""),
    "Elsevier": ("", "there was a problem providing the content you requested"),
    "cookies": (
        r"(?:error - )?cookies? (?:absent|turned off"
        r"|(?:are |is )?(?:required|disabled|needed)|not (?:supported|enabled))",
        "",
    ),
    "bot check": (r"bot (verification|detection)|robot check|validate user|are you a robot\?", ""),
    "F5": ("request rejected", "your support id is"),
    "Akamai": ("access denied", "errors[.]edgesuite[.]net"),
    "Radware": ("radware (captcha|bot).*", "validate[.]perfdrive[.]com"),
    "Vercel": ("vercel security checkpoint.*", ""),
    "Imunify360": ("one moment, please.*", "imunify360"),
    "PerimeterX": (
        "(jstor: )?access check|access to this page has been denied.*",
        'id="px-captcha"',
    ),
    "Google": (r"https?://scholar\.google\S+|sorry\W*", ""),
    "DataDome": ("", "captcha-delivery[.]com"),
    "Sucuri": ("", "sucuri_cloudproxy"),
    "Kasada": ("", "kpsdk"),
}
# Ordinary pages have these too (a comment form, a notice), so only an almost empty page counts.
WEAK = re.compile(
    r"class=[\"'][^\"']*\b(g-recaptcha|h-captcha|cf-turnstile)\b|_incapsula_resource"
    r"|(verify|confirm|check(ing)?|make sure|making sure)\b[^.<]{0,40}\b(human|not a (ro)?bot)\b"
    r"|unusual traffic from your|enable javascript and cookies to continue"
    r"|checking your browser before|press (?:and|&amp;|&) hold\b|needs to review the security of your"
    r"|prove (?:that )?you(?: are|'re) (?:a )?(?:human|not a (?:ro)?bot)|unusual activity from your"
    r"|your ip(?: address)? (?:has been|is|was) (?:temporarily )?blocked"
    r"|automated (?:requests|access|queries)\b.{0,60}\b(?:blocked|detected|not (?:allowed|permitted))",
    re.IGNORECASE,
)
FEW_WORDS = 150
# titles of error pages, which some servers send with status 200
FAILS = re.compile(
    r"(?:[\w ]{2,30} [|:–-] )?"
    r"(?:(?:http|error)\W*)*(?:(?:429|50[0-9])\W*)?(?:internal server error|server error|bad gateway"
    r"|gateway time-?out|service (?:temporarily )?unavailable|too many requests|rate limit exceeded"
    r"|(?:temporarily|currently) unavailable|(?:site |website |system )?(?:is )?(?:temporarily |currently )?"
    r"(?:under|down for|scheduled|site|system) maintenance)\W*|(?:(?:http|error)\W*)+(?:429|50[0-9])\W*"
)
WESTERN = re.compile(r"(iso[-_]?8859[-_]?1|latin[-_]?1|windows[-_]?1252|cp1252|(us-)?ascii)$", re.I)
WIDE = re.compile(r"(utf|ucs)[-_]?(16|32|2|4)", re.I)


def challenge_of(text: str, headers: Mapping[str, str] | None = None) -> str:
    """The vendor of the bot challenge that an HTML page is, or an empty string if it is none."""
    if headers and headers.get("cf-mitigated", "").lower() == "challenge":
        return "Cloudflare"
    if "<" not in text[:2000]:
        return ""
    lowered, named = text.lower(), _title(text)
    by_title = (kind for kind, (title, _) in CHALLENGES.items() if re.fullmatch(title, named))
    by_mark = (kind for kind, (_, mark) in CHALLENGES.items() if mark and re.search(mark, lowered))
    sure = next(chain(by_title if named else (), by_mark), "")
    few = 4 * FEW_WORDS if sure else FEW_WORDS
    return (sure or "captcha") if (sure or WEAK.search(text)) and _words_seen(text) < few else ""


def failure_of(text: str) -> str:
    """The title of an HTML page that is a server's error page, with any status; else empty."""
    named = _title(text) if "<" in text[:2000] else ""
    return named if FAILS.fullmatch(named) and _words_seen(text) < FEW_WORDS else ""


def _title(text: str) -> str:
    title = text[:20000].lower().partition("<title")[2].partition(">")[2].partition("</title>")
    return " ".join(title[0].replace("&#39;", "'").split()) if title[1] else ""


def _words_seen(text: str) -> int:
    """The number of visible words."""
    seen = re.sub(
        r"(?is)<(script|style|template|svg)\b.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)", " ", text
    )
    return word_count(re.sub(r"<[^>]*+>?", " ", seen))


def decoded(body: bytes, media: str) -> str:
    """Decode a page by the header's charset, else by its own declaration, else UTF-8, else cp1252.

    Servers often declare a western charset for UTF-8, but not the reverse: UTF-8 is read as such,
    even with a few invalid bytes. A declared UTF-16 or UTF-32 is used only if there are zero bytes.
    """
    named = re.search(r"charset=[\"']?([\w-]+)", media)
    inside = re.search(rb"(?:charset|encoding)=[\"']?([\w-]+)", body[:2048], re.IGNORECASE)
    for name in (named[1] if named else "", inside[1].decode() if inside else "", "utf-8"):
        if WESTERN.match(name):
            name = "utf-8"  # cp1252 is the last fallback
        elif WIDE.match(name) and b"\0" not in body:
            continue
        try:
            return whole(body.decode(name or "utf-8").removeprefix("\ufeff"))
        except (LookupError, UnicodeError):
            continue
    text = body.decode("utf-8", "replace")
    wrong = text.count("\ufffd")
    if wrong < sum(not character.isascii() for character in text) / 2:
        return text  # UTF-8 with a few broken characters
    return body.decode("cp1252", "replace")


@dataclass(frozen=True, slots=True)
class Page:
    """A fetched page: its url, the url after redirects (keys masked in both), media type, text."""

    url: str
    landed: str
    media: str
    text: str


class PageCache:
    """Pages on disk: ``<folder>/<2 digits>/<SHA-256 of the url>.json``."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def path(self, url: str) -> Path:
        """The file of a url's page."""
        name = hashlib.sha256(url.encode("utf-8", "replace")).hexdigest()
        return self.folder / name[:2] / f"{name}.json"

    def read(self, url: str) -> Page | None:
        """The cached page; None if there is none or the file was changed."""
        path = self.path(url)
        try:
            with open(path, encoding="utf-8", opener=own) as stream:
                values = dict(from_json(stream.read()))
            written = values.pop("sha256", None)  # pages of earlier versions have none
            page = from_dict(Page, values)
            if page.url not in (url, shown(url)) or written not in (None, _sha256(page)):
                raise ValueError(f"it holds {page.url}, or was changed since it was written")
            return page
        except FileNotFoundError:
            pass
        except NotOwned as error:
            tell(error)
        except (OSError, ValueError, TypeError, RecordError) as error:
            log.warning("%s: unreadable, the page is fetched again (%s)", path, error)
        return None

    def write(self, url: str, page: Page) -> None:
        """Cache the page of a url, whole or not at all; keys in its urls are masked by stars."""
        with atomic_write(self.path(url)) as stream:
            json.dump({**asdict(page), "sha256": _sha256(page)}, stream)

    def forget(self, url: str) -> None:
        """Remove the page of a url from the cache."""
        self.path(url).unlink(missing_ok=True)


def _sha256(page: Page) -> str:
    return hashlib.sha256(json.dumps(asdict(page)).encode()).hexdigest()
