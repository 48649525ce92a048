"""Read the year in a table's cell: a number, or a date in any form with an unambiguous year."""

import re
from collections.abc import Mapping
from typing import Any
from unicodedata import normalize

# BibLaTeX's 2020-05/2021-06 began in 2020
_WHOLE = re.compile(r"(\d{4})(?:-\d\d(?!\d).*|[-/T ](?!.*\b(?:1[5-9]|2[01])\d\d\b).*)?", re.ASCII)
_RANGE = re.compile(r"\d{4}\s*[-–/]\s*(?:\d\d|\d{4})", re.ASCII)  # 2019/2020, 2019-20
_GROUPED = re.compile(r"[12][,.' ’]\d{3}", re.ASCII)  # with a spreadsheet's digit grouping
_COMPACT = re.compile(r"((?:1[5-9]|2[01])\d\d)(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])", re.ASCII)
_DAY = re.compile(r"^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6},?\s", re.IGNORECASE)
_TIME = re.compile(r"[\sT,]\d{1,2}:\d\d.*")
_BESIDE = {"年", "月", "日", "de", "st", "nd", "rd", "th", "T", "Z"}  # other words in dates
_MONTHS = re.compile(
    r"jan|feb|fév|mar|mär|apr|avr|abr|ma[iyjg]|ju[niml]|giu|lug|aug|aoû|ago|sep|set|o[ckt]t|out|nov"
    r"|de[cz]|déc|dic|ene|spr|sum|aut|fal|win"
)


def year_of(value: Any) -> int | None:
    """The year in a number, digits or a date: ``June 2019``, ``01/06/2019``, CSL's ``date-parts``.

    None if there is none, or if it is ambiguous (``2019/2020``).
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, Mapping):
        return year_of(_in_object(value))
    if hasattr(value, "year"):
        return int(value.year)
    text = normalize("NFKC", str(value)).strip().strip("()[]'’\"").strip()
    text = text.removesuffix(".0")  # spreadsheets turn 2020 into 2020.0
    if _GROUPED.fullmatch(text):
        text = text[0] + text[2:]
    if _is_range(text):
        return None
    found = _COMPACT.fullmatch(text) or _WHOLE.fullmatch(text)
    return int(found[1]) if found else _in_words(text)


def _in_object(value: Mapping[str, Any]) -> Any:
    parts = value.get("date-parts") or value.get("date_parts")
    while isinstance(parts, list) and parts:
        parts = parts[0]
    return parts or value.get("literal") or value.get("raw") or value.get("year")


def _is_range(text: str) -> bool:
    """Whether a text names two years; ``2020-05`` is a month."""
    if not _RANGE.fullmatch(text):
        return False
    first, second = text[:4], re.split(r"\D+", text)[1]
    if len(second) == 4:
        return first != second
    return int(second) > 12 and int(second) == int(first[2:]) + 1


def _in_words(text: str) -> int | None:
    text = _TIME.sub("", _DAY.sub("", text, count=1))
    found = re.findall(r"(?<!\d)(?:1[5-9]|2[01])\d\d(?!\d)", text)
    words = re.findall(r"[^\W\d_]+", text)
    if len(text) > 40 or len(set(found)) != 1 or not re.fullmatch(r"[\w\s,./’'年月日-]+", text):
        return None
    known = all(_MONTHS.match(word.lower()) or word in _BESIDE for word in words)
    return int(found[0]) if known else None
