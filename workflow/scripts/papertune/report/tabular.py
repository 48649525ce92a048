"""A table of text cells, and the ways to write it: CSV, Markdown, LaTeX, plain text."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from papertune.records import atomic_write


@dataclass(frozen=True, slots=True)
class Table:
    """Text cells under headings; ``left`` says how many columns are words, not numbers."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    left: int = 1


def write_table(path: str | Path, table: Table) -> None:
    """Write ``path`` with the endings .csv, .md and .tex."""
    with atomic_write(f"{path}.csv") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(table.columns)
        writer.writerows(table.rows)
    with atomic_write(f"{path}.md") as stream:
        stream.write(to_markdown(table))
    with atomic_write(f"{path}.tex") as stream:
        stream.write(to_latex(table))


def read_table(path: str | Path, title: str, left: int = 1) -> Table:
    """The table whose .csv lies at ``path``."""
    with open(path, encoding="utf-8", newline="") as stream:
        columns, *rows = csv.reader(stream)
    return Table(title, columns, rows, left)


def without_empty_columns(table: Table) -> Table:
    """The table without the columns of numbers that say nothing in any row."""
    kept = [
        place
        for place in range(len(table.columns))
        if place < table.left or any(row[place] for row in table.rows)
    ]
    columns, *rows = [[row[place] for place in kept] for row in (table.columns, *table.rows)]
    return Table(table.title, columns, rows, table.left)


def to_markdown(table: Table) -> str:
    """GitHub's tables; pipes and line breaks of cells are escaped."""

    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(_one_line(cell).replace("|", "\\|") for cell in cells) + " |\n"

    marks = ["---" if i < table.left else "---:" for i in range(len(table.columns))]
    return line(table.columns) + line(marks) + "".join(map(line, table.rows))


def to_latex(table: Table) -> str:
    """A booktabs tabular, everything escaped; the caption is the author's."""
    import pandas as pd

    frame = pd.DataFrame(
        [[_one_line(cell) for cell in row] for row in table.rows],
        columns=pd.Index([_one_line(column) for column in table.columns]),
        dtype=str,
    )
    align = "".join("l" if i < table.left else "r" for i in range(len(table.columns)))
    text: str = frame.to_latex(index=False, escape=True, column_format=align)
    return (
        text.replace("−", "$-$")
        .replace("±", "$\\pm$")
        .replace("†", "\\dag{}")
        .replace("≥", "$\\geq$")
    )


def to_text(table: Table) -> str:
    """Padded columns for a terminal, the title above."""
    lines = [table.columns, *table.rows]
    widths = [max(len(_one_line(row[i])) for row in lines) for i in range(len(table.columns))]

    def line(cells: list[str]) -> str:
        return "  ".join(
            _one_line(cell).ljust(width) for cell, width in zip(cells, widths, strict=True)
        ).rstrip()

    rule = "  ".join("-" * width for width in widths)
    return "\n".join([table.title, "", line(table.columns), rule, *map(line, table.rows)]) + "\n"


def _one_line(text: str) -> str:
    return " ".join(text.split())
