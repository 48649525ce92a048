"""Text after the end of a JSON value or string: a continued answer, or a remark of the writer."""

import re
from collections.abc import Iterator

from papertune.generators.languages import ASKS
from papertune.generators.plain_text import Pairs
from papertune.generators.remarks import is_remark

_CLOSED = re.compile(r"[\s\]}),;`]*+(?:~~~)?\s*+")
_SAME_LINE = re.compile(r"[ \t\]}),;]*+[a-z]")  # no remark begins like this
_MARKED = re.compile(r"[-*•#_\s]*+(?:\d{1,2}[.)]\s++)?[*_]*+")
_POINT = re.compile(r"(?:[-*•–]|\(?(?:\d{1,2}|[a-h])[.)])[ \t]++(?=\S)")
_ADDS = re.compile(
    r"(?:and|or|as well as|which|while|by|with|but|because)\s"
    r"|(?:It|They|Its|Their)\s(?:also|then|further|is|are|was|were|has|have|can)\b"
    r"|(?:Additionally|Also|Besides|Furthermore|In addition|Moreover|Second(?:ly)?|Third(?:ly)?|Finally),"
)

# after an apparently whole string: more words, or an unknown name without a JSON value
_GOES_ON = re.compile(
    r"""["'”]?(?:[ \t]*+\w|\s*+[}\]][ \t]*+[a-z])|["'”]?[}\]]*+,[ \t]++\w++[ \t]++[\w"']|[ \t]++["'”]\w"""
    r"""|["'”]?,\s*+["'“](?!(?:question|answer|source|evidence|explanation|difficulty|type|context)\b)"""
    r"""[^"'\n]{1,80}["'”]\s*+:\s*+(?![\[{"'“\d-]|\w++\s*+[,}\n])\S"""
)
_NAME = re.compile(r"""["'](?:question|answer)["']\s*+:""")  # the name of the next string
_ESCAPED = re.compile(r"""\\(["'\\/])""")
_LOOKED_FOR = 15  # characters of a text's beginning and end that are searched for


def of_repaired(pairs: Pairs, source: str) -> Pairs:
    """The pairs of a repaired JSON value, with dots after an answer if a text of its pair is cut.

    Quotes and brackets inside a text look like its end; the text around them shows that they are not.
    """
    source = _ESCAPED.sub(r"\1", source)
    return [(q, a if _is_whole(q, source) and _is_whole(a, source) else f"{a} …") for q, a in pairs]


def _is_whole(text: str, source: str) -> bool:
    """Whether a text is complete in its source: nothing right before or after it belongs to it."""
    before = [source[place - 1 : place] for place in _places(text[:_LOOKED_FOR], source)]
    tail = text[-_LOOKED_FOR:]
    behind = [_GOES_ON.match(source, place + len(tail)) for place in _places(tail, source)]
    lost = bool(before) and all(map(str.isalnum, before))
    return not lost and not (behind and all(behind)) and not _NAME.search(text)


def _places(part: str, source: str) -> Iterator[int]:
    place = source.find(part)
    while place >= 0:
        yield place
        place = source.find(part, place + 1)


def with_rest(pairs: Pairs, behind: str, *, more: bool = False) -> Pairs:
    """The pairs of a JSON value; the last answer may continue in ``behind``, the text after the value.

    Items of a list that the answer announces belong to it. If another list or sentence follows, the end
    of the answer is uncertain, so it gets dots, as an unfinished one. A remark of the writer ("I hope
    this helps!") is ignored, as is a heading if ``more`` values follow.
    """
    rest = _CLOSED.sub("", behind, count=1)
    if not pairs or not rest:
        return pairs
    question, answer = pairs[-1]
    announces = answer.rstrip().endswith((":", "："))
    if not announces:
        rest = _before_heading(rest) if more else rest
        if is_remark(_MARKED.sub("", rest, count=1)):
            return pairs
    points = []
    for line in rest.split("\n"):
        if not _POINT.match(line.strip()) or line.rstrip().endswith(ASKS):
            break
        points.append(line.strip())
    if points and announces:
        return [*pairs[:-1], (question, "\n".join([answer, *points]))]
    if points or (rest and _SAME_LINE.match(behind)) or _ADDS.match(rest):
        return [*pairs[:-1], (question, f"{answer} …")]
    return pairs


def _before_heading(rest: str) -> str:
    """Text between two values, without the heading of the second: "2. Pair:", "**Pair 2**"."""
    lines = rest.strip().removesuffix("```json").removesuffix("```").rstrip().split("\n")
    if lines[-1].endswith((":", "*")) or (len(lines) == 1 and _POINT.match(lines[0])):
        del lines[-1]
    return "\n".join(lines)
