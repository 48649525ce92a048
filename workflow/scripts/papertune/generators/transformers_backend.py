"""A generator's model on this machine, in batches."""

import logging
from collections.abc import Container, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from papertune.answering.batching import Size, batches, rows_at_once
from papertune.answering.generation import Row, Sampling, generate, room_for
from papertune.errors import GeneratorError
from papertune.examples.prompts import Fit, Prompts
from papertune.generators.backends import Backend, Request, Written, decoding_of
from papertune.models import loading
from papertune.models.digests import weights_digest
from papertune.study import versions
from papertune.study.settings import TransformersGenerator

log = logging.getLogger(__name__)

WINDOW = 32  # batches that are sorted by length together, to reduce padding
ROWS = 8  # rows of such a batch if batch_size is auto


class TransformersBackend(Backend):
    """Loads the model from a local folder with the first request."""

    settings: TransformersGenerator
    folder: Path

    def __init__(
        self, settings: TransformersGenerator, *, folder: Path | None, threads: int
    ) -> None:
        super().__init__(settings, folder=folder, threads=threads)
        if folder is None:
            what = f"no folder was given for the generator's model {settings.model!r}"
            hint = "get a Hub model with download_base; name a local one by its path"
            raise GeneratorError(what, hint=hint)
        self._model: Any = None
        self._tokenizer: Any = None
        self._prompts: Any = None
        self._size: Size | None = None

    def version(self, store: Path | None = None) -> dict[str, Any]:
        """The version of prompts, and the digest of a model's weights unless it has a revision."""
        how = {"prompts": versions.PROMPTS}
        own = not self.settings.revision
        return how | ({"weights": weights_digest(self.folder, store)} if own else {})

    def write(self, requests: Iterable[Request]) -> Iterator[list[Written]]:
        """Yield batches as they are written."""
        for window, rows, too_long in self._windows(requests):
            if self._model is None:
                self._model = loading.load_model(self.folder)
            if too_long:
                yield too_long
            by_key = {request.key: request for request in window}
            decoding = decoding_of(self.settings.decoding, window[0].attempt)
            sampling = Sampling(**decoding.model_dump())
            for batch in self._batches(window, rows):
                written = generate(self._model, self._tokenizer, batch, sampling)
                yield [
                    Written(by_key[key], text=one.text, cut=one.truncated)
                    for (key, _), one in zip(batch, written, strict=True)
                ]

    def cut(self, requests: Iterable[Request], wanted: Container[str]) -> Iterator[list[str]]:
        """See :meth:`papertune.generators.backends.Backend.cut`; loads no model."""
        for window, rows, too_long in self._windows(requests, wanted):
            whole = [[one.request.key for one in too_long]]
            for batch in self._batches(window, rows):
                whole.append([key for key, _ in batch])
            yield from filter(None, ([key for key in keys if key in wanted] for keys in whole))

    def _batches(self, window: list[Request], rows: list[Row]) -> list[list[Row]]:
        """Batches of a window; requests about one document are together, so its text is read once."""
        if self._size is None:
            new = self.settings.decoding.max_new_tokens
            config = loading.load_config(self.folder)
            self._size = rows_at_once(self.settings.batch_size, config, new, [self.folder])
        documents = {request.key: request.document.id for request in window}
        return batches(rows, self._size, about=documents.__getitem__)

    def _windows(
        self, requests: Iterable[Request], wanted: Container[str] | None = None
    ) -> Iterator[tuple[list[Request], list[Row], list[Written]]]:
        """Windows of requests, with the tokens of their prompts, and errors for prompts too long."""
        rest = iter(requests)
        size = self.settings.batch_size
        while window := list(islice(rest, (size if isinstance(size, int) else ROWS) * WINDOW)):
            if wanted is not None and not any(request.key in wanted for request in window):
                continue
            if self._tokenizer is None:
                loading.set_up_torch(self.threads, self.settings.decoding.seed)
                self._tokenizer = loading.load_tokenizer(self.folder)
                chat = bool(getattr(self._tokenizer, "chat_template", None))
                self._prompts = Prompts(self._tokenizer, chat=chat)
            room, _ = room_for(
                loading.load_config(self.folder), self.settings.decoding.max_new_tokens
            )
            fit, too_long = Fit(room, 0), []
            rows: list[Row] = []
            asked = self._prompts([request.prompt for request in window])
            for place, (request, tokens) in enumerate(zip(window, asked, strict=True)):
                fitting = fit(self._prompts, request.prompt, tokens, 0)
                if place in fit.unfit:
                    why = f"{len(tokens)} tokens where the model has room for {room}"
                    too_long.append(Written(request, error=f"prompt too long: {why}", lasting=True))
                else:
                    rows.append((request.key, fitting))
            if fit.cut and wanted is None:
                told = "%d documents lose their end: the context allows prompts of %s tokens"
                log.warning(told, len(fit.cut), room)
            yield window, rows, too_long
