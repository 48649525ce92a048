"""Export a trained model as one folder: merged weights, tokenizer, settings, card with results."""

import logging
import math
from collections.abc import Mapping
from pathlib import Path

from papertune.errors import TrainingError
from papertune.jobs import stopping
from papertune.metrics import metric_named
from papertune.models.licences import is_licence
from papertune.models.loading import set_up_torch
from papertune.models.modelcard import Results, read_facts, write_card
from papertune.models.modelfolder import copy, link_or_copy, model_folder
from papertune.models.whole import whole_model
from papertune.report.numbers import BETTER, UNREAD_SAID, WORSE, gain_of, interval
from papertune.report.table import Table, to_markdown
from papertune.scores.comparing import compare
from papertune.scores.matrix import Cell
from papertune.scores.sums import ALL_YEARS
from papertune.study.design import Design
from papertune.study.layout import Origin
from papertune.study.settings import Answering

log = logging.getLogger("papertune")
RESULTS = "results.csv"


@stopping.at_once()
def export_model(
    *,
    model: Path,
    base: Path,
    output: Path,
    scores: Mapping[tuple[str, int, str], Path],
    design: Design,
    answering: Answering,
    origin: Origin,
    threads: int = 1,
) -> None:
    """Write a folder that ``AutoModelForCausalLM.from_pretrained`` loads directly.

    Adapters are merged into their base; other models are hard-linked, or copied if links are not
    possible. The model's own folder does not change.

    Args:
        model: The model folder; ``base`` is its base's folder.
        output: The folder to make; an existing one is replaced.
        scores: (model, seed, test set) → scores of this model and of the baseline; may be empty.
        design: The baselines of this model.
        answering: Its limits become the folder's generation settings.
        origin: Names the model among the scores.

    Raises:
        TrainingError: a folder is missing, or has a link that leads out of it.
        EvaluationError: scores of different questions.
    """
    set_up_torch(threads)
    _check_links(model, weights=True)
    _check_links(base, weights=False)
    with model_folder(output) as folder:
        merged = whole_model(model, base, folder, answering, link_or_copy)
        for name in ("training.json", "history.csv"):
            copy(model / name, folder / name)
        for path in base.iterdir():
            if is_licence(path.name) and path.is_file():
                copy(path.resolve(), folder / path.name)
        results = None
        if scores:
            cells = compare(scores, design, matrix=folder / RESULTS)
            mine = [c for c in cells if c.model == origin.model and c.year == ALL_YEARS]
            results = _results(mine, read_facts(folder)["origin"]["experiment"])
        write_card(folder, results=results, merged=merged)
    log.info("exported %s into %s", model, output)


def _check_links(folder: Path, *, weights: bool) -> None:
    """Raise TrainingError if a link leads out of a model's folder: the export would publish it.

    Links within the folder are allowed, as in the Hub's cache; links of a base's weights are only
    read as weights.
    """
    own = folder.resolve()
    places = [own, own.parents[1] / "blobs"] if own.parent.name == "snapshots" else [own]
    for path in sorted(folder.glob("*")):
        taken = any(map(path.resolve().is_relative_to, places))
        if not taken and (weights or path.suffix != ".safetensors"):
            hint = "replace the link by the file itself, if the export may contain it"
            raise TrainingError(
                f"a link that leads to {path.resolve()}", where=str(path), hint=hint
            )


def _results(cells: list[Cell], experiment: str) -> Results:
    """A model's matrix cells over all years, for its card."""
    from huggingface_hub import EvalResult

    rows, evaluations = [], []
    for cell in cells:
        label = metric_named(cell.metric).label
        change = gain_of(cell, signed=True)
        counted = (str(cell.questions), str(cell.documents))
        rows.append([cell.test_set, label, interval(cell).rstrip(BETTER + WORSE), change, *counted])
        if cell.mean is not None and math.isfinite(cell.mean):  # JSON has no infinity
            result = EvalResult(
                task_type="text-generation",
                dataset_type=f"{experiment}-{cell.test_set}",
                dataset_name=f"{experiment}: test set of {cell.test_set}",
                dataset_split="test",
                metric_type=cell.metric,
                metric_name=label,
                metric_value=round(cell.mean, 6),
            )
            evaluations.append(result)
    columns = ["Test set", "Metric", "Mean", "Difference to the base", "Questions", "Documents"]
    markdown = (
        "Of this one seed, on test sets whose documents no model was trained on. Each test set is "
        "named after the writer of its questions; brackets hold intervals over documents, for "
        "this run only: another seed may give other results."
        f"\n\n{to_markdown(Table('', columns, rows, left=2))}"
    )
    if any(cell.unread for cell in cells):
        markdown += f"\n{UNREAD_SAID}.\n"
    return Results(markdown, evaluations)
