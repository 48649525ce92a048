"""Remove decoration from text: Markdown, bullets, rules, pictographs; notation and code stay.

Every pattern here takes time in proportion to the length of the text.
"""

import re
from collections import Counter
from collections.abc import Callable

from papertune.sentences import composed, edged, flowed, has_code, is_indented, lined

OPEN_FENCE = "\n```"  # marks the end of an answer whose code block is not closed
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ufe0e\ufe0f]")
# marks with which assistants cite their input
_POINTER = re.compile(
    r"(?<![ \t])[ \t]*+(?:\[cite(?:_start|_end|:[\d\s,–-]{1,80}+)\]|【\d[\d:]*+†[^】\n]{0,60}+】)"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]")
_FENCE = re.compile(r"^[ \t]*(?:```|~~~)[^\n`]*$\n?", re.M)
_FENCED = re.compile(
    r"^([ \t]*+)(```|~~~)([^\n`]*+)\n(.*?)(?:^[ \t]*+\2[ \t]*+$\n?|\Z)", re.M | re.S
)
_NO_CODE = re.compile(r"\s*+(?:json|te?xt|markdown|md|latex|tex|plain\w*)?\s*+", re.I)
_CODE = re.compile(r"(?<!`)`++([^`\n]++)`++")
_INNER_BULLET = re.compile("[•▪●◦‣■□►▶]")
_ARROWS = "→⇒⟶⟹\u2794\u2798-\u27af\u27b1-\u27be"
# pictographs, without signs of music, astronomy and biology, and arrows
_PICTURES = re.compile(
    "[\U0001f000-\U0001faff\U000e0000-\U000e007f\u2600-\u2608\u260a-\u263f\u2641\u2643-\u266c"
    "\u2670-\u2793\u2795-\u2797\u27b0\u27bf\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u20e3]++"
)
_FORMULA = re.compile(
    r"\$\$[^$]++\$\$|\$(?=\S)[^$\n]++(?<=\S)\$(?!\d)|\\\((?:[^\\\n]|\\[^()\n])*+\\\)"
    r"|\\\[(?:[^\\]|\\[^\[\]])*+\\\]|\bhttps?://[^\s<>)\]]++"
)
_KEPT = re.compile("\ue010(\\d++)\ue011")  # placeholder for protected text
# in a power (**), an ASCII letter, digit or bracket comes before it
_STRONG = re.compile(r"(?<![A-Za-z0-9_*)\]])\*{2,3}(?=[^\s*])")
_STRONG_END = re.compile(r"(?<=[^\s*])\*{2,3}(?![A-Za-z0-9_*(])")
# no emphasis: superscripts and subscripts such as v^*, |x|_p
_SLANTED = re.compile(r"(?<![\w*\\)^{}|])\*(?=[^\s*])([^*\n]++)(?<![\s^_{])\*(?![\w*({])")
_UNDERLINED = re.compile(
    r"(?<![^\s(\"'“‘\[*—–-])(_{1,3})(?=[^\s_])([^_\n]++)(?<=\S)\1(?![^\s.,;:!?)\"'”’\]*—–-])"
)
_BUILT_IN = (int, str, list, dict, type, BaseException)
_OWN_NAMES = {name for kind in _BUILT_IN for name in dir(kind)}
_OWN_NAMES |= {
    "__all__",
    "__enter__",
    "__exit__",
    "__file__",
    "__main__",
    "__name__",
    "__version__",
}
_TITLE = re.compile(r"^[ \t]*+(?:#{1,6}[ \t]++(?!of\b)|#{2,6}(?=\w))(.*)$", re.M)
_POINT = re.compile(
    r"^[ \t]*+(?:[•▪●◦‣■□►▶◆◇◾◽▫⁃∙]++[ \t]*+|(?:[*·○]++|[-–—])[ \t]++)(?:\[[ xX]\][ \t]++)?+",
    re.M,
)
_LEADS = re.compile(rf"^[ \t]*+(?:[{_ARROWS}]++|[-=]{{1,2}}>(?=[ \t]))[ \t]*+", re.M)
_LEADS_NOWHERE = re.compile(rf"(?<![\s{_ARROWS}])\s*+[{_ARROWS}]++\s*+\Z")
_LINE = re.compile(r"^[ \t]*+(?:[-*_=~─━═—–·•#+|:][ \t]*+){3,}+$", re.M)
# not: underscores (a gap to fill in), three hyphens (a dash of TeX)
_INNER_LINE = re.compile(r"(?<!\S)(?:-{4,}+|[─━═]{2,}+|={5,}+|~{4,}+|[*#•·]{4,}+)(?!\S)")
_LEFT_OVER = re.compile(
    r"^[ \t]*+\*{1,3}(?=[^\W\da-z_]|[\"“])|(?<=[.!?:;,\"”。！？])\*[* \t]*+$"
    r"|(?<=[^* \t\n])[ \t]++\*[* \t]*+$|(?<=\w)\*{2,3}+(?=[ \t]*+$)|(?<!\S)(?:\*{3}|#{2,3})(?!\S)",
    re.M,
)


