"""The matrix: mean scores with their intervals, and whether a model beats the baseline."""

import csv
import dataclasses
import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import TypeAdapter

from papertune.errors import EvaluationError
from papertune.jobs import stopping
from papertune.metrics import Metric, metric_named, part_keys
from papertune.owned import anybodys
from papertune.records import Score, atomic_write, read_records
from papertune.scores.statistics import bootstrap, correct, interval, p_value
from papertune.study.settings import Comparison

log = logging.getLogger("papertune")
ALL_YEARS = "all"


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the matrix; ``None`` where a number is not defined.

    ``mean`` is over questions and seeds (perplexity and corpus BLEU: of all of them together),
    ``low`` and ``high`` its bootstrap interval. ``seed_low`` and ``seed_high`` are the lowest and
    highest value of a single seed: the interval does not know of training luck. ``difference`` is
    to the baseline on the same questions. ``year`` is a year or ``all``; only ``all`` is tested.
    ``p_corrected`` is corrected over the matrix of the metric, models × test sets.
    """

    model: str
    test_set: str
    metric: str
    year: str
    mean: float | None
    low: float | None
    high: float | None
    questions: int
    documents: int
    seeds: int
    seed_low: float | None
    seed_high: float | None
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    p: float | None = None
    p_corrected: float | None = None

    def better(self, alpha: float = 0.05) -> bool | None:
        """True if better than the baseline after correction, False if worse, None if neither."""
        if self.p_corrected is None or self.p_corrected >= alpha or not self.difference:
            return None
        return (self.difference > 0) == metric_named(self.metric).higher_is_better


class Questions(NamedTuple):
    """The questions of one test set, in one order that all models share."""

    pairs: dict[str, int]  # pair id → row
    documents: np.ndarray  # row → number of the document
    years: np.ndarray  # row → year


def _read_questions(path: Path) -> Questions:
    pairs: dict[str, int] = {}
    documents: dict[str, int] = {}
    rows, years = [], []
    for score in read_records(path, Score):
        pairs[score.pair] = len(pairs)
        rows.append(documents.setdefault(score.document, len(documents)))
        years.append(score.year)
    if not pairs:
        raise EvaluationError("no scores", where=str(path), hint="see the log of the rule score")
    return Questions(pairs, np.array(rows), np.array(years))


def _read_parts(
    paths: list[Path], questions: Questions, metrics: list[str]
) -> dict[str, np.ndarray]:
    """Metric → parts of shape (seeds, questions, parts); NaN where a metric is not defined."""
    keys = {name: part_keys(name) for name in metrics}
    shape = (len(paths), len(questions.pairs))
    arrays = {
        name: np.full((*shape, len(keys[name]) if metric_named(name).parts else 2), np.nan)
        for name in metrics
    }
    for number, path in enumerate(paths):
        known = 0
        for score in read_records(path, Score):
            row = questions.pairs.get(score.pair)
            known = -1 if row is None else known + 1
            if row is None:
                break
            for name in metrics:
                values = [score.values.get(key) for key in keys[name]]
                if None not in values:
                    arrays[name][number, row] = values if metric_named(name).parts else [*values, 1]
        if known != len(questions.pairs):
            raise EvaluationError(
                "these scores are of other questions than those of the other models",
                where=str(path),
                hint="delete the scores of this test set and run again",
            )
    return arrays


@stopping.at_once()
def compare(
    scores: Mapping[tuple[str, int, str], str | Path],
    output: str | Path,
    *,
    metrics: list[str],
    baseline: str,
    comparison: Comparison,
) -> list[Cell]:
    """Make the matrix of an experiment and write it as CSV, one line per :class:`Cell`.

    Numbers have ten digits there, and ``None`` is nothing.

    Args:
        scores: (model, seed, test set) → JSONL of scores.
        baseline: The model that others are held against; empty for none.
        comparison: Confidence, resamples, correction, seed.

    Raises:
        EvaluationError: no scores, or scores of different questions within a test set.
    """
    cells: list[Cell] = []
    for test_set in dict.fromkeys(test_set for _, _, test_set in scores):
        by_model: dict[str, list[Path]] = {}
        for (model, _, name), path in scores.items():
            if name == test_set:
                by_model.setdefault(model, []).append(Path(path))
        questions = _read_questions(next(iter(by_model.values()))[0])
        reference = _read_parts(by_model.get(baseline, []), questions, metrics)
        for model, paths in by_model.items():
            parts = reference if model == baseline else _read_parts(paths, questions, metrics)
            for name in metrics:
                other = reference[name] if baseline in by_model and model != baseline else None
                where = {"model": model, "test_set": test_set, "metric": name}
                cells += _cells(where, parts[name], other, questions, comparison)
            log.info("compare: %s on %s done", model, test_set)
    for metric in metrics:  # over the matrix of each: models × test sets
        tested = [i for i, c in enumerate(cells) if c.metric == metric and c.p is not None]
        corrected = correct([cells[i].p or 0.0 for i in tested], comparison.correction)
        for i, p in zip(tested, corrected, strict=True):
            cells[i] = dataclasses.replace(cells[i], p_corrected=p)
    with atomic_write(output) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(field.name for field in dataclasses.fields(Cell))
        for cell in cells:
            values = dataclasses.astuple(cell)
            writer.writerow(format(v, ".10g") if isinstance(v, float) else v for v in values)
    return cells


def _cells(
    where: dict[str, Any],
    parts: np.ndarray,
    baseline: np.ndarray | None,
    questions: Questions,
    how: Comparison,
) -> Iterator[Cell]:
    """One metric of one model on one test set: over all years, then year by year."""
    metric = metric_named(where["metric"])
    for year in [ALL_YEARS, *np.unique(questions.years)]:
        rows = slice(None) if year == ALL_YEARS else questions.years == year
        documents, mine = questions.documents[rows], parts[:, rows]
        mean = _seed_mean(mine)
        numbers = _one(mine, mean, documents, metric, how)
        if baseline is not None:
            numbers |= _against(mean, _seed_mean(baseline[:, rows]), documents, metric, how)
            if year != ALL_YEARS:
                numbers["p"] = None  # years are shown, not tested: more tests would cost power
        yield Cell(**where, year=str(year), seeds=len(parts), **numbers)


def _seed_mean(parts: np.ndarray) -> np.ndarray:
    """Parts per question, averaged over the seeds that have them: (questions, parts)."""
    known = ~np.isnan(parts)
    count = known.sum(axis=0)
    total = np.where(known, parts, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _clusters(parts: np.ndarray, documents: np.ndarray) -> np.ndarray:
    """Sums per document of the questions whose parts are all there: (documents, ..., parts)."""
    known = ~np.isnan(parts.reshape(len(parts), -1)).any(axis=1)
    _, numbers = np.unique(documents[known], return_inverse=True)
    sums = np.zeros((numbers.max(initial=-1) + 1, *parts.shape[1:]))
    np.add.at(sums, numbers, parts[known])
    return sums


def _one(
    seeds: np.ndarray, mean: np.ndarray, documents: np.ndarray, metric: Metric, how: Comparison
) -> dict[str, Any]:
    clusters = _clusters(mean, documents)
    if not len(clusters):
        nothing = dict.fromkeys(("mean", "low", "high", "seed_low", "seed_high"))
        return nothing | {"questions": 0, "documents": 0}
    resampled, value = bootstrap(clusters, metric, resamples=how.resamples, seed=how.seed)
    low, high = interval(resampled, how.confidence)
    per_seed = [
        float(metric.of_cell(sums.sum(axis=0)))
        for sums in (_clusters(one, documents) for one in seeds)
        if len(sums)
    ]
    return {
        "mean": None if math.isnan(value) else float(value),
        **{"low": low, "high": high, "seed_low": min(per_seed), "seed_high": max(per_seed)},
        "questions": int((~np.isnan(mean).any(axis=1)).sum()),
        "documents": len(clusters),
    }


def _against(
    mean: np.ndarray, baseline: np.ndarray, documents: np.ndarray, metric: Metric, how: Comparison
) -> dict[str, Any]:
    """The paired difference: the same questions, the same resamples of documents."""
    clusters = _clusters(np.stack([mean, baseline], axis=1), documents)
    if not len(clusters):
        return {}
    resampled, values = bootstrap(clusters, metric, resamples=how.resamples, seed=how.seed)
    difference = float(values[0] - values[1])
    if math.isnan(difference):
        return {}
    changes = resampled[0] - resampled[1]
    low, high = interval(changes, how.confidence)
    limits = {"difference_low": low, "difference_high": high}
    return {"difference": difference, **limits, "p": p_value(changes, difference)}


def read_matrix(path: str | Path) -> list[Cell]:
    """The cells of a file that :func:`compare` wrote."""
    with open(path, encoding="utf-8", newline="", opener=anybodys) as stream:
        rows = [{key: text or None for key, text in row.items()} for row in csv.DictReader(stream)]
    return TypeAdapter(list[Cell]).validate_python(rows)


def find_cell(cells: list[Cell], **which: str) -> Cell | None:
    """The first cell whose fields are as given, over all years unless a year is given."""
    wanted = {"year": ALL_YEARS, **which}.items()
    return next((c for c in cells if all(getattr(c, key) == v for key, v in wanted)), None)
