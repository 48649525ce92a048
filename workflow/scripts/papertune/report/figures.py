"""Figures of the report as SVG and PDF; equal input gives equal bytes."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from math import inf
from pathlib import Path
from textwrap import wrap
from typing import Any
from xml.etree import ElementTree

from papertune.collect.sampling import NOT_SAMPLED
from papertune.files import atomic_write
from papertune.metrics import metric_named
from papertune.owned import anybodys
from papertune.report.counts import Count, read_counts, total
from papertune.report.tables import read_training
from papertune.scores.matrix import Cell, find_cell, read_matrix
from papertune.study.experiment import Experiment
from papertune.study.layout import Layout

STYLE = Path(__file__).parent / "page_parts" / "figures.mplstyle"
NAMES = ("documents", "matrix", "loss", "cost")

# after Okabe and Ito 2008, light colours darkened: each has a contrast of 3:1 on the backgrounds of
# both colour schemes of the page
COLOURS = ("#7f7f7f", "#0072b2", "#b87d00", "#009e73", "#c9679c", "#d55e00", "#2a93d5")
MARKERS = ("o", "s", "D", "^", "v", "P", "X")
WIDTH = 6.4  # inches of a figure
ROWS, ROW = 32, 0.21  # most rows at the usual height, and inches per row of a taller figure
VALIDATION: dict[str, Any] = {"linestyle": "--", "marker": "o", "markersize": 3.5}
INK = "#1d2733"  # the page replaces this by its own text colour


def draw_figures(
    layout: Layout, folder: str | Path, *, matrix: str | Path, counts: str | Path
) -> None:
    """Draw ``<name>.svg`` and ``<name>.pdf`` for each of :data:`NAMES`.

    They show ``matrix.csv``, ``counts.csv``, and ``training.json`` and ``history.csv`` of models.
    """
    experiment, folder = layout.experiment, Path(folder)
    documents_figure(read_counts(counts), experiment, folder / "documents.svg")
    matrix_figure(read_matrix(matrix), experiment, folder / "matrix.svg")
    paths = {key: Path(path, "history.csv") for key, path in layout.models().items()}
    histories = {key: read_history(path) for key, path in paths.items() if path.exists()}
    loss_figure(histories, experiment, folder / "loss.svg")
    cost_figure(read_training(layout), experiment, folder / "cost.svg")


def colour(experiment: Experiment, model: str) -> str:
    """A model's colour, the same in every figure."""
    return COLOURS[list(experiment.models).index(model) % len(COLOURS)]


