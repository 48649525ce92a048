"""Score files of answers, in batches, so that memory does not grow with them."""

import logging
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from papertune.errors import EvaluationError
from papertune.jobs.progress import progress
from papertune.metrics import METRICS, part_keys
from papertune.records import Answer, Score, read_records, write_records
from papertune.scores.embedding import Embeddings
from papertune.study.settings import Embedder


def score_answers(
    answers: str | Path,
    output: str | Path,
    metrics: list[str],
    embedder: Embedder,
    store: str | Path,
    *,
    embedder_folder: str | Path | None = None,
    threads: int = 1,
    batch: int = 256,
) -> int:
    """Score a file of answers; returns how many.

    Args:
        answers: JSONL of answers.
        output: JSONL of scores, one per answer in the same order.
        metrics: Names of :data:`METRICS`.
        embedder: The model behind ``similarity``; its embeddings are kept in ``store``.
        embedder_folder: Where a Hub embedder was brought; the others need none.
        batch: Answers held in memory at a time.

    Raises:
        EvaluationError: there are no answers, or the embedder is not there.
    """
    answers = Path(answers)
    with open(answers, "rb") as stream:
        total = sum(1 for line in stream if line.strip())
    if not total:
        hint = "see the log of the rule answer"
        raise EvaluationError("no answers to score", where=str(answers), hint=hint)
    embeddings = None
    if "similarity" in metrics:
        embeddings = Embeddings(embedder, store, embedder_folder, threads)
    logging.getLogger("absl").setLevel(logging.WARNING)  # rouge-score announces its tokenizer
    scores = _score_all(read_records(answers, Answer), metrics, embeddings, batch)
    return write_records(output, progress(scores, total, f"score {answers}"))


def _score_all(
    answers: Iterable[Answer], metrics: list[str], embeddings: Embeddings | None, batch: int
) -> Iterator[Score]:
    answers = iter(answers)
    while some := list(islice(answers, batch)):
        if embeddings is not None:
            embeddings.load(text for answer in some for text in (answer.text, answer.reference))
        for answer in some:
            yield score_answer(answer, metrics, embeddings)


def score_answer(answer: Answer, metrics: list[str], embeddings: Embeddings | None) -> Score:
    """Every metric's value for one answer, and the parts of those that are no plain mean."""
    values: dict[str, float | None] = {}
    for name in metrics:
        metric = METRICS[name]
        parts = metric.measure(answer, embeddings)
        values[name] = None if parts is None else metric.of_answer(parts)
        if metric.parts:
            values |= dict(zip(part_keys(name), parts or [None] * len(metric.parts), strict=True))
    return Score(answer.pair, answer.document, answer.year, values)
