"""Read pairs from the raw output of a model: JSON of any form, or labelled text.

Whole JSON values are taken wherever they occur, so fences, prose around them and a cut at the end do not
matter. Faulty JSON is repaired object by object. Otherwise, labels are searched for (``Q1:``,
``**Question:**``, ``### Answer``) and, last, numbered questions with text below them.

Reading takes time in proportion to the length of the text.
"""

import json
import re
from typing import Any

from papertune.collect.listings.messages import is_turn
from papertune.generators import marked, markup, plain_text
from papertune.generators.behind import of_repaired, with_rest
from papertune.generators.decoration import OPEN_FENCE, clean, clean_line
from papertune.generators.languages import ASKING, QUESTION_WORDS
from papertune.generators.plain_text import Pairs, ends, unlabelled
from papertune.generators.shapes import is_part, pairs_of
from papertune.generators.thoughts import without_thoughts
from papertune.sentences import without_runs

# question, answer, and the number of removed marks by kind of decoration
Cleaned = list[tuple[str, str, dict[str, int]]]
_FENCE = re.compile(r"^[ \t]*+(?:```|~~~)[^\n]*+", re.M)
LONGEST = 1_000_000  # most characters of a text that is read: ten times the longest outputs
PATIENCE = 5_000_000  # characters that are scanned for JSON: a second or two
_BEYOND = 40  # characters after a repaired value that show whether it ends there
LONGEST_REPAIR = 20_000  # most characters of an object that is repaired: twice the longest answer

# backslashes of LaTeX that a model did not double; \n, \t, \b, \f, \r, \u are escapes of JSON, too
_LATEX = re.compile(
    r"(?<!\\)\\(?=[^\"\\/bfnrtu\n]|b(?:ar|eta|egin|f|ig\w*|inom|m|mod|oldsymbol|ot|ullet)(?![A-Za-z])"
    r"|f(?:lat|rac|orall)(?![A-Za-z])|n(?:abla|eg|eq|e|geq|leq|u|ot|otin|orm)(?![A-Za-z])"
    r"|r(?:ho|ight|angle|ightarrow|ceil|floor|m)(?![A-Za-z])"
    r"|t(?:au|ext\w*|frac|heta|ilde|imes|o|op|anh|riangle\w*)(?![A-Za-z])|u(?![0-9a-fA-F]{4}))"
)


# full-width punctuation of Chinese in JSON
_WIDE = re.compile(r"(?<=[\"”}\]])\s*+([：，、])\s*+(?=[\"“{\[])")


# the beginning of an object, or of a string in a list; and omissions of models between two of them:
# the comma between strings, the bracket of an object, the quote after a sentence
_KEY = re.compile(r"""[{[,\n]\s{0,99}+"(?:q|(?:research )?question)[ _]?\d*+(?:"\s*+:|:\s)""", re.I)
_NO_COMMA = re.compile(r"""(?<=[.?!。？！]")\s*+(?="(?:[QA]|Question|Answer)[ \d]*+:)""", re.I)
_NO_BRACE = re.compile(r"""(?<=[.?!。？！]"),\s*+\{(?=\s*+"(?:q|question)[ \d]*+"\s*+:)""", re.I)
_NO_END = re.compile(r"""(?<=[.?!。？！])(?=\s*+\}\s*+(?:\]|\Z))""")


# other quotes in place of those of JSON, recognised by those around the name of a question
_QUOTES = re.compile(
    rf"""[{{,]\s*+[„“”«‘`](?:q|question|{"|".join(QUESTION_WORDS)})[ _]?\d{{0,3}}[“”»’`]\s*+:""",
    re.I,
)
# separators of name and text in Ruby, PHP and Lua
_ARROW = re.compile(r"""(?<=[\[{,\s])(["'](?:question|answer)["'])\s*+=>?(?=\s*+["'])""", re.I)
_TRIPLE = re.compile(r'"""')
_OPENS = re.compile(r"(?<=[\[{,:\s])[„“”«‘`](?=[^\s,:\]}])")
_CLOSES = re.compile(r"[“”»’`](?=\s*+[,:\]}])")
_PAREN = re.compile(r"(?<=[\[,(\s])\((?=\s*+[\"'])")
_PAREN_END = re.compile(r"(?<=[\"'])(?:,\s*+)?\)(?=\s*+(?:[,\])\n]|\Z))")


