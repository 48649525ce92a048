"""Intermediate tables: dataclasses as rows of CSV files."""

import csv
import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter

from papertune.files import atomic_write
from papertune.owned import anybodys

Row = TypeVar("Row")


def write_rows(path: str | Path, rows: Iterable[Any], kind: type) -> None:
    """Write dataclasses as CSV, a column per field; numbers have ten digits, None is empty."""
    names = [field.name for field in dataclasses.fields(kind)]
    with atomic_write(path) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(names)
        for row in rows:
            values = (getattr(row, name) for name in names)
            writer.writerow(format(v, ".10g") if isinstance(v, float) else v for v in values)


def read_rows(path: str | Path, kind: type[Row]) -> list[Row]:
    """Read the rows of :func:`write_rows`."""
    texts = {field.name for field in dataclasses.fields(kind) if field.type in (str, "str")}  # type: ignore[arg-type]
    with open(path, encoding="utf-8", newline="", opener=anybodys) as stream:
        rows = [
            {key: text if text or key in texts else None for key, text in row.items()}
            for row in csv.DictReader(stream)
        ]
    return TypeAdapter(list[kind]).validate_python(rows)  # type: ignore[valid-type]
