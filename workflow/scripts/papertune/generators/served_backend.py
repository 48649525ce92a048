"""A generator's model in a server that the job starts, with the same prompts as in the job itself."""

from collections.abc import Container, Iterable, Iterator
from contextlib import ExitStack
from typing import Any

from papertune.answering import served
from papertune.answering.generation import Generated, Sampling, room_for
from papertune.generators.backends import Request, Written, decoding_of
from papertune.generators.transformers_backend import TransformersBackend
from papertune.models.loading import load_config
from papertune.models.whole import penalty_of
from papertune.servers.place import Place
from papertune.study.settings import Answering, OpenAIGenerator, ServerSettings

OTHERWISE = "the server would tokenize the prompt differently"


class ServedBackend(TransformersBackend):
    """Starts the server with the first request; prompts are made as by the job's own engine."""

    settings: OpenAIGenerator  # type: ignore[assignment]

    def __init__(self, settings: Any, **here: Any) -> None:
        super().__init__(settings, **here)
        self._open = ExitStack()
        self._server: tuple[Place, str] | None = None

    def write(self, requests: Iterable[Request]) -> Iterator[list[Written]]:
        """Yield batches as they arrive."""
        for window, rows, too_long in self._windows(requests):
            if too_long:
                yield too_long
            if not rows:
                continue
            by_key = {request.key: request for request in window}
            decoding = decoding_of(self.settings.decoding, window[0].attempt)
            for found in self._writer(Sampling(**decoding.model_dump()))(rows):
                yield [
                    Written(by_key[key], text=one.text, cut=one.truncated)
                    if isinstance(one, Generated)
                    else Written(by_key[key], error=one or OTHERWISE)
                    for key, one in found.items()
                ]

    def _writer(self, sampling: Sampling) -> served.Writer:
        how = {name: getattr(self.settings, name) for name in ServerSettings.model_fields}
        limits = {"max_new_tokens": sampling.max_new_tokens, "temperature": sampling.temperature}
        settings = Answering(engine="server", **limits, **how)
        if self._server is None:
            opened = served.opened(settings, self.folder, None, self.threads, "generators")
            self._server = self._open.enter_context(opened)
        config = load_config(self.folder)
        _, most = room_for(config, sampling.max_new_tokens)
        penalty = penalty_of(self.folder, config)
        return served.Writer(*self._server, self._tokenizer, sampling, most, settings, penalty)

    def cut(self, requests: Iterable[Request], wanted: Container[str]) -> None:  # type: ignore[override]
        """None: the server batches requests itself."""

    def close(self) -> None:
        """End the server."""
        self._server = None
        self._open.close()
