"""Write a table as LaTeX that compiles unchanged and fits a page."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from textwrap import wrap
from typing import Any

NEEDS = r"% needs \usepackage[T1]{fontenc} \usepackage{booktabs} \usepackage{graphicx}"
WIDE = 105  # characters per line in \footnotesize without much scaling
LONG = 44  # maximum of characters in a column whose cells are not wrapped
SHORT = 12  # the same for its heading
LINES = 40  # lines per page
MOST = 400  # characters of a cell
TOKEN = re.compile(r"(\S{18})(?=\S)")
FITS = r"\resizebox{\ifdim\width>\linewidth \linewidth\else \width\fi}{!}{%"

# ranges of code points that LaTeX can set with the packages of NEEDS only
LATIN = ((0x20, 0x7E), (0xA0, 0xB7), (0xB9, 0x148), (0x14A, 0x17E))
GREEK = ((0x391, 0x3A1), (0x3A3, 0x3A9), (0x3B1, 0x3C9))
MARKS = frozenset("–—‘’‚“”„†‡•…‰‹›⁄€™←↑→↓↔⇒⇔∂∇∈∏∑−√∞∧∨∩∪∫≈≠≡≤≥⊂⊆")
OWN = {"|": r"\ensuremath{|}"}  # without T1 encoding, a bar prints as a dash


def to_latex(
    caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, left: int, label: str
) -> str:
    """A table with caption and label, or several tables if it would not fit a page.

    Too many columns are spread over several tables, each with the first columns, and rows over
    pages. Cells of more than 400 characters are cut.

    Args:
        left: The number of text columns, which are repeated in each table.
    """
    rows = [[cell if len(cell) <= MOST else f"{cell[:MOST]}…" for cell in row] for row in rows]
    longest = [max(map(len, column), default=0) for column in zip(*rows, strict=True)] or [0] * len(
        columns
    )
    broken = [place for place, size in enumerate(longest) if size > LONG]
    room = LONG if len(broken) < 2 else max(20, 72 // len(broken))
    heads = [wrap(name, max(size, SHORT)) for name, size in zip(columns, longest, strict=True)]
    widths = [
        room if place in broken else max([size, *map(len, head)])
        for place, (size, head) in enumerate(zip(longest, heads, strict=True))
    ]
    parts = [
        (some, lines)
        for some in _side_by_side(widths, left)
        for lines in _pages(rows, broken, room)
    ]
    tables = []
    for number, (some, lines) in enumerate(parts, 1):
        align = "".join(
            f"p{{{room * 0.145:.1f}cm}}" if place in broken else "l" if place < left else "r"
            for place in some
        )
        cells = [[_cell(row[place], paragraph=place in broken) for place in some] for row in lines]
        again = number > 1
        tables += [
            r"\begin{table}[!htbp]",
            r"\centering\footnotesize",
            rf"\caption{{{escape(caption)}{' (continued)' * again}}}",
            rf"\label{{{label}{f'-{number}' * again}}}",
            FITS,
            rf"\begin{{tabular}}{{{align}}}",
            r"\toprule",
            _line([_heading(heads[place], place < left) for place in some]),
            r"\midrule",
            *map(_line, cells),
            r"\bottomrule",
            r"\end{tabular}}",
            r"\end{table}",
            *[r"\clearpage"] * (len(parts) > 1),
        ]
    return "\n".join([NEEDS, *tables]) + "\n"


def _side_by_side(widths: Sequence[int], left: int) -> Iterator[list[int]]:
    """Columns of each table: the first ones, and as many others as fit beside them."""
    first = list(range(left))
    taken = sum(widths[place] + 3 for place in first)
    some, width = [*first], taken
    for place in range(left, len(widths)):
        if width + widths[place] > WIDE and len(some) > left:
            yield some
            some, width = [*first], taken
        some.append(place)
        width += widths[place] + 3
    yield some


def _pages(
    rows: Sequence[Sequence[str]], broken: Sequence[int], room: int
) -> list[list[Sequence[str]]]:
    """Rows of each page."""
    heights = [
        1 + max([0, *(len(row[place]) * 6 // (room * 5) for place in broken)]) for row in rows
    ]
    pages: list[list[Sequence[str]]] = [[]]
    filled = 0
    for row, height in zip(rows, heights, strict=True):
        if pages[-1] and filled + height > LINES:
            pages.append([])
            filled = 0
        pages[-1].append(row)
        filled += height
    return pages


def _heading(lines: Sequence[str], words: bool) -> str:
    """A heading of stacked lines."""
    if len(lines) < 2:
        return escape("".join(lines))
    stacked = r"\\".join(map(escape, lines))
    return rf"\shortstack[{'l' if words else 'r'}]{{{stacked}}}"


def _cell(text: str, *, paragraph: bool) -> str:
    if not paragraph:
        return escape(text)
    pieces = TOKEN.sub("\\1\u200b", text).split("\u200b")
    return r"\raggedright " + r"\hskip0pt ".join(map(escape, pieces))


def _line(cells: Sequence[str]) -> str:
    # the beginning of a line must not be read as an argument of the previous line's end
    guard = "{}" if cells[0][:1] in ("[", "*") else ""
    return guard + " & ".join(cells) + r" \tabularnewline"  # \raggedright redefines \\


def escape(text: str) -> str:
    """Escape a text for LaTeX; characters that it cannot set become their code, ``U+4E2D``."""
    return "".join(map(_sign, unicodedata.normalize("NFC", text))).replace("--", "-{}-")


@cache
def _sign(sign: str) -> str:
    if sign in OWN:
        return OWN[sign]
    known = any(first <= ord(sign) <= last for first, last in (*LATIN, *GREEK))
    if not known and sign not in MARKS:
        return rf"\texttt{{U+{ord(sign):04X}}}"
    text: str = _encoder().unicode_to_latex(sign)
    return text


@cache
def _encoder() -> Any:
    from pylatexenc.latexencode import UnicodeToLatexEncoder  # type: ignore[import-untyped]

    return UnicodeToLatexEncoder()
