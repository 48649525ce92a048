"""Ratings of answers as a metric, compared with baselines and with other metrics."""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from papertune.answering.probes import text_id
from papertune.metrics import metric_named
from papertune.metrics.rating import NAME
from papertune.pairfile import read_pairs
from papertune.records import Answer, Pair, Score, read_records, write_records
from papertune.scores.agreement import krippendorff, spearman
from papertune.scores.matrix import Cell, limits, make_matrix
from papertune.scores.ratings import Ratings, read_ratings
from papertune.scores.rows import write_rows
from papertune.scores.sums import ALL_YEARS, Measured, Questions, Sums
from papertune.study.design import Design
from papertune.study.probes import PROBES

log = logging.getLogger("papertune")
Run = tuple[str, int]  # model and seed
Folder = str | Path


@dataclass(frozen=True, slots=True)
class Rated:
    """A text that raters read, and their ratings."""

    text: str  # papertune.answering.probes.text_id
    raters: int
    mean: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of raters on ``texts``: with each other (alpha), or of means with a metric (rho).

    Each text counts once, whichever models wrote it; a metric's value is the mean over these.
    ``metric`` is empty for agreement between raters. ``value`` is None if undefined, for example if
    all are equal; the limits are None for alpha, and for fewer than three probes.
    """

    metric: str
    value: float | None
    low: float | None
    high: float | None
    texts: int
    probes: int
    raters: int


@dataclass(frozen=True, slots=True)
class _Texts:
    """The text ids of each run's answers to pairs that may be rated."""

    asked: dict[str, Pair]
    by_run: dict[Run, dict[str, str]]  # pair → text id
    pairs: dict[str, str]  # text id → pair


def rate_probes(
    answers: Mapping[tuple[str, int, str], Folder],
    scores: Mapping[tuple[str, int, str], Folder],
    *,
    asked: Mapping[str, Folder],
    files: Sequence[Path],
    design: Design,
    metrics: Sequence[str],
    experiment: str,
    folder: Folder,
    rejected: Folder,
) -> None:
    """Write ``matrix.csv`` of :class:`Cell`, ``agreement.csv`` and ``texts.csv`` into a folder.

    Args:
        answers: (model, seed, set of probes or test set) → JSONL; ``scores`` likewise.
        asked: The pairs of each of these sets.
        files: The files of ratings.
        metrics: The metrics whose agreement with the raters is measured.
        experiment: Its name, which the files of ratings must have.
        rejected: Output file of what was left out, and why.
    """
    texts = _read(answers, {pair.id: pair for path in asked.values() for pair in read_pairs(path)})
    ratings, left = read_ratings(files, experiment, texts.pairs)
    # of thousands of test questions, people rate some
    rated_pairs = {texts.pairs[text] for text in ratings}
    about = {pair: one for pair, one in texts.asked.items() if pair in rated_pairs}
    texts = replace(texts, asked=about)
    for one in left:
        log.warning("%s: left out: %s", one.key, one.detail)
    log.info(
        "%d files of ratings, %d of %d texts rated", len(files), len(ratings), len(texts.pairs)
    )
    rated = [
        Rated(text, len(given), float(np.mean([*given.values()])))
        for text, given in sorted(ratings.items())
    ]
    write_records(rejected, left)
    write_rows(Path(folder, "texts.csv"), rated, Rated)
    means = {one.text: one.mean for one in rated}
    write_rows(Path(folder, "matrix.csv"), _matrix(texts, means, design) if rated else [], Cell)
    found = _agreement(texts, ratings, scores, metrics, design.alpha) if rated else []
    write_rows(Path(folder, "agreement.csv"), found, Agreement)


def _read(answers: Mapping[tuple[str, int, str], Folder], asked: dict[str, Pair]) -> _Texts:
    texts = _Texts(asked, defaultdict(dict), {})
    for (model, seed, _), path in answers.items():
        for answer in read_records(path, Answer):
            text = text_id(asked[answer.pair], answer.text)
            texts.by_run[model, seed][answer.pair] = text
            texts.pairs[text] = answer.pair
    return texts


def _matrix(texts: _Texts, means: Mapping[str, float], design: Design) -> list[Cell]:
    """A cell per model; a question counts if all runs have a rating of it."""
    about = [one.document for one in texts.asked.values()]
    documents = {document: place for place, document in enumerate(dict.fromkeys(about))}
    questions = Questions(
        {pair: row for row, pair in enumerate(texts.asked)},
        [*documents],
        np.array([documents[document] for document in about], dtype=np.intp),
        np.zeros(len(about), dtype=int),
    )
    parts: dict[str, np.ndarray] = {}
    for model in dict.fromkeys(model for model, _ in texts.by_run):
        runs = [run for run in texts.by_run if run[0] == model]
        values = np.array(
            [
                [means.get(texts.by_run[run][pair], np.nan) for pair in questions.pairs]
                for run in runs
            ]
        )
        # a seed added after the rating must not discard the ratings of the others
        known = (~np.isnan(values)).sum(axis=1)
        values = values[2 * known >= known.max()]
        parts[model] = np.stack([values, np.where(np.isnan(values), np.nan, 1.0)], axis=2)
    found = []
    for model, mine in parts.items():
        theirs = parts.get(design.baselines.get(model, ""))
        both = None if theirs is None else Sums.of(questions, mine, theirs)
        found.append(Measured(model, PROBES, NAME, Sums.of(questions, mine), both, {}))
    return [cell for cell in make_matrix([found], design) if cell.year == ALL_YEARS]


def _agreement(
    texts: _Texts,
    ratings: Ratings,
    scores: Mapping[tuple[str, int, str], Folder],
    metrics: Sequence[str],
    alpha: float,
) -> list[Agreement]:
    several = {text: given for text, given in ratings.items() if len(given) > 1}
    of_several = {texts.pairs[text] for text in several}
    raters = {name for given in ratings.values() for name in given}
    by_several = len({name for given in several.values() for name in given})
    value = krippendorff([*given.values()] for given in several.values())
    found = [Agreement("", value, None, None, len(several), len(of_several), by_several)]
    by_text = _scores(texts, ratings, scores, metrics)
    for name in metrics:
        measured = {text: values[name] for text, values in by_text.items() if values[name]}
        first = np.array([np.mean([*ratings[text].values()]) for text in measured])
        second = np.array([np.mean(values) for values in measured.values()])
        pairs = [texts.pairs[text] for text in measured]
        # probes about one paper are dependent, too
        groups = np.array([texts.asked[pair].document for pair in pairs])
        value, interval = spearman(first, second, groups, alpha)
        counts = len(measured), len({*pairs}), len(raters)
        ends = limits(interval)
        found.append(Agreement(name, value, ends["low"], ends["high"], *counts))
    return found


def _scores(
    texts: _Texts,
    ratings: Ratings,
    scores: Mapping[tuple[str, int, str], Folder],
    metrics: Sequence[str],
) -> dict[str, dict[str, list[float]]]:
    """Text → metric → its values for the rated answers with this text."""
    found: dict[str, dict[str, list[float]]] = {}
    alone = [name for name in metrics if not metric_named(name).needs_reference]
    for (model, seed, _), path in scores.items():
        for score in read_records(path, Score):
            text = texts.by_run[model, seed][score.pair]
            if text in ratings:
                mine = found.setdefault(text, {name: [] for name in metrics})
                known = texts.asked[score.pair].answer
                for name in metrics if known else alone:
                    value = score.values.get(name)
                    if value is not None and np.isfinite(value):
                        mine[name].append(value)
    return found
