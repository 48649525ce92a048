"""Pairs in plain text, labelled (``Q1:``, ``**Question:**``, ``### Answer``) or numbered."""

import re
from itertools import groupby, zip_longest

from papertune.generators import remarks
from papertune.generators.choices import in_text
from papertune.generators.languages import ANSWER_WORDS, ASKING, ASKS, QUESTION_WORDS
from papertune.sentences import edged

Pairs = list[tuple[str, str]]

_Q, _A = "|".join(QUESTION_WORDS), "|".join(ANSWER_WORDS)

# Every pattern here takes time in proportion to the text: possessive repeats never backtrack, and white
# space before a mark is matched from the beginning of its line only.
_DRESS = (
    r"[ \t*#_>\[{(\"'•\-–【〔［「『\U0001f000-\U0001faff\u2600-\u27bf\u2b50\u2b55\ufe0f\u20e3]*+"
)
# 1, (1), 一, One; Thai ที่ makes a number ordinal
_NUMBER = (
    r"(?:[ \t]*+(?:[#_.-][ \t]*+|ที่[ \t]*+)?(?:\d++|[(（]\d++[)）]|[一二三四五六七八九十]++"
    r"|(?:one|two|three|four|five|six|seven|eight|nine|ten)\b))?"
)
# 1. 1) (1) a) iv. 1️⃣ before a label
_PLACE = r"(?P<place>(?:\d++|(?-i:[a-z]|[IVX]{1,4}|[ivx]{1,4}))\s*+[.):]\s*+|\d\ufe0f?\u20e3\s*+)"
# kinds of answers
_KIND = r"(?:(?:correct|model|sample|expected|possible|suggested|ideal|reference|gold)[ \t])?"
_ASKED = rf"(?P<question>[^\n{ASKING}]++[{ASKING}]|[^\n{ASKING}。]++(?<=か)。)"
_LABEL = re.compile(
    rf"^(?P<dress>{_DRESS}(?:{_PLACE}{_DRESS})?)"
    rf"(?:(?P<question>(?:research\s++)?question|q|{_Q})|(?P<answer>{_KIND}answer|approach|ans|a|{_A})"
    r"|(?P<other>(?:(?:qa|q&a|question[-\s]answer)\s*+|[^\S\n]*+)pair|q&a"
    r"|explanation|rationale|reasoning|justification|evidence|sources?|references?|citation|quote"
    r"|supporting[ \t](?:text|sentence|evidence|quote)|context|title|abstract|keywords?|topic|tags?|hint"
    r"|(?:(?:question|answer)[ \t])?(?:type|category)|difficulty(?:[ \t]level)?"
    r"|confidence(?:[ \t](?:score|level))?|follow[- ]?up(?:[ \t]question)?))"
    rf"{_NUMBER}(?:[ \t]*+\([^()\n]{{1,40}}\)(?=\**[ \t]*[:：]))?[\]\"')】〕］」』]*[ \t]*+"
    r"(?:\**+[ \t]*+(?:[:：៖)]|\.(?!\d))\**+|\*++|,?[ \t]*+$|(?<=[ \t])[-–][ \t]++|(?<=[】〕］]))",
    re.I | re.M,
)
_INLINE = re.compile(
    rf"(?:(?:(?<=[?!.\"”])|(?<=[^\s]\*))[ \t]++|(?<=[？。؟])[ \t]*+)"
    rf"(?=\**+(?:A\d*+|(?:Answer|{_A})(?:[ \t]?\d+)?|Ans)\**+[ \t]*+[:：])",
    re.I,
)
_INLINE_QUESTION = re.compile(
    r"(?<=[.?!*\"”])[ \t]++(?=\**+Q(?:uestion)?[ \t]?\d*+\**+:[^\n?]{1,400}+\?\**+[ \t]++\**+A)"
)
_LETTER = re.compile(
    r"\w(?:\s?\d+|\**\s*[:：]|[】〕］])|[问問答][(（一二三四五六七八九十]|[QA](?:[.)]|\**$)"
)
_COLON = frozenset(":：៖")