def _straight(text: str) -> str:
    """The text with quotes of JSON in place of others, and lists in place of Python's tuples."""
    if _QUOTES.search(text):
        text = _CLOSES.sub('"', _OPENS.sub('"', text))
    text = _PAREN_END.sub("]", _PAREN.sub("[", text))
    return _TRIPLE.sub('"', text)


def _narrow(mark: re.Match[str]) -> str:
    return ":" if mark[1] == "：" else ","


def pairs_in(text: str, *, cut: bool = False) -> Cleaned:
    """The question–answer pairs in a model's raw output, cleaned, in their order.

    If the text was ``cut`` by the token limit, the last labelled answer is taken only if it ends like a
    sentence. (In JSON, a cut answer is recognised and never taken.) A text of more than ``LONGEST``
    characters is not read.
    """
    return _cleaned(_found(text, cut))


def _cleaned(pairs: Pairs) -> Cleaned:
    found = []
    for question, answer in pairs:
        (asked, of_question), (said, of_answer) = clean_line(question), clean(answer)
        fences = [*_FENCE.finditer(answer)]
        if len(fences) % 2 and answer[fences[-1].end() :].strip():
            said += OPEN_FENCE  # marks the answer as unfinished
        if asked and said:
            found.append((asked, said, dict(sorted((of_question + of_answer).items()))))
    return found


def _found(text: str, cut: bool) -> Pairs:
    """The pairs in the text, not cleaned."""
    if len(text) > LONGEST:
        return []
    text, unfinished = without_thoughts(without_runs(text))
    if unfinished:  # pairs in an unfinished thought are drafts
        return []
    narrow = _WIDE.sub(_narrow, text)
    try:
        pairs = _read_json(text) or (_read_json(narrow) if narrow != text else [])
        if not pairs and (straight := _straight(narrow)) != text:
            pairs = _read_json(straight)
        if len(pairs) < len(_KEY.findall(text)):
            mended = _NO_END.sub('"', _NO_BRACE.sub("}, {", _NO_COMMA.sub(", ", text)))
            more = _read_json(mended) if mended != text else []
            pairs = max(pairs, more, key=len)
    except RecursionError:  # no pair is nested so deeply
        pairs = []
    return pairs or _read_text(_NO_BREAK.sub(" ", text), cut)


_NO_BREAK = re.compile("[\u00a0\u202f]")  # before French punctuation


def _read_text(text: str, cut: bool) -> Pairs:
    """Pairs of a text that is not JSON; the most reliable marks are tried first."""
    pairs = marked.read_tagged(text) or marked.read_table(text) or markup.read_yaml(text)
    if pairs and cut and text.rstrip().endswith(pairs[-1][1]) and not ends(pairs[-1][1]):
        del pairs[-1]
    if not pairs and (lists := plain_text.read_lists(text)) is not None:
        return lists
    pairs = pairs or plain_text.read_labelled(text, cut)
    if not pairs and (turns := plain_text.read_turns(text, cut)) is not None:
        return turns
    return pairs or markup.read_markup(text, cut) or plain_text.read_numbered(text, cut)


def question_in(text: str, *, answer: str, cut: bool = False) -> Cleaned:
    """The first question in a model's raw output, with its known ``answer``."""
    text, unfinished = without_thoughts(without_runs(text[:LONGEST]))
    line = next((line for line in text.splitlines() if unlabelled(line)), "")
    end = min((place for mark in ASKING if (place := line.find(mark)) >= 0), default=-1)
    return [] if unfinished else _cleaned([(unlabelled(line[: end + 1]), answer)])


