"""Read files of scores as sums of a metric's parts per run and document."""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from papertune.errors import EvaluationError
from papertune.metrics import metric_named, part_keys
from papertune.metrics.meaning import MOST_UNKNOWN
from papertune.records import Score, read_records

log = logging.getLogger("papertune")
ALL_YEARS = "all"


class Questions(NamedTuple):
    """The questions of one test set, in one order that all models share."""

    pairs: dict[str, int]  # pair id → row
    ids: list[str]  # number of a document → its id
    documents: np.ndarray  # row → number of the document
    years: np.ndarray  # row → year


def read_questions(path: Path, without: Collection[str] = ()) -> Questions:
    """The questions of a file of scores, except those about the documents ``without``.

    Raises:
        EvaluationError: there are no questions.
    """
    pairs: dict[str, int] = {}
    documents: dict[str, int] = {}
    rows, years = [], []
    for score in read_records(path, Score):
        if score.document not in without:
            pairs[score.pair] = len(pairs)
            rows.append(documents.setdefault(score.document, len(documents)))
            years.append(score.year)
    if not pairs and not without:
        raise EvaluationError("no scores", where=str(path), hint="see the log of the rule score")
    return Questions(pairs, list(documents), np.array(rows, dtype=np.intp), np.array(years))


def read_parts(
    paths: Sequence[Path],
    questions: Questions,
    metrics: Sequence[str],
    without: Collection[str] = (),
) -> dict[str, np.ndarray]:
    """Metric → parts of shape (runs, questions, parts); NaN if a metric is not defined.

    For metrics of meaning, the values ``unread`` and ``chance`` by
    :func:`papertune.scores.scoring.score_answers` are added, like metrics that are plain means.

    Raises:
        EvaluationError: a file has other questions.
    """
    keys = {name: part_keys(name) for name in metrics}
    plain = {name for name in metrics if not metric_named(name).parts}
    compared = [name for name in metrics if metric_named(name).texts]
    readings = {f"{name}.{what}" for name in compared for what in ("unread", "chance")}
    keys, plain = keys | {name: [name] for name in readings}, plain | readings
    shape = (len(paths), len(questions.pairs))
    arrays = {
        name: np.full((*shape, 2 if name in plain else len(own)), np.nan)
        for name, own in keys.items()
    }
    for number, path in enumerate(paths):
        known = 0
        for score in read_records(path, Score):
            if score.document in without:
                continue
            row = questions.pairs.get(score.pair)
            known = -1 if row is None else known + 1
            if row is None:
                break
            for name, own in keys.items():
                values = [score.values.get(key) for key in own]
                if None not in values:
                    arrays[name][number, row] = [*values, 1] if name in plain else values
        if known != len(questions.pairs):
            raise EvaluationError(
                "these scores are for other questions than the other models' scores",
                where=str(path),
                hint="delete the scores of this test set and run again",
            )
    return arrays


