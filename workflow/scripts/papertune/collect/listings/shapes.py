"""Find the rows in JSON: lists of objects, pandas' formats, nested question sets, exports.

Only unambiguous structures are read; anything else is an error that describes it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from papertune.collect.listings.cells import named, row_of
from papertune.collect.listings.headers import is_table
from papertune.collect.listings.places import value_of
from papertune.errors import CollectError
from papertune.files import from_json

Rows = Iterator[tuple[int, dict[str, Any] | str]]
# names of the list of rows in exports and APIs that also have other lists
LISTS = ("data", "items", "rows", "results", "records", "papers", "documents", "works", "articles",
         "examples", "questions", "entries", "hits", "train", "test", "publications", "docs",
         "notes", "collection", "references")  # fmt: skip
# paths of nested lists of rows: Crossref, dblp, Elasticsearch, Solr, Europe PMC, Scopus
PATHS = (("message", "items"), ("result", "hits", "hit"), ("hits", "hits"), ("response", "docs"),
         ("resultList", "result"), ("search-results", "entry"))  # fmt: skip
_COLUMN = re.compile(
    r"title|abstract|text|year|url|link|question|answer|instruction|input|output|prompt|response"
    r"|completion|context|messages|conversations?",
    re.IGNORECASE,
)
NO_OBJECT = "not a JSON object"
IMPOSSIBLE = "no answer: is_impossible is set, as its text has none"


def json_rows(text: str, path: Path) -> Rows:
    """The rows of a JSON file, each with its first line if the file is a list, else its number.

    Raises:
        CollectError: it is not JSON, or its rows are ambiguous.
    """
    try:
        found = from_json(text)
    except ValueError as error:
        if (lines := _one_by_one(text)) is not None:
            yield from lines
            return
        where = f"{path}:{getattr(error, 'lineno', 1)}"
        hint = "correct it there, or export it again with a program that writes JSON"
        if is_table(text[: text.find("\n") + 1]):
            hint = "it is CSV: let its name end in .csv"
        raise CollectError(f"not JSON ({error})", where=where, hint=hint) from None
    if isinstance(found, list) and not any(isinstance(value, list) for value in found[:2]):
        yield from _of_list(found, text)
        return
    rows = _of_object(found, str(path)) if isinstance(found, dict) else None
    if rows is None:
        raise CollectError(
            f"not a JSON list of rows, but {_shape(found)}",
            where=str(path),
            hint='write [{"title": …}, {"title": …}], or one such object in each line of a .jsonl',
        )
    for number, row in enumerate(rows, start=1):
        yield number, row if isinstance(row, dict | str) else NO_OBJECT


def _one_by_one(text: str) -> list[tuple[int, dict[str, Any] | str]] | None:
    """The rows of concatenated objects, each on one line or several; None for other texts."""
    try:
        values = [(line, from_json(text[start:end])) for line, start, end in _places(text, 0)]
    except (ValueError, RecursionError):
        return None
    rows = [(line, value if isinstance(value, dict) else NO_OBJECT) for line, value in values]
    return rows if len(rows) > 1 and any(isinstance(row, dict) for _, row in rows) else None


def _of_list(found: list[Any], text: str) -> Rows:
    for value, (line, _, _) in zip(found, _places(text, text.find("[") + 1), strict=False):
        yield line, value if isinstance(value, dict) else NO_OBJECT


def _places(text: str, end: int) -> Iterator[tuple[int, int, int]]:
    """(line, start, end) of each JSON value in a text from position ``end`` on."""
    scan, between = json.JSONDecoder().raw_decode, re.compile(r"[\s,]*+")
    line, counted = 1, 0
    while (start := between.match(text, end).end()) < len(text):  # type: ignore[union-attr]
        line, counted = line + text.count("\n", counted, start), start
        end = scan(text, start)[1]
        yield line, start, end


def _of_object(found: dict[str, Any], where: str) -> list[Any] | None:
    """The rows in an object; None if they are ambiguous."""
    for path in PATHS:
        if isinstance(deep := value_of(found, ".".join(path)), list):
            return deep
    data, columns = found.get("data"), found.get("columns")
    if isinstance(data, list) and isinstance(columns, list):  # pandas: split
        names = named(columns, where)
        return [row_of(names, row) if isinstance(row, list) else None for row in data]
    lists = {name: value for name, value in found.items() if isinstance(value, list)}
    if lists and len(lists) == len(found) > 1:
        [*sizes] = {len(value) for value in lists.values()}
        if len(sizes) == 1 and not all(isinstance(v[0], dict) for v in lists.values() if v):
            return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
    objects = [name for name, value in lists.items() if value and isinstance(value[0], dict)]
    known = [name for name in LISTS if name in objects]
    chosen = objects if len(objects) == 1 else known if len(known) == 1 else []
    if not chosen and len(lists) == 1:
        chosen = [*lists]
    if chosen:
        rows: list[Any] = lists[chosen[0]]
        if any(isinstance(row, dict) and isinstance(row.get("paragraphs"), list) for row in rows):
            return list(_asked(rows))
        return rows
    inner = [value for value in found.values() if isinstance(value, dict)]
    if found and len(inner) == len(found):
        return _of_index(found, inner)
    return None


def _of_index(found: dict[str, Any], inner: list[dict[str, Any]]) -> list[Any] | None:
    """The rows of an object of objects, which are rows, or columns if their names say so."""
    same = all(value.keys() == inner[0].keys() for value in inner)
    if same and inner[0] and any(_COLUMN.search(name) for name in found):
        if all(name.isdecimal() for name in inner[0]) or not any(map(_COLUMN.search, inner[0])):
            return [{name: found[name][key] for name in found} for key in inner[0]]
        return None
    return inner if any(_COLUMN.search(name) for name in inner[0]) else None


def _asked(articles: list[Any]) -> Iterator[dict[str, Any] | str]:
    """The questions of a data set nested like SQuAD, each with its first answer."""
    for article in articles:
        for paragraph in article.get("paragraphs") or ():
            for asked in paragraph.get("qas") or ():
                if asked.get("is_impossible"):
                    yield IMPOSSIBLE
                    continue
                answers = asked.get("answers") or [{}]
                first = answers[0].get("text") if isinstance(answers[0], dict) else answers[0]
                about = {"title": article.get("title"), "context": paragraph.get("context")}
                yield {**about, **asked, "answer": asked.get("answer", first)}


def _shape(found: Any) -> str:
    """A description of a value for an error message."""
    if isinstance(found, list):
        return "a list of lists, whose columns have no names"
    if not isinstance(found, Mapping):
        return "a single value"
    parts = [f"{name!r}: {_kind(value)}" for name, value in found.items()]
    return f"an object with {', '.join(parts[:12]) or 'nothing'}"


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    return "a list" if isinstance(value, list) else "a value"
