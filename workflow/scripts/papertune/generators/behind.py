"""What stands behind the bracket of a pair: more of its answer, or a remark."""

import re

from papertune.generators.languages import ASKS
from papertune.generators.plain_text import Pairs

_CLOSED = re.compile(r"[\s\]}),;`]*+(?:~~~)?\s*+")
_POINT = re.compile(r"(?:[-*•–]|\(?(?:\d{1,2}|[a-h])[.)])[ \t]++(?=\S)")
_ADDS = re.compile(
    r"(?:and|or|as well as|which|while|by|with|but|because)\s"
    r"|(?:It|They|Its|Their)\s(?:also|then|further|is|are|was|were|has|have|can)\b"
    r"|(?:Additionally|Also|Besides|Furthermore|In addition|Moreover|Second(?:ly)?|Third(?:ly)?|Finally),"
)


def with_rest(pairs: Pairs, behind: str) -> Pairs:
    """The pairs of a JSON value, the last with what its answer goes on in ``behind`` the value.

    Points of a list that the answer announces are of it. Where else a list or a sentence goes on, it
    is not certain where the answer ends: it gets dots, as one without an end. A remark of the writer's
    ("I hope this helps!") does nothing.
    """
    rest = _CLOSED.sub("", behind, count=1)
    if not pairs or not rest:
        return pairs
    question, answer = pairs[-1]
    points = []
    for line in rest.split("\n"):
        if not _POINT.match(line.strip()) or line.rstrip().endswith(ASKS):
            break
        points.append(line.strip())
    if points and answer.rstrip().endswith((":", "：")):
        return [*pairs[:-1], (question, "\n".join([answer, *points]))]
    if points or _ADDS.match(rest):
        return [*pairs[:-1], (question, f"{answer} …")]
    return pairs
