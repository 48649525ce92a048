"""Pairs in text that marks them by tags or by the columns of a table."""

import csv
import html
import re
from collections.abc import Iterable
from itertools import islice, takewhile

from papertune.generators.languages import ANSWER_WORDS, QUESTION_WORDS
from papertune.generators.plain_text import Pairs

_Q = "|".join(("research[ _]?question", "question", "q", *QUESTION_WORDS))
_A = "|".join(("answer", "approach", "response", "a", *ANSWER_WORDS))
_TAG = re.compile(
    rf"<(?P<end>/)?(?:(?P<question>{_Q})|(?P<answer>{_A}))[ _-]?\d{{0,4}}(?P<more>\s[^<>]{{0,200}})?>",
    re.I,
)
_CDATA = re.compile(r"\A\s*+<!\[CDATA\[(.*)\]\]>\s*+\Z", re.S)
_HEAD = {
    "question": re.compile(rf"(?:{_Q})s?", re.I),
    "answer": re.compile(rf"(?:{_A})s?", re.I),
}
_DRESS = " \t*_#:`\"'"  # marks around the name of a column
_RULE = re.compile(r"[\s|:-]*--[\s|:-]*")
_CELLS = re.compile(r"(?<!\\)\|")


def read_tagged(text: str) -> Pairs:
    """Pairs of ``<question>…</question><answer>…</answer>``; those without an end tag are left out."""
    pairs: Pairs = []
    question = ""
    opened: re.Match[str] | None = None
    for tag in _TAG.finditer(text):
        kind = "question" if tag["question"] else "answer"
        if tag["more"] and len(tag[kind]) == 1:
            continue  # a link of HTML
        if not tag["end"]:
            question = "" if kind == "question" else question
            if opened is None or opened[kind] is None or kind == "question":
                opened = tag
            continue
        if opened is None or opened[kind] is None:
            continue
        inner = text[opened.end() : tag.start()]
        whole = _CDATA.match(inner)
        said = (whole[1] if whole else html.unescape(inner)).strip()
        if kind == "question":
            question = said
        elif question and said:
            pairs.append((question, said))
            question = ""
        opened = None
    return pairs


def read_table(text: str) -> Pairs:
    """Pairs of a table (Markdown, TSV or CSV) with a column of questions and one of answers."""
    lines = text.splitlines()
    for place, line in enumerate(lines):
        for split in (_piped, _tabbed, _quoted):
            names = split(line)
            columns = [
                [at for at, name in enumerate(names) if of.fullmatch(name.strip(_DRESS))]
                for of in _HEAD.values()
            ]
            if len(names) < 2 or [len(found) for found in columns] != [1, 1]:
                continue
            below: Iterable[str] = islice(lines, place + 1, None)
            if split is _piped and line.rstrip().endswith("|"):  # stop at a row that was cut
                below = takewhile(lambda row: row.rstrip().endswith("|"), below)
            rows = map(split, below)
            if pairs := _of_rows(rows, len(names), columns[0][0], columns[1][0]):
                return pairs
    return []


def _of_rows(rows: "map[list[str]]", width: int, question: int, answer: int) -> Pairs:
    pairs: Pairs = []
    for row in rows:
        if len(row) == width:
            if not all(_RULE.fullmatch(f"--{cell}") and "-" in cell for cell in row):
                pairs.append((row[question], row[answer]))
        elif pairs or len(row) > 1:
            break  # the table ends, or its cells cannot be separated
    return [(asked, said) for asked, said in pairs if asked and said]


def _piped(line: str) -> list[str]:
    line = line.strip()
    line = line.removeprefix("|")
    if line.endswith("|") and not line.endswith("\\|"):
        line = line[:-1]
    cells = [cell.strip().replace("\\|", "|") for cell in _CELLS.split(line)]
    return [re.sub(r"<br\s*/?>", "\n", cell) for cell in cells]


def _tabbed(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("\t")]


def _quoted(line: str) -> list[str]:
    try:
        return [cell.strip() for row in csv.reader([line], strict=True) for cell in row]
    except csv.Error:
        return []
