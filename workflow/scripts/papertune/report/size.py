"""The smallest difference that a study can show, and the cheapest way to a smaller one."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from papertune.files import count_lines
from papertune.jobs.record import OK, JobRecord, jobs_folder, read_records_below
from papertune.metrics import metric_named
from papertune.report.numbers import NONE, Shown, count, number
from papertune.report.table import Table, to_text, write_table
from papertune.scores.power import (
    POWER,
    Size,
    Spread,
    needed,
    remembered,
    smallest,
    together,
    typical,
)
from papertune.scores.rows import read_rows
from papertune.study.design import Design
from papertune.study.layout import Layout

MANY = (60, 250, 1000)  # documents to plan with, if none are listed yet
WAYS = ("seeds", "documents", "questions")


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds per additional training, answer, pair and document."""

    training: float = 3600.0  # of one model with one seed
    answer: float = 0.5  # of one model to one question, including scoring
    pair: float = 5.0  # written for a test set
    document: float = 4.0  # found and read
    measured: bool = False

    @classmethod
    def of(cls, records: Iterable[JobRecord], size: Size) -> "Costs":
        """From the newest successful attempts at each job; assumed if there are none."""
        took: dict[str, dict[str, float]] = {}
        for record in records:
            if record.status == OK and record.ended and record.wildcards.get("split") != "train":
                job = took.setdefault(record.rule.removesuffix("_here"), {})
                job[str(sorted(record.wildcards.items()))] = record.ended - record.started
        if not took.get("train") or not took.get("answer"):
            return cls()

        def each(*rules: str, parts: int = 1) -> float:
            means = [sum(of.values()) / len(of) for rule in rules if (of := took.get(rule))]
            return sum(means) / max(parts, 1)

        asked = size.documents * size.questions
        found = sum(
            sum(took.get(rule, {}).values())
            for rule in ("list_documents", "fetch_documents", "render_documents")
        )
        return cls(
            training=each("train"),
            answer=each("answer", "score", parts=asked),
            pair=each("synthesize", parts=asked),
            document=found / max(size.documents, 1),
            measured=True,
        )

    def hours(self, size: Size, sets: int, larger: Size) -> float:
        """The additional hours of a larger study."""

        def seconds(of: Size) -> float:
            asked = of.documents * of.questions * sets
            answers = (of.models * of.seeds + 1) * asked * self.answer  # including the baseline's
            made = of.documents * self.document + asked * self.pair
            return made + of.models * of.seeds * self.training + answers

        return (seconds(larger) - seconds(size)) / 3600


def spread_of(layout: Layout, test_set: str, store: str | Path) -> tuple[Spread | None, str]:
    """The spread of differences, and its source: this study, a pilot, the store, an assumption."""
    how = layout.experiment.comparison
    for name, said in ((layout.name, "its own results"), (how.pilot, f"the pilot {how.pilot}")):
        path = Path(layout.results, name, "tables", "spread.csv")
        if name and path.exists():
            every = [one for one in read_rows(path, Spread) if one.metric == how.metric]
            of_set = [one for one in every if one.test_set == test_set] or every
            if of_set:
                return of_set[0], said
    seen, count = remembered(store, how.metric)
    if seen:
        return seen, f"{count} test sets of the store"
    return typical(how.metric), "small studies"


def documents_of(layout: Layout) -> int | None:
    """The number of test documents; None if nothing is listed yet."""
    parts = layout.experiment.parts_of("test")
    most = layout.experiment.most_of(parts[0])
    for stage in ("documents", "listings"):
        files = layout.by_year(stage, parts).values()
        if all(Path(path).exists() for path in files):
            counts = map(count_lines, files)
            return sum(counts if most is None else (min(count, most) for count in counts))
    return None


