"""A line of type: its position and its style."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

_BOLD = re.compile(
    r"bold|black|heavy|demi|medi(?:um)?$|cmbx|cmssbx|sfbx|ecbx|-b$|\bbd$|[,.-]b(?:i|d)?$|\.b\+?$|semib",
    re.IGNORECASE,
)


class Style(NamedTuple):
    """A letter's font and size, if they were read."""

    font: str = ""
    points: float = 0.0


_UNKNOWN = Style()


@dataclass(slots=True)
class Line:
    """A line of one column, in points from the page's lower left corner.

    ``size`` is the height of its letters and ``style`` that of most of them. ``margin``: it is
    where running heads are; ``apart``: it begins a paragraph; ``first``: it begins a column;
    ``note``: it is in small type at the foot of one.
    """

    text: str
    left: float
    bottom: float
    right: float
    top: float
    page: int = 0
    margin: bool = False
    apart: bool = False
    first: bool = False
    note: bool = False
    style: Style = _UNKNOWN

    @property
    def size(self) -> float:
        """The height of the letters in points."""
        return self.top - self.bottom

    @property
    def font(self) -> str:
        """The name of the font; empty if unknown."""
        return self.style.font

    @property
    def points(self) -> float:
        """The type size, else the height: fonts of one size differ in height."""
        return self.style.points or self.size


def is_bold(font: str) -> bool:
    """Whether a font's name says that it is bold; the weights in files are unreliable."""
    return bool(_BOLD.search(font))


def is_italic(font: str) -> bool:
    """Whether a font's name says that it is italic."""
    return bool(re.search(r"ital|obli|cmti|cmsl|slanted|-it$|bi$", font, re.IGNORECASE))


def usual_size(lines: list[Line]) -> float:
    """The height of most letters, in points."""
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[round(line.size, 1)] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 0.0


def shape(line: Line) -> str:
    """A line without numbers and punctuation, by which recurring running heads are recognised."""
    return re.sub(r"\d+|\W+", " ", line.text).strip().lower()
