"""Answers from a model server instead of the job's own engine.

The server reads what the job would: the tokens of a prompt, or, if it takes text only, a text that
it tokenizes to these tokens; their number is checked against the number that the server reports.
Likelihoods of reference answers are computed by the job.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from string import Template
from typing import Any, NoReturn

import httpx

from papertune.answering.decoding import before_any
from papertune.answering.generation import Generated, Row, Sampling
from papertune.errors import ServerError
from papertune.examples.tokens import start_tokens
from papertune.files import from_json
from papertune.identity import digest
from papertune.jobs import stopping
from papertune.jobs.scratch import scratch
from papertune.models.loading import ADAPTER, load_config
from papertune.models.precision import to_answer
from papertune.models.quantization import quantization_of
from papertune.models.whole import whole_model
from papertune.servers import refusals
from papertune.servers.client import Client
from papertune.servers.parameters import extras_of
from papertune.servers.place import Place
from papertune.servers.replies import Asked
from papertune.servers.server import Server
from papertune.study.settings import Answering

NAME = "papertune"  # the model's name at a server whose command line has $name
UNREAD = {400, 415, 422, 500}  # statuses of servers that do not accept tokens

# key → an answer, the reason why there is none, or None if the prompt cannot be sent as it is
Found = dict[str, Generated | str | None]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Said:
    """A server's reply: the text, its tokens with the end token, whether it hit the limit, and the
    reported number of prompt tokens.
    """

    text: str
    tokens: int | None
    cut: bool
    prompt: int | None


@contextmanager
def opened(
    answering: Answering, model: Path, base: Path | None, threads: int, where: str = "answering"
) -> Iterator[tuple[Place, str]]:
    """Yield a model's server, started here or at the url, and the model's name there.

    Adapters are merged into a temporary folder, or passed to a server that supports them.

    Raises:
        ServerError: it cannot be started, or the server at the url does not have this model.
    """
    if answering.url:
        place = Place(answering, f"{where}.url")
        yield place, _listed(place, model)
        return
    dtype = to_answer(load_config(model, base=base)).dtype  # that of the job's own engine
    names: dict[str, Any] = {"name": NAME, "dtype": str(dtype).removeprefix("torch.")}
    line, own_way = answering.serve, False
    if answering.adapters and base is not None and (model / ADAPTER).exists():
        # an adapter of a quantised base was trained on weights other than the base's own
        own_way = quantization_of(model) is None
    with scratch("served") as folder:
        if own_way:
            line, names["adapter"] = f"{line} {answering.adapters}", model.absolute()
        whole_model(base if own_way and base else model, base or model, folder, answering)
        names["model"] = str(folder)
        named = "name" in Template(line).get_identifiers()
        how: dict[str, Any] = {"threads": threads, "start": answering.start, "remove": folder}
        with closing(Server(line, names, where=f"{where}.serve", **how)) as server:
            yield server, NAME if named else str(folder)


def _listed(place: Place, model: Path) -> str:
    """A model's name at a running server: the path of its folder, relative or absolute."""
    url, names = f"{place.url()}/models", (str(model), str(model.absolute()))
    hint = f"serve {names[0]} under that name, as `vllm serve {names[0]}` does, or set serve"
    try:
        with place.client(timeout=30) as client:
            listed = from_json(client.get(url).raise_for_status().content)
            found = [str(one["id"]) for one in listed["data"]]
    except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
        what = f"the server does not say which models it has ({type(error).__name__}: {error})"
        raise ServerError(what, where=url, hint=hint) from None
    if known := [name for name in names if name in found]:
        return known[0]
    raise ServerError(
        f"the server does not have the model {names[0]}; it has {', '.join(found[:9]) or 'none'}",
        where=url,
        hint=hint,
    )


