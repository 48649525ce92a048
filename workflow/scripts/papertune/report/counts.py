"""Counts from listing to score: what each stage kept and rejected, and why."""

import csv
import dataclasses
import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from papertune.collect.sampling import category_label, lacking
from papertune.files import atomic_write
from papertune.owned import anybodys
from papertune.pairfile import read_columns, read_pairs
from papertune.records import Answer, Document, Rejection, Score, read_records
from papertune.study.experiment import Experiment
from papertune.study.layout import Layout
from papertune.study.splits import OTHER_SIDE, split_of

log = logging.getLogger("papertune")

# stages in order, with their names on the page
STAGES = {
    "list": "Listed",
    "collect": "With text",
    "split": "Split",
    "synthesize": "Pairs written",
    "choose": "Asked",
    "answer": "Answered",
    "score": "Scored",
}
ITEMS = ("kept", "rejected")  # outcomes, exactly one for every item
BESIDE = ("lacking", "cleaned")  # further counts, which are not items
WHOLE = (
    "no_pairs",
    "service_refused",
    "repeated_document",
    OTHER_SIDE,
)  # reasons that reject a document, not a pair


@dataclass(frozen=True, slots=True)
class Count:
    """The number of items of one part of a stage with one outcome.

    ``part`` is a year, a split, ``generator/split`` or ``model/test set``; ``outcome`` is ``kept``
    or ``rejected``; ``reason`` says why it was rejected, or how a document's text was found;
    ``unit`` is ``documents``, ``pairs`` or ``answers``. ``lacking`` does not count items, but how
    many more documents were wanted of the category in ``reason``; ``cleaned`` counts cleaned pairs.
    """

    stage: str
    part: str
    outcome: str
    reason: str
    unit: str
    count: int

    @property
    def shown_part(self) -> str:
        """The part in tables, in which a stage's years are summed."""
        return "" if self.stage in ("list", "collect") else self.part


def count_stages(layout: Layout, output: str | Path) -> list[Count]:
    """Count every record of an experiment and write ``counts.csv``, one line per :class:`Count`."""
    counts = Counter(_items(layout)) | _lacking(layout)
    rows = [Count(*key, count) for key, count in counts.items()]
    order = list(STAGES).index
    rows.sort(key=lambda row: (order(row.stage), row.part, row.outcome, row.reason))
    with atomic_write(output) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(field.name for field in dataclasses.fields(Count))
        writer.writerows(map(dataclasses.astuple, rows))
    for row in rows:
        if row.outcome == "lacking":
            log.warning("%s: %d documents too few of %s", row.part, row.count, row.reason)
    for problem in problems(rows, layout.experiment):
        log.warning("counts do not add up: %s", problem)
    return rows


def _lacking(layout: Layout) -> Counter[tuple[str, str, str, str, str]]:
    """Missing documents per category, in a year or part; some may be listed elsewhere only."""
    study, found = layout.experiment, Counter[tuple[str, str, str, str, str]]()
    if not study.categories_sampled:
        return found
    listings = layout.by_year("listings").values()
    every = {one.category for path in listings for one in read_records(path, Document)}
    for part, path in layout.by_year("documents").items():
        if sample := study.sample_of(part):
            for name, count in lacking(every, read_records(path, Document), sample).items():
                told = category_label(name)
                found["collect", str(part), "lacking", told, "documents"] += count
    return found


