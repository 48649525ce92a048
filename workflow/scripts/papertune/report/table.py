"""A table of text, written as CSV, Markdown, LaTeX, or text for a terminal."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import compress
from pathlib import Path
from textwrap import wrap

from papertune.files import atomic_write, read_json
from papertune.models.modelcard import plain
from papertune.models.modelfolder import write_json
from papertune.report.latex import to_latex
from papertune.report.numbers import NONE, Shown


@dataclass(frozen=True, slots=True)
class Table:
    """Text cells under headings; ``left`` is the number of text columns.

    A cell that is a :class:`Shown` also has values for CSV.
    """

    title: str
    columns: list[str]
    rows: list[list[str]]
    left: int = 1

    @property
    def lines(self) -> list[list[str]]:
        """Headings and rows; no cell has a line break."""
        return [[" ".join(cell.split()) for cell in row] for row in (self.columns, *self.rows)]

    def telling(self) -> "Table":
        """The table without columns of numbers that say nothing."""
        said = [i < self.left or any(r[i] for r in self.rows) for i in range(len(self.columns))]
        kept = [[*compress(row, said)] for row in self.rows]
        return replace(self, columns=[*compress(self.columns, said)], rows=kept)


def write_table(path: str | Path, table: Table) -> None:
    """Write ``path`` with the endings .csv, .md and .tex; and .json, which :func:`read_table` reads."""
    for ending, text in forms(table, Path(path).name).items():
        with atomic_write(f"{path}.{ending}") as stream:
            stream.write(text)
    cells = [[[c, c.plain] if isinstance(c, Shown) else c for c in row] for row in table.rows]
    about = {"title": table.title, "left": table.left, "columns": table.columns}
    write_json(Path(f"{path}.json"), about | {"rows": cells})


def read_table(path: str | Path) -> Table:
    """Read the table from ``path`` with .json, without empty columns of numbers."""
    found = read_json(path)
    rows = [[c if isinstance(c, str) else Shown(*c) for c in row] for row in found["rows"]]
    return Table(found["title"], found["columns"], rows, found["left"]).telling()


def forms(table: Table, name: str) -> dict[str, str]:
    """File ending → the table's text; ``name`` is part of its LaTeX label."""
    head, *rows = table.lines
    tex = to_latex(table.title, head, rows, left=table.left, label=f"tab:{name}")
    return {"csv": to_csv(table), "md": to_markdown(table), "tex": tex}


def to_csv(table: Table) -> str:
    """CSV with a column for each number, named by its heading and a suffix.

    A missing number is an empty cell. A suffix in brackets, such as the unit (s), replaces the
    heading's own. Column names are unique.
    """
    columns: dict[str, list[str]] = {}
    for place, heading in enumerate(table.columns):
        cells = [row[place] for row in table.rows]
        names = dict.fromkeys(name for c in cells if isinstance(c, Shown) for name in c.plain)
        for name in names or [""]:
            values = [c.plain.get(name, "") if isinstance(c, Shown) else _text(c) for c in cells]
            title = _named(heading, name)
            alike = sum(1 for other in columns if other.partition(" #")[0] == title)
            columns[f"{title} #{alike + 1}" if alike else title] = values
    stream = io.StringIO()
    lines = [[*columns], *zip(*columns.values(), strict=True)]
    csv.writer(stream, lineterminator="\n").writerows(map(_no_formula, line) for line in lines)
    return stream.getvalue()


def _named(heading: str, name: str) -> str:
    if name.startswith("(") and heading.endswith(")"):
        heading = heading.rpartition(" (")[0]
    return f"{heading} {name}" if name else heading


def _text(cell: str) -> str:
    return "" if cell == NONE else cell


def _no_formula(cell: str) -> str:
    """Prefix an apostrophe to a cell that a spreadsheet would evaluate as a formula."""
    if cell.lstrip()[:1] not in ("=", "+", "-", "@"):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def to_markdown(table: Table) -> str:
    """A GitHub Markdown table; pipes, HTML and links are escaped, line breaks become spaces."""

    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(plain(cell).replace("|", "\\|") for cell in cells) + " |\n"

    head, *rows = table.lines
    marks = ["---" if i < table.left else "---:" for i in range(len(head))]
    return "".join(map(line, [head, marks, *rows]))


def to_text(table: Table) -> str:
    """Padded columns for a terminal, with the title above, wrapped at their width."""
    widths = [max(map(len, column)) for column in zip(*table.lines, strict=True)]
    head, *rows = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table.lines
    )
    rule = "  ".join("-" * width for width in widths)
    title = wrap(table.title, max(60, len(rule)))
    return "\n".join([*title, "", head, rule, *rows]) + "\n"
