"""Numbers as the report writes them."""

import math
import re
from collections.abc import Iterable, Mapping

from papertune.metrics import metric_named
from papertune.scores.matrix import Cell
from papertune.study.experiment import Experiment

BETTER, WORSE, UNREAD = "*", "†", "‡"  # better, worse, and not all texts were read
MARKS = {"better": BETTER, "worse": WORSE, "": ""}  # of a verdict
UNREAD_SAID = f"{UNREAD} answers that the embedder could not read, or not their references"
NONE = "–"
INTERVAL = re.compile(r"(\[[^\[\],\s]++,) (?=[^\[\],\s]++\])")
P = re.compile(r"\bp ([=<]) (?=\d)")


class Shown(str):
    """A cell's text for people; ``plain`` has what programs read of it, each in a column of its own.

    Args:
        text: What a reader sees.
        plain: What stands below the cell's heading → a value, None where there is none. The empty
            name stands for the heading itself.
    """

    plain: dict[str, str]

    def __new__(cls, text: str, plain: Mapping[str, float | str | None]) -> "Shown":
        """Numbers of ``plain`` are written with ten digits."""
        made = super().__new__(cls, text)
        made.plain = {name: _plain(value) for name, value in plain.items()}
        return made

    @property
    def value(self) -> str:
        """What a table is sorted by."""
        return next(iter(self.plain.values()))


def _plain(value: float | str | None) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None or math.isnan(value) else f"{value:.10g}"


def count(amount: int | None) -> Shown:
    """``1,234``; a dash where it is not known."""
    return Shown(NONE if amount is None else f"{amount:,}", {"": amount})


def number(value: float | None, metric: str, *, signed: bool = False) -> Shown:
    """A metric's value with as many digits as it deserves."""
    return Shown(_number(value, metric, signed=signed), {"": value})


def _number(value: float | None, metric: str, *, signed: bool) -> str:
    if value is None or math.isnan(value):
        return NONE
    if math.isinf(value) or abs(value) >= 1e6:
        text = f"{value:{'+' if signed else ''}.2g}"
        return text.replace("inf", "∞").replace("-", "−")
    text = f"{value:{'+' if signed else ''}.{metric_named(metric).digits}f}"
    return text.replace("-", "−") if float(text) else text.replace("-", "").replace("+", "±")


Limits = tuple[float | None, float | None, float | None]  # a value, and where its interval ends


def with_limits(values: Limits, metric: str, *, signed: bool = False) -> Shown:
    """``0.512 [0.480, 0.543]`` of a value and its limits; without an interval where there is none."""
    text, low, high = (number(value, metric, signed=signed) for value in values)
    shown = text if None in values[1:] else f"{text} [{low}, {high}]"
    return Shown(shown, dict(zip(("", "low", "high"), values, strict=True)))


def interval(cell: Cell | None, *, marked: bool = True) -> Shown:
    """``0.512 [0.480, 0.543]``, a mark where the difference survived correction, or why none can.

    ``marked`` says whether there are marks.
    """
    values: Limits = (cell.mean, cell.low, cell.high) if cell else (None, None, None)
    shown = with_limits(values, cell.metric if cell else "")
    verdict = cell.verdict if cell and marked else ""
    text = shown + UNREAD * bool(cell and cell.unread) + MARKS[verdict]
    more = {"verdict": verdict} if marked else {}
    more["not read"] = _plain(cell.unread or None) if cell else ""
    return with_reason(Shown(text, {**shown.plain, **more}), cell.unclaimed if cell else "")


def with_reason(shown: Shown, unclaimed: str) -> Shown:
    """A value with its interval, and why nothing is claimed of it, where that is so."""
    text = f"{shown} ({unclaimed})" if unclaimed and shown != NONE else shown
    return Shown(text, {**shown.plain, "note": unclaimed if shown.value else ""})


def chance_of(cell: Cell) -> Shown:
    """``0.045 ± 0.098``: what references get by chance, and how that varies between questions."""
    plain = {"": cell.chance, "sd": cell.chance_sd}
    if cell.chance is None:
        return Shown(NONE if metric_named(cell.metric).texts else "", plain)
    text = f"{number(cell.chance, cell.metric)} ± {number(cell.chance_sd, cell.metric)}"
    return Shown(text, plain)


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


def gain_of(cell: Cell | None, *, signed: bool = False) -> Shown:
    """A cell's difference to its baseline, with its interval."""
    if cell is None:
        return with_limits((None, None, None), "")
    values = (cell.difference, cell.difference_low, cell.difference_high)
    return with_limits(values, cell.metric, signed=signed)


def judged_gain(cell: Cell | None, *, signed: bool = False) -> Shown:
    """The same with a mark where it survived correction, or why none can."""
    gain, verdict = gain_of(cell, signed=signed), cell.verdict if cell else ""
    marked = Shown(gain + MARKS[verdict], {**gain.plain, "verdict": verdict})
    return with_reason(marked, cell.unclaimed if cell else "")


def p_text(p: float | None, equals: str = "") -> Shown:
    """``0.012``, ``< 0.001``; ``equals`` stands before the former."""
    text = NONE if p is None else f"{equals}{p:.3f}" if p >= 0.001 else "< 0.001"
    return Shown(text, {"": p})


def unbroken(text: str) -> str:
    """A text in which no line ends within an interval, or between p and its value."""
    return P.sub("p\u00a0\\1\u00a0", INTERVAL.sub("\\1\u00a0", text))


def share(value: float | None) -> Shown:
    """A share in per cent, with a true minus sign."""
    return Shown(NONE if value is None else f"{value:.0%}".replace("-", "−"), {"": value})


def level(confidence: float) -> str:
    """The level of intervals, as it was set: ``95%``, ``99.9%``."""
    return f"{100 * confidence:.10g}%"
