"""Pairs in plain text, labelled (``Q1:``, ``**Question:**``, ``### Answer``) or numbered; and text
without its decoration.
"""

import re
from itertools import zip_longest

from papertune.generators.languages import ANSWER_WORDS, ASKING, QUESTION_WORDS
from papertune.sentences import composed, edged, flowed, has_code, is_indented, lined

Pairs = list[tuple[str, str]]

_Q, _A = "|".join(QUESTION_WORDS), "|".join(ANSWER_WORDS)

# Every pattern here takes time in proportion to a text, whatever it is: possessive repeats never try
# again, and white space before a mark is looked at from the beginning of its line only.
_DRESS = r"[ \t*#_>\[{(\"'•\-–【〔［「『]*+"
# 1, (1), 一; ที่ makes a number of Thai one in a row
_NUMBER = r"(?:[ \t]*+(?:[#_-][ \t]*+|ที่[ \t]*+)?(?:\d++|[(（]\d++[)）]|[一二三四五六七八九十]++))?"
_ASKED = rf"(?P<question>[^\n{ASKING}]++[{ASKING}]|[^\n{ASKING}。]++(?<=か)。)"
_LABEL = re.compile(
    rf"^(?P<dress>{_DRESS}(?:\d++\s*+[.):]\s*+{_DRESS})?)"
    rf"(?:(?P<question>(?:research\s++)?question|q|{_Q})|(?P<answer>answer|approach|ans|a|{_A})"
    r"|(?P<other>(?:(?:qa|q&a|question[-\s]answer)\s*+|[^\S\n]*+)pair"
    r"|explanation|evidence|source|difficulty|keywords?))"
    rf"{_NUMBER}[\]\"')】〕］」』]*[ \t]*+"
    r"(?:\**+[ \t]*+[:：៖.)]\**+|\*++|,?[ \t]*+$|(?<=[ \t])[-–][ \t]++|(?<=[】〕］]))",
    re.I | re.M,
)
_INLINE_ANSWER = re.compile(
    rf"(?:(?<=[?!.*\"”])[ \t]++|(?<=[？。؟])[ \t]*+)(?=\**+(?:A\d*+|(?:Answer|{_A})(?:[ \t]?\d+)?|Ans)\**+"
    r"[ \t]*+[:：])",
    re.I,
)
_LETTER = re.compile(
    r"\w(?:\s?\d+|\**\s*[:：]|[】〕］])|[问問答][(（一二三四五六七八九十]|[QA](?:[.)]|\**$)"
)
_COLON = frozenset(":：៖")
_BLANK_LINE = re.compile(r"\n\s*\n")
_FAREWELL = re.compile(
    r"[\s*#_>-]*+(?:let me know|i hope|hope (?:this|these)|feel free|please (?:let|note)|would you like"
    r"|is there anything|these (?:questions|pairs|question)|note:|\(?note that|that concludes)",
    re.I,
)
_RULE = re.compile(r"^[^\S\n]*+(?:-{3,}+|\*{3,}+|_{3,}+|={3,}+)[^\S\n]*+$", re.M)


def _labels(text: str) -> list[re.Match[str]]:
    """The labels at the beginnings of lines; single letters only where they are labels for sure."""
    found: list[re.Match[str]] = []
    first: dict[str, str] = {}
    for match in _LABEL.finditer(text):
        word = match.group("question") or match.group("answer") or ""
        label = match.group(0)[len(match.group("dress")) :]
        if len(word) == 1 and not _LETTER.match(label):
            continue
        if word.islower() and not match.group("dress").strip() and not _COLON & {*label}:
            continue  # running text: "question and answer …", "approach."
        pair = label.lower().rstrip("* \t0123456789").endswith("pair")
        if match.group("other") and not _COLON & {*label} and not pair:
            continue
        kind = "question" if match.group("question") else "answer" if word else "other"
        dress = re.sub(r"[\d\s.)]+", "", match.group("dress"))
        numbered = bool(re.search(r"\d", match.group(0)))
        if kind != "other" and not numbered and first.setdefault(kind, dress) != dress:
            continue  # a bullet "- **Question**: …" inside an answer
        found.append(match)
    return found


