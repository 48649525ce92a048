"""A generator behind an OpenAI-compatible server (vLLM, Ollama, a hosted service).

Requests run at once up to a limit. What may pass by itself (429, 5xx, a timeout, a garbled reply)
is tried again with growing pauses or as long as Retry-After says. The key is read from the
environment, sent, and written nowhere.
"""

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential

from papertune.errors import GeneratorError, one_line
from papertune.generators.backends import Backend, Request, Written, decoding_of
from papertune.jobs import stopping
from papertune.jobs.keys import key_for
from papertune.records import from_json
from papertune.study.settings import OpenAIGenerator

FIRST_PAUSE = 0.5  # seconds before the second try; doubles, with jitter
LONGEST_PAUSE = 60.0  # also the most that a server's Retry-After can ask for
SOON = 20.0  # seconds; sites that send no earlier signal give a job 30
MOST_BYTES = 16 * 2**20  # of a reply
PATIENCE = 10  # timeouts in which a reply that comes in drops has to be whole
MOST_FAILURES = 5  # documents in a row that failed after all tries: then the server is down
PASSING = {408, 409, 425, 429}  # statuses that another try may not meet, as those from 500 on

# statuses that concern more than a document, what they mean, and what to do
_URL = "set url to end before /chat/completions, most often in /v1"
_KEY = ("the server refuses the key", "set the environment variable {key}")
_MODEL = (
    "the server has no model {model!r} or no such path",
    f"set model to a name the server serves (ask its /models), and {_URL}",
)
_FATAL = {401: _KEY, 403: _KEY, 404: _MODEL}
_FATAL |= dict.fromkeys(
    (301, 302, 303, 307, 308, 405), ("this is no chat completions server", _URL)
)


class _Passing(Exception):
    """A failure that another try may not meet; ``fatal`` is what to raise when none helped."""

    def __init__(self, what: str, pause: str = "", fatal: GeneratorError | None = None) -> None:
        super().__init__(what)
        self.pause, self.fatal = pause, fatal