def size_table(layout: Layout, store: str | Path) -> tuple[Table, list[str]]:
    """A row per test set and number of documents; and notes on the sources of spreads and costs."""
    study, design = layout.experiment, Design.of(layout.experiment)
    how, sets = study.comparison, study.usual_sets
    known = documents_of(layout)
    seeds = max((len(study.seeds_of(model)) for model in study.trained), default=0)
    rows: list[list[str]] = []
    notes: list[str] = []
    records = read_records_below([jobs_folder(layout.name)])
    for test_set in sets if design.baselines else ():
        spread, source = spread_of(layout, test_set, store)
        if spread is None:
            notes.append(f"{metric_named(how.metric).label} has no upper end: it needs a pilot.")
            continue
        values = {name: getattr(spread, name) for name in ("documents", "questions", "seeds")}
        values["a document between seeds"] = spread.rest
        said = ", ".join(
            f"{name} {number(value, how.metric)}"
            for name, value in values.items()
            if value is not None
        )
        notes.append(f"{study.set_label(test_set)}: differences vary as in {source} ({said}).")
        for documents in [known] if known is not None else MANY:
            size = Size(
                seeds, documents, study.generators[study.sets[test_set].generator].pairs,
                len(study.trained), comparisons=len(design.baselines) * len(study.sets),
            )  # fmt: skip
            costs = Costs.of(records, size) if known else Costs()
            rows.append([study.set_label(test_set), *_row(spread, size, costs, len(sets), design)])
            kind = "as measured here" if costs.measured else "assumed"
    if len(rows) > len(sets):
        notes.append(
            "More documents can show less: the variance between seeds then decides, and few seeds "
            "estimate it poorly."
        )
    if rows:
        each = (f"training {costs.training:,.0f} s", f"answer {costs.answer:.2g} s")
        more = (f"pair {costs.pair:.2g} s", f"document {costs.document:.2g} s")
        notes.append(f"Costs are {kind}: {', '.join((*each, *more))}.")
    wanted = "half of it" if how.wanted is None else number(how.wanted, how.metric)
    columns = [
        *("Test set", "Documents", "Questions", "Seeds", "Smallest"),
        *(f"{way.capitalize()} for {wanted}" for way in WAYS),
        "Cheapest",
    ]
    title = (
        f"Smallest difference of {metric_named(how.metric).in_words} that {POWER:.0%} of such "
        "studies would show"
    )
    return Table(title, columns, rows), list(dict.fromkeys(notes))


def _row(spread: Spread, size: Size, costs: Costs, sets: int, design: Design) -> list[str]:
    how = design.comparison
    least = smallest(spread, size, design.alpha)
    shown = [str(size.documents), str(size.questions), str(size.seeds)]
    wanted = how.wanted or (least / 2 if least else None)
    if wanted is None:
        why = "none: one seed" if size.seeds < 2 else "none: few documents"
        return [*shown, Shown(why, {"": None, "note": why}), *[count(None)] * 3, NONE]
    ways = needed(spread, size, wanted, design.alpha)
    return [
        *(*shown, Shown(number(least or None, how.metric), {"": least or None, "note": ""})),
        *(count(ways[way]) for way in WAYS),
        _cheapest(spread, size, costs, sets, wanted, design.alpha),
    ]


def _cheapest(
    spread: Spread, size: Size, costs: Costs, sets: int, wanted: float, alpha: float
) -> str:
    """The change that takes the fewest additional hours."""
    ways = needed(spread, size, wanted, alpha)
    priced = [
        (costs.hours(size, sets, replace(size, **{way: number})), f"{number:,} {way}")
        for way, number in ways.items()
        if number is not None
    ]
    priced += [
        (
            costs.hours(size, sets, replace(size, seeds=seeds, documents=documents)),
            f"{seeds} seeds with {documents:,} documents",
        )
        for seeds, documents in together(spread, size, wanted, alpha)
    ]
    if not priced:
        return "no way found"
    hours, way = min(priced)
    return f"{way}: {hours:.1f} h more" if hours else "enough as it is"


def write_size(layout: Layout, folder: str | Path, store: str | Path) -> None:
    """Write ``size`` into a folder, as .csv, .md and .tex."""
    write_table(Path(folder, "size"), size_table(layout, store)[0])


def show_size(layouts: Iterable[Layout], store: str | Path) -> str:
    """The same for a plan, as text."""
    said = []
    for layout in layouts:
        table, notes = size_table(layout, store)
        if table.rows or notes:
            title = f"{layout.name}: {table.title[0].lower()}{table.title[1:]}"
            named = replace(table, title=title)
            said.append("\n".join([to_text(named), *notes]))
    return "".join(f"\n{text}\n" for text in said)
