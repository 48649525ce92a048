"""Counts from listing to score: what each stage kept, what it rejected and why."""

from __future__ import annotations

import csv
import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from papertune.records import (
    Answer,
    Document,
    Pair,
    Rejection,
    Score,
    atomic_write,
    read_records,
)
from papertune.study.experiment import Experiment
from papertune.study.splits import split_of

log = logging.getLogger("papertune")

# stages of the way through, in its order
STAGES = ("list", "collect", "split", "synthesize", "answer", "score")


@dataclass(frozen=True, slots=True)
class Count:
    """How many items of one part of a stage met one fate.

    ``part`` is a year, a split, ``generator/split`` or ``model/test set``; ``outcome`` is ``kept``
    or ``rejected``; ``reason`` says why it was rejected, or how a document's text was found;
    ``unit`` is ``documents``, ``pairs`` or ``answers``.
    """

    stage: str
    part: str
    outcome: str
    reason: str
    unit: str
    count: int


Files = Mapping[Any, str | Path]


def count_stages(
    experiment: Experiment,
    output: str | Path,
    *,
    listings: Files,
    rejected_listings: Files,
    documents: Files,
    missing: Files,
    datasets: Files,
    rejected_pairs: Files,
    answers: Files,
    scores: Files,
) -> list[Count]:
    """Count every record of an experiment and write ``counts.csv``.

    Args:
        experiment: For the splits of documents.
        output: The CSV file, one line per :class:`Count`.
        listings: Year → listed documents; ``rejected_listings`` → what was not taken.
        rejected_listings: See above.
        documents: Year → documents with text; ``missing`` → those without.
        missing: See above.
        datasets: (generator, split) → pairs; ``rejected_pairs`` → what was rejected.
        rejected_pairs: See above.
        answers: (model, seed, test set) → answers.
        scores: (model, seed, test set) → scores.
    """
    counts: Counter[tuple[str, str, str, str, str]] = Counter()

    def add(stage: str, part: Any, outcome: str, reason: str, unit: str, count: int = 1) -> None:
        counts[stage, str(part), outcome, reason, unit] += count

    def reject(stage: str, files: Files, unit: str) -> None:
        for key, path in files.items():
            for item in read_records(path, Rejection):
                # asked about and without a pair: a document; anything else there is a pair
                whole = item.reason in ("no_pairs", "repeated_document")
                add(stage, _part(key), "rejected", item.reason, "documents" if whole else unit)

    for year, path in listings.items():
        add("list", year, "kept", "", "documents", sum(1 for _ in read_records(path, Document)))
    reject("list", rejected_listings, "documents")
    for year, path in documents.items():
        for document in read_records(path, Document):
            cut = ", its beginning only" if document.reason == "truncated" else ""
            add("collect", year, "kept", f"{document.found_by}{cut}", "documents")
            add("split", split_of(document, experiment.splits) or "none", "kept", "", "documents")
    reject("collect", missing, "documents")
    for key, path in datasets.items():
        of_documents = Counter(pair.document for pair in read_records(path, Pair))
        add("synthesize", _part(key), "kept", "", "documents", len(of_documents))
        add("synthesize", _part(key), "kept", "", "pairs", of_documents.total())
    reject("synthesize", rejected_pairs, "pairs")
    for (model, _, test_set), path in answers.items():
        for answer in read_records(path, Answer):
            reason = "reached max_new_tokens" if answer.truncated else ""
            add("answer", f"{model}/{test_set}", "kept", reason, "answers")
    for (model, _, test_set), path in scores.items():
        total = sum(1 for _ in read_records(path, Score))
        add("score", f"{model}/{test_set}", "kept", "", "answers", total)
    rows = [Count(*key, count) for key, count in counts.items()]
    rows.sort(key=lambda row: (STAGES.index(row.stage), row.part, row.outcome, row.reason))
    with atomic_write(output) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(field.name for field in fields(Count))
        writer.writerows(astuple(row) for row in rows)
    for problem in problems(rows, experiment):
        log.warning("counts do not add up: %s", problem)
    return rows


def read_counts(path: str | Path) -> list[Count]:
    """The rows of :func:`count_stages`."""
    with open(path, encoding="utf-8", newline="") as stream:
        return [
            Count(**{**row, "count": int(row["count"])})  # type: ignore[arg-type]
            for row in csv.DictReader(stream)
        ]


def total(rows: list[Count], stage: str, **which: str) -> int:
    """The sum over a stage's rows whose fields are as given: ``outcome="kept"``, ``part=…``."""
    return sum(
        row.count
        for row in rows
        if row.stage == stage and all(getattr(row, key) == value for key, value in which.items())
    )


def problems(rows: list[Count], experiment: Experiment) -> list[str]:
    """Where something was dropped in silence: each sentence names a stage and two counts."""
    return list(_problems(rows, experiment))


def _problems(rows: list[Count], experiment: Experiment) -> Iterator[str]:
    def differ(what: str, expected: int, got: int) -> Iterator[str]:
        if expected != got:
            yield f"{what}: {expected} expected, {got} found"

    for year in dict.fromkeys(row.part for row in rows if row.stage == "list"):
        listed = total(rows, "list", part=year, outcome="kept")
        yield from differ(
            f"documents of {year}, with text or missing", listed, total(rows, "collect", part=year)
        )
    for part in dict.fromkeys(row.part for row in rows if row.stage == "synthesize"):
        split = part.rsplit("/", 1)[1]
        asked = total(rows, "split", part=split)
        told = total(rows, "synthesize", part=part, unit="documents") - total(
            rows, "synthesize", part=part, reason="repeated_document"
        )
        yield from differ(f"documents of {part}, with pairs or none", asked, told)
    for model in experiment.models:
        for test_set in experiment.test_set_names:
            part = f"{model}/{test_set}"
            questions = total(
                rows, "synthesize", part=f"{test_set}/test", outcome="kept", unit="pairs"
            )
            expected = questions * len(experiment.seeds_of(model))
            yield from differ(f"answers of {part}", expected, total(rows, "answer", part=part))
            yield from differ(f"scores of {part}", expected, total(rows, "score", part=part))


def _part(key: Any) -> str:
    return "/".join(key) if isinstance(key, tuple) else str(key)
