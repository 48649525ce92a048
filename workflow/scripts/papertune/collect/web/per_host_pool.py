"""Hosts in parallel, each at its own pace: one host's pause is another one's turn."""

from __future__ import annotations

import heapq
import itertools
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar, cast
from urllib.parse import urlsplit

from papertune.collect.identifiers import host_of
from papertune.jobs import stopping

Item = TypeVar("Item")
Result = TypeVar("Result")

GRACE = 2.0  # seconds that threads get to end before they are left behind
RESOLVERS = {"doi.org", "dx.doi.org", "www.doi.org"}


def host_key(url: str) -> str:
    """What is asked one after another: a url's host, or of a DOI's link the registrant.

    Links of doi.org lead to the publishers' hosts, one registrant's mostly to the same. The pause
    between two requests to one host, doi.org itself included, is the session's care.
    """
    host = host_of(url)
    if host in RESOLVERS:
        return urlsplit(url).path.strip("/").partition("/")[0].lower() or host
    return host


def map_per_host(
    items: Iterable[Item],
    host_of_item: Callable[[Item], str],
    work: Callable[[Item], Result],
    *,
    threads: int,
) -> Iterator[tuple[Item, Result | Exception]]:
    """Work on items, those of one host one after another in their order, several hosts at once.

    With one lane, or one host, all of it is done in the calling thread in the order of the items.
    An item's exception is its result; the others go on.

    Args:
        items: What is to be done.
        host_of_item: The lane of an item.
        work: Runs in other threads; what it uses must stand that.
        threads: How many items are worked on at once.

    Yields:
        Each item with what ``work`` returned or raised, in the order in which they are finished.

    Raises:
        Interrupted: the job was asked to stop; so does KeyboardInterrupt end it. No further item
            is begun, and threads that still wait for an answer are not waited for.
    """
    listed = list(items)
    lines: dict[str, deque[Item]] = {}
    for item in listed:
        lines.setdefault(host_of_item(item), deque()).append(item)
    count = min(threads, len(lines))
    if count <= 1:
        for item in listed:
            yield item, cast("Result | Exception", _result(work, item))
        return
    pool = _Pool(lines.values(), work)
    pool.start(count)
    try:
        for _ in listed:
            with stopping.at_once():
                item, result = pool.results.get()
            if not _is_result(result):
                raise result
            yield item, result
    finally:
        pool.stop()


class _Pool:
    """Threads that take the longest line's first item, each line in one thread at a time."""

    def __init__(self, lines: Iterable[deque], work: Callable) -> None:
        self._work = work
        self._order = itertools.count()
        # the host with most to ask decides how long it takes: it must never wait for a thread
        self._ready = [(-len(line), next(self._order), line) for line in lines]
        heapq.heapify(self._ready)
        self._left = len(self._ready)  # lines with items, ready or in work
        self._change = threading.Condition()
        self._threads: list[threading.Thread] = []
        self.results: queue.SimpleQueue = queue.SimpleQueue()

    def start(self, count: int) -> None:
        for number in range(1, count + 1):
            # a thread that waits for an answer must not keep the process from ending
            thread = threading.Thread(target=self._run, name=f"per-host-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        with self._change:
            self._left = 0
            self._ready.clear()
            self._change.notify_all()
        end = time.monotonic() + GRACE
        for thread in self._threads:
            thread.join(max(end - time.monotonic(), 0.0))

    def _run(self) -> None:
        while (line := self._take()) is not None:
            item = line.popleft()
            result = _result(self._work, item, every=True)
            self.results.put((item, result))
            self._give_back(line)

    def _take(self) -> deque | None:
        with self._change:
            while self._left and not self._ready:
                self._change.wait()
            return heapq.heappop(self._ready)[2] if self._ready else None

    def _give_back(self, line: deque) -> None:
        with self._change:
            if not self._left:  # stopped
                return
            if line:
                heapq.heappush(self._ready, (-len(line), next(self._order), line))
                self._change.notify()
            else:
                self._left -= 1
                if not self._left:
                    self._change.notify_all()


def _result(work: Callable, item: object, *, every: bool = False) -> object:
    """What the work returns or raises; what ends the whole is raised unless ``every``."""
    try:
        return work(item)
    except BaseException as error:
        if every or _is_result(error):
            return error
        raise


def _is_result(result: object) -> bool:
    return not isinstance(result, BaseException) or (
        isinstance(result, Exception) and not isinstance(result, stopping.Interrupted)
    )
