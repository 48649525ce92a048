"""A table of text cells, and the ways to write it: CSV, Markdown, LaTeX, plain text."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Any

from papertune.records import atomic_write

IN_LATEX = {"−": "$-$", "±": "$\\pm$", "†": "\\dag{}", "≥": "$\\geq$"}


@dataclass(frozen=True, slots=True)
class Table:
    """Text cells under headings; ``left`` says how many columns are words, not numbers."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    left: int = 1

    @property
    def lines(self) -> list[list[str]]:
        """Headings and rows; no cell has a line break."""
        return [[" ".join(cell.split()) for cell in row] for row in (self.columns, *self.rows)]


def write_table(path: str | Path, table: Table) -> None:
    """Write ``path`` with the endings .csv, .md and .tex."""
    write_csv(f"{path}.csv", [table.columns, *table.rows])
    for ending, text in (("md", to_markdown(table)), ("tex", to_latex(table))):
        with atomic_write(f"{path}.{ending}") as stream:
            stream.write(text)


def write_csv(path: str | Path, rows: Iterable[Iterable[Any]]) -> None:
    """Write rows, the first of them the headings."""
    with atomic_write(path) as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)


def read_table(path: str | Path, title: str, left: int = 1) -> Table:
    """The table whose .csv lies at ``path``."""
    with open(path, encoding="utf-8", newline="") as stream:
        columns, *rows = csv.reader(stream)
    return Table(title, columns, rows, left)


def without_empty_columns(table: Table) -> Table:
    """The table without the columns of numbers that say nothing in any row."""
    said = [i < table.left or any(row[i] for row in table.rows) for i in range(len(table.columns))]
    columns, *rows = [list(compress(row, said)) for row in (table.columns, *table.rows)]
    return Table(table.title, columns, rows, table.left)


def to_markdown(table: Table) -> str:
    """GitHub's tables; pipes and line breaks of cells are escaped."""

    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"

    head, *rows = table.lines
    marks = ["---" if i < table.left else "---:" for i in range(len(head))]
    return "".join(map(line, [head, marks, *rows]))


def to_latex(table: Table) -> str:
    """A booktabs tabular, everything escaped; the caption is the author's."""
    import pandas as pd

    head, *rows = table.lines
    frame = pd.DataFrame(rows, columns=pd.Index(head), dtype=str)
    align = "".join("l" if i < table.left else "r" for i in range(len(head)))
    text: str = frame.to_latex(index=False, escape=True, column_format=align)
    for sign, command in IN_LATEX.items():
        text = text.replace(sign, command)
    return text


def to_text(table: Table) -> str:
    """Padded columns for a terminal, the title above."""
    widths = [max(map(len, column)) for column in zip(*table.lines, strict=True)]
    head, *rows = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table.lines
    )
    rule = "  ".join("-" * width for width in widths)
    return "\n".join([table.title, "", head, rule, *rows]) + "\n"
