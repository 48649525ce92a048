"""Train the filter, and measure it by nested cross-validation.

Folds consist of documents (of a table: groups or rows), so no question is judged by a member that was
trained on another question about the same document. A filter has one member per fold, trained without
this fold, and its threshold comes from the scores of each member on its held-out fold. Such scores are
on the scale of those of new questions. A filter trained on all questions at once scores on another
scale, and a threshold from cross-validation would let too much through. The quality is measured in an
outer loop: on each fold, with members and a threshold from the other folds alone.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from scipy.special import expit
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits

from papertune.errors import EvaluationError
from papertune.filter.load import Filter, terms
from papertune.filter.measures import measured
from papertune.filter.questions import Asked, Judged, related
from papertune.identity import digest
from papertune.leakage.texts import words
from papertune.records import Rejection, digest_of_lines, read_records, write_records
from papertune.study import versions

log = logging.getLogger("papertune")

RARE = 2  # least number of questions with a term; rarer terms are ignored
STRENGTH = 1.0  # inverse of the penalty on squared weights
STEPS = 1000  # most iterations of the solver
MIDDLE = 0.5  # a fixed threshold that is measured beside the chosen one
SHOWN = 15  # terms of each class with the largest weights


def learn_filter(
    *,
    pairs: Sequence[str | Path],
    unrelated: str | Path,
    folder: str | Path,
    rejected: str | Path,
    precision: float,
    folds: int,
    documents: int,
    confidence: float,
) -> Filter:
    """Train a filter and write it into a folder, with ``judged.jsonl`` beside it.

    Args:
        pairs: Files with the study's questions.
        unrelated: File of unrelated questions, as :func:`.questions.list_unrelated` writes it.
        rejected: Output: questions that were left out of training, with reasons.
        precision: The precision to reach: share of related questions among those that pass.
        documents: Least number of documents of each class.
        confidence: Confidence level of the intervals.

    Raises:
        EvaluationError: a class has too few documents.
    """
    own, others, left = choose(related(pairs), read_records(unrelated, Asked))
    write_records(rejected, left)
    every, mine = [*own, *others], np.arange(len(own) + len(others)) < len(own)
    for which, some in (("the study", own), ("filter.against", others)):
        if (count := len({one.document for one in some})) < documents:
            raise EvaluationError(
                f"questions of {which} are about {count} documents (or groups or rows), too few for "
                f"{folds} folds",
                where=str(folder),
                hint=f"each side needs {documents}: name more questions in filter, or set fewer folds",
            )
    features = Features([one.question for one in every])
    numbers = np.unique([one.document for one in every], return_inverse=True)[1]
    # with several threads, sums are rounded differently each time
    with threadpool_limits(1):
        scores, thresholds = judge(features, mine, numbers, precision, folds)
        members, own_scores = cross_fit(features, np.arange(len(every)), mine, numbers, folds)
    chosen, reached = threshold(own_scores, mine, precision)
    facts = zip(every, mine.tolist(), scores.tolist(), thresholds.tolist(), strict=True)
    judged = [Judged(one.id, one.document, one.question, *more) for one, *more in facts]
    write_records(Path(folder, "judged.jsonl"), judged)
    how = {"precision": precision, "folds": folds, "rare": RARE, "strength": STRENGTH}
    lines = ([one.document, one.question, bool(own)] for one, own in zip(every, mine, strict=True))
    about = {
        "settings": how,
        "made_of": digest([versions.FILTER, how, digest_of_lines(lines)]),
        "reached": reached,
        "confidence": confidence,
        "counts": {"related": len(own), "unrelated": len(others)},
        "documents": {
            name: len({one.document for one in some})
            for name, some in (("related", own), ("unrelated", others))
        },
        "measured": _measured(judged, confidence),
    }
    made = features.filter_of(members, chosen, about)
    made.save(folder)
    log.info("%d related and %d unrelated questions, %d left out", len(own), len(others), len(left))
    if not reached:
        log.warning(
            "precision %g was never reached; the threshold is that of the highest one", precision
        )
    return made


def choose(
    own: Iterable[Asked | Rejection], others: Iterable[Asked | Rejection]
) -> tuple[list[Asked], list[Asked], list[Rejection]]:
    """Deduplicate the questions within and across classes: related, unrelated, and left out.

    The study has priority: a question that it asks, or about one of its documents, is not unrelated.
    """
    left: list[Rejection] = []
    mine, said = _each_once(own, set(), set(), left)
    rest, _ = _each_once(others, said, {one.document for one in mine}, left)
    return mine, rest, left


def _each_once(
    found: Iterable[Asked | Rejection],
    related: set[str],
    documents: set[str],
    left: list[Rejection],
) -> tuple[list[Asked], set[str]]:
    """The kept questions of a class, and their words; ``related`` and ``documents`` are the study's."""
    kept, before = list[Asked](), set[str]()
    for one in found:
        if isinstance(one, Rejection):
            left.append(one)
            continue
        said = " ".join(words(one.question))
        reasons = {
            "no_words": not said,
            "same_document": one.document in documents,
            "also_related": said in related,
            "same_question": said in before,
        }
        if reason := next((name for name, holds in reasons.items() if holds), ""):
            left.append(Rejection("filter", one.id, reason, one.question[:200]))
        else:
            before.add(said)
            kept.append(one)
    return kept, before


