"""Paths to values in the rows of a table of pairs, and suggestions for ``source.columns``."""

from collections.abc import Iterator
from typing import Any

from papertune.collect.listings.messages import is_turn

Row = dict[str, Any]
# settings for the columns of widely used data sets
_KNOWN = (
    {"question": "instruction", "context": "input", "answer": "output"},
    {"question": "instruction", "context": "context", "answer": "response"},
    {"question": "instruction", "answer": "output"},
    {"question": "instruction", "answer": "response"},
    {"question": "question", "context": "context", "answer": "answers.text.0"},
    {"question": "question", "answer": "answers.0.text"},
    {"question": "question", "answer": "answer"},
    {"question": "question", "answer": "response"},
    {"question": "prompt", "answer": "completion"},
    {"question": "prompt", "answer": "response"},
    {"question": "prompt", "answer": "output"},
    {"question": "input", "answer": "output"},
    {"question": "query", "answer": "response"},
    {"question": "query", "answer": "answer"},
    {"question": "problem", "answer": "solution"},
    {"question": "Question", "answer": "Answer"},
    {"question": "Frage", "answer": "Antwort"},
    {"question": "问题", "answer": "答案"},
)


def value_of(row: Row, column: str) -> Any:
    """A row's value at a path: ``translation.en`` and ``answers.0`` lead into objects and lists."""
    if column in row:
        return row[column]
    value: Any = row
    for part in column.split("."):
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def places(row: Row) -> Iterator[str]:
    """A row's columns as settings name them, with fields of objects and of lists' first items."""
    for name, value in row.items():
        if isinstance(value, dict):
            yield from (f"{name}.{inner}" for inner in places(value))
        elif (
            isinstance(value, list)
            and value
            and isinstance(value[0], dict)
            and not is_turn(value[0])
        ):
            yield from (f"{name}.0.{inner}" for inner in places(value[0]))
        elif isinstance(value, list) and value and isinstance(value[0], str):
            yield f"{name}.0"
        else:
            yield str(name)


def within(value: Any, column: str) -> str:
    """The end of a message: where a column that is no text has texts; else an empty string."""
    if isinstance(value, list) and value and is_turn(value[0]):
        return f": set columns: {{messages: {column}}}"
    names = [name for name in places({column: value}) if name != column]
    return f": set it to {' or '.join(names[:4])}" if names else ""


def suggested(row: Row) -> str:
    """The end of a hint: the settings for a widely used data set with these columns; else empty."""
    for name, value in row.items():
        if isinstance(value, list) and value and is_turn(value[0]):
            return f", that is columns: {{messages: {name}}}"
    known = {*places(row)}
    for columns in _KNOWN:
        if {*columns.values()} <= known:
            said = ", ".join(f"{name}: {column}" for name, column in columns.items())
            return f", perhaps columns: {{{said}}}"
    return ""
