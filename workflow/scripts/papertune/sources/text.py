"""Plain text out of what publishers and users write: markup, entities and labels removed."""

from __future__ import annotations

import html
import re
import unicodedata

_BLOCK = "p|br|div|li|ul|ol|section|h[1-6]|tr|td|blockquote|dd|dt|jats:p|jats:sec|jats:title|title"
_INLINE = (
    "a|abbr|b|bold|cite|code|em|emph|font|i|inf|inline-formula|inline-graphic|italic|jats:[a-z-]+"
    "|math|mml:[a-z]+|m[a-z]{1,9}|q|s|sc|semantics|small|span|strong|sub|sup|tex-math|tt|u|var"
)
_ATTRIBUTES = r"(?:\s+[\w:-]+\s*=[^<>]*)?\s*/?"
BLOCK_TAG = re.compile(rf"</?(?:{_BLOCK}){_ATTRIBUTES}>", re.IGNORECASE)
_INLINE_TAG = re.compile(rf"</?(?:{_INLINE}){_ATTRIBUTES}>", re.IGNORECASE)
_INVISIBLE = re.compile("[\u00ad\u200b\u200c\u200d\u2060\ufeff\ud800-\udfff\x00-\x08\x0e-\x1f]")
# "Abstract interpretation …" is a sentence, "Abstract: …" and "ABSTRACT We …" have a heading
_LABEL = re.compile(
    r"^(?:(?i:abstract|summary)\s*[:.—–|]\s*|(?i:abstract)\s*-{1,2}\s+|ABSTRACT\s+(?=[A-Z])"
    r"|Abstract(?=[A-Z][a-z]))"
)


def clean(text: str) -> str:
    """Plain text: no tags, entities, invisible characters or leading label; one space; NFC.

    Only tags that publishers use are taken for tags: ``p<q and q>r`` stays as it is.
    """
    for _ in range(2):  # feeds escape twice now and then
        text = _INLINE_TAG.sub("", BLOCK_TAG.sub(" ", text))
        unescaped = html.unescape(text)
        if unescaped == text:
            break
        text = unescaped
    text = _INLINE_TAG.sub("", BLOCK_TAG.sub(" ", text))
    text = unicodedata.normalize("NFC", _INVISIBLE.sub("", text))
    return _LABEL.sub("", " ".join(text.split())).strip()
