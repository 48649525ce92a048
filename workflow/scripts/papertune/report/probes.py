"""Tables of answers to probes and of their ratings, and the page for raters."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from papertune.answering.probes import ProbePair, read_probes
from papertune.files import atomic_write
from papertune.metrics import describe, metric_named
from papertune.metrics.form import tokens
from papertune.metrics.rating import HIGHEST, LOWEST, NAME
from papertune.metrics.repetition import begins, repetition
from papertune.records import Answer, Rejection, read_records
from papertune.report.numbers import NONE, count, gain_of, number, p_text, with_limits, with_reason
from papertune.report.parts import PARTS, content_policy, embed_json, environment
from papertune.report.table import Table, write_table
from papertune.scores.matrix import Cell
from papertune.scores.rated import Agreement, Rated
from papertune.scores.rows import read_rows
from papertune.study.layout import Layout

FROM = {
    "own": "the author’s own",
    "train": "training papers",
    "test": "test papers",
    "unseen": "unseen, in the same style",
}
FEW = "few probes"
LONGEST = 20_000  # characters of a text on the page for raters
BESIDE = 4000  # and of a text on the report's page


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer to a probe, with its length, repetition and rating."""

    model: str
    seed: int
    text: str
    words: int
    repetition: float
    begins: int | None  # number of words before the first repetition
    rating: Rated | None

    @property
    def repeats(self) -> str:
        """The answer's repetition in words."""
        if self.begins is None:
            return "no repetition"
        return f"{number(self.repetition, 'repetition')} repeated, from word {self.begins + 1}"


@dataclass(frozen=True, slots=True)
class Probed:
    """A probe, or one of the pairs that it picked, with the answers of each model and seed."""

    label: str
    asked: ProbePair
    answers: list[Shown]

    @property
    def origin(self) -> str:
        """The probe's origin in words."""
        return FROM[self.asked.origin]

    def of(self, model: str) -> list[Shown]:
        """The answers of a model, by seed."""
        return [one for one in self.answers if one.model == model]


def read_probed(layout: Layout) -> list[Probed]:
    """All probes in order, each with its answers; empty without probes."""
    asked = read_probes(layout.probes())
    rated = _read(layout, "texts", Rated)
    by_text = {one.text: one for one in rated}
    found: dict[str, list[Shown]] = {pair: [] for pair in asked}
    for (model, seed, _), path in layout.of_probes("answers").items():
        for one in read_records(path, Answer):
            [share] = repetition(one, None) or (0.0,)
            rating = by_text.get(asked[one.pair].text_id(one.text))
            about = (len(tokens(one.text)), share, begins(one.text), rating)
            found[one.pair].append(Shown(model, seed, one.text, *about))
    probes = layout.experiment.probes
    order = [*probes]
    every = [
        Probed(probes[one.probe].label or one.probe, one, found[pair])
        for pair, one in asked.items()
    ]
    return sorted(every, key=lambda one: order.index(one.asked.probe))


def _read(layout: Layout, name: str, kind: type[Any]) -> list[Any]:
    path = layout.ratings().get(name)
    return read_rows(path, kind) if path else []


# ---- tables -----------------------------------------------------------------


def write_probes(layout: Layout, folder: str | Path) -> None:
    """Write the table ``probes`` into a folder."""
    write_table(Path(folder, "probes"), probes_table(read_probed(layout), layout))


def write_ratings(layout: Layout, folder: str | Path) -> None:
    """Write the tables ``ratings`` and ``agreement`` into a folder."""
    write_table(Path(folder, "ratings"), ratings_table(layout))
    write_table(Path(folder, "agreement"), agreement_table(layout))


def probes_table(probed: list[Probed], layout: Layout) -> Table:
    """A row per probe, model and seed."""
    study = layout.experiment
    columns = ["Probe", "From", "Question", "Reference", "Model", "Seed", "Answer"]
    columns += ["Words", "Repetition", "Repeats from word", *["Rating"] * bool(study.ratings)]
    rows = []
    for one in probed:
        pair = one.asked.pair
        for answer in one.answers:
            row = [one.label, one.origin, pair.question, pair.answer]
            row += [study.model_label(answer.model), str(answer.seed), answer.text]
            row += [str(answer.words), number(answer.repetition, "repetition")]
            row.append(count(None if answer.begins is None else answer.begins + 1))
            if study.ratings:
                row.append(number(answer.rating.mean if answer.rating else None, NAME))
            rows.append(row)
    return Table("Answers to probes", columns, rows, left=7)


