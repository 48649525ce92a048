"""A generator behind an OpenAI-compatible server (vLLM, Ollama, a hosted service).

Requests run at once up to a limit. What may pass by itself (429, 5xx, a timeout, a garbled reply)
is tried again with growing pauses or as long as Retry-After says. The key is read from the
environment, sent, and written nowhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from papertune.errors import GeneratorError
from papertune.generators.protocol import Request, Written, decoding_of
from papertune.jobs import stopping
from papertune.study.settings import OpenAIGenerator

if TYPE_CHECKING:
    import httpx
    from tenacity import RetryCallState

FIRST_PAUSE = 0.5  # seconds before the second try; doubles, with jitter
LONGEST_PAUSE = 60.0  # also the most that a server's Retry-After can ask for
MOST_FAILURES = 5  # documents in a row that failed after all tries: then the server is down
PASSING = {408, 409, 425, 429}  # statuses that another try may not meet, as those from 500 on

# statuses that concern more than a document, what they mean, and what to do
_URL = "set url to end before /chat/completions, most often in /v1"
_KEY = "the server refuses the key"
_FATAL = [
    ({401, 403}, _KEY, "set the environment variable {key}"),
    (
        {404},
        "the server has no model {model!r} or no such path",
        f"set model to a name the server serves (ask its /models), and {_URL}",
    ),
    ({301, 302, 303, 307, 308, 405}, "this is no chat completions server", _URL),
]


class _Passing(Exception):
    """A failure that another try may not meet."""

    def __init__(
        self, what: str, pause: float | None = None, fatal: GeneratorError | None = None
    ) -> None:
        super().__init__(what)
        self.pause = pause
        self.fatal = fatal  # what to raise when no try helped


class OpenAIBackend:
    """Asks ``{url}/chat/completions``, one request per document."""

    def __init__(self, settings: OpenAIGenerator, *, folder: Path | None, threads: int) -> None:
        address = urlsplit(settings.url)
        if address.scheme not in {"http", "https"} or not address.hostname:
            raise GeneratorError(f"not an http(s) url: {settings.url!r}", where="generators")
        if address.username or address.password:
            raise GeneratorError(
                "a url with a user or password would write it into every result",
                hint=f"put the key into the environment variable {settings.key_variable}",
            )
        self._settings = settings
        self._address = settings.url.rstrip("/") + "/chat/completions"
        self._key = os.environ.get(settings.key_variable, "").strip()

    def version(self) -> dict[str, Any]:
        """Nothing more: server and model are in the settings."""
        return {}

    def write(self, requests: Iterable[Request]) -> Iterator[list[Written]]:
        """Replies as they come; see :class:`~papertune.generators.protocol.Backend`."""
        import httpx

        waiting: set[Future[Written]] = set()
        source = iter(requests)
        failures = 0
        limit = self._settings.concurrency
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        limits = httpx.Limits(max_connections=limit)
        with (
            httpx.Client(headers=headers, timeout=self._settings.timeout, limits=limits) as client,
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
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    if stopping.requested() or any(future.exception() for future in done):
                        # those on their way are worth having
                        done |= wait({one for one in waiting if not one.cancel()}).done
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
                        raise GeneratorError(
                            f"{failures} requests in a row failed; the last: {passing[-1].error}",
                            where=self._settings.url,
                            hint="see the server's log; finished documents are kept for the next run",
                        )
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, client: httpx.Client, request: Request) -> Written:
        """One document, tried again while it may help.

        Raises:
            GeneratorError: nothing can be answered: no server, a wrong key, an unknown model.
        """
        from tenacity import Retrying, retry_if_exception_type

        most = self._settings.retries
        tries = Retrying(
            retry=retry_if_exception_type(_Passing),
            stop=lambda state: state.attempt_number > most or stopping.requested(),
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
        import httpx

        if stopping.requested():
            raise _Passing("not asked: the job was asked to stop")
        decoding = decoding_of(self._settings.decoding, request.attempt).model_dump()
        decoding["max_tokens"] = decoding.pop("max_new_tokens")
        messages = [{"role": "user", "content": request.prompt}]
        try:
            response = client.post(
                self._address,
                json={"model": self._settings.model, "messages": messages, **decoding},
            )
        except httpx.ConnectError as error:
            dead = GeneratorError(
                f"no connection to the generator's server: {error}",
                where=self._settings.url,
                hint="start the server (for example `vllm serve` or `ollama serve`), or set url; "
                "finished documents are kept for the next run",
            )
            raise _Passing(str(error), fatal=dead) from None
        except httpx.TransportError as error:
            raise _Passing(f"{type(error).__name__}: {error}") from None
        if response.status_code == 200:
            return _reply(request, response)
        told = f"HTTP {response.status_code}: {self._told(response)}"
        if response.status_code in PASSING or response.status_code >= 500:
            raise _Passing(told, _retry_after(response))
        if found := [advice for codes, *advice in _FATAL if response.status_code in codes]:
            [(what, hint)] = found
            if what is _KEY and not self._key:
                hint += " (it is not set now)"
            values = {"model": self._settings.model, "key": self._settings.key_variable}
            raise GeneratorError(
                f"{what.format(**values)} ({told})",
                where=self._address,
                hint=hint.format(**values),
            )
        return Written(request, error=told, lasting=True)

    def _told(self, response: httpx.Response) -> str:
        """What the server says about an error, in short, never with the key."""
        try:
            body = response.json()
            error = body.get("error", body) if isinstance(body, dict) else body
            text = str(error.get("message", error) if isinstance(error, dict) else error)
        except ValueError:
            text = response.text
        return self._without_key(" ".join(text.split())[:300])

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "***") if self._key else text


def _reply(request: Request, response: httpx.Response) -> Written:
    try:
        choice = response.json()["choices"][0]
        text = choice["message"]["content"] or ""
        cut = choice.get("finish_reason") == "length"
        if not isinstance(text, str):
            raise TypeError(type(text).__name__)
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise _Passing(f"a reply that is no chat completion ({type(error).__name__})") from None
    return Written(request, text=text, cut=cut)


def _retry_after(response: httpx.Response) -> float | None:
    try:
        return max(0.0, float(response.headers["retry-after"]))
    except (KeyError, ValueError):
        return None


def _pause(state: RetryCallState) -> float:
    """As long as the server asked for, else exponential with jitter; seconds."""
    from tenacity import wait_random_exponential

    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, _Passing) and error.pause is not None:
        return min(error.pause, LONGEST_PAUSE)
    return float(wait_random_exponential(multiplier=FIRST_PAUSE, max=LONGEST_PAUSE)(state))
