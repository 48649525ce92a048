"""Bot challenges in place of pages, and bytes into text."""

from __future__ import annotations

import re
from collections.abc import Mapping

# Marks that only a challenge page has. An ordinary page behind Cloudflare carries
# /cdn-cgi/challenge-platform/scripts/…, so that path alone is none.
MARKS = {
    "_cf_chl_opt": "Cloudflare",
    'id="challenge-error-text"': "Cloudflare",
    "cf-browser-verification": "Cloudflare",
    "/.within.website/x/cmd/anubis": "Anubis",
    'id="anubis_challenge"': "Anubis",
    "window.gokuprops": "AWS WAF",
    "geo.captcha-delivery.com": "DataDome",
    'id="px-captcha"': "PerimeterX",
    "_fs-ch-": "Fastly",
    "cf-error-details": "Cloudflare",
    "incapsula incident id": "Imperva",
    "your support id is": "F5",
    "errors.edgesuite.net": "Akamai",
    "validate.perfdrive.com": "Radware",
    "sucuri_cloudproxy": "Sucuri",
    "imunify360": "Imunify360",
    "/.well-known/ddos-guard/js-challenge": "DDoS-Guard",
    "kpsdk": "Kasada",
}
TITLES = {
    "just a moment...": "Cloudflare",
    "attention required! | cloudflare": "Cloudflare",
    "making sure you're not a bot!": "Anubis",
    "making sure you’re not a bot!": "Anubis",
    "client challenge": "Fastly",
    "human verification": "AWS WAF",
    "pardon our interruption": "Imperva",
    "pardon our interruption...": "Imperva",
    "ddos-guard": "DDoS-Guard",
    "security check": "security check",
    "bot verification": "bot check",
    "bot detection": "bot check",
    "robot check": "bot check",
    "validate user": "bot check",
    "are you a robot?": "bot check",
}
TITLE = re.compile(
    r"(?P<Cloudflare>just a moment|please wait\W* \| cloudflare|access denied \| .* cloudflare)"
    r"|(?P<F5>request rejected$)|(?P<Akamai>access denied$)|(?P<Radware>radware (?:captcha|bot))"
    r"|(?P<Vercel>vercel security checkpoint)|(?P<Imunify360>one moment, please)"
    r"|(?P<PerimeterX>(?:jstor: )?access check$|access to this page has been denied)"
    r"|(?P<Google>https?://scholar\.google\S+$|sorry\W*$)"
)
# These stand on ordinary pages too (a comment form, a notice), so only an almost empty page counts.
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
WESTERN = re.compile(
    r"(iso[-_]?8859[-_]?1|latin[-_]?1|windows[-_]?1252|cp1252|us-ascii|ascii)$", re.I
)
WIDE = re.compile(r"(utf|ucs)[-_]?(16|32|2|4)", re.I)


def challenge_of(text: str, headers: Mapping[str, str] | None = None) -> str:
    """Whose challenge a page is, or an empty string where it is none.

    Args:
        text: The HTML.
        headers: Response headers, where there are any.
    """
    if headers and headers.get("cf-mitigated", "").lower() == "challenge":
        return "Cloudflare"
    if "<" not in text[:2000]:
        return ""
    lowered = text.lower()
    title = re.search(r"<title[^>]*>(.*?)</title>", lowered[:20000], re.DOTALL)
    if title:
        named = " ".join(title[1].replace("&#39;", "'").split())
        pattern = TITLE.match(named)
        kind = TITLES.get(named) or (str(pattern.lastgroup) if pattern else "")
        if kind and _words(text) < 4 * FEW_WORDS:
            return kind
    for mark, kind in MARKS.items():
        if mark in lowered and _words(text) < 4 * FEW_WORDS:
            return kind
    if WEAK.search(text) and _words(text) < FEW_WORDS:
        return "captcha"
    return ""


def _words(text: str) -> int:
    """How many words a reader sees."""
    seen = re.sub(r"(?is)<(script|style|template|svg)\b.*?</\1\s*>|<!--.*?-->", " ", text)
    return len(re.sub(r"<[^>]*>", " ", seen).split())


def decoded(body: bytes, media: str) -> str:
    """Text of a page: the header's charset, else what the page declares, else UTF-8, else cp1252.

    Servers name a western charset for UTF-8 and never the other way round: what is UTF-8 is read
    so, even with a few bytes that are not. UTF-16 is believed only where there are zero bytes.
    """
    named = re.search(r"charset=[\"']?([\w-]+)", media)
    inside = re.search(rb"(?:charset|encoding)=[\"']?([\w-]+)", body[:2048], re.IGNORECASE)
    for name in (named[1] if named else "", inside[1].decode() if inside else "", "utf-8"):
        if WESTERN.match(name):
            name = "utf-8"  # cp1252 is what is left in the end
        elif WIDE.match(name) and b"\0" not in body:
            continue
        try:
            return body.decode(name or "utf-8").removeprefix("\ufeff")
        except (LookupError, UnicodeError):
            continue
    text = body.decode("utf-8", "replace")
    wrong = text.count("\ufffd")
    if wrong < sum(not character.isascii() for character in text) / 2:
        return text  # UTF-8 with a torn character or two
    return body.decode("cp1252", "replace")