def _labels(text: str) -> list[re.Match[str]]:
    """The labels at the beginnings of lines; single letters only if they are certainly labels."""
    found: list[re.Match[str]] = []
    first: dict[str, str] = {}
    points = {""}  # list marks before the labels of questions and answers
    for match in _LABEL.finditer(text):
        word = match.group("question") or match.group("answer") or ""
        label = match.group(0)[len(match.group("dress")) :]
        if len(word) == 1 and (not _LETTER.match(label) or _is_option(text, match)):
            continue
        if word.islower() and not match.group("dress").strip() and not _COLON & {*label}:
            continue  # running text: "question and answer …", "approach."
        pair = label.lower().rstrip("* \t0123456789").endswith("pair")
        if match.group("other") and not pair:
            if not _COLON & {*label} or text[: match.start()].rstrip().endswith(tuple(_COLON)):
                continue  # the first item of a list that an answer announces
            if _points(match) not in points and _has_neighbour(text, match):
                continue  # a bullet "- Source: …" inside an answer
        kind = "question" if match.group("question") else "answer" if word else "other"
        dress = re.sub(r"[\d\s.)]+", "", match.group("dress"))
        numbered = bool(match.group("place") or re.search(r"\d", match.group(0)))
        if kind != "other" and not numbered and first.setdefault(kind, dress) != dress:
            continue  # a bullet "- **Question**: …" inside an answer
        if kind != "other":
            points.add(_points(match))
        found.append(match)
    return found


def _points(label: re.Match[str]) -> str:
    """The bullet, or the mark after a number, if the label's line is a list item; else empty."""
    item = re.match(r"\s*+(?:([-•–*])[ \t]|\d++\s*+([.):]))", label.group("dress"))
    return (item[1] or item[2]) if item else ""


def _is_option(text: str, label: re.Match[str]) -> bool:
    """Whether a label such as ``A)`` is the first option of a multiple-choice question."""
    below = text[label.end() : label.end() + 1000].partition("\n")[2].lstrip()
    return label.group(0).rstrip("* \t").endswith((".", ")")) and bool(_SECOND.match(below))


_SECOND = re.compile(r"[(*]*+B[*]*+[.)]")
_NUMBERED_ITEM = re.compile(r"\d{1,3}[ \t]?[.):]")
_BULLETED_ITEM = re.compile(r"[-•–*][ \t]")


def _has_neighbour(text: str, label: re.Match[str]) -> bool:
    """Whether the line before or after a label's is an item of the same list in an answer."""
    before = text[max(0, label.start() - 1000) : label.start()].rstrip().rpartition("\n")[2]
    after = text[label.end() : label.end() + 1000].partition("\n")[2].partition("\n")[0]
    point = _NUMBERED_ITEM if _points(label) in ".):" else _BULLETED_ITEM
    return any(point.match(line.strip()) and not _LABEL.match(line) for line in (before, after))


def unlabelled(text: str) -> str:
    """A text without its label: ``Research Question: How …?`` → ``How …?``."""
    return edged(_LABEL_IN_STRING.sub("", edged(text)))


def labels_question(text: str) -> bool:
    """Whether a text begins with a label of a question."""
    label = _LABEL_IN_STRING.match(edged(text))
    found = _LABEL.match(text)
    return bool(label and found and found.group("question"))


def read_labelled(text: str, cut: bool) -> Pairs:
    """Pairs from labels such as ``Q1:`` and ``**Answer**``."""
    text = _INLINE.sub("\n", _INLINE_QUESTION.sub("\n", remarks.body(text)))
    labels = _labels(text)
    if any(label.group("question") and ">" in label.group("dress") for label in labels):
        text = _QUOTE.sub("", text)
        labels = _labels(text)
    parts: list[tuple[bool, str, str]] = []  # whether it asks, its number, its text
    for label, after in zip_longest(labels, labels[1:]):
        content = text[label.end() : after.start() if after else len(text)].lstrip(" \t")
        own, *next_turn = _NEXT_TURN.split(content, 1)
        content = edged(_BLOCK.sub("", own))
        quoted = any(mark in label.group(0) for mark in "\"'“")
        number = _DIGITS.search(label.group(0), len(label.group("dress")))
        if label.group("question"):
            question = content.strip("\"'“”,[]{} \n") if quoted else content
            parts.append((True, number[0] if number else "", unlabelled(question)))
        elif label.group("answer"):
            content = _quoted(content) if quoted else content
            if after and not after.group("answer"):
                content = remarks.before_heading(content)
            if content and not (cut and not after and not quoted and not ends(content)):
                parts.append((False, number[0] if number else "", content))
            if next_turn:
                break
    answers = [text for asks, _, text in parts if not asks]
    said = iter(remarks.alone(answers, bool(parts) and not parts[-1][0]))
    parts = [(asks, of, text if asks else next(said)) for asks, of, text in parts]
    return [pair for pair in (in_text(*one) for one in _paired(parts)) if all(pair)]


