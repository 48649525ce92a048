"""Formatting of numbers in the report."""

import math
import re
from collections.abc import Iterable, Mapping

from papertune.metrics import metric_named
from papertune.scores.matrix import Cell
from papertune.study.experiment import Experiment

BETTER, WORSE, UNREAD = "*", "†", "‡"  # better, worse, and not all texts could be read
MARKS = {"better": BETTER, "worse": WORSE, "": ""}  # verdict → mark
UNREAD_SAID = f"{UNREAD} answers that the embedder could not read, or not their references"
NONE = "–"
INTERVAL = re.compile(r"(\[[^\[\],\s]++,) (?=[^\[\],\s]++\])")
P = re.compile(r"\bp ([=<]) (?=\d)")


class Shown(str):
    """A cell's text for people; ``plain`` has its values for CSV, each in its own column.

    Args:
        text: The displayed text.
        plain: Suffix of the column's heading → value, None if there is none. The empty suffix is
            the heading itself.
    """

    plain: dict[str, str]

    def __new__(cls, text: str, plain: Mapping[str, float | str | None]) -> "Shown":
        """Make a cell; numbers in ``plain`` are written with ten digits."""
        made = super().__new__(cls, text)
        made.plain = {name: _plain(value) for name, value in plain.items()}
        return made

    @property
    def value(self) -> str:
        """The sort key."""
        return next(iter(self.plain.values()))


def _plain(value: float | str | None) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None or math.isnan(value) else f"{value:.10g}"


def count(amount: int | None) -> Shown:
    """``1,234``; a dash if it is unknown."""
    return Shown(NONE if amount is None else f"{amount:,}", {"": amount})


def number(value: float | None, metric: str, *, signed: bool = False) -> Shown:
    """A metric's value with the metric's number of digits."""
    return Shown(_number(value, metric, signed=signed), {"": value})


def _number(value: float | None, metric: str, *, signed: bool) -> str:
    if value is None or math.isnan(value):
        return NONE
    if math.isinf(value) or abs(value) >= 1e6:
        text = f"{value:{'+' if signed else ''}.2g}"
        return text.replace("inf", "∞").replace("-", "−")
    text = f"{value:{'+' if signed else ''}.{metric_named(metric).digits}f}"
    return text.replace("-", "−") if float(text) else text.replace("-", "").replace("+", "±")


Limits = tuple[float | None, float | None, float | None]  # a value, and its interval's ends


def with_limits(values: Limits, metric: str, *, signed: bool = False) -> Shown:
    """``0.512 [0.480, 0.543]`` for a value and its limits; the value alone without an interval."""
    text, low, high = (number(value, metric, signed=signed) for value in values)
    shown = text if None in values[1:] else f"{text} [{low}, {high}]"
    return Shown(shown, dict(zip(("", "low", "high"), values, strict=True)))


def interval(cell: Cell | None, *, marked: bool = True) -> Shown:
    """``0.512 [0.480, 0.543]``, with a mark if significant after correction, or why not tested.

    ``marked`` turns marks on.
    """
    values: Limits = (cell.mean, cell.low, cell.high) if cell else (None, None, None)
    shown = with_limits(values, cell.metric if cell else "")
    verdict = cell.verdict if cell and marked else ""
    text = shown + UNREAD * bool(cell and cell.unread) + MARKS[verdict]
    more = {"verdict": verdict} if marked else {}
    more["not read"] = _plain(cell.unread or None) if cell else ""
    return with_reason(Shown(text, {**shown.plain, **more}), cell.unclaimed if cell else "")


def with_reason(shown: Shown, unclaimed: str) -> Shown:
    """A value with its interval, and if nothing is claimed of it, the reason."""
    text = f"{shown} ({unclaimed})" if unclaimed and shown != NONE else shown
    return Shown(text, {**shown.plain, "note": unclaimed if shown.value else ""})


def chance_of(cell: Cell) -> Shown:
    """``0.045 ± 0.098``: the metric by chance, and its standard deviation between questions."""
    plain = {"": cell.chance, "sd": cell.chance_sd}
    if cell.chance is None:
        return Shown(NONE if metric_named(cell.metric).texts else "", plain)
    text = f"{number(cell.chance, cell.metric)} ± {number(cell.chance_sd, cell.metric)}"
    return Shown(text, plain)


def explained(title: str, rows: Iterable[Iterable[str]]) -> str:
    """A table's title, with the meaning of ``‡`` if a cell has it."""
    marked = any(UNREAD in cell for row in rows for cell in row)
    return f"{title}; {UNREAD_SAID}" if marked else title


def unread_note(cells: Iterable[Cell], experiment: Experiment) -> str:
    """The footnote of marked cells; empty if there are none."""
    marked = [
        f"{c.unread} of {experiment.model_label(c.model)} on {experiment.set_label(c.test_set)}"
        for c in cells
        if c.unread and c.metric == experiment.comparison.metric
    ]
    return f"{UNREAD_SAID}: {', '.join(marked)}" if marked else ""


def gain_of(cell: Cell | None, *, signed: bool = False) -> Shown:
    """A cell's difference to its baseline, with its interval."""
    if cell is None:
        return with_limits((None, None, None), "")
    values = (cell.difference, cell.difference_low, cell.difference_high)
    return with_limits(values, cell.metric, signed=signed)


def judged_gain(cell: Cell | None, *, signed: bool = False) -> Shown:
    """The same with a mark if significant after correction, or why not tested."""
    gain, verdict = gain_of(cell, signed=signed), cell.verdict if cell else ""
    marked = Shown(gain + MARKS[verdict], {**gain.plain, "verdict": verdict})
    return with_reason(marked, cell.unclaimed if cell else "")


def p_text(p: float | None, equals: str = "") -> Shown:
    """``0.012`` (after ``equals``) or ``< 0.001``."""
    text = NONE if p is None else f"{equals}{p:.3f}" if p >= 0.001 else "< 0.001"
    return Shown(text, {"": p})


def unbroken(text: str) -> str:
    """A text in which no line ends within an interval, or between p and its value."""
    return P.sub("p\u00a0\\1\u00a0", INTERVAL.sub("\\1\u00a0", text))


def share(value: float | None) -> Shown:
    """A share in per cent, with a typographic minus sign."""
    return Shown(NONE if value is None else f"{value:.0%}".replace("-", "−"), {"": value})


def level(confidence: float) -> str:
    """The confidence level of intervals: ``95%``, ``99.9%``."""
    return f"{100 * confidence:.10g}%"
