"""The lines of a PDF's pages, in reading order.

A PDF draws letters at positions, in any order; two columns may be drawn line by line across. So
lines are formed from the letters' boxes, columns are separated by the gutter that few lines cross,
and running heads are lines that recur on other pages.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, groupby, pairwise
from operator import itemgetter
from statistics import median

from papertune.collect.texts.pdf_lines import Line, Style, is_bold, shape, usual_size

# character, left, bottom, right, top, style
Letter = tuple[str, float, float, float, float, Style]
_ENDED = re.compile(r"[.?!][\d,–-]{0,9}$")  # with the marks of references
_NUMBER = re.compile(r"\W*(?:page\s*)?(?:\d{1,5}|[ivxlc]{1,6})(?:\s*(?:of|/)\s*\d+)?\W*", re.I)


def lines_of(letters: Iterable[Letter], page: int, width: float, height: float) -> list[Line]:
    """A page's lines in reading order; lengths are in points."""
    pieces = _without_line_numbers(_pieces(letters, page))
    usual, lines = usual_size(pieces), []
    for place, part in enumerate(
        _beside(pieces, width) if page < 2 else [pieces]
    ):  # the first may be a cover
        for at, column in enumerate(_columns(part, width)):
            found = list(_spaced(_rows(column)))
            found[0].apart = place > 0 and at == 0
            _mark_notes(found, usual, 0.35 * height)
            lines += found
    for line in lines:
        line.margin = line.bottom > 0.9 * height or line.top < 0.1 * height
    return lines


def _pieces(letters: Iterable[Letter], page: int) -> list[Line]:
    """Runs of letters on one line without a gap that may be a gutter."""
    pieces: list[Line] = []
    votes = 0
    for char, x0, y0, x1, y1, style in letters:
        last = pieces[-1] if pieces else Line("", 0, 0, -1, 0)
        if char.isspace():
            last.text = f"{last.text.rstrip()} "
            continue
        if (
            not pieces
            or min(y1, last.top) - max(y0, last.bottom) < 0.4 * min(last.size, y1 - y0)
            or x0 - last.right > 0.8 * last.size
            or x0 < last.right - 2 * last.size
        ):
            last, votes = Line("", x0, y0, x1, y1, page, style=style), 0
            pieces.append(last)
        elif y1 - y0 > 1.15 * last.size:  # a subscript or superscript does not raise the line
            last.bottom, last.top = y0, y1
        last.right = max(last.right, x1)
        last.text += char
        votes += 1 if style == last.style else -1
        if votes < 0:
            last.style, votes = style, 1
    return [replace(piece, text=piece.text.strip()) for piece in pieces]