_DIGITS = re.compile(r"\d{1,6}")
_QUOTE = re.compile(r"^[ \t]*+>(?!>)[ \t]?", re.M)


def _paired(parts: list[tuple[bool, str, str]]) -> Pairs:
    """Pair each question with the answer that follows it. If all questions come before all answers,
    pair them by their numbers or their order; different numbers make no pair.
    """
    asked, said = ([one for one in parts if one[0] is asks] for asks in (True, False))
    turns = [len(list(run)) for _, run in groupby(asks for asks, _, _ in parts)]
    if turns[:1] != [1] and len(turns) == 2 and parts[0][0]:
        numbers = [[number for _, number, _ in some] for some in (asked, said)]
        if "" not in numbers[0] and len({*numbers[0]}) == len(asked):
            answers = {number: text for _, number, text in reversed(said)}
            return [(q, answers[number]) for _, number, q in asked if q and number in answers]
        if len(asked) == len(said) and numbers[0] == numbers[1]:
            return [(q, a) for (*_, q), (*_, a) in zip(asked, said, strict=True) if q]
        return [] if turns[1] > 1 else _in_order(parts)
    return _in_order(parts)


def _in_order(parts: list[tuple[bool, str, str]]) -> Pairs:
    pairs: Pairs = []
    question = of = ""
    for asks, number, text in parts:
        if asks:
            question, of = text, number
        elif question:
            if not (of and number and of != number):
                pairs.append((question, text))
            question = ""
    return pairs


# a model that was not tuned to stop continues with the user's next turn
_NEXT_TURN = re.compile(r"\n[ \t]*+\n(?=[*#> ]{0,6}(?:human|user|instruction)\b\**+[ \t]*+:)", re.I)
_BLOCK = re.compile(r"\A[>|][-+]?[ \t]*+\n")  # start of a block text in YAML


def _quoted(content: str) -> str:
    """The string after a quoted label (JSON beyond repair); empty if its end is missing."""
    whole = re.match(r"\A[\s,:]*+[\"'“](.*)[\"'”]\s*+(?:[}\],]|$)", content, re.S)
    nested = re.match(r"\A[\s,:]*+([\[{].*)[\]}]", content, re.S)
    if whole:
        return whole.group(1)
    return re.sub(r"[\"{}\[\]]+,?", " ", nested.group(1)) if nested else ""


def ends(text: str) -> bool:
    """Whether a text ends like a sentence, a quotation or code, and not within a list."""
    text = text.rstrip().rstrip("*_")
    last = text.rpartition("\n")[2]
    ended = text.endswith(tuple(".!?)]\"”'`。！？؟।」』）")) and not _ABBREVIATED.search(text[-20:])
    return ended and not (last != text and _ITEM.match(last.strip()))


_ABBREVIATED = re.compile(
    r"(?:\b(?:et al|e\.g|i\.e|vs|cf|fig|figs|eq|eqs|sec|dr|prof|approx|ca)|\d)\.\Z", re.I
)
_ITEM = re.compile(r"(?:[-•–*]|\d{1,3}[.)])(?:[ \t]|\Z)")


_LABEL_IN_STRING = re.compile(
    rf"^[*#\s]*+(?:research\s++question|question|q|approach|{_KIND}answer|ans|response|solution|a|{_Q}|{_A})"
    r"\s*+\d*+\s*+\**+\s*+[:：](?:[^\S\n]*+\n++|\s*+)\**+",
    re.I,
)
_NUMBERED = re.compile(
    rf"^{_DRESS}(?:\d++\s*+[.):、．：]|[一二三四五六七八九十]++、)\s*+{_ASKED}[*_\"”']*+", re.M
)
_BOLD_QUESTION = re.compile(
    rf"^[^\S\n]*+(?:[-•*][ \t]++)?(?:#++\s++|\*\*){_ASKED}[*_]*+[^\S\n]*+$", re.M
)


