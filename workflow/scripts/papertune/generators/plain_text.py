"""Pairs in plain text, labelled (``Q1:``, ``**Question:**``, ``### Answer``) or numbered."""

import re
from itertools import zip_longest

from papertune.generators.languages import ANSWER_WORDS, ASKING, QUESTION_WORDS
from papertune.sentences import edged

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
    r"|explanation|rationale|evidence|sources?|references?|citation|difficulty|keywords?))"
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
    points = {""}  # what stands before the labels of questions and answers
    for match in _LABEL.finditer(text):
        word = match.group("question") or match.group("answer") or ""
        label = match.group(0)[len(match.group("dress")) :]
        if len(word) == 1 and not _LETTER.match(label):
            continue
        if word.islower() and not match.group("dress").strip() and not _COLON & {*label}:
            continue  # running text: "question and answer …", "approach."
        pair = label.lower().rstrip("* \t0123456789").endswith("pair")
        if match.group("other") and not pair:
            if not _COLON & {*label} or text[: match.start()].rstrip().endswith(tuple(_COLON)):
                continue  # the first of what an answer announces
            if _points(match) not in points and _has_neighbour(text, match):
                continue  # a bullet "- Source: …" inside an answer
        kind = "question" if match.group("question") else "answer" if word else "other"
        dress = re.sub(r"[\d\s.)]+", "", match.group("dress"))
        numbered = bool(re.search(r"\d", match.group(0)))
        if kind != "other" and not numbered and first.setdefault(kind, dress) != dress:
            continue  # a bullet "- **Question**: …" inside an answer
        if kind != "other":
            points.add(_points(match))
        found.append(match)
    return found


def _points(label: re.Match[str]) -> str:
    """Whether a bullet or a number makes the label's line a list item."""
    item = re.match(r"\s*+(?:([-•–*])[ \t]|\d++\s*+([.):]))", label.group("dress"))
    return (item[1] or item[2]) if item else ""


_NUMBERED_ITEM = re.compile(r"\d{1,3}[ \t]?[.):]")
_BULLETED_ITEM = re.compile(r"[-•–*][ \t]")


def _has_neighbour(text: str, label: re.Match[str]) -> bool:
    """Whether the line before or after a label's is an item of the same list, and of the answer."""
    before = text[max(0, label.start() - 1000) : label.start()].rstrip().rpartition("\n")[2]
    after = text[label.end() : label.end() + 1000].partition("\n")[2].partition("\n")[0]
    point = _NUMBERED_ITEM if _points(label) in ".):" else _BULLETED_ITEM
    return any(point.match(line.strip()) and not _LABEL.match(line) for line in (before, after))


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
    return edged(_LABEL_IN_STRING.sub("", edged(text)))


def labels_question(text: str) -> bool:
    """Whether a text begins with a label of a question."""
    label = _LABEL_IN_STRING.match(edged(text))
    found = _LABEL.match(text)
    return bool(label and found and found.group("question"))


def read_labelled(text: str, cut: bool) -> Pairs:
    """Pairs from labels such as ``Q1:`` and ``**Answer**``."""
    text = _INLINE_ANSWER.sub("\n", _body(text))
    labels = _labels(text)
    pairs: Pairs = []
    question = ""
    for label, after in zip_longest(labels, labels[1:]):
        content = text[label.end() : after.start() if after else len(text)].lstrip(" \t")
        content = edged(_BLOCK.sub("", content))
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


_BLOCK = re.compile(r"\A[>|][-+]?[ \t]*+\n")  # of YAML: a text in the lines below


def _quoted(content: str) -> str:
    """The string after a quoted label (JSON past repair); nothing where its end is missing."""
    whole = re.match(r"\A[\s,:]*+[\"'“](.*)[\"'”]\s*+(?:[}\],]|$)", content, re.S)
    nested = re.match(r"\A[\s,:]*+([\[{].*)[\]}]", content, re.S)
    if whole:
        return whole.group(1)
    return re.sub(r"[\"{}\[\]]+,?", " ", nested.group(1)) if nested else ""


def _ends(text: str) -> bool:
    return text.rstrip().endswith(tuple(".!?)]\"”'*`。！？؟।」』）"))


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
                pairs.append((unlabelled(match.group("question")), unlabelled(answer)))
        if pairs:
            return pairs
    return []
