"""Tell whether the cells of a tab-separated table are quoted.

Corpora of sentences are not, and cells may begin with quotes of the text; Excel and pandas quote
only the cells that need it.
"""

import csv
import re

FEWEST = 3  # rows that are needed for a judgement
# a quoted cell, with its own quotes doubled
_WRAPPED = re.compile(r'(?:^|(?<=\t))"((?:[^"\t]|"")*+)"(?=\t|\r|\n|\Z)', re.MULTILINE)


def is_quoted(text: str, columns: int) -> bool:
    """Whether all quotes at the beginning of a table enclose cells, and some certainly do.

    Args:
        text: The first rows, the last perhaps cut.
        columns: The number of names in the header.
    """
    text = text[: max(text.rfind("\n"), text.rfind("\r")) + 1] or text
    wrapped = _WRAPPED.findall(text)
    rest = _WRAPPED.sub("", text)
    if not wrapped or '"' in rest:
        return False
    # Excel quotes each cell with a comma, a quote or a line break, and no other
    as_excel = all(re.search(r'[,"\r\n]', cell) for cell in wrapped) and "," not in rest
    if not (as_excel or _by_column(text) or any(re.search(r'"|[\r\n]', cell) for cell in wrapped)):
        return False
    try:
        lines = text.splitlines(keepends=True)
        return all(len(row) <= columns for row in csv.reader(lines, delimiter="\t", strict=True))
    except csv.Error:
        return False


def _by_column(text: str) -> bool:
    """Whether all cells of some columns are quoted, and none of the others."""
    [_, *rows] = [line.split("\t") for line in text.splitlines() if line.strip()]
    if len(rows) < FEWEST or len({len(row) for row in rows}) > 1:
        return False
    return all(
        len({cell[:1] == '"' for cell in column if cell}) < 2 for column in zip(*rows, strict=True)
    )