def _without_line_numbers(pieces: list[Line]) -> list[Line]:
    """Remove a manuscript's line numbers: beside the text, counting up."""
    numbers = [piece for piece in pieces if re.fullmatch(r"\d{1,4}", piece.text)]
    text = [piece for piece in pieces if len(piece.text) > 20]
    if len(numbers) < 4 or not text:
        return pieces
    left = sorted(piece.left for piece in text)[len(text) // 10]
    right = sorted(piece.right for piece in text)[-1 - len(text) // 10]
    dropped: set[int] = set()
    for side in (
        [piece for piece in numbers if piece.right <= left + 1],
        [piece for piece in numbers if piece.left >= right - 1],
    ):
        side.sort(key=lambda piece: -piece.top)
        steps = Counter(int(b.text) - int(a.text) for a, b in pairwise(side))
        step, often = steps.most_common(1)[0] if steps else (0, 0)
        if often >= 0.8 * (len(side) - 1) and (
            (step == 1 and often > 6) or (step in (5, 10) and often > 2)
        ):
            dropped.update(map(id, side))
    return [piece for piece in pieces if id(piece) not in dropped]


def _beside(pieces: list[Line], width: float) -> list[list[Line]]:
    """Split a page at a box with an abstract beside its keywords and history, authors or notices.

    The parts are the pieces above, the narrow side, the wide side, below; one part without a box.

    The wide side is prose and the wider one, unless the text below has one column and the box two
    abstracts; the lines of the two sides need not align.
    """
    single = _gutter(pieces, width) is None
    for shortest in (30, 1):  # prose on the right, notices on the right
        starts = Counter(round(piece.left / 2) for piece in pieces if len(piece.text) >= shortest)
        for start, often in starts.most_common(6):  # columns of the text below have more
            edge = 2 * start - 3
            left, right = _sides(pieces, edge, shortest) if often >= 3 else ([], [])
            narrow, wide = (left, right) if shortest > 1 else (right, left)
            words, prose = (
                sum(len(piece.text) for piece in side if len(piece.text) >= least)
                for side, least in ((narrow, 1), (wide, 30))
            )
            if len(narrow) < 2 or prose < 200 or words < max(60, 8 * len(narrow)):
                continue
            if _width(narrow) < 0.75 * _width(wide) or (single and shortest > 1 and words >= 200):
                rest = [piece for piece in pieces if piece not in left and piece not in right]
                middle = (max(one.top for one in right) + min(one.bottom for one in right)) / 2
                above = [piece for piece in rest if piece.bottom > middle]
                return [above, narrow, wide, [piece for piece in rest if piece not in above]]
    return [pieces]


def _sides(pieces: list[Line], edge: float, shortest: int) -> tuple[list[Line], list[Line]]:
    """The pieces left and right of an edge, as high as the lines that begin there; none if a line
    crosses it.
    """
    lines = [one for one in pieces if edge <= one.left < edge + 6 and len(one.text) >= shortest]
    top, bottom = max(one.top for one in lines), min(one.bottom for one in lines)
    size = lines[0].size
    for piece in sorted(pieces, key=lambda one: one.bottom):  # its heading, an indented first line
        if edge <= piece.left < edge + 30 and 0 < piece.bottom - top < 2.5 * size:
            top = piece.top
    inside = [
        piece for piece in pieces if bottom - 2 * size < (piece.bottom + piece.top) / 2 < top + 1
    ]
    left = [piece for piece in inside if piece.right < edge]
    right = [piece for piece in inside if piece.left >= edge]
    if not left or len(left) + len(right) < len(inside):
        return [], []
    lowest = min(left, key=lambda one: one.bottom)
    for piece in sorted(pieces, key=lambda one: -one.bottom):  # it may continue below
        if piece.right < edge and 0 < lowest.bottom - piece.bottom < 1.6 * lowest.size:
            left.append(lowest := piece)
    return left, right


def _width(pieces: list[Line]) -> float:
    return max(piece.right for piece in pieces) - min(piece.left for piece in pieces)


def _columns(pieces: list[Line], width: float) -> list[list[Line]]:
    """The pieces by column: bands between pieces that span the page; in each, left before right."""
    gutter = _gutter(pieces, width)
    if gutter is None:
        return [pieces] if pieces else []
    spanning = [piece for piece in pieces if piece.left < gutter - 3 and piece.right > gutter + 3]
    spanning += [piece for piece in pieces if _ends(piece, spanning, pieces)]
    edges = sorted({round(piece.bottom, 1) for piece in spanning}, reverse=True)

    def band(piece: Line) -> tuple[int, int]:
        middle = (piece.bottom + piece.top) / 2
        # a row with a spanning piece belongs to the page as a whole
        row = next((one for one in spanning if one.bottom <= middle <= one.top), None)
        if row is not None:
            return 2 * edges.index(round(row.bottom, 1)) + 1, 0
        side = (piece.left + piece.right) / 2 >= gutter
        return 2 * sum(edge > middle for edge in edges), int(side)

    placed = sorted(((band(piece), piece) for piece in pieces), key=itemgetter(0))
    # lines across the page that follow each other are one column
    columns = groupby(placed, lambda pair: (-1, 0) if pair[0][0] % 2 else pair[0])
    return [[piece for _, piece in column] for _, column in columns]


def _ends(piece: Line, spanning: list[Line], pieces: list[Line]) -> bool:
    """Whether a piece is the short last line of a paragraph across the page."""
    above = [one for one in spanning if 0 < one.bottom - piece.bottom < 1.6 * piece.size]
    middle = (piece.bottom + piece.top) / 2
    return any(
        abs(one.left - piece.left) < 3 and one.size < 1.1 * piece.size < 1.3 * one.size
        for one in above
    ) and not any(one.left > piece.right and one.bottom <= middle <= one.top for one in pieces)


def _gutter(pieces: list[Line], width: float) -> float | None:
    """The x position (points) of a two-column page's gutter, which few lines cross; else None."""
    letters = sum(len(piece.text) for piece in pieces)
    crossing = {
        x: sum(len(piece.text) for piece in pieces if piece.left < x - 1 and piece.right > x + 1)
        for x in range(int(0.3 * width), int(0.7 * width), max(2, int(width / 1000)))
    }
    fewest = min(crossing.values(), default=letters)
    if not crossing or fewest > 0.5 * letters:
        return None
    gutter = median(x for x, count in crossing.items() if count == fewest)
    left = [piece for piece in pieces if piece.right <= gutter + 3]
    right = [piece for piece in pieces if piece.left >= gutter - 3]
    # both sides must hold lines of prose: a list or a table has short ones
    prose = [
        sum(len(piece.text) for piece in side if len(piece.text) > 20) for side in (left, right)
    ]
    return gutter if min(prose) > 0.1 * letters and min(prose) > 100 else None


def _rows(column: list[Line]) -> list[Line]:
    """Join pieces of one height into lines, from the top down."""
    rows: list[list[Line]] = []
    for piece in sorted(column, key=lambda item: -item.top):
        for row in rows[-3:]:
            overlap = min(row[0].top, piece.top) - max(row[0].bottom, piece.bottom)
            if overlap > 0.5 * min(row[0].size, piece.size):
                row.append(piece)
                break
        else:
            rows.append([piece])
    lines = []
    for row in rows:
        row.sort(key=lambda item: item.left)
        high = max(row, key=lambda item: len(item.text))
        text = row[0].text
        for before, piece in pairwise(row):
            text += " " * (piece.left - before.right > 0.15 * high.size) + piece.text
        lines.append(replace(high, text=text, left=row[0].left, right=max(p.right for p in row)))
    return lines


def _spaced(lines: list[Line]) -> Iterator[Line]:
    """A column's lines, marked if they begin a paragraph: by a space, an indent or another size."""
    edge = Counter(round(line.left) for line in lines).most_common(1)[0][0]
    gaps = [
        above.bottom - line.bottom for above, line in pairwise(lines) if above.bottom > line.bottom
    ]
    usual = median(gaps) if gaps else 0.0
    width = max(line.right for line in lines) - edge
    yield replace(lines[0], first=True)
    for above, line in pairwise(lines):
        indented = 0.6 * line.size < line.left - edge < 4 * line.size
        apart = (
            above.bottom - line.bottom > max(1.35 * usual, 1.25 * line.size)
            or abs(line.size - above.size) > 0.12 * max(line.size, above.size)
            or (indented and abs(above.left - edge) < 0.5 * line.size)
            or (above.right - edge < 0.6 * width and above.text.endswith((".", ":", "?")))
            or (is_bold(line.font) != is_bold(above.font) and bool(_ENDED.search(above.text)))
        )
        yield replace(line, apart=apart)


def _mark_notes(column: list[Line], usual: float, below: float) -> None:
    """Mark footnotes and captions at the foot of a column: the text continues in the next one."""
    start = len(column)
    while start and column[start - 1].size < 0.9 * usual:
        start -= 1
    for line in column[start:] if start else []:
        line.note = column[start].top < below


def without_furniture(pages: list[list[Line]]) -> list[Line]:
    """The lines of all pages without running heads, feet and page numbers.

    A title is kept: above its text it is larger than at the head of the other pages.
    """
    heads: dict[str, list[float]] = defaultdict(list)  # sizes of each line in the margins
    for lines in pages:
        for name, size in {shape(line): line.size for line in lines if line.margin}.items():
            heads[name].append(size)
    return [
        line
        for line in chain.from_iterable(pages)
        if not line.margin
        or not (
            _NUMBER.fullmatch(line.text)
            or (len(heads[shape(line)]) > 1 and line.size < 1.2 * min(heads[shape(line)]))
        )
    ]