def clean(text: str) -> tuple[str, Counter[str]]:
    """The text without decoration and blank lines, and the number of removed marks by kind.

    Removed and counted: ``emphasis`` (Markdown's bold and italics), ``heading``, ``bullet``, ``arrow``
    before a line or at the end, ``rule``, ``emoji``, ``backticks``, and single marks that are
    ``left_over``. Removed without counting: fences, zero-width and control characters, and citations of
    assistants ("[cite: 1]"). Kept: ``a*b``, ``x_i``, ``C#``, ``2 ** 3``, ``A → B``, ``A*``, ``____``,
    formulas of TeX, addresses, text between backticks, and code in fences or indented, with its lines.
    """
    text = composed(text).replace("\r\n", "\n").replace("\r", "\n")
    for pattern in (_INVISIBLE, _CONTROL, _POINTER):
        text = pattern.sub("", text)
    removed: Counter[str] = Counter()
    parts, position = [], 0
    for block in _FENCED.finditer(text):
        kept = has_code(block[4]) if block[3].strip() else is_indented(block[4])
        if kept or not _NO_CODE.fullmatch(block[3]):
            prose = _prose(text[position : block.start()], removed)
            parts += [prose, lined(block[4]).strip("\n")]
            position = block.end()
    if parts:
        said = "\n".join(filter(None, [*parts, _prose(text[position:], removed)]))
    else:
        said = edged(lined(text)) if has_code(text) else _prose(text, removed)
    return said, +removed


def clean_line(text: str) -> tuple[str, Counter[str]]:
    """As :func:`clean`, but joined to one line unless it has code."""
    said, removed = clean(text)
    return _unquoted(flowed(said)), removed


def _prose(text: str, removed: Counter[str]) -> str:
    """A text without code, without its decoration, which is counted in ``removed``."""
    kept: list[str] = []

    def keep(found: re.Match[str]) -> str:
        lines = found[found.lastindex or 0].split("\n")
        kept.append("\n".join(map(str.strip, lines)) if len(lines) > 1 else lines[0])
        return f"\ue010{len(kept) - 1}\ue011"

    def gone(name: str, pattern: re.Pattern[str], by: Callable[[re.Match[str]], str] | str) -> None:
        nonlocal text
        text, count = pattern.subn(by, text)
        removed[name] += count

    def said(found: re.Match[str]) -> str:
        if found[1] == "__" and found[0] in _OWN_NAMES:
            return found[0]
        removed["emphasis"] += 1
        return found[2]

    text = _FENCE.sub("", re.sub("[\ue010\ue011]", "", text))
    gone("backticks", _CODE, keep)
    text = _FORMULA.sub(keep, text)
    gone("emoji", _PICTURES, _gap)
    gone("rule", _LINE, "")
    gone("rule", _INNER_LINE, "")
    gone("arrow", _LEADS, "")
    gone("bullet", _POINT, "")
    gone("heading", _TITLE, _headed)
    for _ in range(2):  # bold may contain emphasis
        text, count = _not_bold(text)
        removed["emphasis"] += count
        gone("emphasis", _SLANTED, r"\1")
        text = _UNDERLINED.sub(said, text)
    gone("left_over", _LEFT_OVER, "")
    gone("arrow", _LEADS_NOWHERE, "")
    gone("bullet", _INNER_BULLET, " ")
    text = re.sub(r"[^\S\n]+", " ", text)
    text = re.sub(r" ?\n\s*", "\n", text).strip().strip("`").strip()
    for _ in range(2):  # a formula may contain text between backticks
        text = _KEPT.sub(lambda place: kept[int(place[1])], text)
    return _unquoted(text)


def _not_bold(text: str) -> tuple[str, int]:
    """The text without the marks of bold words, and their number; marks without an end stay."""
    parts, position = [], 0
    while start := _STRONG.search(text, position):
        end = _STRONG_END.search(text, start.end() + 1)
        if end is None:  # then no later mark has an end either
            break
        parts += [text[position : start.start()], text[start.end() : end.start()]]
        position = end.end()
    return "".join([*parts, text[position:]]), len(parts) // 2


def _headed(line: re.Match[str]) -> str:
    """A heading without its marks; a final ``#`` stays if no blank precedes it (``C#``)."""
    said = line[1].rstrip(" \t")
    bare = said.rstrip("#")
    return bare.rstrip(" \t") if bare[-1:].isspace() or not bare else said


def _gap(found: re.Match[str]) -> str:
    """A blank if only pictographs separate two words, else empty."""
    before, after = (
        found.string[max(0, found.start() - 1) : found.start()],
        found.string[found.end() : found.end() + 1],
    )
    return " " if before.isalnum() and after.isalnum() else ""


def _unquoted(text: str) -> str:
    """The text without a pair of quotes around the whole."""
    if len(text) > 1 and text[0] + text[-1] in {'""', "“”", "''"}:
        inner = text[1:-1]
        if not any(mark in inner for mark in '"“”') and (text[0] != "'" or "'" not in inner):
            return inner.strip()
    return text
