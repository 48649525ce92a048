"""Bot challenges in place of pages, and bytes into text."""

import re
from collections.abc import Mapping
from itertools import chain

# Marks that only a challenge page has. An ordinary page behind Cloudflare carries
# /cdn-cgi/challenge-platform/scripts/…, so that path alone is none.
MARKS = {
    "Cloudflare": (
        *("_cf_chl_opt", 'id="challenge-error-text"', "cf-browser-verification"),
        "cf-error-details",
    ),
    "Anubis": ("/.within.website/x/cmd/anubis", 'id="anubis_challenge"'),
    "AWS WAF": ("window.gokuprops",),
    "DataDome": ("geo.captcha-delivery.com",),
    "PerimeterX": ('id="px-captcha"',),
    "Fastly": ("_fs-ch-",),
    "Imperva": ("incapsula incident id",),
    "F5": ("your support id is",),
    "Akamai": ("errors.edgesuite.net",),
    "Radware": ("validate.perfdrive.com",),
    "Sucuri": ("sucuri_cloudproxy",),
    "Imunify360": ("imunify360",),
    "DDoS-Guard": ("/.well-known/ddos-guard/js-challenge",),
    "Kasada": ("kpsdk",),
}
TITLES = {  # patterns of whole titles in lower case
    "Cloudflare": r"just a moment.*|attention required! \| cloudflare"
    r"|please wait\W* \| cloudflare.*|access denied \| .* cloudflare.*",
    "Anubis": r"making sure you['’]re not a bot!",
    "Fastly": "client challenge",
    "AWS WAF": "human verification",
    "Imperva": r"pardon our interruption(\.\.\.)?",
    "DDoS-Guard": "ddos-guard",
    "security check": "security check",
    "bot check": r"bot (verification|detection)|robot check|validate user|are you a robot\?",
    "F5": "request rejected",
    "Akamai": "access denied",
    "Radware": "radware (captcha|bot).*",
    "Vercel": "vercel security checkpoint.*",
    "Imunify360": "one moment, please.*",
    "PerimeterX": "(jstor: )?access check|access to this page has been denied.*",
    "Google": r"https?://scholar\.google\S+|sorry\W*",
}
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
WESTERN = re.compile(r"(iso[-_]?8859[-_]?1|latin[-_]?1|windows[-_]?1252|cp1252|(us-)?ascii)$", re.I)
WIDE = re.compile(r"(utf|ucs)[-_]?(16|32|2|4)", re.I)


def challenge_of(text: str, headers: Mapping[str, str] | None = None) -> str:
    """Whose challenge an HTML page is, or an empty string where it is none."""
    if headers and headers.get("cf-mitigated", "").lower() == "challenge":
        return "Cloudflare"
    if "<" not in text[:2000]:
        return ""
    lowered = text.lower()
    title = re.search(r"<title[^>]*>(.*?)</title>", lowered[:20000], re.DOTALL)
    named = " ".join(title[1].replace("&#39;", "'").split()) if title else ""
    by_title = (kind for kind, pattern in TITLES.items() if re.fullmatch(pattern, named))
    by_mark = (kind for kind, marks in MARKS.items() if any(mark in lowered for mark in marks))
    sure = next(chain(by_title, by_mark), "")
    few = 4 * FEW_WORDS if sure else FEW_WORDS
    if not (sure or WEAK.search(text)):
        return ""
    # what a reader sees
    seen = re.sub(r"(?is)<(script|style|template|svg)\b.*?</\1\s*>|<!--.*?-->", " ", text)
    return (sure or "captcha") if len(re.sub(r"<[^>]*>", " ", seen).split()) < few else ""


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
