"""Send many requests to an OpenAI-compatible server (vLLM, Ollama, a hosted service).

Requests run concurrently up to a limit. After transient errors (429, 5xx, a timeout, a garbled reply),
they are retried, with growing pauses or those of Retry-After, and once more after all others. A parameter
that the server rejects is renamed or left out from then on. ``refusals.py`` interprets all other errors;
none is stored as an answer. The key is read from the environment, sent, and written nowhere.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from itertools import islice, takewhile
from typing import Any, NoReturn

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential

from papertune.errors import ServerError
from papertune.jobs import stopping
from papertune.servers import parameters, refusals
from papertune.servers.place import Place
from papertune.servers.refusals import Kind, Refusal
from papertune.servers.replies import Asked, Failure, Reply, pause_asked
from papertune.study.settings import ServerSettings

FIRST_PAUSE = 0.5  # seconds before the second try; doubles, with jitter
LONGEST_PAUSE = 60.0
# longest Retry-After in seconds that is waited for
LONGEST_ASKED = 300.0
SOON = 20.0  # seconds for replies on their way; sites that send no earlier signal give a job 30
MOST_BYTES = 16 * 2**20  # of a reply
PATIENCE = 10  # number of timeouts within which a slow reply has to be complete
IN_A_ROW = 5  # items without an answer, after which a probe shows whether the server answers at all
RESTS = "finished work is kept; run the same command again for the rest"

log = logging.getLogger(__name__)


class Client:
    """Sends requests to a server, one per item.

    Args:
        place: Where the server is, and its key.
        settings: Number of requests at once, timeout, retries.
        path: Path of the API below the place's url: ``chat/completions`` or ``completions``.
        model: The server's name for the model.
        framed: Makes the body of a request from a text.
        read: Reads the value in a reply; raises ValueError, LookupError, TypeError, AttributeError.
        items: What the items are, in messages.
    """

    def __init__(
        self,
        place: Place,
        settings: ServerSettings,
        *,
        path: str,
        model: str,
        framed: Callable[[str], dict[str, Any]],
        read: Callable[[bytes], Any],
        items: str,
    ) -> None:
        self.place, self.settings, self.path, self.model = place, settings, path, model
        self.framed, self.read, self.items = framed, read, items
        self._changes: dict[
            str, Any
        ] = {}  # parameter not accepted → its new name or value, in order
        self._lock = threading.Lock()
        self._over = threading.Event()  # an error in one request ends all others

    def ask(self, what: Iterable[Asked]) -> Iterator[list[Reply]]:
        """Yield batches of replies as they arrive, in any order; one reply per item.

        Raises:
            Interrupted: the job was asked to stop.
            ServerError: the server answers no requests.
        """
        waiting: set[Future[tuple[Reply, Kind | None]]] = set()
        source, limit, patience = iter(what), self.settings.concurrency, IN_A_ROW
        later: list[Asked] | None = []  # failed; sent once more after all others
        row: list[Reply] = []  # consecutive replies without an answer
        unasked: list[Reply] = []
        self._over.clear()
        self.place.url()  # a server that is started here has all the time that it needs
        with (
            stopping.unhurried(),  # replies on their way are paid for and arrive soon
            self.place.client(
                timeout=self.settings.timeout,
                limits=httpx.Limits(max_connections=limit),
            ) as client,
            ThreadPoolExecutor(limit, thread_name_prefix="client") as pool,
        ):
            try:
                while True:
                    if not stopping.requested():
                        for one in islice(source, limit - len(waiting)):
                            waiting.add(pool.submit(self._ask, client, one))
                    if not waiting:
                        stopping.check()
                        if later:
                            source, later = iter(later), None
                            continue
                        if unasked:
                            self._stop(f"{len(unasked)} {self.items} are left: {unasked[0].error}")
                        return
                    done, waiting = wait(waiting, stopping.LOOK, FIRST_COMPLETED)
                    if stopping.requested() or any(future.exception() for future in done):
                        # wait a little for replies on their way
                        soon = SOON if stopping.requested() else None
                        done |= wait({one for one in waiting if not one.cancel()}, soon).done
                        waiting = set()
                    fatal = [future for future in done if future.exception()]
                    batch = []
                    for reply, kind in (future.result() for future in done if future not in fatal):
                        row = [*row, reply] if kind else []
                        if kind in (Kind.PASSING, Kind.LIMIT) and later is not None:
                            later.append(reply.asked)
                        elif kind is Kind.LIMIT:
                            unasked.append(reply)
                        else:
                            batch.append(reply)
                    if batch:
                        yield batch  # finished replies are kept, whatever else failed
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
        self, pool: ThreadPoolExecutor, client: httpx.Client, row: list[Reply]
    ) -> None:
        """Send only the beginning that failed prompts share, so that no document can be the cause.

        Raises:
            ServerError: the server does not answer this request either.
        """
        prompts = (one.asked.text for one in row)
        alike = takewhile(lambda at: len({*at}) == 1, zip(*prompts, strict=False))
        shared = "".join(characters[0] for characters in alike).strip()
        probe = replace(row[-1].asked, body=self.framed(shared[:1000] or "Say OK."))
        asked = pool.submit(self._ask, client, probe)
        while not wait([asked], stopping.LOOK).done:
            if stopping.requested():
                return
        if asked.result()[1] and not stopping.requested():
            self._stop(f"{len(row)} requests in a row failed; the last: {row[-1].error}")

    def _stop(self, what: str, hint: str = "see the server's log, or run again later") -> NoReturn:
        self._over.set()
        raise ServerError(
            f"{what}; model {self.model!r}",
            where=f"{self.place.name}/{self.path}",
            hint=f"{hint}; {RESTS}",
        )

    def _ask(self, client: httpx.Client, asked: Asked) -> tuple[Reply, Kind | None]:
        """The reply for one item, after retries; with the kind of refusal if there is no answer."""
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
            return tries(self._post, client, asked), None
        except Failure as error:
            if error.fatal and not self._ends():
                self._over.set()
                raise error.fatal from None
            return Reply(asked, error=self.place.shown(str(error))), error.kind
        except BaseException:
            self._over.set()  # before the others send anything more
            raise

    def _ends(self) -> bool:
        return self._over.is_set() or bool(stopping.requested())

    def _rest(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self._ends() and (left := end - time.monotonic()) > 0:
            self._over.wait(min(left, stopping.LOOK))

    def _post(self, client: httpx.Client, asked: Asked) -> Reply:
        while True:
            if self._ends():
                raise Failure("not asked: the job ends")
            sent = dict(asked.decoding)
            changed = self._changed(sent)
            if parameters.lacks_penalty(asked.decoding, sent):
                self._stop(*parameters.NO_PENALTY)
            response = self._sent(client, {"model": self.model, **asked.body, **sent})
            if response.status_code == 200:
                with suppress(ValueError, LookupError, TypeError, AttributeError):
                    given = self.read(response.content)
                    self.place.answered()
                    return Reply(asked, given, sent=sent if changed else None)
            words, status = refusals.words_of(response.content), response.status_code
            if status == 200:  # take the status that the error in the reply names
                status = refusals.status_of(response.content)
            if not self._adapts(response, status, words, sent):
                self._refuse(response, status, words)

    def _changed(self, sent: dict[str, Any]) -> bool:
        """Change parameters in place to those that the server accepts; whether there are changes."""
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
        """Remember for this run a parameter that the server rejects; whether to send again."""
        name = (
            refusals.parameter_refused(words, [*sent]) if status in parameters.UNPROCESSED else ""
        )
        to: Any = parameters.RENAMED.get(name)
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
                    "%s: the server does not accept %s, which is %s from now on (%s)",
                    *(self.place.name, name, done, self.place.shown(words)),
                )
        return True

    def _refuse(self, response: httpx.Response, status: int, words: str) -> NoReturn:
        """Raise the error that a reply without an answer means."""
        page = response.content.lstrip()[:1] == b"<"
        meant = refusals.meaning_of(status, "" if page else words)
        told = f"HTTP {status}: {self.place.shown(words) or 'no message'}"
        if response.status_code == 200:
            told = f"a reply that is no completion: {self.place.shown(words) or 'empty'}"
            meant = refusals.NO_SERVER if page else meant
        if meant.kind is Kind.STOP:
            self._stop_for(meant, told)
        pause = pause_asked(response.headers.get("retry-after", ""))
        if meant.kind is not Kind.DOCUMENT and pause is not None and pause > LONGEST_ASKED:
            self._stop(
                f"the server asks to wait for {pause:,.0f} s ({told})", "run again after that"
            )
        raise Failure(told, meant.kind, pause=pause)

    def _stop_for(self, meant: Refusal, told: str) -> NoReturn:
        values = {"model": self.model, "key": self.settings.key_variable}
        hint = meant.hint.format(**values)
        if "{key}" in meant.hint and not self.place.key:
            hint += " (it is not set now)"
        self._stop(f"{meant.what.format(**values)} ({told})", hint)

    def _sent(self, client: httpx.Client, asked: dict[str, Any]) -> httpx.Response:
        """The server's whole reply; an endless one is a failure, as is one that breaks off."""
        address = f"{self.place.url()}/{self.path}"
        end = time.monotonic() + PATIENCE * self.settings.timeout
        body = bytearray()
        try:
            with client.stream("POST", address, json=asked, **self.place.how) as response:
                for part in response.iter_bytes():
                    body += part
                    if len(body) > MOST_BYTES:
                        raise Failure(f"a reply of more than {MOST_BYTES:,} bytes")
                    if time.monotonic() > end:
                        raise Failure("a reply without end")
        except httpx.ConnectError as error:
            dead = self.place.unreachable(str(error), RESTS)
            if dead is None and not self._ends():
                return self._sent(client, asked)  # the request never reached the server
            raise Failure(dead.what if dead else str(error), fatal=dead) from None
        except httpx.RequestError as error:
            raise Failure(f"{type(error).__name__}: {error}") from None
        kept = ("retry-after", "content-type")
        headers = {name: response.headers[name] for name in kept if name in response.headers}
        return httpx.Response(response.status_code, headers=headers, content=bytes(body))


def _pause(state: RetryCallState) -> float:
    """The pause in seconds: as long as the server asked for, else exponential with jitter."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Failure) and error.pause is not None:
        return error.pause
    return float(wait_random_exponential(multiplier=FIRST_PAUSE, max=LONGEST_PAUSE)(state))
