"""A generator behind an OpenAI-compatible server (vLLM, Ollama, a hosted service).

Requests run at once up to a limit. What may pass by itself (429, 5xx, a timeout, a garbled reply)
is tried again with growing pauses or as long as Retry-After says, and once more after all others. A
parameter that the server does not take is renamed or left out from then on. Whatever else is no answer
is judged by ``refusals.py``, and none of it is ever a finished document. The key is read from the
environment, sent, and written nowhere.
"""

import logging
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import cache
from itertools import islice, takewhile
from typing import Any, NoReturn
from urllib.parse import urlsplit

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential

from papertune.errors import GeneratorError, one_line
from papertune.generators import refusals
from papertune.generators.backends import Backend, Request, Written, decoding_of
from papertune.generators.refusals import Kind, Refusal
from papertune.generators.replies import Failure, answer_in, pause_asked
from papertune.jobs import stopping
from papertune.jobs.keys import key_for
from papertune.study.settings import OpenAIGenerator

FIRST_PAUSE = 0.5  # seconds before the second try; doubles, with jitter
LONGEST_PAUSE = 60.0
LONGEST_ASKED = (
    300.0  # seconds that a Retry-After may ask for; with more there is nothing to wait for
)
SOON = 20.0  # seconds; sites that send no earlier signal give a job 30
MOST_BYTES = 16 * 2**20  # of a reply
PATIENCE = 10  # timeouts in which a reply that comes in drops has to be whole
IN_A_ROW = 5  # documents without an answer: then it is found out whether the server answers at all
RESTS = "what is finished is kept; the same command asks for the rest"

UNPROCESSED = {400, 404, 422}  # where a server says that it does not take a parameter
RENAMED = {"max_tokens": "max_completion_tokens"}  # the others are left out

log = logging.getLogger(__name__)


