"""Normalization of answers for comparison: one form for prose, one for numbers, one for code.

Everything here takes time linear in the text.
"""

from collections.abc import Iterator
from typing import Literal

import regex

from papertune.metrics.characters import CLUSTER, folded, plain
from papertune.metrics.numerals import ALONE, QUANTITY, even, is_cased, number, split, unit_named

Normalisation = Literal["auto", "prose", "numbers", "code"]

# signs that prose drops, after what it keeps: numbers with their sign and point, C++, C#, A+,
# .NET, signs between operands
_PIECE = regex.compile(
    rf"{QUANTITY}|(?P<apart>{CLUSTER})"
    r"|(?P<kept>(?<=\w)(?:\+\+|[+#]++(?![\w(]))|(?<![^\s(])\.(?=\p{L})|(?<![^\s(])(?:--(?=\p{L})|-(?=\p{L}(?!\w)))|(?<=\w)[*^](?=[\w(-]))"
    r"|(?P<between>(?<=[\w)\]%] ?)(?:[<>=!]=|[<>=+])(?= ?[\w(.$-]))"
    r"|(?P<bound>[<>]=?(?= ?[-+.$€£¥]?[0-9]))"
    r"|(?P<dropped>[\p{P}$+<=>^`|~])"
)
_ARTICLES = {"a", "an", "the"}
# precedes a value, where 1.50 equals 1.5; elsewhere it may be a version or a section number
_BEFORE = regex.compile(r"(?:^|[=~≈<>]|\b(?:is|was|are|were|be|of|by|than|about|at)) $")


def _pieces(text: str, exact: bool) -> Iterator[str]:
    end = 0
    for found in _PIECE.finditer(text):
        yield folded(text[end : found.start()])
        end = found.end()
        if found["number"]:
            digits, written = split(found)
            unit = unit_named(written)
            before = text[max(0, found.start() - 8) : found.start()].lower()
            is_value = exact or unit or "," in digits or _BEFORE.search(before)
            value = number(digits) if is_value or digits[0] in "+." else digits
            if unit and (exact or not written.isalpha() or is_cased(written)):
                yield f" {value} {unit} "
            else:
                yield value + folded(regex.sub("[/^-]", "", found["unit"] or ""))
        elif found["apart"] or found["between"] or (exact and found["bound"]):
            yield f" {found[0]} "
        elif found["kept"]:
            yield found[0]
    yield folded(text[end:])


def _words(text: str, *, exact: bool, articles: bool) -> list[str]:
    words = "".join(_pieces(text, exact)).split()
    kept = words if articles else [word for word in words if word not in _ARTICLES]
    # a text of articles (as a multiple-choice answer) or signs only keeps them
    return kept or words or folded(text).split()


def prose(text: str, *, articles: bool = False) -> list[str]:
    """Words as in SQuAD (Rajpurkar et al. 2016: no case, no punctuation, no articles) in every
    script, keeping meaningful signs: −5 and 5, 1.5 and 15, 5 mW and 5 MW, C++ and C differ.
    """
    return _words(plain(text), exact=False, articles=articles)


def numbers(text: str) -> list[str]:
    """:func:`prose` with each number in its canonical form, see :func:`number`, before its unit."""
    return _words(even(text), exact=True, articles=False)


# ---- code -------------------------------------------------------------------