def ratings_table(layout: Layout) -> Table:
    """A row per model: its mean rating, and the difference to its baseline."""
    study, rows = layout.experiment, []
    for cell in _read(layout, "matrix", Cell):
        verdict = {True: "better", False: "worse", None: NONE}[cell.better()]
        why = FEW if cell.unclaimed == "few documents" else cell.unclaimed
        against = study.model_label(cell.baseline) if cell.baseline else NONE
        gain = gain_of(cell, signed=True)
        row = [study.model_label(cell.model), against, verdict]
        row += [with_limits((cell.mean, cell.low, cell.high), NAME), with_reason(gain, why)]
        row.append(p_text(cell.p_corrected))
        rows.append([*row, str(cell.questions), str(cell.seeds)])
    columns = ["Model", "Baseline", "Verdict", "Rating", "Difference", "Corrected p"]
    title = f"Mean rating, {LOWEST} to {HIGHEST}, over probes and test questions that are rated in all seeds"
    return Table(title, [*columns, "Probes", "Seeds"], rows, left=3)


def agreement_table(layout: Layout) -> Table:
    """Agreement of raters with each other, then with each metric."""
    rows = []
    for one in _read(layout, "agreement", Agreement):
        value = with_limits((one.value, one.low, one.high), "similarity")
        if one.metric:
            said = [metric_named(one.metric).label, "Spearman’s rho", value]
        else:
            said = ["each other", "Krippendorff’s alpha, ordinal", value]
        rows.append([*said, *map(str, (one.texts, one.probes, one.raters))])
    columns = ["Raters and", "Measure", "Agreement", "Answers", "Probes", "Raters"]
    return Table("How raters agree", columns, rows, left=2)


# ---- pages ------------------------------------------------------------------


def probes_section(layout: Layout) -> dict[str, Any]:
    """Probes and ratings for the report's page; empty without probes."""
    if not (layout.experiment.probes or layout.experiment.ratings):
        return {}
    probed, study = read_probed(layout), layout.experiment
    shown: dict[str, Any] = {"probed": probed, "page": "rate.html", "left": [], "tables": {}}
    shown |= {"cut": partial(_cut, most=BESIDE), "rating": describe(NAME)}
    if study.ratings:
        texts = {one.asked.text_id(a.text) for one in probed for a in one.answers}
        shown["left"] = [*read_records(layout.ratings()["rejected"], Rejection)]
        rated = {one.text for one in _read(layout, "texts", Rated)}
        shown["rated"], shown["others"] = (len(rated & texts), len(texts)), len(rated - texts)
        if rated:
            shown["tables"]["ratings"] = ratings_table(layout)
            shown["tables"]["agreement"] = agreement_table(layout)
    return shown


def write_rating_page(layout: Layout, output: str | Path) -> None:
    """Write the page on which people rate: each text once, without its model."""
    asked, items = read_probes(layout.probes()), []
    found: dict[str, dict[str, str]] = {pair: {} for pair in asked}
    for path in layout.of_probes("answers").values():
        for answer in read_records(path, Answer):
            found[answer.pair][asked[answer.pair].text_id(answer.text)] = _cut(answer.text)
    for one in asked.values():
        pair, texts = one.pair, found[one.pair.id]
        shown = {"question": pair.question, "context": _cut(pair.context), "reference": pair.answer}
        # ids are hashes: their order reveals nothing
        items.append({**shown, "texts": sorted(texts.items())})
    style, shared, own = (
        (PARTS / name).read_text(encoding="utf-8")
        for name in ("style.css", "ratings.js", "rate.js")
    )
    script = shared + own
    text = (
        environment()
        .get_template("rate.html")
        .render(
            experiment=layout.experiment,
            policy=content_policy(style, script),
            style=style,
            script=script,
            data=embed_json({"experiment": layout.name, "items": items}),
            marks=range(LOWEST, HIGHEST + 1),
        )
    )
    with atomic_write(output) as stream:
        stream.write(text)


def _cut(text: str, most: int = LONGEST) -> str:
    return text if len(text) <= most else f"{text[:most]} … (cut)"