def judge(
    features: "Features", mine: np.ndarray, documents: np.ndarray, precision: float, folds: int
) -> tuple[np.ndarray, np.ndarray]:
    """Each question's score by a filter that was trained without its fold, and the filter's threshold.

    Args:
        mine: Whether each question is the study's, shape (questions,), like both results.
        documents: A number for each question's document, shape (questions,).
    """
    scores, thresholds = np.zeros(len(mine)), np.zeros(len(mine))
    for rest, fold in split(documents, mine, folds):
        members, own = cross_fit(features, rest, mine, documents, folds)
        thresholds[fold] = threshold(own, mine[rest], precision)[0]
        scores[fold] = expit(np.mean([features.log_odds(one, fold) for one in members], axis=0))
    return scores, thresholds


def cross_fit(
    features: "Features", rows: np.ndarray, mine: np.ndarray, documents: np.ndarray, folds: int
) -> tuple[list["Member"], np.ndarray]:
    """A member per fold of the questions in ``rows``, and their scores when held out, shape (rows,)."""
    members, scores = [], np.zeros(len(rows))
    for some, held in split(documents[rows], mine[rows], folds):
        members.append(member := features.fit(rows[some], mine))
        scores[held] = expit(features.log_odds(member, rows[held]))
    return members, scores


def split(
    documents: np.ndarray, mine: np.ndarray, folds: int
) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    """Indices of the rest and of each fold, grouped by document; each fold has both classes."""
    fold = np.zeros(len(documents), np.int64)
    for side in (mine, ~mine):
        places = np.flatnonzero(side)
        parts = GroupKFold(folds).split(places, groups=documents[places])
        for number, (_, part) in enumerate(parts):
            fold[places[part]] = number
    for number in range(folds):
        yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)


def threshold(scores: np.ndarray, mine: np.ndarray, precision: float) -> tuple[float, bool]:
    """The threshold with the highest recall at this precision, and whether the precision is reached.

    If it is not reached, the threshold is that of the highest precision; of several, the highest one.
    It lies midway between the last score that passes and the next one.
    """
    order = np.argsort(-scores, kind="stable")
    ordered, right = scores[order], np.cumsum(mine[order])
    # equal scores pass together
    ends = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    found = right[ends] / (ends + 1)
    reached = bool((found >= precision).any())
    good = ends[found >= (precision if reached else found.max())]
    end = int(good[right[good].argmax()])
    below = ordered[end + 1] if end + 1 < len(ordered) else 0.0
    return float((ordered[end] + below) / 2), reached


@dataclass(frozen=True, slots=True)
class Member:
    """A logistic regression on the TF-IDF of terms; ``places`` are their indices among all terms."""

    places: np.ndarray
    idf: np.ndarray
    weights: np.ndarray
    bias: float


class Features:
    """Counts of each term in each question, computed once for all folds."""

    def __init__(self, questions: Sequence[str]) -> None:
        counter = CountVectorizer(analyzer=terms)
        self.counts = counter.fit_transform(questions).tocsr()
        self.terms: list[str] = counter.get_feature_names_out().tolist()

    def weighted(self, rows: np.ndarray, places: np.ndarray, idf: np.ndarray) -> Any:
        """TF-IDF, a sparse matrix (rows, places): 1 + ln(count), each row scaled to length 1."""
        values = self.counts[rows][:, places].astype(np.float64)
        values.data = 1 + np.log(values.data)
        return normalize(values @ sparse.diags_array(idf))

    def fit(self, rows: np.ndarray, mine: np.ndarray) -> Member:
        """A member trained on some of the questions: its terms, their IDF and weights."""
        frequency = np.asarray((self.counts[rows] > 0).sum(axis=0)).ravel()
        places = np.flatnonzero(frequency >= RARE)
        idf = np.log((1 + len(rows)) / (1 + frequency[places])) + 1
        model = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=STEPS)
        model.fit(self.weighted(rows, places, idf), mine[rows])
        return Member(places, idf, model.coef_[0], float(model.intercept_[0]))

    def log_odds(self, member: Member, rows: np.ndarray) -> np.ndarray:
        """A member's log-odds of some questions, shape (rows,); -inf if it knows none of their terms."""
        values = self.weighted(rows, member.places, member.idf)
        known = np.diff(values.indptr) > 0
        return np.where(known, values @ member.weights + member.bias, -np.inf)

    def filter_of(
        self, members: Sequence[Member], chosen: float, about: Mapping[str, Any]
    ) -> Filter:
        """The members as one filter; terms that a member does not know have weight 0 in it."""
        places = np.unique(np.concatenate([one.places for one in members]))
        idf, weights = np.zeros((2, len(members), len(places)))
        for number, one in enumerate(members):
            inside = np.searchsorted(places, one.places)
            idf[number, inside], weights[number, inside] = one.idf, one.weights
        names = [self.terms[place] for place in places]
        mean = weights.mean(axis=0)
        order = np.argsort(mean, kind="stable")
        telling = {
            "related": [names[place] for place in order[::-1][:SHOWN] if mean[place] > 0],
            "unrelated": [names[place] for place in order[:SHOWN] if mean[place] < 0],
        }
        bias = np.array([one.bias for one in members])
        return Filter(names, idf, weights, bias, chosen, {**about, "telling": telling})


def _measured(judged: Sequence[Judged], confidence: float) -> dict[str, Any]:
    """The measures with the chosen thresholds, and with :data:`MIDDLE`."""
    documents = [one.document for one in judged]
    mine = np.array([one.related for one in judged])
    scores = np.array([one.score for one in judged])
    by = {"chosen": np.array([one.passes for one in judged]), "middle": scores >= MIDDLE}
    return {
        name: {
            key: asdict(one) for key, one in measured(documents, mine, passes, confidence).items()
        }
        for name, passes in by.items()
    }