@dataclass(frozen=True, slots=True)
class Sums:
    """A metric's parts summed per run and document, over the questions that all runs have.

    ``ids``, ``years`` and ``questions`` have the shape (documents,).
    """

    ids: np.ndarray
    years: np.ndarray
    questions: np.ndarray  # number of questions counted
    mine: np.ndarray  # (runs, documents, parts)
    theirs: np.ndarray | None = None  # of the baseline, (its runs, documents, parts)
    # variance of differences to the baseline between questions about one document; None if there is
    # one per document, or the metric is not a plain mean
    within: float | None = None

    @classmethod
    def of(cls, asked: Questions, mine: np.ndarray, theirs: np.ndarray | None = None) -> Self:
        """Sum parts of shape (runs, questions, parts)."""
        known = ~np.isnan(mine).any(axis=(0, 2))
        if theirs is not None:
            known &= ~np.isnan(theirs).any(axis=(0, 2))
        numbers, first, rows, counts = np.unique(
            asked.documents[known], return_index=True, return_inverse=True, return_counts=True
        )

        def added(parts: np.ndarray) -> np.ndarray:
            sums = np.zeros((len(parts), len(numbers), parts.shape[2]))
            for run, of_run in zip(sums, parts[:, known], strict=True):
                np.add.at(run, rows, of_run)
            return sums

        ids, years = np.array(asked.ids)[numbers], asked.years[known][first]
        if theirs is None:
            return cls(ids, years, counts, added(mine))
        within = None
        if (mine[:, known, -1] == 1).all() and mine.shape[2] == 2 and len(rows) > len(numbers):
            gains = mine[:, known, 0].mean(axis=0) - theirs[:, known, 0].mean(axis=0)
            means = np.bincount(rows, gains) / counts
            within = float(((gains - means[rows]) ** 2).sum()) / (len(rows) - len(numbers))
        return cls(ids, years, counts, added(mine), added(theirs), within)

    def about(self, rows: np.ndarray) -> Self:
        """Select documents by a mask, or by indices in the wanted order."""
        theirs = None if self.theirs is None else self.theirs[:, rows]
        of_documents = (self.ids[rows], self.years[rows], self.questions[rows])
        return type(self)(*of_documents, self.mine[:, rows], theirs)

    def of_year(self, year: str) -> Self:
        """Select one year, or ``all``."""
        return self if year == ALL_YEARS else self.about(self.years.astype(str) == year)


@dataclass(frozen=True, slots=True)
class Measured:
    """One model on one test set by one metric, with everything that an estimate needs."""

    model: str
    test_set: str
    metric: str
    own: Sums
    both: Sums | None  # paired with the baseline's, on common questions; None without a baseline
    # ``unread``, ``chance`` and ``chance_sd`` of a cell; empty if the metric has none
    readings: Mapping[str, Any]


def measured(
    scores: Mapping[tuple[str, int, str], str | Path],
    metrics: Sequence[str],
    baselines: Mapping[str, str],
    without: Collection[str] = (),
) -> Iterator[list[Measured]]:
    """Yield the measurements of one test set after the other.

    Args:
        scores: (model, seed, test set) → JSONL of scores.
        without: Ids of documents that are left out.

    Raises:
        EvaluationError: no scores, or scores of different questions within a test set.
    """
    sets = [*dict.fromkeys(test_set for _, _, test_set in scores)]
    for place, test_set in enumerate(sets, 1):
        by_model: dict[str, list[Path]] = {}
        for (model, _, name), path in scores.items():
            if name == test_set:
                by_model.setdefault(model, []).append(Path(path))
        asked = read_questions(next(iter(by_model.values()))[0], without)
        held = {  # the existing baselines, read once
            name: read_parts(by_model[name], asked, metrics, without)
            for name in dict.fromkeys(baselines.values())
            if name in by_model
        }
        found = []
        for model, paths in by_model.items():
            parts = held.get(model) or read_parts(paths, asked, metrics, without)
            other = held.get(baselines.get(model, ""))
            for name in metrics:
                own = Sums.of(asked, parts[name])
                both = Sums.of(asked, parts[name], other[name]) if other else None
                read = _readings(parts, name)
                found.append(Measured(model, test_set, name, own, both, read))
        log.info("compare: test set %s (%d/%d) read", test_set, place, len(sets))
        yield found


def _readings(parts: Mapping[str, np.ndarray], name: str) -> dict[str, Any]:
    if f"{name}.unread" not in parts:
        return {}
    found: dict[str, Any] = {"unread": int((parts[f"{name}.unread"] > MOST_UNKNOWN)[..., 0].sum())}
    chance = parts[f"{name}.chance"][-1, :, 0]  # the same for all runs
    known = chance[~np.isnan(chance)]
    if len(known):
        found |= {"chance": float(known.mean()), "chance_sd": float(known.std())}
    return found
