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
# These stand on ordinary pages too (a comment form, a notice), so only an almost empty page counts.
WEAK = re.compile(
    r"class=[\"'][^\"']*\b(g-recaptcha|h-captcha|cf-turnstile)\b|_incapsula_resource"
    r"|(verify|confirm|check(ing)?|make sure|making sure)\b[^.<]{0,40}\b(human|not a (ro)?bot)\b"
    r"|unusual traffic from your|enable javascript and cookies to continue"
    r"|checking your browser before",
    re.IGNORECASE,
)
FEW_WORDS = 150


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
        kind = TITLES.get(" ".join(title[1].replace("&#39;", "'").split()))
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
    """Text of a page: the header's charset, else what the page declares, else UTF-8, else cp1252."""
    named = re.search(r"charset=[\"']?([\w-]+)", media)
    inside = re.search(rb"(?:charset|encoding)=[\"']?([\w-]+)", body[:2048], re.IGNORECASE)
    for name in (named[1] if named else "", inside[1].decode() if inside else "", "utf-8"):
        try:
            return body.decode(name or "utf-8").removeprefix("\ufeff")
        except (LookupError, UnicodeDecodeError):
            continue
    return body.decode("cp1252", "replace")
