"""A table of text, and the ways to write it: CSV, Markdown, LaTeX, and text for a terminal."""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import compress
from pathlib import Path

from papertune.files import atomic_write
from papertune.models.modelcard import plain
from papertune.owned import anybodys

IN_LATEX = {"−": "$-$", "±": "$\\pm$", "†": "\\dag{}", "‡": "\\ddag{}", "≥": "$\\geq$"}


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
    with atomic_write(f"{path}.csv") as stream:
        lines = ([*map(_no_formula, line)] for line in (table.columns, *table.rows))
        csv.writer(stream, lineterminator="\n").writerows(lines)
    for ending, text in (("md", to_markdown(table)), ("tex", to_latex(table))):
        with atomic_write(f"{path}.{ending}") as stream:
            stream.write(text)


def _no_formula(cell: str) -> str:
    """A cell that a spreadsheet shows and does not reckon: of a formula, an apostrophe before it."""
    if cell.lstrip()[:1] not in ("=", "+", "-", "@"):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def read_table(path: str | Path, title: str, left: int = 1) -> Table:
    """The table whose .csv lies at ``path``, but for columns of numbers that say nothing."""
    with open(path, encoding="utf-8", newline="", opener=anybodys) as stream:
        lines = list(csv.reader(stream))
    said = [i < left or any(column[1:]) for i, column in enumerate(zip(*lines, strict=True))]
    columns, *rows = [list(compress(line, said)) for line in lines]
    return Table(title, columns, rows, left)


def to_markdown(table: Table) -> str:
    """GitHub's tables; pipes, HTML and links of cells are escaped, and line breaks are blanks."""

    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(plain(cell).replace("|", "\\|") for cell in cells) + " |\n"

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
    return re.sub(r"^[*\[]", r"{\g<0>}", text, flags=re.M)  # or the line break before it takes it


def to_text(table: Table) -> str:
    """Padded columns for a terminal, the title above."""
    widths = [max(map(len, column)) for column in zip(*table.lines, strict=True)]
    head, *rows = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table.lines
    )
    rule = "  ".join("-" * width for width in widths)
    return "\n".join([table.title, "", head, rule, *rows]) + "\n"