def _items(layout: Layout) -> Iterator[tuple[str, str, str, str, str]]:
    """Stage, part, outcome, reason and unit of every record."""
    for year, path in layout.by_year("listings").items():
        for _ in read_records(path, Document):
            yield "list", str(year), "kept", "", "documents"
    left = {
        split: {one.key: one.reason for one in read_records(path, Rejection)}
        for split, path in layout.left_out().items()
    }
    for year, path in layout.by_year("documents").items():
        for document in read_records(path, Document):
            cut = ", beginning only" if document.reason == "truncated" else ""
            yield "collect", str(year), "kept", f"{document.found_by}{cut}", "documents"
            split = split_of(document, layout.experiment.splits)
            why = left.get(split or "", {}).get(document.id, "")
            yield "split", split or "none", "rejected" if why else "kept", why, "documents"
    for key, path in layout.by_split("datasets").items():
        documents = set()
        for pair in read_pairs(path):
            if pair.document not in documents:
                documents.add(pair.document)
                yield "synthesize", "/".join(key), "kept", "", "documents"
            yield "synthesize", "/".join(key), "kept", "", "pairs"
            for kind, count in pair.provenance.get("cleaned", {}).items():
                yield from repeat(("synthesize", "/".join(key), "cleaned", kind, "marks"), count)
    listings, missing = layout.by_year("rejected/listings"), layout.by_year("missing")
    pairs = layout.by_split("rejected/pairs")
    files: list[tuple[str, Any, str]] = [("list", *item) for item in listings.items()]
    files += [("collect", *item) for item in missing.items()]
    files += [("synthesize", "/".join(key), path) for key, path in pairs.items()]
    for stage, part, path in files:
        for item in read_records(path, Rejection):
            of_pair = stage == "synthesize" and item.reason not in WHOLE
            unit = "pairs" if of_pair else "documents"
            yield stage, str(part), "rejected", item.reason, unit
    for test_set, path in layout.test_sets().items():
        for _ in read_columns(path, "id")[0]:
            yield "choose", test_set, "kept", "", "pairs"
    for (model, _, test_set), path in layout.by_cell("answers").items():
        for answer in read_records(path, Answer):
            facts = {
                "reached max_new_tokens": answer.truncated,
                "context cut": answer.prompt == "cut",
                "not asked, too long": answer.prompt == "too_long",
            }
            reason = ", ".join(fact for fact, true in facts.items() if true)
            yield "answer", f"{model}/{test_set}", "kept", reason, "answers"
    for (model, _, test_set), path in layout.by_cell("scores").items():
        for _ in read_records(path, Score):
            yield "score", f"{model}/{test_set}", "kept", "", "answers"


def read_counts(path: str | Path) -> list[Count]:
    """The rows of :func:`count_stages`."""
    with open(path, encoding="utf-8", newline="", opener=anybodys) as stream:
        return TypeAdapter(list[Count]).validate_python(list(csv.DictReader(stream)))


def total(rows: list[Count], stage: str, **which: str) -> int:
    """The sum over a stage's rows with the given fields (``outcome="kept"``, ``part=…``); without
    an outcome, over items only.
    """
    wanted = {"stage": stage, **which}.items()
    outcomes = (which["outcome"],) if "outcome" in which else ITEMS
    some = (row for row in rows if row.outcome in outcomes)
    return sum(row.count for row in some if all(getattr(row, key) == v for key, v in wanted))


def problems(rows: list[Count], experiment: Experiment) -> list[str]:
    """Mismatches of counts, which mean silent losses: each names a stage and two counts."""

    def parts(stage: str) -> dict[str, None]:
        return dict.fromkeys(row.part for row in rows if row.stage == stage)

    compared = []
    for year in parts("list"):
        listed = total(rows, "list", part=year, outcome="kept")
        found = total(rows, "collect", part=year)
        compared.append((f"documents of {year}, with text or missing", listed, found))
    for part in parts("synthesize"):
        split = part.rsplit("/", 1)[1].replace("held_out", "train")
        asked = total(rows, "split", part=split, outcome="kept")
        repeated = total(rows, "synthesize", part=part, reason="repeated_document")
        found = total(rows, "synthesize", part=part, unit="documents") - repeated
        compared.append((f"documents of {part}, with pairs or none", asked, found))
    for name, one in experiment.sets.items():
        there = total(
            rows, "synthesize", part=f"{one.generator}/{one.split}", outcome="kept", unit="pairs"
        )
        wanted = there if one.most is None else min(there, one.most)
        compared.append((f"questions of {name}", wanted, total(rows, "choose", part=name)))
    for model in experiment.models:
        for test_set in experiment.test_set_names:
            questions = total(rows, "choose", part=test_set) * len(experiment.seeds_of(model))
            for stage in ("answer", "score"):
                found = total(rows, stage, part=f"{model}/{test_set}")
                compared.append((f"{stage}s of {model}/{test_set}", questions, found))
    return [
        f"{what}: {expected} expected, {found} found"
        for what, expected, found in compared
        if expected != found
    ]