class OpenAIBackend(Backend):
    """Asks ``{url}/chat/completions``, one request per document."""

    settings: OpenAIGenerator

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
        if not (self._key.isascii() and (self._key + "x").isprintable()):
            what = "the key has characters that no header can have"
            hint = f"set the environment variable {settings.key_variable} to the key alone"
            raise GeneratorError(what, where="generators", hint=hint)
        self._changes: dict[str, Any] = {}  # of parameters that the server does not take, in order
        self._lock = threading.Lock()
        self._over = threading.Event()  # a request met what stops all others

    def write(self, requests: Iterable[Request]) -> Iterator[list[Written]]:
        """Replies as they come; see :class:`papertune.generators.backends.Backend`."""
        waiting: set[Future[tuple[Written, Kind | None]]] = set()
        source, limit, patience = iter(requests), self.settings.concurrency, IN_A_ROW
        later: list[Request] | None = []  # failed, and are asked once more after all others
        row: list[Written] = []  # without an answer, one after the other
        unasked: list[Written] = []
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        limits = httpx.Limits(max_connections=limit)
        self._over.clear()
        with (
            stopping.unhurried(),  # replies on their way were paid for and come soon
            httpx.Client(
                headers=headers,
                timeout=self.settings.timeout,
                limits=limits,
                verify=_certificates(),
            ) as client,
            ThreadPoolExecutor(limit, thread_name_prefix="generator") as pool,
        ):
            try:
                while True:
                    if not stopping.requested():
                        for request in islice(source, limit - len(waiting)):
                            waiting.add(pool.submit(self._ask, client, request))
                    if not waiting:
                        stopping.check()
                        if later:
                            source, later = iter(later), None
                            continue
                        if unasked:
                            self._stop(f"{len(unasked)} documents are left: {unasked[0].error}")
                        return
                    done, waiting = wait(waiting, stopping.LOOK, FIRST_COMPLETED)
                    if stopping.requested() or any(future.exception() for future in done):
                        # those on their way are worth having, where they come soon
                        soon = SOON if stopping.requested() else None
                        done |= wait({one for one in waiting if not one.cancel()}, soon).done
                        waiting = set()
                    fatal = [future for future in done if future.exception()]
                    batch = []
                    for one, kind in (future.result() for future in done if future not in fatal):
                        row = [*row, one] if kind else []
                        if kind in (Kind.PASSING, Kind.LIMIT) and later is not None:
                            later.append(one.request)
                        elif kind is Kind.LIMIT:
                            unasked.append(one)
                        else:
                            batch.append(one)
                    if batch:
                        yield batch  # what is finished is kept, whatever else went wrong
                    stopping.check()
                    if fatal:
                        raise fatal[0].exception() or AssertionError
                    patience = patience if row else IN_A_ROW
                    if len(row) >= patience:
                        self._see_it_answers(pool, client, row)
                        patience += len(row)
            finally:
                self._over.set()
                pool.shutdown(wait=False, cancel_futures=True)

    def _see_it_answers(
        self, pool: ThreadPoolExecutor, client: httpx.Client, row: list[Written]
    ) -> None:
        """Ask with the beginning that refused prompts share: a document is then not the cause.

        Raises:
            GeneratorError: the server does not answer this either.
        """
        prompts = (str(one.request.prompt) for one in row)
        alike = takewhile(lambda at: len({*at}) == 1, zip(*prompts, strict=False))
        shared = "".join(characters[0] for characters in alike).strip()
        probe = row[-1].request.saying(shared[:1000] or "Say OK.")
        asked = pool.submit(self._ask, client, probe)
        while not wait([asked], stopping.LOOK).done:
            if stopping.requested():
                return
        if asked.result()[1] and not stopping.requested():
            self._stop(f"{len(row)} requests in a row failed; the last: {row[-1].error}")

    def _stop(self, what: str, hint: str = "see the server's log, or run again later") -> NoReturn:
        self._over.set()
        raise GeneratorError(
            f"{what}; model {self.settings.model!r}", where=self._address, hint=f"{hint}; {RESTS}"
        )

    def _ask(self, client: httpx.Client, request: Request) -> tuple[Written, Kind | None]:
        """One document, tried again while it may help; a kind where no answer came."""
        most = self.settings.retries
        tries = Retrying(
            retry=retry_if_exception(
                lambda error: isinstance(error, Failure) and error.kind is not Kind.DOCUMENT
            ),
            stop=lambda state: state.attempt_number > most or self._ends(),
            wait=_pause,
            sleep=self._rest,
            reraise=True,
        )
        try:
            return tries(self._post, client, request), None
        except Failure as error:
            if error.fatal and not self._ends():
                self._over.set()
                raise error.fatal from None
            return Written(request, error=self._shown(str(error))), error.kind
        except BaseException:
            self._over.set()  # before the others send anything more
            raise

    def _ends(self) -> bool:
        return self._over.is_set() or bool(stopping.requested())

    def _rest(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self._ends() and (left := end - time.monotonic()) > 0:
            self._over.wait(min(left, stopping.LOOK))

    def _post(self, client: httpx.Client, request: Request) -> Written:
        while True:
            if self._ends():
                raise Failure("not asked: the job ends")
            sent = decoding_of(self.settings.decoding, request.attempt).model_dump()
            sent["max_tokens"] = sent.pop("max_new_tokens")
            changed = self._changed(sent)
            messages = [{"role": "user", "content": str(request.prompt)}]
            asked = {"model": self.settings.model, "messages": messages, **sent}
            response = self._sent(client, asked)
            if response.status_code == 200:
                with suppress(ValueError, LookupError, TypeError, AttributeError):
                    given = answer_in(response.content, self.settings.decoding.max_new_tokens)
                    return Written(request, **given, sent=sent if changed else None)
            words, status = refusals.words_of(response.content), response.status_code
            if status == 200:  # the one that its error names
                status = refusals.status_of(response.content)
            if not self._adapts(response, status, words, sent):
                self._refuse(response, status, words)

    def _changed(self, sent: dict[str, Any]) -> bool:
        """Change the parameters to what the server takes; whether any was."""
        with self._lock:
            for name, to in self._changes.items():
                value = sent.pop(name, None)
                if name == "stream":
                    sent[name] = to
                elif to:
                    sent[to] = value
            return bool(self._changes)

    def _adapts(
        self, response: httpx.Response, status: int, words: str, sent: dict[str, Any]
    ) -> bool:
        """Remember for this run what the server does not take; whether to ask again."""
        name = refusals.parameter_refused(words, [*sent]) if status in UNPROCESSED else ""
        to: Any = RENAMED.get(name)
        if response.status_code == 200 and response.content.lstrip().startswith(b"data:"):
            name, to = ("" if "stream" in sent else "stream"), False
        if not name:
            return False
        with self._lock:
            if name not in self._changes:
                self._changes[name] = to
                done = (
                    "sent as false" if name == "stream" else f"sent as {to}" if to else "left out"
                )
                log.warning(
                    "%s: the server does not take %s, which is %s from now on (%s)",
                    *(self._address, name, done, self._shown(words)),
                )
        return True

    def _refuse(self, response: httpx.Response, status: int, words: str) -> NoReturn:
        """Raise what a reply without an answer means."""
        page = response.content.lstrip()[:1] == b"<"
        meant = refusals.meaning_of(status, "" if page else words)
        told = f"HTTP {status}: {self._shown(words) or 'no words'}"
        if response.status_code == 200:
            told = f"a reply that is no chat completion: {self._shown(words) or 'nothing'}"
            meant = refusals.NO_SERVER if page else meant
        if meant.kind is Kind.STOP:
            self._stop_for(meant, told)
        pause = pause_asked(response.headers.get("retry-after", ""))
        if meant.kind is not Kind.DOCUMENT and pause is not None and pause > LONGEST_ASKED:
            self._stop(f"the server asks to wait for {pause:,.0f} s ({told})", "run again then")
        raise Failure(told, meant.kind, pause=pause)

    def _stop_for(self, meant: Refusal, told: str) -> NoReturn:
        values = {"model": self.settings.model, "key": self.settings.key_variable}
        hint = meant.hint.format(**values)
        if "{key}" in meant.hint and not self._key:
            hint += " (it is not set now)"
        self._stop(f"{meant.what.format(**values)} ({told})", hint)

    def _sent(self, client: httpx.Client, asked: dict[str, Any]) -> httpx.Response:
        """The server's whole reply; one without end is a failure like a torn one."""
        end = time.monotonic() + PATIENCE * self.settings.timeout
        body = bytearray()
        try:
            with client.stream("POST", self._address, json=asked) as response:
                for part in response.iter_bytes():
                    body += part
                    if len(body) > MOST_BYTES:
                        raise Failure(f"a reply of more than {MOST_BYTES:,} bytes")
                    if time.monotonic() > end:
                        raise Failure("a reply without end")
        except httpx.ConnectError as error:
            what = f"no connection to the generator's server: {error}"
            hint = f"start the server (for example `vllm serve` or `ollama serve`), or set url; {RESTS}"
            dead = GeneratorError(what, where=self.settings.url, hint=hint)
            raise Failure(what, fatal=dead) from None
        except httpx.RequestError as error:
            raise Failure(f"{type(error).__name__}: {error}") from None
        kept = ("retry-after", "content-type")
        headers = {name: response.headers[name] for name in kept if name in response.headers}
        return httpx.Response(response.status_code, headers=headers, content=bytes(body))

    def _shown(self, text: str) -> str:
        """In short and in one line, never with the key."""
        return one_line(text.replace(self._key, "***") if self._key else text)[: refusals.SHOWN]


@cache
def _certificates() -> ssl.SSLContext:
    """Whom to trust: read once, as it takes a while."""
    return httpx.create_ssl_context()


def _pause(state: RetryCallState) -> float:
    """As long as the server asked for, else exponential with jitter; seconds."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Failure) and error.pause is not None:
        return error.pause
    return float(wait_random_exponential(multiplier=FIRST_PAUSE, max=LONGEST_PAUSE)(state))