class Writer:
    """Asks a server for answers to prompts, with the job's decoding settings.

    Args:
        most: Maximum of new tokens, see :func:`papertune.answering.generation.room_for`.
        penalty: Repetition penalty of the model's own settings.
    """

    def __init__(
        self,
        place: Place,
        name: str,
        tokenizer: Any,
        sampling: Sampling,
        most: int,
        how: Answering,
        penalty: float = 1.0,
    ) -> None:
        self.place, self.name, self.tokenizer = place, name, tokenizer
        self.sampling, self.most, self.how = sampling, most, how
        self.start = start_tokens(tokenizer)
        # other servers find the penalty in the model's folder, and have no defaults of their own
        self.own = {"repeat_penalty": penalty, "top_k": 0, "min_p": 0.0}  # as llama.cpp calls it
        self._more: dict[str, Any] = {}  # those of them that the server accepts
        self._prompt: Any = None  # turns a prompt's tokens into what is sent

    def __call__(self, rows: Iterable[Row]) -> Iterator[Found]:
        """Yield answers as they arrive.

        Raises:
            Interrupted: the job was asked to stop.
            ServerError: the server reads prompts differently from the job, or cannot be asked.
        """
        client = Client(
            self.place, self.how, path="completions", model=self.name, items="prompts",
            framed=lambda text: self._body(text, "", 1), read=said,
        )  # fmt: skip
        unsent: Found = {}
        for batch in client.ask(self._asked(rows, unsent)):
            found: Found = {}
            for one in batch:
                (key, tokens), value = one.asked.item, one.value
                if value is None:
                    found[key] = one.error
                else:
                    same = value.prompt in (None, len(tokens))
                    found[key] = self._read(value) if same else None
            yield found | unsent
            unsent.clear()
        yield unsent

    def _asked(self, rows: Iterable[Row], unsent: Found) -> Iterator[Asked]:
        for key, tokens in rows:
            if self._prompt is None:
                self._prompt = self._way(tokens)
            prompt = self._prompt and self._prompt(tokens)
            if prompt is None:
                unsent[key] = None
            else:
                own = extras_of(self.sampling.stop, self.sampling.repetition_penalty)
                yield Asked((key, tokens), self._body(prompt, key, self.most), own)

    def _body(self, prompt: Any, key: str, most: int) -> dict[str, Any]:
        """A request that overrides server defaults which would change greedy decoding."""
        body = {"prompt": prompt, "max_tokens": most, "temperature": self.sampling.temperature}
        if self.sampling.temperature > 0:
            seed = int(digest([self.sampling.seed, key])[:7], 16)
            body |= {"top_p": self.sampling.top_p, "seed": seed}
        return body | self._more

    def _way(self, tokens: list[int]) -> Any:
        """How prompts are sent: as tokens, else as text with or without the beginning token.

        ``None`` if this prompt cannot be sent to a server that does not accept tokens.

        Raises:
            ServerError: the server reads none of these forms as the job does.
        """
        told, refused, texts = list[str](), "", 0
        with self.place.client(timeout=self.how.timeout) as client:
            for way in (list[int], self._text, partial(self._text, whole=True)):
                if (prompt := way(tokens)) is None:
                    continue
                texts += isinstance(prompt, str)
                for more in (self.own, {}):
                    self._more = more
                    asked = {"model": self.name, **self._body(prompt, "", 1)}
                    status, content = _post(client, self.place, asked)
                    if status == 200:
                        break
                    refused = f"HTTP {status}: {self.place.shown(refusals.words_of(content))}"
                    if status not in UNREAD:
                        self._refuse(f"answers no prompt: {refused}", "see the server's log")
                else:
                    continue
                if (read := _read_by(content)) in (None, len(tokens)):
                    kind = "texts" if isinstance(prompt, str) else "tokens"
                    log.info("the server is sent %s (%d in the first prompt)", kind, len(tokens))
                    return way
                told.append(f"as {read} tokens")
        if told:
            what = f"reads a prompt of {len(tokens)} tokens {' and '.join(told)}"
            hint = (
                "it has another tokenizer, or puts its own template around prompts (Ollama "
                "does): take a server that completes prompts as they are"
            )
            self._refuse(what, hint)
        if texts:
            self._refuse(f"answers no prompt: {refused}", "see the server's log")
        return None

    def _refuse(self, what: str, hint: str) -> NoReturn:
        raise ServerError(f"the server {what}", where=self.place.name, hint=hint)

    def _text(self, tokens: list[int], whole: bool = False) -> str | None:
        """A text that the server tokenizes to these tokens; ``None`` if there is none.

        The server adds the beginning token itself, unless ``whole``.
        """
        begins = tokens[: len(self.start)] == self.start
        own = tokens if whole or not begins else tokens[len(self.start) :]
        how = {"skip_special_tokens": False, "clean_up_tokenization_spaces": False}
        text = str(self.tokenizer.decode(own, **how))
        again = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return text if list(again) == list(own) else None

    def _read(self, one: Said) -> Generated:
        """Convert a reply to the job's form: without the end token and any stop text."""
        if (ended := before_any(one.text, self.sampling.stop)) != one.text:
            one = replace(one, text=ended, cut=False)
        again = len(self.tokenizer(one.text, add_special_tokens=False)["input_ids"])
        if one.tokens is None:
            return Generated(one.text, again, one.cut)
        # some servers also report a cut if the end token was the last one allowed
        cut = one.cut and not (one.tokens >= self.most and again == one.tokens - 1)
        # all but llama.cpp's Python server count the end token
        counted = not cut and (again != one.tokens or "\ufffd" in one.text)
        return Generated(one.text, max(0, one.tokens - counted), cut)


def said(content: bytes) -> Said:
    """Parse a reply of ``completions``.

    Raises:
        ValueError, LookupError, TypeError, AttributeError: it holds no answer.
    """
    reply = from_json(content)
    choice, usage = reply["choices"][0], reply.get("usage") or {}
    if not isinstance(choice["text"], str):
        raise TypeError(type(choice["text"]).__name__)
    numbers = (usage.get("completion_tokens"), usage.get("prompt_tokens"))
    tokens, prompt = (one if isinstance(one, int) else None for one in numbers)
    return Said(choice["text"], tokens, choice.get("finish_reason") == "length", prompt)


def _read_by(content: bytes) -> int | None:
    """The number of prompt tokens that a reply reports; -1 if it is not a reply."""
    try:
        return said(content).prompt
    except (ValueError, LookupError, TypeError, AttributeError):
        return -1


def _post(client: httpx.Client, place: Place, body: dict[str, Any]) -> tuple[int, bytes]:
    """Status and content of the reply to a first request, retried while the server is not ready."""
    for attempt in range(5):
        stopping.pause(attempt)
        try:
            with stopping.at_once():
                reply = client.post(f"{place.url()}/completions", json=body, **place.how)
        except httpx.HTTPError as error:
            last: httpx.HTTPError = error
            continue
        if reply.status_code not in (429, 503):
            return reply.status_code, reply.content
        why = f"HTTP {reply.status_code}"
        last = httpx.HTTPStatusError(why, request=reply.request, response=reply)
    what = f"the server does not answer a first prompt ({type(last).__name__}: {last})"
    raise ServerError(what, where=place.name, hint="see the server's log")