_LIST = re.compile(
    rf"^{_DRESS}(?:(?P<questions>questions|{_Q})|(?P<answers>answers|answer[ \t]key|{_A}))"
    r"[ \t]*+[*:：]*+[ \t]*+$",
    re.I | re.M,
)
_NUMBERED_LINE = re.compile(r"^[ \t]*+(\d{1,3})[.):、][ \t]*+(?=\S)", re.M)


def read_lists(text: str) -> Pairs | None:
    """Pairs of a numbered list of questions and one of answers, each below its heading; None if there
    are no such lists.
    """
    heads = [*_LIST.finditer(text)]
    if len(heads) != 2 or not heads[0]["questions"] or not heads[1]["answers"]:
        return None
    asked, said = (
        _numbered_lines(part)
        for part in (text[heads[0].end() : heads[1].start()], remarks.body(text[heads[1].end() :]))
    )
    if len(asked) < 2:
        return None
    return [(asked[at], said[at]) for at in asked] if asked.keys() == said.keys() else []


def _numbered_lines(text: str) -> dict[str, str]:
    found = [*_NUMBERED_LINE.finditer(text)]
    if [one[1] for one in found] != [str(number) for number in range(1, len(found) + 1)]:
        return {}  # an answer contains a list
    stops = [one.start() for one in found[1:]] + [len(text)]
    return {one[1]: edged(text[one.end() : end]) for one, end in zip(found, stops, strict=True)}


_SPEAKER = re.compile(
    rf"^{_DRESS}(?:(?P<user>user|human)|(?:assistant|ai|bot|chatbot|gpt))\**+[ \t]*+[:：]\**+[ \t]*+",
    re.I | re.M,
)


def read_turns(text: str, cut: bool) -> Pairs | None:
    """Pairs of a chat with turns of a user and an assistant; None if there are no such labels."""
    text = remarks.body(text)
    found = [*_SPEAKER.finditer(text)]
    if len(found) < 2:
        return None
    if [bool(one["user"]) for one in found] != [True, False] * (len(found) // 2):
        return []
    stops = [one.start() for one in found[1:]] + [len(text)]
    said = [edged(text[one.end() : end]) for one, end in zip(found, stops, strict=True)]
    if cut and not ends(said[-1]):
        said[-1] = ""
    return [
        (q, a)
        for q, a in zip(said[::2], said[1::2], strict=True)
        if q.endswith(ASKS) and a and not a.startswith(("[", "{")) and not _labels(a)
    ]


def read_numbered(text: str, cut: bool) -> Pairs:
    """Pairs of numbered or bold questions, with their answers after or below them."""
    text = remarks.body(text)
    for pattern in (_NUMBERED, _BOLD_QUESTION):
        found = list(pattern.finditer(text))
        if len(found) == 1 and len(text[: found[0].start()]) > 200:
            continue  # a single question inside prose is not a list
        said = [
            text[match.end() : after.start() if after else len(text)]
            for match, after in zip_longest(found, found[1:])
        ]
        said = [edged(re.sub(r"^\s*+[-–:→]++\s*+", "", answer)) for answer in said]
        if len(said) > 1 and not any(said[:-1]):
            continue  # a list of questions only, with other text below it
        said[:-1] = map(remarks.before_heading, said[:-1])
        if cut and said and not ends(said[-1]):
            del said[-1]
        said = remarks.alone(said, True)
        asked = (unlabelled(match.group("question")) for match in found)
        if pairs := [pair for pair in map(_of_numbered, asked, said) if all(pair)]:
            return pairs
    return []


def _of_numbered(question: str, answer: str) -> tuple[str, str]:
    """A question with the answer in the text below it, which may have options."""
    labels = [label for label in _labels(answer) if label.group("answer")]
    if _OPTIONS.match(answer):
        start, end = labels[0].span() if labels else (len(answer), len(answer))
        return in_text(f"{question}\n{answer[:start]}", edged(answer[end:]))
    if any(label.start() for label in labels):
        return question, ""  # the answer belongs to another, unmarked question
    return question, unlabelled(_QUOTE.sub("", answer) if answer.startswith(">") else answer)


_OPTIONS = re.compile(r"[(*]*+A[*]*+[.)][^\n]*+\n\s*+[(*]*+B[*]*+[.)]", re.I)