def _read_json(text: str) -> Pairs:
    """Pairs of every whole or repairable JSON value in the text."""
    if not re.search("[\"'“]", text):
        return []
    text = _ARROW.sub(r"\1:", _LATEX.sub(r"\\\\", text))
    found: list[tuple[Any, Pairs, int, int]] = []  # values, their pairs, start and end
    decoder = json.JSONDecoder(strict=False)
    position = looked = 0
    for bracket in re.finditer(r"[\[{]", text):
        start = bracket.start()
        if start < position:
            continue
        try:
            value, end = decoder.raw_decode(text, start)
            source = ""
            looked += end - start
        except (ValueError, RecursionError) as error:
            value, end, seen = _repair(text, start)
            source = text[start : end + _BEYOND] if end > 0 else ""
            # nested too deeply, or a number with too many digits
            looked += seen + getattr(error, "pos", start + LONGEST_REPAIR) - start
        of_value = pairs_of(value) if end > 0 else []
        if of_value or (end > 0 and (is_part(value) or is_turn(value))):
            pairs = of_repaired(of_value, source) if source else of_value
            found.append((value, pairs, start, end))
            position = end
        if looked > PATIENCE:
            break
    starts = [*(start for _, _, start, _ in found), len(text)]
    pairs = [
        pair
        for (_, own, _, end), then in zip(found, starts[1:], strict=True)
        for pair in with_rest(own, text[end:then], more=then < len(text))
    ]
    if len(found) > 1:  # if a question is repeated, its last answer counts
        latest = dict(pairs)
        pairs = [(question, latest[question]) for question, _ in pairs]
    pairs = pairs or pairs_of([value for value, *_ in found])
    if not pairs:
        # the first whole value in brackets, repaired with everything in it
        for bracket in re.finditer(r"[\[{](?=\s*+[\"'“])", text):
            end, whole, seen = _span(text, bracket.start(), nested=True)
            looked += seen
            if whole:
                source = text[bracket.start() : end]
                return with_rest(of_repaired(pairs_of(_loads(source)), source), text[end:])
            if looked > PATIENCE:
                break
    return pairs


_SINGLE = re.compile(r"(?<=[\[{,:])(\s*+)'|(?<!\\)'(?=\s*+(?:[:\]}]|,\s*+['{\[\]}]))")

_DOUBLE = re.compile(r'[\[{,:]\s*+"')


def _doubled(text: str) -> str:
    """JSON with single quotes converted to double ones; apostrophes stay."""
    if not text.lstrip("[{ \n").startswith("'") or _DOUBLE.search(text):
        return text
    return _SINGLE.sub(r'\1"', text.replace('"', r"\"")).replace("\\'", "'")


# strings that Python or JavaScript would concatenate
_TOGETHER = re.compile(
    r"""(?<=[:,\[])(\s*+"[^"]*+)(?:"\s*+\+\s*+"|(?<=\s)"\s*+")(?=[^"]*+"\s*+[,}\]+])"""
)


def _loads(text: str) -> Any:
    if len(text) > LONGEST_REPAIR:
        return None
    from json_repair import loads

    try:
        return loads(_TOGETHER.sub(r"\1", _doubled(text)), skip_json_loads=True)
    except (ValueError, RecursionError, IndexError):
        return None


def _repair(text: str, start: int) -> tuple[Any, int, int]:
    """The innermost object or flat list that begins at ``start``, repaired; its end (-1: none); and the
    number of scanned characters.

    A value with objects inside is skipped in favour of these, so that a cut or fault costs one pair only.
    """
    end, whole, seen = _span(text, start)
    begin = _QUOTED_NAME if not whole else _STRINGS if text[start] == "[" else None
    if (begin and not begin.match(text, start, end)) or not text[start:end].strip("[{ \n"):
        return None, -1, seen
    return _loads(text[start:end]), end, seen + 10 * (end - start)  # repairing is 10 times slower


_QUOTED_NAME = re.compile(
    rf"""\{{\s*+["'“]?(?:q|question|query|{"|".join(QUESTION_WORDS)})\s*+\d*+["'”]?\s*+:""", re.I
)
_STRINGS = re.compile(r"""\[\s*+["'“]""")
_CLOSING = re.compile(r"""(?<!\s)\s*+(?:[}\]:]|,\s*+(?:["'“{\[}\]]|[\w-]++\s*+:|$)|$)""")


def _span(text: str, start: int, *, nested: bool = False) -> tuple[int, bool, int]:
    """The end of the JSON value that begins at ``start``, whether it is whole, and scanned characters.

    A quote opens a string only after one of ``[{,:`` and closes it only before one of ``]},:``, so
    apostrophes and quotes inside an answer do no harm. If a value is cut inside a string, this string
    is left out.
    """
    depth, quote, before = 0, "", ""
    opened = position = start
    while position < len(text):
        char = text[position]
        if quote:
            if char == "\\":
                position += 1
            elif char == quote and _CLOSING.match(text, position + 1):
                quote, before = "", char
        elif char in "\"'“" and before in "[{,:":
            quote, opened = ("”" if char == "“" else char), position
        elif char in "[{":
            depth += 1
            if depth > 1 and char == "{" and not nested:
                return start, False, position - start  # objects inside are read one by one
            before = char
        elif char in "]}":
            depth -= 1
            before = char
            if depth == 0:
                return position + 1, True, position + 1 - start
        elif not char.isspace():
            before = char
        position += 1
    return (opened if quote else len(text)), False, len(text) - start
