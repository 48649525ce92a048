"""A generator's model on this machine, in batches."""

from collections.abc import Container, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from papertune.answering.generation import Row, Sampling, batches, generate, room_for
from papertune.errors import GeneratorError
from papertune.examples.forms import request_tokens
from papertune.generators.protocol import Request, Written, decoding_of
from papertune.models.loading import (
    load_config,
    load_model,
    load_tokenizer,
    set_up_torch,
    weights_digest,
)  # fmt: skip
from papertune.study.settings import TransformersGenerator

WINDOW = 32  # batches that are sorted by length together: enough to waste little on padding


class TransformersBackend:
    """Loads the model from a local folder with the first request."""

    def __init__(
        self, settings: TransformersGenerator, *, folder: Path | None, threads: int
    ) -> None:
        if folder is None:
            raise GeneratorError(
                f"no folder was given for the generator's model {settings.model!r}",
                hint="download_base brings a Hub model; a local one is named by its path",
            )
        self._settings, self._folder, self._threads = settings, folder, threads
        self._model: Any = None
        self._tokenizer: Any = None

    def version(self) -> dict[str, Any]:
        """The weights of a local folder; a Hub model is named by its revision."""
        return {} if self._settings.revision else {"weights": weights_digest(self._folder)}

    def write(self, requests: Iterable[Request]) -> Iterator[list[Written]]:
        """Batches as they are written; see :class:`~papertune.generators.protocol.Backend`."""
        for window in self._windows(requests):
            if self._model is None:
                set_up_torch(self._threads, self._settings.decoding.seed)
                self._model = load_model(self._folder)
            yield from self._write_window(window)

    def cut(self, requests: Iterable[Request], wanted: Container[str]) -> Iterator[list[str]]:
        """See :class:`~papertune.generators.protocol.BatchBackend`; loads no model."""
        for window in self._windows(requests):
            if any(request.key in wanted for request in window):
                rows, too_long = self._rows(window)
                whole = [[one.request.key for one in too_long]]
                for batch in batches(rows, self._settings.batch_size):
                    whole.append([key for key, _ in batch])
                yield from filter(None, ([key for key in keys if key in wanted] for keys in whole))

    def _windows(self, requests: Iterable[Request]) -> Iterator[list[Request]]:
        rest = iter(requests)
        while window := list(islice(rest, self._settings.batch_size * WINDOW)):
            yield window

    def _write_window(self, window: list[Request]) -> Iterator[list[Written]]:
        by_key = {request.key: request for request in window}
        decoding = decoding_of(self._settings.decoding, window[0].attempt)
        sampling = Sampling(**decoding.model_dump())
        rows, too_long = self._rows(window)
        if too_long:
            yield too_long
        for batch in batches(rows, self._settings.batch_size):
            written = generate(self._model, self._tokenizer, batch, sampling)
            yield [
                Written(by_key[key], text=one.text, cut=one.truncated)
                for (key, _), one in zip(batch, written, strict=True)
            ]

    def _rows(self, window: list[Request]) -> tuple[list[Row], list[Written]]:
        """The prompts' tokens, and what is to be said of prompts that are too long."""
        if self._tokenizer is None:
            set_up_torch(self._threads, self._settings.decoding.seed)
            self._tokenizer = load_tokenizer(self._folder)
        room, _ = room_for(load_config(self._folder), self._settings.decoding.max_new_tokens)
        rows: list[Row] = []
        too_long = []
        for request in window:
            tokens = request_tokens(self._tokenizer, request.prompt)
            if room is not None and len(tokens) > room:
                # cut, a chat prompt would lose its beginning, and with it what is asked
                why = f"prompt too long: {len(tokens)} tokens where the model has room for {room}"
                too_long.append(Written(request, error=why, lasting=True))
            else:
                rows.append((request.key, tokens))
        return rows, too_long