def _body(text: str) -> str:
    """The text without rules, and without a last paragraph that is about the pairs ("I hope …")."""
    text = _RULE.sub("", text)
    body = text.rstrip()
    breaks = [match.span() for match in _BLANK_LINE.finditer(body)]
    if not breaks or not _FAREWELL.match(body, breaks[-1][1]):
        return text
    start = breaks[-1][0]
    while start and (body[start - 1].isspace() or body[start - 1] in "*#_>-"):
        start -= 1
    found = _BLANK_LINE.search(body, start)
    return body[: found.start() if found else start]


def unlabelled(text: str) -> str:
    """``Research Question: How …?`` → ``How …?``."""
    return edged(edged(_LABEL_IN_STRING.sub("", edged(text))).rstrip("*"))


def read_labelled(text: str, cut: bool) -> Pairs:
    """Pairs from labels such as ``Q1:`` and ``**Answer**``."""
    text = _INLINE_ANSWER.sub("\n", _body(text))
    labels = _labels(text)
    pairs: Pairs = []
    question = ""
    for label, after in zip_longest(labels, labels[1:]):
        content = text[label.end() : after.start() if after else len(text)].lstrip(" \t")
        content = edged(content)
        quoted = any(mark in label.group(0) for mark in "\"'“")
        if label.group("question"):
            question = content.strip("\"'“”,[]{} \n") if quoted else content
            continue
        content = _quoted(content) if quoted else content
        if label.group("answer") and question and content:
            if not cut or after or quoted or _ends(content):
                pairs.append((unlabelled(question), content))
            question = ""
    return pairs


def _quoted(content: str) -> str:
    """The string after a quoted label (JSON past repair); nothing where its end is missing."""
    whole = re.match(r"\A[\s,:]*+[\"'“](.*)[\"'”]\s*+(?:[}\],]|$)", content, re.S)
    nested = re.match(r"\A[\s,:]*+([\[{].*)[\]}]", content, re.S)
    if whole:
        return whole.group(1)
    return re.sub(r"[\"{}\[\]]+,?", " ", nested.group(1)) if nested else ""


def _ends(text: str) -> bool:
    return text.rstrip().endswith(tuple(".!?:)]\"”'*`。！？؟।」』）"))


_LABEL_IN_STRING = re.compile(
    rf"^[*#\s]*+(?:research\s++question|question|q|approach|answer|a|{_Q}|{_A})"
    r"\s*+\d*+\s*+\**+\s*+[:：](?:[^\S\n]*+\n++|\s*+)\**+",
    re.I,
)
_NUMBERED = re.compile(
    rf"^{_DRESS}(?:\d++\s*+[.):、．：]|[一二三四五六七八九十]++、)\s*+{_ASKED}[*_\"”']*+", re.M
)
_BOLD_QUESTION = re.compile(rf"^[^\S\n]*+(?:#++\s++|\*\*){_ASKED}[*_]*+[^\S\n]*+$", re.M)


def read_numbered(text: str, cut: bool) -> Pairs:
    """Numbered or bold questions with their answers behind or below them."""
    text = _body(text)
    for pattern in (_NUMBERED, _BOLD_QUESTION):
        found = list(pattern.finditer(text))
        if len(found) == 1 and len(text[: found[0].start()]) > 200:
            continue  # one question somewhere inside prose is none of a list
        pairs: Pairs = []
        for match, after in zip_longest(found, found[1:]):
            answer = text[match.end() : after.start() if after else len(text)]
            answer = edged(re.sub(r"^\s*+[-–:→]++\s*+", "", answer))
            if answer and (not cut or after or _ends(answer)):
                pairs.append((match.group("question"), unlabelled(answer)))
        if pairs:
            return pairs
    return []


