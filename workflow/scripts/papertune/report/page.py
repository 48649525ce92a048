"""The page: one HTML file that opens from disk, loads nothing and runs only its own script."""

import base64
import hashlib
from pathlib import Path
from typing import Any

from papertune.metrics import METRICS, describe
from papertune.records import atomic_write
from papertune.report.conclusion import conclude
from papertune.report.counts import Count, problems, read_counts, total
from papertune.report.figures import COLOURS, colour, inline
from papertune.report.page_data import (
    answers_side_by_side,
    embed_json,
    missing_documents,
    settings_text,
    stage_rows,
)
from papertune.report.tables import (
    metrics_table,
    number,
    p_text,
    published_table,
    read_training,
    training_table,
    years_table,
)
from papertune.report.tabular import read_table, without_empty_columns
from papertune.scores.matrix import ALL_YEARS, Cell, find_cell, read_matrix
from papertune.study.experiment import Experiment
from papertune.study.layout import Layout

PARTS = Path(__file__).parent / "page_parts"
QUESTIONS = 400  # per test set on the page
BYTES = 3_000_000  # of answers and documents on the page; the rest is well below 2 MB

FIGURES = {
    "matrix": "Score of every model on every test set: a dot for the mean, a line for its interval.",
    "documents": "Documents per year, by the split that their year belongs to.",
    "loss": "Training and validation loss by step; one line per model and seed.",
    "cost": "Training time and peak memory: a bar for the mean of the seeds, a dot for each.",
}


def write_page(
    layout: Layout,
    output: str | Path,
    *,
    matrix: str | Path,
    counts: str | Path,
    cost: str | Path,
    figures: str | Path,
    questions: int = QUESTIONS,
) -> None:
    """Write ``report.html``.

    Args:
        layout: What was asked, labels, settings, and where answers, scores and documents lie.
        output: The HTML file.
        matrix: ``matrix.csv``, as ``counts`` and ``cost`` are files of the same names.
        figures: The folder of :func:`papertune.report.figures.draw_figures`.
        questions: Questions per test set to show at most.
    """
    experiment = layout.experiment
    metric, sets = experiment.comparison.metric, experiment.test_set_names
    cells, rows = read_matrix(matrix), read_counts(counts)
    facts = read_training(layout)
    versions = [values.get("versions") or {} for values in facts.values()]
    libraries = {f"{library} {version}" for of in versions for library, version in of.items()}
    style = (PARTS / "style.css").read_text(encoding="utf-8") + _model_colours(experiment)
    script = (PARTS / "script.js").read_text(encoding="utf-8")
    data = answers_side_by_side(layout, limit=questions, budget=BYTES)
    text = _template().render(
        experiment=experiment,
        policy=f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'",
        style=style,
        script=script,
        data=embed_json(data),
        shown=[(s["label"], len(s["questions"]), s["total"]) for s in data["sets"]],
        conclusion=conclude(cells, experiment),
        facts=_facts(experiment, rows, cells),
        matrix={
            model: [find_cell(cells, model=model, test_set=name, metric=metric) for name in sets]
            for model in experiment.models
        },
        colours=len(COLOURS),
        metric=METRICS[metric],
        metrics=[(METRICS[name], describe(name)) for name in experiment.metrics],
        tables={
            "years": years_table(cells, experiment),
            "metrics": metrics_table(cells, experiment),
            "published": published_table(cells, experiment) if experiment.published else None,
            "training": training_table(facts, experiment),
            "cost": without_empty_columns(read_table(cost, "What it cost", left=3)),
        },
        sources=sorted({table.source for table in experiment.published if table.source}),
        versions=", ".join(sorted(libraries)),
        figures={
            name: (inline(Path(figures, f"{name}.svg").read_text("utf-8"), name, label), label)
            for name, label in FIGURES.items()
        },
        stages=stage_rows(rows),
        problems=problems(rows, experiment),
        **missing_documents(layout.by_year("missing")),
        settings=settings_text(experiment),
    )
    with atomic_write(output) as stream:
        stream.write(text)


def _template() -> Any:
    """The template, with escaping on; only ``|safe`` in it passes markup, that of this program."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(PARTS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"number": number, "p_text": p_text}
    return environment.get_template("template.html")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _model_colours(experiment: Experiment) -> str:
    """A class per model, because the page's policy forbids style attributes."""
    return "".join(
        f".model-{place % len(COLOURS)} {{ --model: {colour(experiment, name)}; }}\n"
        for place, name in enumerate(experiment.models)
    )


def _facts(experiment: Experiment, rows: list[Count], cells: list[Cell]) -> list[tuple[str, str]]:
    """The study in five numbers."""
    tested = [c for c in cells if c.year == ALL_YEARS and c.metric == experiment.comparison.metric]
    asked = sum({c.test_set: c.questions for c in tested}.values())
    all_years, test_years = (
        f", {years[0]}–{years[-1]}" if years else ""
        for years in (experiment.years, experiment.years_of("test"))
    )
    return [
        (f"{total(rows, 'collect', outcome='kept'):,}", f"documents{all_years}"),
        (f"{total(rows, 'split', part='test'):,}", f"of them for testing{test_years}"),
        (f"{asked:,}", f"questions in {len(experiment.test_set_names)} test sets"),
        (f"{len(experiment.models)}", "models"),
        (f"{max(c.seeds for c in tested) if tested else 0}", "seeds at most"),
    ]
