"""A generator behind an OpenAI-compatible server: a running one, or one that the job starts."""

from collections.abc import Iterable, Iterator
from typing import Any

from papertune.generators.backends import Backend, Request, Written, decoding_of
from papertune.generators.replies import answer_in, prompt_cut
from papertune.servers.client import Client
from papertune.servers.parameters import extras_of
from papertune.servers.place import Place
from papertune.servers.replies import Asked, Reply
from papertune.servers.server import Server
from papertune.study.settings import OpenAIGenerator


class OpenAIBackend(Backend):
    """Sends one request per document to ``{url}/chat/completions``."""

    settings: OpenAIGenerator

    def __init__(self, settings: OpenAIGenerator, **here: Any) -> None:
        super().__init__(settings, **here)
        how: dict[str, Any] = {"threads": self.threads, "start": settings.start}
        self._place = (
            Server(settings.serve, {}, where="generators", **how)
            if settings.serve
            else Place(settings, "generators")
        )
        self._client = Client(
            self._place,
            settings,
            path="chat/completions",
            model=settings.model,
            framed=_as_turn,
            read=self._read,
            items="documents",
        )

    def write(self, requests: Iterable[Request]) -> Iterator[list[Written]]:
        """Yield replies as they arrive; see :class:`papertune.generators.backends.Backend`."""
        for batch in self._client.ask(map(self._asked, requests)):
            yield [self._written(one) for one in batch]

    def _read(self, content: bytes) -> tuple[bytes, dict[str, Any]]:
        return content, answer_in(content, self.settings.decoding)

    def _written(self, reply: Reply) -> Written:
        """The output of a reply; an error if the server read only a part of the prompt."""
        content, said = reply.value or (b"", {"error": reply.error})
        if cut := prompt_cut(content, reply.asked.text):
            said = {"error": cut, "answered": True}
        return Written(reply.asked.item, **said, sent=_sent(reply))

    def close(self) -> None:
        """End the server if it was started here."""
        self._place.close()

    def _asked(self, request: Request) -> Asked:
        settings = decoding_of(self.settings.decoding, request.attempt, request.candidate)
        decoding = settings.model_dump()
        decoding["max_tokens"] = decoding.pop("max_new_tokens")
        decoding |= extras_of(decoding.pop("stop"), decoding.pop("repetition_penalty"))
        messages = [{"role": turn.role, "content": turn.text} for turn in request.prompt.turns]
        return Asked(request, {"messages": messages}, decoding, str(request.prompt))


def _as_turn(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def _sent(reply: Reply) -> dict[str, Any] | None:
    """The decoding as it was sent, if it differs from the settings; else None."""
    return reply.asked.decoding if reply.asked.item.candidate > 1 and not reply.sent else reply.sent