_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ufe0e\ufe0f]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]")
# pictographs, symbols and dingbats; arrows (U+2190…) and operators (U+2200…) are maths
_EMOJI = re.compile("[\U0001f000-\U0001faff\U000e0000-\U000e007f\u2600-\u27bf\u2b50\u2b55]")
_FENCE = re.compile(r"^[ \t]*(?:```|~~~)[^\n`]*$\n?", re.M)
_FENCED = re.compile(
    r"^([ \t]*+)(```|~~~)([^\n`]*+)\n(.*?)(?:^[ \t]*+\2[ \t]*+$\n?|\Z)", re.M | re.S
)
_NO_CODE = re.compile(r"\s*+(?:json|te?xt|markdown|md|latex|tex|plain\w*)?\s*+", re.I)
_BOLD, _BOLD_END = re.compile(r"(?<![\w*])\*{2,3}(?=\S)"), re.compile(r"(?<=\S)\*{2,3}(?!\w)")
_EMPHASIS = re.compile(r"(?<![\w*\\)])\*(?=[^\s*])([^*\n]++)(?<=\S)\*(?![\w*(])")
_CODE = re.compile(r"(?<!`)`++([^`\n]++)`++")
_HEADING = re.compile(r"^[ \t]*+#{1,6}[ \t]++(.*)$", re.M)
_BULLET = re.compile(r"^[ \t]*+(?:[*•▪●◦‣·■□►▶]++|[-–—](?=[ \t]))[ \t]++", re.M)
_INNER_BULLET = re.compile("[•▪●◦‣■□►▶]")
_RULES = re.compile(r"^[ \t]*+(?:[-*_=][ \t]*+){3,}+$", re.M)


def clean(text: str) -> str:
    """The text without decoration; one line per line that has something on it.

    Goes: Markdown bold, emphasis, headings, bullets, fences and backticks, rules, emojis,
    zero-width and control characters. Stays: ``a * b``, ``x**2``, ``C#``, ``snake_case``, LaTeX; and
    code, in fences or indented, as it is with its lines.
    """
    text = composed(text).replace("\r\n", "\n").replace("\r", "\n")
    for pattern in (_INVISIBLE, _CONTROL):
        text = pattern.sub("", text)
    parts, position = [], 0
    for block in _FENCED.finditer(text):
        kept = has_code(block[4]) if block[3].strip() else is_indented(block[4])
        if kept or not _NO_CODE.fullmatch(block[3]):
            parts += [_prose(text[position : block.start()]), lined(block[4]).strip("\n")]
            position = block.end()
    if parts:
        return "\n".join(filter(None, [*parts, _prose(text[position:])]))
    if has_code(text):
        return edged(lined(text))
    return _prose(text)


def _prose(text: str) -> str:
    for pattern in (_EMOJI, _FENCE, _RULES, _BULLET):
        text = pattern.sub("", text)
    text = _HEADING.sub(lambda line: line[1].rstrip(" \t").rstrip("#").rstrip(" \t"), text)
    text = _CODE.sub(r"\1", text)
    for _ in range(2):  # bold may stand around emphasis
        text = _EMPHASIS.sub(r"\1", _not_bold(text))
    text = _INNER_BULLET.sub(" ", text)
    text = re.sub(r"[^\S\n]+", " ", text)
    text = re.sub(r" ?\n\s*", "\n", text).strip().strip("`").strip()
    # of white space there is one at a time now
    text = re.sub(r"^\*++(?=[\w\s\"“(])\s?|(?<=[\w\s.!?:;,\"”)])\s?\*++$", "", text)
    return _unquoted(text)


def _not_bold(text: str) -> str:
    """The text without the marks of bold words; where an end is missing, with them."""
    parts, position = [], 0
    while start := _BOLD.search(text, position):
        end = _BOLD_END.search(text, start.end() + 1)
        if end is None:  # and so none of the later ones has an end
            break
        parts += [text[position : start.start()], text[start.end() : end.start()]]
        position = end.end()
    return "".join([*parts, text[position:]])


def clean_line(text: str) -> str:
    """As :func:`clean`, on one line where it has no code."""
    return _unquoted(flowed(clean(text)))


def _unquoted(text: str) -> str:
    """Without one pair of quotes around the whole."""
    if len(text) > 1 and text[0] + text[-1] in {'""', "“”", "''"}:
        inner = text[1:-1]
        if not any(mark in inner for mark in '"“”') and (text[0] != "'" or "'" not in inner):
            return inner.strip()
    return text
