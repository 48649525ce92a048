"""Text between and after pairs that belongs to none: rules, headings, remarks of the writer."""

import re

_BLANK_LINE = re.compile(r"\n\s*\n")
_FAREWELL = re.compile(
    r"[\s*#_>-]*+(?:let me know|i hope|hope (?:this|these)|feel free|please (?:let|note)|would you like"
    r"|is there anything|these (?:questions|pairs|question)|note:|\(?note that|that concludes"
    r"|n['’]hésitez pas|j['’]espère que|ich hoffe|lassen sie mich wissen|espero que|no dudes en|spero che"
    r"|надеюсь|希望(?:这|這|以上|对您|對您)|如果您)",
    re.I,
)
# a line right below the last answer, without a blank line: only certain remarks
_LAST_LINE = re.compile(
    r"\n[ \t]*+(?:let me know if|i hope (?:this|these)|hope (?:this|these)|feel free to"
    r"|would you like (?:me|more))\b[^\n]*+\Z",
    re.I,
)
# remarks about the pairs, their text, the writer or the reader
_OF_PAIRS = re.compile(
    r"[^\n.!?]{0,120}?\b(?:these|those|the|above|all|each|every|both|my|two|three|four|five|ten|\d++)"
    r"[ ](?:(?:of|the|these|above|first|second|third|last|other|\w++-\w++|q&a|qa|question|answer)[ ])"
    r"{0,3}(?:questions?|answers?|pairs?)\b"
    r"|\W*+(?:i(?:['’](?:ve|ll|m))?|if you|do you|would you|these (?:cover|are|address)|end|the end"
    r"|they (?:are|were) (?:all )?(?:based|taken|drawn)|word count|disclaimer)\b"
    r"|[^\n.!?]{0,120}?\bfrom the (?:abstract|text|passage)\b"
    r"|[^\n.!?]{0,60}?\bnote that\b",
    re.I,
)
_RULE = re.compile(
    r"^[^\S\n]*+(?:(?:-{3,}+|\*{3,}+|_{3,}+|={3,}+)"
    r"|</?(?:answers?|output|response|result|pairs?|qa|qa[_-]?pairs?|item)>)[^\S\n]*+$",
    re.M,
)
_TITLED = re.compile(r"#{1,6}[ \t]\S|\*\*[^*\n]{1,100}(?:(?<![.!?])\*\*:?|:\*\*)\Z")
_HEADING = re.compile(
    r"(?:#{1,6}[ \t]\S[^\n]{0,120}|#\d{1,3}|\*\*[^*\n]{1,100}(?<![.!?])\*\*:?"
    r"|(?P<rule>[-=~]{2,8})[ \t][^\n]{1,60}[ \t](?P=rule)"
    r"|(?:[A-Z]\w{1,20}[ \t])(?:(?:number|no\.)[ \t])?#?\d{1,3}[:.]?)"
)
_NAMED = re.compile(r"[ \t*_-]*+([A-Z][\w'’ ]{1,30}+)[*_]*+:[*_]*+[ \t]*+\S[^\n]{0,80}+")
_SENTENCE = (".", "!", "?", "。", "！", "？", "”", '"', ")", "]", "`", "$")


def body(text: str) -> str:
    """The text without rules, and without a last paragraph that is about the pairs ("I hope …")."""
    text = _RULE.sub("", text)
    found = text.rstrip()
    breaks = [match.span() for match in _BLANK_LINE.finditer(found)]
    if not breaks or not _FAREWELL.match(found, breaks[-1][1]):
        return _LAST_LINE.sub("", found)
    start = breaks[-1][0]
    while start and (found[start - 1].isspace() or found[start - 1] in "*#_>-"):
        start -= 1
    end = _BLANK_LINE.search(found, start)
    return found[: end.start() if end else start]


def is_remark(text: str) -> bool:
    """Whether a text begins with a remark about the pairs."""
    return bool(_FAREWELL.match(text) or _OF_PAIRS.match(text))


def before_heading(answer: str) -> str:
    """An answer without headings below it, which belong to the next question."""
    lines = answer.split("\n")
    while len(lines) > 1 and (not lines[-1].strip() or _HEADING.fullmatch(lines[-1].strip())):
        del lines[-1]
    above = "\n".join(lines)
    return above if above.rstrip("*_ ").endswith(_SENTENCE) else answer


def _before_named(answers: list[str]) -> list[str]:
    """Answers without last lines that have the same name in all of them ("Score: 5")."""
    shorter = [answer.rstrip() for answer in answers]
    while len(shorter) > 1:
        parts = [answer.rpartition("\n") for answer in shorter]
        found = [_NAMED.fullmatch(last) for *_, last in parts]
        if len({one[1] if one else "" for one in found}) > 1 or not all(found):
            break
        if any(last.endswith((".", "!", "?")) for *_, last in parts):
            break
        shorter = [above.rstrip() for above, *_ in parts]
    return shorter if all(one.rstrip("*_ ").endswith(_SENTENCE) for one in shorter) else answers


def _before_remark(answer: str, others: list[str]) -> str:
    """The last answer without remarks about the pairs, if all other answers have one paragraph."""
    if not others or any(_BLANK_LINE.search(other.strip()) for other in others):
        return answer
    parts = _BLANK_LINE.split(answer.strip())
    for place, part in enumerate(parts[1:], start=1):
        titled = "\n" not in part and _TITLED.match(part.strip())
        told = parts[place + 1] if titled and place + 1 < len(parts) else part
        if is_remark(told.lstrip("-*• \t")) and parts[place - 1].rstrip("*_ ").endswith(_SENTENCE):
            return "\n\n".join(parts[:place])
    return answer


def alone(answers: list[str], last: bool) -> list[str]:
    """Answers without named last lines and, if the ``last`` one ends the text, without its remarks."""
    if answers and last:
        answers = [*answers[:-1], _before_remark(answers[-1], answers[:-1])]
    return _before_named(answers)
