"""A line of type: where it stands and how it is set."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

_BOLD = re.compile(
    r"bold|black|heavy|demi|medi(?:um)?$|cmbx|cmssbx|sfbx|ecbx|-b$|\bbd$|[,.-]b(?:i|d)?$|\.b\+?$|semib",
    re.IGNORECASE,
)


class Style(NamedTuple):
    """How a letter is set, where it was asked for."""

    font: str = ""
    points: float = 0.0


_UNKNOWN = Style()


@dataclass(slots=True)
class Line:
    """A line of one column, in points from the page's lower left corner.

    ``size`` is the height of its letters, ``margin`` says that it stands where running heads do,
    ``apart`` that a paragraph begins with it, ``first`` that its column does; ``note`` that it stands in
    small type at its foot. ``style`` is that of most of its letters.
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
        """Height."""
        return self.top - self.bottom

    @property
    def font(self) -> str:
        """The name of the font, where it is known."""
        return self.style.font

    @property
    def points(self) -> float:
        """The size of the type, where it is known: fonts of one size differ in height."""
        return self.style.points or self.size


def is_bold(font: str) -> bool:
    """Whether a font's name says that it is bold; weights in the files say anything."""
    return bool(_BOLD.search(font))


def is_italic(font: str) -> bool:
    """Whether a font's name says that it is italic."""
    return bool(re.search(r"ital|obli|cmti|cmsl|slanted|-it$|bi$", font, re.IGNORECASE))


def usual_size(lines: list[Line]) -> float:
    """The height of most of a page's letters."""
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[round(line.size, 1)] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 0.0


def shape(line: Line) -> str:
    """A line without its numbers, as running heads come again: ``12 A. Writer et al.``"""
    return re.sub(r"\d+|\W+", " ", line.text).strip().lower()
