"""Taking decoration out of what a model wrote, and leaving maths and code as they are."""

import re
import unicodedata

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ufe0e\ufe0f]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]")
# pictographs, symbols and dingbats; arrows (U+2190…) and operators (U+2200…) are maths
_EMOJI = re.compile("[\U0001f000-\U0001faff\U000e0000-\U000e007f\u2600-\u27bf\u2b50\u2b55]")
_FENCE = re.compile(r"^[ \t]*(?:```|~~~)[^\n`]*$\n?", re.M)
_BOLD = re.compile(r"(?<![\w*])\*{2,3}(?=\S)(.+?)(?<=\S)\*{2,3}(?!\w)", re.S)
_EMPHASIS = re.compile(r"(?<![\w*\\)])\*(?=[^\s*])([^*\n]+?)(?<=[^\s*])\*(?![\w*(])")
_CODE = re.compile(r"`+([^`\n]+)`+")
_HEADING = re.compile(r"^[ \t]*#{1,6}[ \t]+(.*?)[ \t]*#*[ \t]*$", re.M)
_BULLET = re.compile(r"^[ \t]*(?:[*•▪●◦‣·■□►▶]+|[-–—](?=[ \t]))[ \t]+", re.M)
_INNER_BULLET = re.compile(r"[ \t]*[•▪●◦‣■□►▶][ \t]*")
_RULE = re.compile(r"^[ \t]*(?:[-*_=][ \t]*){3,}$", re.M)


def clean(text: str) -> str:
    """The text without decoration; one line per line that has something on it.

    Goes: Markdown bold, emphasis, headings, bullets, fences and backticks, rules, emojis,
    zero-width and control characters. Stays: ``a * b``, ``x**2``, ``C#``, ``snake_case``, LaTeX.
    """
    text = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
    for pattern in (_INVISIBLE, _CONTROL, _EMOJI, _FENCE, _RULE):
        text = pattern.sub("", text)
    text = _BULLET.sub("", text)
    text = _HEADING.sub(r"\1", text)
    text = _CODE.sub(r"\1", text)
    for _ in range(2):  # bold may stand around emphasis
        text = _EMPHASIS.sub(r"\1", _BOLD.sub(r"\1", text))
    text = _INNER_BULLET.sub(" ", text)
    text = re.sub(r"[^\S\n]+", " ", text)
    text = re.sub(r" ?\n[\s]*", "\n", text).strip().strip("`").strip()
    text = re.sub(r"^\*+(?=[\w\s\"“(])\s*|(?<=[\w\s.!?:;,\"”)])\s*\*+$", "", text)
    return _unquoted(text)


def clean_line(text: str) -> str:
    """As :func:`clean`, on one line."""
    return _unquoted(" ".join(clean(text).split()))


def _unquoted(text: str) -> str:
    """Without one pair of quotes around the whole."""
    if len(text) > 1 and text[0] + text[-1] in {'""', "“”", "''"}:
        inner = text[1:-1]
        if not any(mark in inner for mark in '"“”') and (text[0] != "'" or "'" not in inner):
            return inner.strip()
    return text
