"""The report page: one HTML file that opens from disk and loads nothing remote."""

from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from papertune.collect.sampling import NOT_SAMPLED
from papertune.files import atomic_write
from papertune.metrics import describe, metric_named
from papertune.metrics.rating import HIGHEST, LOWEST
from papertune.records import Rejection, read_records
from papertune.report.answers import BYTES, Explored
from papertune.report.beside import form_table, side_by_side
from papertune.report.conclusion import conclude
from papertune.report.counts import BESIDE, STAGES, Count, problems, read_counts, total
from papertune.report.figures import COLOURS, colour, inline
from papertune.report.filtering import read_filtering
from papertune.report.knowledge import knowledge_table
from papertune.report.leakage import read_leakage
from papertune.report.made import shown_settings, told, write_made
from papertune.report.numbers import gain_of, level, number, p_text, unread_note
from papertune.report.parts import (
    BESIDE_POLICY,
    EXPLORER,
    PARTS,
    content_policy,
    embed_json,
    environment,
)
from papertune.report.probes import probes_section
from papertune.report.programs import programs_notes, programs_table
from papertune.report.size import size_table
from papertune.report.table import read_table
from papertune.report.tables import (
    comparison_table,
    gains_table,
    held_against,
    metrics_table,
    published_table,
    read_training,
    square_table,
    stages_table,
    training_table,
    years_table,
)
from papertune.report.trials import FIGURES as TRIALS
from papertune.report.turns import read_turns
from papertune.scores.matrix import Cell, find_cell, read_matrix
from papertune.scores.rows import read_rows
from papertune.scores.sums import ALL_YEARS
from papertune.scores.writers import Contrast
from papertune.study.experiment import Experiment
from papertune.study.layout import Layout

STYLES = ("style.css", "explorer.css")
SCRIPTS = ("ratings.js", "answers.js", "explorer.js", "tables.js")

FIGURES = {
    "matrix": "Score of every model on every test set: a dot for the mean, a line for its interval. If "
    "no model was trained with several seeds, the interval is for this run only.",
    "documents": "Documents per year, by the split that their year belongs to.",
    "loss": "Training and validation loss by step; step 0 is the untrained model. A panel per model, with "
    "the same scales; a line per seed.",
    "cost": "Training time and peak memory: a bar for the mean of the seeds, a dot for each.",
}


def write_page(
    layout: Layout,
    output: str | Path,
    *,
    matrix: str | Path,
    writers: str | Path,
    counts: str | Path,
    cost: str | Path,
    figures: str | Path,
    store: str | Path,
    budget: int = BYTES,
) -> None:
    """Write ``report.html``, and ``made.json`` and the folder ``explorer`` beside it.

    Args:
        matrix: ``matrix.csv``; ``writers`` and ``counts`` are the CSV files of these names.
        cost: ``cost.json``.
        figures: The folder of :func:`papertune.report.figures.draw_figures`.
        store: The store with spreads of other studies.
        budget: Maximum of bytes of answers embedded in the page; more go to the folder.
    """
    experiment = layout.experiment
    metric, sets = experiment.comparison.metric, experiment.usual_sets
    cells, rows = read_matrix(matrix), read_counts(counts)
    facts = read_training(layout)
    size, size_notes = size_table(layout, store)
    contrasts = read_rows(writers, Contrast)
    conclusion = conclude(cells, experiment, contrasts)
    why = {c.unclaimed for c in cells if c.year == ALL_YEARS and c.model in experiment.trained}
    how = write_made(layout, output, conclusion, cells, contrasts, rows, facts, figures)["how"]
    trials = {name: TRIALS[name] for name in layout.trial_figures()}
    template = environment().get_template("template.html")
    text = template.render(
        number=number,
        p_text=p_text,
        level=level,
        experiment=experiment,
        **_explorer(layout, Path(output).with_name(EXPLORER), budget),
        conclusion=conclusion,
        against=held_against(experiment),
        unclaimed=why.pop() if len(why) == 1 else "",  # of all, and not said in each cell then
        made=[*map(experiment.model_label, experiment.made)],
        facts=_facts(experiment, rows, cells),
        matrix={
            model: [find_cell(cells, model=model, test_set=name, metric=metric) for name in sets]
            for model in experiment.models
        },
        beside=side_by_side(cells, experiment),
        probes=probes_section(layout),
        gain_of=gain_of,
        colours=len(COLOURS),
        metric=metric_named(metric),
        unread=unread_note(cells, experiment),
        metrics=[(metric_named(name), describe(name)) for name in experiment.compared],
        tables={
            "comparison": comparison_table(cells, experiment),
            "form": form_table(cells, experiment),
            "stages": stages_table(rows),
            "knowledge": knowledge_table(cells, experiment),
            "programs": programs_table(cells, experiment),
            "gains": gains_table(contrasts, experiment),
            "square": square_table(cells, experiment),
            "size": size,
            "years": years_table(cells, experiment),
            "metrics": metrics_table(cells, experiment),
            "published": published_table(cells, experiment) if experiment.published else None,
            "training": training_table(facts, experiment),
            "turns": read_turns(layout),
            "cost": read_table(cost),
        },
        size_notes=size_notes,
        programs_notes=programs_notes(cells, experiment),
        writers_of_pairs=len(
            {tuple(experiment.datasets_of(model)) for model in experiment.trained}
        ),
        sources=sorted({table.source for table in experiment.published if table.source}),
        figures={
            name: (inline(Path(figures, f"{name}.svg").read_text("utf-8"), name, label), label)
            for name, label in [*FIGURES.items(), *trials.items()]
        },
        trials=list(trials),
        leakage=read_leakage(Path(cost).parent),
        filter=read_filtering(layout),
        stages=stage_rows(rows),
        problems=problems(rows, experiment),
        missing=_missing(layout),
        settings=settings_text(experiment),
        how=how,
        told=told(how),
    )
    with atomic_write(output) as stream:
        stream.write(text)


