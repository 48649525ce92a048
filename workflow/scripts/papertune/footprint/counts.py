"""Counts of an experiment's documents, texts and questions, as far as known.

Listed or written items are counted. For the others, the experiment may state the expected number of
documents.
"""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from papertune.files import count_lines
from papertune.study.layout import Layout
from papertune.study.probes import probe_sets
from papertune.study.settings import Part, Training

CHARACTERS = 4.4  # per token, in English with formulas
TEXT = 1100.0  # characters of a text that is not collected yet
DOCUMENTS = 50  # in a year or part that is not listed yet


def questions(layout: Layout, writer: str, split: str) -> float:
    """Pairs of a writer and split: those in its file, else as many as it is asked for."""
    if not writer:
        return of_split(layout, split)
    path = Path(layout.root, "datasets", writer, f"{split}.parquet")
    if path.exists():
        return _rows(path, path.stat().st_mtime_ns)
    study = layout.experiment
    share = {"held_out": study.held_out(writer)}.get(split, 1.0)
    return share * of_split(layout, split) * study.generators[writer].pairs


def trained_on(layout: Layout, model: str) -> tuple[float, float]:
    """Numbers of training and validation pairs of a model."""
    study = layout.experiment
    train, validation = (
        sum((questions(layout, writer, split) for writer in study.datasets_of(model)), 0.0)
        for split in ("train", "validation")
    )
    if (subset := study.recipe_of(model).subset) and train:
        train *= subset.fraction or min(1.0, (subset.top or subset.first or train) / train)
    return train, validation


def updates_of(training: Training, examples: float) -> float:
    """Number of optimiser updates of a training on so many examples."""
    if training.max_steps > 0:
        return float(training.max_steps)
    return training.epochs * examples / (training.batch_size * training.accumulation)


def asked_in(layout: Layout, test_set: str) -> float:
    """Number of questions in a test set or a set of probes."""
    if probes := probe_sets(layout.experiment).get(test_set):
        return sum(probe.pick or 1 for probe in probes.values())
    one = layout.experiment.sets[test_set]
    count = questions(layout, one.generator, one.split)
    return min(count, one.most or count)


def of_split(layout: Layout, split: str) -> float:
    """Number of documents in a split."""
    study = layout.experiment
    count = documents_in(layout, study.parts_of(split), ("documents", "fetched"))
    validation = study.splits.validation
    return count * (
        1 if split == "test" else validation if split == "validation" else 1 - validation
    )


def documents_in(layout: Layout, parts: Iterable[Part | str], stages: Iterable[str]) -> float:
    """Number of documents in some parts, by the first stage that has them, else as listed."""
    total = 0.0
    for part in parts:
        most = layout.experiment.most_of(part)
        paths = (Path(layout.root, stage, f"{part}.jsonl") for stage in (*stages, "listings"))
        count: float | None = next((lines_of(path) for path in paths if path.exists()), None)
        if count is None:
            count = layout.experiment.expected_in(part)
        total += min(filter(None, (count, most)), default=DOCUMENTS)
    return total


def listed(layout: Layout) -> bool:
    """Whether all parts of the experiment are listed."""
    return all(Path(path).exists() for path in layout.by_year("listings").values())


def text_tokens(layout: Layout, split: str) -> float:
    """Average tokens of a document's text."""
    paths = [Path(path) for path in layout.documents(split)]
    there = [path for path in paths if path.exists()]
    size = sum(path.stat().st_size for path in there)
    count = sum(lines_of(path) for path in there)
    # a record has more than the text
    return (max(size / count - 300, 0) if count else TEXT) / CHARACTERS


def lines_of(path: Path) -> int:
    """Lines of a file, counted again only after a change."""
    return _lines(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=4096)
def _lines(path: Path, _: int) -> int:
    return count_lines(path)


@lru_cache(maxsize=4096)
def _rows(path: Path, _: int) -> int:
    from pyarrow.parquet import read_metadata

    return int(read_metadata(path).num_rows)