class OpenAIBackend(Backend):
    """Asks ``{url}/chat/completions``, one request per document."""

    def __init__(self, settings: OpenAIGenerator, **here: Any) -> None:
        super().__init__(settings, **here)
        address = urlsplit(settings.url)
        if address.scheme not in {"http", "https"} or not address.hostname:
            raise GeneratorError(f"not an http(s) url: {settings.url!r}", where="generators")
        if "@" in address.netloc:
            raise GeneratorError(
                "the url has a user or password, which would be sent and logged",
                where="generators",
                hint="leave it out; a key comes from the variable that key_variable names",
            )
        self._address = settings.url.rstrip("/") + "/chat/completions"
        self._key = key_for(settings.url, settings.key_variable)

    def write(self, requests: Iterable[Request]) -> Iterator[list[Written]]:
        """Replies as they come."""
        waiting: set[Future[Written]] = set()
        source, failures, limit = iter(requests), 0, self.settings.concurrency
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        limits = httpx.Limits(max_connections=limit)
        with (
            stopping.unhurried(),  # replies on their way were paid for and come soon
            httpx.Client(headers=headers, timeout=self.settings.timeout, limits=limits) as client,
            ThreadPoolExecutor(limit, thread_name_prefix="generator") as pool,
        ):
            try:
                while True:
                    if not stopping.requested():
                        for request in islice(source, limit - len(waiting)):
                            waiting.add(pool.submit(self._ask, client, request))
                    if not waiting:
                        stopping.check()
                        return
                    done, waiting = wait(waiting, stopping.LOOK, FIRST_COMPLETED)
                    if stopping.requested() or any(future.exception() for future in done):
                        # those on their way are worth having, where they come soon
                        soon = SOON if stopping.requested() else None
                        done |= wait({one for one in waiting if not one.cancel()}, soon).done
                        waiting = set()
                    fatal = [future for future in done if future.exception()]
                    batch = [future.result() for future in done if not future.exception()]
                    if batch:
                        yield batch  # what is finished is kept, whatever else went wrong
                    stopping.check()
                    if fatal:
                        raise fatal[0].exception() or AssertionError
                    passing = [one for one in batch if one.error and not one.lasting]
                    failures = failures + len(passing) if len(passing) == len(batch) else 0
                    if failures >= MOST_FAILURES:
                        what = f"{failures} requests in a row failed; the last: {passing[-1].error}"
                        hint = "see the server's log; finished documents are kept for the next run"
                        raise GeneratorError(what, where=self.settings.url, hint=hint)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, client: httpx.Client, request: Request) -> Written:
        """One document, tried again while it may help."""
        most = self.settings.retries
        tries = Retrying(
            retry=retry_if_exception_type(_Passing),
            stop=lambda state: state.attempt_number > most or bool(stopping.requested()),
            wait=_pause,
            sleep=stopping.pause,
            reraise=True,
        )
        try:
            return tries(self._post, client, request)
        except _Passing as error:
            if error.fatal:
                raise error.fatal from None
            return Written(request, error=self._without_key(str(error)))

    def _post(self, client: httpx.Client, request: Request) -> Written:
        if stopping.requested():
            raise _Passing("not asked: the job was asked to stop")
        decoding = decoding_of(self.settings.decoding, request.attempt).model_dump()
        decoding["max_tokens"] = decoding.pop("max_new_tokens")
        messages = [{"role": "user", "content": request.prompt}]
        asked = {"model": self.settings.model, "messages": messages, **decoding}
        try:
            response = self._sent(client, asked)
        except httpx.ConnectError as error:
            what = f"no connection to the generator's server: {error}"
            hint = (
                "start the server (for example `vllm serve` or `ollama serve`), or set url; "
                "finished documents are kept for the next run"
            )
            dead = GeneratorError(what, where=self.settings.url, hint=hint)
            raise _Passing(what, fatal=dead) from None
        except httpx.TransportError as error:
            raise _Passing(f"{type(error).__name__}: {error}") from None
        if response.status_code == 200:
            try:
                choice = from_json(response.content)["choices"][0]
                text = choice["message"]["content"] or ""
                if not isinstance(text, str):
                    raise TypeError(type(text).__name__)
                return Written(request, text, cut=choice.get("finish_reason") == "length")
            except (ValueError, KeyError, IndexError, TypeError) as error:
                what = f"a reply that is no chat completion ({type(error).__name__})"
                raise _Passing(what) from None
        told = f"HTTP {response.status_code}: {self._told(response)}"
        if response.status_code in PASSING or response.status_code >= 500:
            raise _Passing(told, response.headers.get("retry-after", ""))
        if advice := _FATAL.get(response.status_code):
            values = {"model": self.settings.model, "key": self.settings.key_variable}
            what, hint = (text.format(**values) for text in advice)
            if advice is _KEY and not self._key:
                hint += " (it is not set now)"
            raise GeneratorError(f"{what} ({told})", where=self._address, hint=hint)
        return Written(request, error=told, lasting=True)

    def _sent(self, client: httpx.Client, asked: dict[str, Any]) -> httpx.Response:
        """The server's whole reply; one without end is a failure like a torn one."""
        end = time.monotonic() + PATIENCE * self.settings.timeout
        body = bytearray()
        with client.stream("POST", self._address, json=asked) as response:
            for part in response.iter_bytes():
                body += part
                if len(body) > MOST_BYTES or time.monotonic() > end:
                    what = f"a reply of more than {MOST_BYTES:,} bytes"
                    raise httpx.ReadError(what if len(body) > MOST_BYTES else "a reply without end")
        kept = ("retry-after", "content-type")
        headers = {name: response.headers[name] for name in kept if name in response.headers}
        return httpx.Response(response.status_code, headers=headers, content=bytes(body))

    def _told(self, response: httpx.Response) -> str:
        """What the server says about an error, in short, never with the key."""
        told: Any = response.text
        with suppress(ValueError):
            told = from_json(response.content)
            for name in ("error", "message"):
                told = told.get(name, told) if isinstance(told, dict) else told
        return self._without_key(str(told))[:300]

    def _without_key(self, text: str) -> str:
        return one_line(text.replace(self._key, "***") if self._key else text)


def _pause(state: RetryCallState) -> float:
    """As long as the server asked for, else exponential with jitter; seconds."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, _Passing):
        with suppress(ValueError):
            return min(max(0.0, float(error.pause)), LONGEST_PAUSE)
    return float(wait_random_exponential(multiplier=FIRST_PAUSE, max=LONGEST_PAUSE)(state))