def _explorer(layout: Layout, folder: Path, budget: int) -> dict[str, Any]:
    """The explorer of answers: its data, style and script."""
    experiment = layout.experiment
    style, more, *scripts = (
        (PARTS / name).read_text(encoding="utf-8") for name in (*STYLES, *SCRIPTS)
    )
    style += more
    # a class per model, because the page's policy forbids style attributes
    for place, name in enumerate(experiment.models):
        shade = colour(experiment, name)
        style += f".model-{place % len(COLOURS)} {{ --model: {shade}; }}\n"
    script = "".join(scripts)
    explored = Explored(layout, folder, budget=budget)
    data, beside = explored.index(), bool(explored.starts) and not explored.pieces
    return {
        "policies": [content_policy(style, script, beside=beside), *[BESIDE_POLICY] * beside],
        **{"style": style, "script": script, "data": embed_json(data)},
        "asked": [(label, data["set"].count(place)) for place, label in enumerate(data["sets"])],
        "beside_page": folder.name if beside else "",
        "pieces": explored.pieces,
        "marks": range(LOWEST, HIGHEST + 1),
    }


def _facts(experiment: Experiment, rows: list[Count], cells: list[Cell]) -> list[tuple[str, str]]:
    """The study in five numbers."""
    tested = [c for c in cells if c.year == ALL_YEARS and c.metric == experiment.comparison.metric]
    asked = sum({c.test_set: c.questions for c in tested}.values())
    all_years, test_years = (
        f", {years[0]}–\u2060{years[-1]}" if years else ""  # no line ends in it
        for years in (experiment.years, experiment.years_of("test"))
    )
    return [
        (f"{total(rows, 'collect', outcome='kept'):,}", f"documents{all_years}"),
        (
            f"{total(rows, 'split', part='test', outcome='kept'):,}",
            f"of them for testing{test_years}",
        ),
        (f"{asked:,}", f"questions in {len(experiment.test_set_names)} test sets"),
        (f"{len(experiment.models)}", "models"),
        (f"{max(c.seeds for c in tested) if tested else 0}", "seeds at most"),
    ]


def _missing(layout: Layout) -> list[tuple[Any, Rejection]]:
    """Year (or part) and reason of every document whose text was not found."""
    files = layout.by_year("missing").items()
    every = ((year, item) for year, path in files for item in read_records(path, Rejection))
    return [(year, item) for year, item in every if item.reason != NOT_SAMPLED]


def stage_rows(rows: list[Count]) -> list[dict[str, Any]]:
    """The stages, one row per stage and part: what was kept and rejected, and why."""
    lines: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        names = {"stage": STAGES[row.stage], "part": row.shown_part.replace("/", " · ")}
        line = lines.setdefault(
            (row.stage, row.shown_part),
            {**names, **{name: Counter() for name in ("kept", "how", "rejected", *BESIDE)}},
        )
        if row.outcome == "rejected":
            line["rejected"][row.reason.replace("_", " ")] += row.count
        elif row.outcome in BESIDE:
            line[row.outcome][row.reason] += row.count
        else:
            line["kept"][row.unit] += row.count
            if row.reason:
                line["how"][row.reason] += row.count
    return list(lines.values())


def settings_text(experiment: Experiment) -> str:
    """The settings as YAML, without secrets."""
    values = shown_settings(experiment)
    text: str = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)
    return text