def marker(place: int) -> str:
    """The marker for an index; with the colours, 49 combinations are distinct."""
    return MARKERS[(place + place // len(COLOURS)) % len(MARKERS)]


def short(label: str) -> str:
    """A label shortened in the middle: labels often differ at their ends only."""
    return label if len(label) <= 32 else f"{label[:17]}…{label[-14:]}"


def bare_ticks(axes: Any, ticks: Sequence[float], labels: list[str]) -> None:
    """Label the rows of a figure, without tick marks."""
    axes.set_yticks(ticks, map(short, labels))
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")


@contextmanager
def canvas(
    path: Path, height: float, columns: int = 1, rows: int = 1, **shared: Any
) -> Iterator[list[Any]]:
    """Axes of a figure, row by row, sizes in inches; saved to ``path``, and as PDF, at the end."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    inked = ("grid.color", "text.color", "axes.labelcolor", "axes.edgecolor")
    settings = dict.fromkeys((*inked, "xtick.color", "ytick.color"), INK)
    settings["svg.hashsalt"] = path.name  # otherwise ids are random
    with matplotlib.rc_context(settings, fname=STYLE):
        figure, axes = pyplot.subplots(
            rows, columns, figsize=(WIDTH, height), layout="constrained", squeeze=False, **shared
        )
        yield list(axes.flat)
        for file, date in ((path, "Date"), (path.with_suffix(".pdf"), "CreationDate")):
            metadata = {date: None, "Creator": "papertune"}
            with atomic_write(file, binary=True) as stream:
                figure.savefig(stream, format=file.suffix[1:], metadata=metadata)
        pyplot.close(figure)


def documents_figure(counts: list[Count], experiment: Experiment, path: Path) -> None:
    """Documents per year or part: with text, for training and testing, and without."""
    parts, test = experiment.parts, set(experiment.parts_of("test"))
    years = experiment.years or list(range(len(parts)))  # positions of the bars
    kind = " years" if experiment.years else ""
    kept, rejected, others = (
        [total(counts, "collect", part=str(part), **which) for part in parts]
        for which in ({"outcome": "kept"}, {"outcome": "rejected"}, {"reason": NOT_SAMPLED})
    )
    missing = [one - other for one, other in zip(rejected, others, strict=True)]
    with canvas(path, 2.8) as [axes]:
        for tested, label in enumerate(("training and validation", "test")):
            pairs = zip(parts, kept, strict=True)
            heights = [count if (part in test) == tested else 0 for part, count in pairs]
            axes.bar(years, heights, color=COLOURS[1 + tested], label=label + kind, width=0.75)
        if any(missing):
            axes.bar(
                years, missing, bottom=kept, width=0.75, label="no text found",
                facecolor="none", edgecolor=INK, linewidth=0.8, hatch="////",
            )  # fmt: skip
        axes.set_ylabel("documents")
        axes.set_xlim(years[0] - 0.6, years[-1] + 0.6)
        axes.margins(y=0.06)
        axes.xaxis.get_major_locator().set_params(integer=True)
        if not experiment.years:
            axes.set_xticks(years, [])
        axes.yaxis.get_major_locator().set_params(integer=True)
        axes.grid(axis="y")
        axes.legend(ncols=3, loc="lower left", bbox_to_anchor=(0, 1))


def matrix_figure(cells: list[Cell], experiment: Experiment, path: Path) -> None:
    """The comparison's metric: a dot and its interval per model; many stand in columns by test set."""
    name, sets, models = experiment.comparison.metric, experiment.usual_sets, experiment.models
    metric, cell_of = metric_named(name), partial(find_cell, cells, metric=name)
    label = f"{metric.label} ({metric.unit}; {metric.wish})"
    if len(sets) * len(models) > ROWS:
        columns = min(4, len(sets))
        rows = -(-len(sets) // columns)
        height = 0.9 + rows * (0.5 + ROW * len(models))
        with canvas(path, height, columns, rows, sharex=True, sharey=True) as every:
            for axes in every[len(sets) :]:
                axes.set_axis_off()
            for axes, test_set in zip(every, sets, strict=False):
                axes.set_title(
                    "\n".join(wrap(short(experiment.set_label(test_set)), 48 // columns))
                )
                bare_ticks(axes, range(len(models)), [*map(experiment.model_label, models)])
                for place, model in enumerate(models):
                    _mean(axes, place, place, cell_of(model=model, test_set=test_set))
            every[0].set_ylim(len(models) - 0.4, -0.6)
            every[0].xaxis.get_major_locator().set_params(nbins=4)
            every[0].figure.supxlabel(label, size="medium")
        return
    with canvas(path, 0.9 + len(sets) * (0.45 + 0.3 * len(models))) as [axes]:
        position, ticks, labels = 0.0, [], []
        for test_set in sets:
            axes.text(
                0, position, short(experiment.set_label(test_set)),
                transform=axes.get_yaxis_transform(), ha="left", va="center", weight="bold",
            )  # fmt: skip
            for place, model in enumerate(models):
                position += 1
                ticks.append(position)
                labels.append(experiment.model_label(model))
                _mean(axes, position, place, cell_of(model=model, test_set=test_set))
            position += 1.4
        bare_ticks(axes, ticks, labels)
        axes.set_ylim(position - 0.6, -0.7)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(label)


def _mean(axes: Any, position: float, place: int, cell: Cell | None) -> None:
    """A dot and a line for the mean and interval of the model at a place."""
    if cell is None or cell.mean is None:
        return
    shade = COLOURS[place % len(COLOURS)]
    if cell.low is not None and cell.high is not None:
        axes.plot([cell.low, cell.high], [position] * 2, color=shade, linewidth=2)
    axes.plot(cell.mean, position, marker(place), color=shade, markersize=7)


def loss_figure(
    histories: Mapping[tuple[str, int], list[dict[str, float]]], experiment: Experiment, path: Path
) -> None:
    """Training and validation loss by step: a panel per model, a line per seed."""
    models = list(dict.fromkeys(model for model, _ in histories))
    with panels(path, [experiment.model_label(model) for model in models]) as every:
        for axes, model in zip(every, models, strict=False):
            for (of, _), rows in histories.items():
                if of == model:
                    shade = colour(experiment, model)
                    curve(axes, rows, "train_loss", color=shade)
                    curve(axes, rows, "validation_loss", color=shade, **VALIDATION)
        figure = every[0].figure
        figure.supylabel("nats per answer token", size="medium")
        keys = {"training": {}, "validation": VALIDATION}
        handles = [
            every[0].plot([], [], color=INK, label=key, **how)[0] for key, how in keys.items()
        ]
        figure.legend(handles=handles, ncols=2, loc="outside upper left")


@contextmanager
def panels(path: Path, titles: Sequence[str]) -> Iterator[list[Any]]:
    """Axes of small multiples with shared scales, steps on the x-axis."""
    columns = max(1, min(3, len(titles)))
    rows = max(1, -(-len(titles) // columns))
    height = 0.6 + (2.4 if rows == 1 else 1.5 * rows)
    with canvas(path, height, columns, rows, sharex=True, sharey=True) as every:
        for axes in every[len(titles) :]:
            axes.set_axis_off()
        for place, (axes, title) in enumerate(zip(every, titles, strict=False)):
            axes.set_title("\n".join(wrap(short(title), 72 // columns)))
            axes.grid()
            if place + columns >= len(titles):  # no panel below
                axes.set_xlabel("step")
                axes.tick_params(labelbottom=True)
        yield every
        every[0].set_xlim(left=0)
        every[0].set_ylim(bottom=0)


def curve(
    axes: Any, rows: Sequence[Mapping[str, float]], key: str, *, last: float = inf, **style: Any
) -> None:
    """The values of ``key`` in ``rows``, by step up to ``last``."""
    points = [(row["step"], row[key]) for row in rows if key in row and row["step"] <= last]
    if points:
        alone = {"marker": "o"} if len(points) == 1 else {}
        how = {"linewidth": 1.3, "markersize": 3.5} | alone | style
        axes.plot(*zip(*points, strict=True), **how)


def cost_figure(facts: Mapping[tuple[str, int], Any], experiment: Experiment, path: Path) -> None:
    """Training time and peak memory: a bar per model (mean of its seeds), a dot per seed."""
    models = [m for m in experiment.models if any(key[0] == m for key in facts)]
    labels = [experiment.model_label(model) for model in models]
    with canvas(path, 1.1 + (0.4 if len(models) < 16 else ROW) * max(len(models), 1), 2) as both:
        for axes, key, unit, title in (
            (both[0], "wall_seconds", 1, "Training time (s)"),
            (both[1], "peak_memory_bytes", 1e6, "Peak memory (MB)"),
        ):
            for place, model in enumerate(models):
                values = [v[key] / unit for (m, _), v in facts.items() if m == model and v.get(key)]
                if values:
                    shade = colour(experiment, model)
                    mean = sum(values) / len(values)
                    axes.barh(place, mean, color=(shade, 0.35), edgecolor=shade, height=0.6)
                    axes.plot(values, [place] * len(values), "o", color=shade, markersize=5)
            bare_ticks(axes, range(len(models)), labels)
            axes.set_ylim(max(len(models), 1) - 0.5, -0.5)
            axes.set_title(title)
            axes.set_xlim(left=0)
        both[1].set_yticklabels([])


def read_history(path: str | Path) -> list[dict[str, float]]:
    """The rows of a ``history.csv``; keys without a value in a row are left out."""
    with open(path, encoding="utf-8", newline="", opener=anybodys) as stream:
        return [
            {key: float(text) for key, text in row.items() if text}
            for row in csv.DictReader(stream)
        ]


# ---- in the page ------------------------------------------------------------

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
FONT = re.compile(r"(?<![\d.])(?:(bold|\d++) )?([\d.]++)px")


def inline(text: str, name: str, label: str) -> str:
    """A figure as an SVG element for HTML; ``name`` prefixes ids, ``label`` is for screen readers.

    Style attributes become presentation attributes, because the page's policy forbids inline
    styles; dark ink becomes the page's text colour, the white background is removed.
    """
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)
    root = ElementTree.fromstring(text)
    for parent in list(root.iter()):
        for tag in ("metadata", "style"):
            for child in parent.findall(f"{{{SVG}}}{tag}"):
                parent.remove(child)
    for element in root.iter():
        element.attrib |= _style(element.attrib.pop("style", ""))
        for key, value in element.attrib.items():
            element.set(key, _rename(key, value, name))
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    # line joins are those that the style element set for all elements
    root.attrib |= {"stroke-linejoin": "round", "role": "img", "aria-label": label}
    return ElementTree.tostring(root, encoding="unicode")


def _style(text: str) -> dict[str, str]:
    found = {}
    for declaration in text.split(";"):
        key, _, value = (part.strip() for part in declaration.partition(":"))
        if key == "font" and (match := FONT.search(value)):
            found["font-size"] = match[2]
            if match[1]:
                found["font-weight"] = match[1]
        elif key and key not in ("font", "font-family"):  # the page's own font
            found[key] = value
    return found


def _rename(key: str, value: str, name: str) -> str:
    if key == "id":
        return f"{name}-{value}"
    if key.endswith("href"):
        return value.replace("#", f"#{name}-", 1)
    if key in ("fill", "stroke") and value == INK:
        return "currentColor"
    if key == "fill" and value in ("#ffffff", "white"):
        return "none"
    return value.replace("url(#", f"url(#{name}-")
