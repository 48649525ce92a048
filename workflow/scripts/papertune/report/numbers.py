"""Numbers as the report writes them."""

import math
from collections.abc import Iterable

from papertune.metrics import metric_named
from papertune.scores.matrix import Cell
from papertune.study.experiment import Experiment

BETTER, WORSE, UNREAD = "*", "†", "‡"  # better, worse, and not all texts were read
UNREAD_SAID = f"{UNREAD} answers that the embedder could not read, or not their references"
NONE = "–"


def number(value: float | None, metric: str, *, signed: bool = False) -> str:
    """A metric's value with as many digits as it deserves."""
    if value is None or math.isnan(value):
        return NONE
    if math.isinf(value) or abs(value) >= 1e6:
        text = f"{value:{'+' if signed else ''}.2g}"
        return text.replace("inf", "∞").replace("-", "−")
    text = f"{value:{'+' if signed else ''}.{metric_named(metric).digits}f}"
    return text.replace("-", "−") if float(text) else text.replace("-", "").replace("+", "±")


Limits = tuple[float | None, float | None, float | None]  # a value, and where its interval ends


def with_limits(values: Limits, metric: str, *, signed: bool = False) -> str:
    """``0.512 [0.480, 0.543]`` of a value and its limits; without an interval where there is none."""
    text, low, high = (number(value, metric, signed=signed) for value in values)
    return text if None in values[1:] else f"{text} [{low}, {high}]"


def interval(cell: Cell) -> str:
    """``0.512 [0.480, 0.543]``, a mark where the difference survived correction, or why none can."""
    text = with_limits((cell.mean, cell.low, cell.high), cell.metric)
    text += UNREAD * bool(cell.unread) + {True: BETTER, False: WORSE, None: ""}[cell.better()]
    return with_reason(text, cell.unclaimed)


def with_reason(text: str, unclaimed: str) -> str:
    """A value with its interval, and why nothing is claimed of it, where that is so."""
    return f"{text} ({unclaimed})" if unclaimed and text != NONE else text


def chance_of(cell: Cell) -> str:
    """``0.045 ± 0.098``: what references get by chance, and how that varies between questions."""
    if cell.chance is None:
        return NONE if metric_named(cell.metric).texts else ""
    return f"{number(cell.chance, cell.metric)} ± {number(cell.chance_sd, cell.metric)}"


def explained(title: str, rows: Iterable[Iterable[str]]) -> str:
    """A table's title, with what ``‡`` means where a cell has it."""
    marked = any(UNREAD in cell for row in rows for cell in row)
    return f"{title}; {UNREAD_SAID}" if marked else title


def unread_note(cells: Iterable[Cell], experiment: Experiment) -> str:
    """The footnote of marked cells; empty where none is."""
    marked = [
        f"{c.unread} of {experiment.model_label(c.model)} on {experiment.set_label(c.test_set)}"
        for c in cells
        if c.unread and c.metric == experiment.comparison.metric
    ]
    return f"{UNREAD_SAID}: {', '.join(marked)}" if marked else ""


def gain_of(cell: Cell, *, signed: bool = False) -> str:
    """A cell's difference to its baseline, with its interval."""
    values = (cell.difference, cell.difference_low, cell.difference_high)
    return with_limits(values, cell.metric, signed=signed)


def p_text(p: float | None, equals: str = "") -> str:
    """``0.012``, ``< 0.001``; ``equals`` stands before the former."""
    return NONE if p is None else f"{equals}{p:.3f}" if p >= 0.001 else "< 0.001"


def share(value: float | None) -> str:
    """A share in per cent, with a true minus sign."""
    return NONE if value is None else f"{value:.0%}".replace("-", "−")


def level(confidence: float) -> str:
    """The level of intervals, as it was set: ``95%``, ``99.9%``."""
    return f"{100 * confidence:.10g}%"