_FENCE = regex.compile(
    r"\s*(?:(`{3,})[^\n`]*+\n(?P<block>.*)\1|`(?P<span>[^`\n]++)`)[\s.]*", regex.S
)
_TOKEN = regex.compile(r"[0-9]++(?:\.[0-9]++)*+(?:[eE][-+]?[0-9]++)?(?!\w)|[\w\p{M}]++|[^\w\s]")
_STATEMENT = regex.compile(
    r"\s*+(?:(?:async )?def \w++\(|class \w++[(:{]|(?:fn|func|function) ?\w*+\(|#include\b"
    r"|import [\w.]++(?: as \w++)?;?$|from [\w.]++ import \w|SELECT .*\bFROM\b|</?\w++[^<>]*+>$"
    r"|return\b.*;$|[^;=(]*+[=(][^;]*+;$|.*[{}]$)"
)
_BLOCK = regex.compile(
    r"^[ \t]*+(?:if|for|while|else|elif|try|with)\b[^\n]*+(?<=:)\n[ \t]+\S", regex.M
)
_OPERATION = regex.compile(
    r"(?:==|!=|[-+*/]=|&&|\|\||::|\*\*)"  # never in prose
    r"|(?<![\w.])(?:[a-z]|[0-9.]++)[-+*/%^](?:[a-z]|[0-9.]++)(?!\w)"  # x-1
    r"|(?<!\w)[a-zA-Z] ?[<>=+*^]=? ?[\w(-]|[\w)] ?[+*^] ?[a-zA-Z0-9](?!\w)"
    r"|(?<!\w)[a-zA-Z] - \w|\w - [a-zA-Z](?!\w)"
    r"|[a-zA-Z_]\w*+\((?!e?s\))[^()\n]*+\)|\w\[\w*+\]|\w_\w"  # f(x), a[0], snake_case
)
_TWO_WORDS = regex.compile(
    r"(?<!\w)(?!(?:in|not|and|or|is|if|else|for|return|lambda|new|await|yield|del)\b)"
    r"[a-zA-Z]{2,}+[,;:.]? (?!(?:in|not|and|or|is|if|else|for)\b)[a-zA-Z]{2,}+(?!\w)"
)


def is_code(text: str) -> bool:
    """Whether a text is code: fenced, with statements, or a formula without two adjacent words of
    prose. A long text is judged by its beginning.
    """
    text = plain(text[:2000])
    lines = text.splitlines()
    if _FENCE.match(text) or _BLOCK.search(text) or any(map(_STATEMENT.match, lines)):
        return True
    return bool(_OPERATION.search(text)) and not _TWO_WORDS.search(text)


def code(text: str) -> list[str]:
    """The tokens of code, case and signs kept, with marks for a block's begin (⇥) and end (⇤);
    spaces between tokens, empty lines, fences and the width of indentation are ignored.
    """
    text = plain(text)
    if fenced := _FENCE.match(text):
        text = fenced["block"] or fenced["span"] or ""
    lines = [line.expandtabs() for line in text.splitlines() if line.strip()]
    found: list[str] = []
    columns: list[int] = []
    for line in lines:
        column = len(line) - len(line.lstrip())
        while columns and column < columns[-1]:
            columns.pop()
            found += ["⇤"] if columns else []
        if not columns or column > columns[-1]:
            found += ["⇥"] if columns else []
            columns.append(column)
        found += _TOKEN.findall(line)
    # the end of the sentence that contained the code
    return found[:-1] if len(lines) == 1 and len(found) > 1 and found[-1] == "." else found


# ---- the form that applies --------------------------------------------------


def form_of(reference: str) -> Literal["prose", "numbers", "code"]:
    """The form in which answers are compared with a reference, by the reference: a number or
    quantity, code, or prose.
    """
    alone = ALONE.fullmatch(even(reference))
    if alone and (not alone["unit"] or unit_named(alone["unit"])):
        return "numbers"
    return "code" if is_code(reference) else "prose"


def normal(texts: tuple[str, str], form: Normalisation = "auto") -> tuple[list[str], list[str]]:
    """An answer and its reference, normalized to tokens; ``auto`` uses :func:`form_of`."""
    chosen = form_of(texts[1]) if form == "auto" else form
    answer, reference = map({"prose": prose, "numbers": numbers, "code": code}[chosen], texts)
    if chosen == "prose" and _ARTICLES.issuperset(reference):
        answer = prose(texts[0], articles=True)
    return answer, reference
