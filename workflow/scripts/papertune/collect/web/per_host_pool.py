"""Work on several hosts in parallel, and on the items of one host one after another."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue
from typing import TypeVar
from urllib.parse import urlsplit

from papertune.collect.identifiers import host_of
from papertune.jobs import stopping

Item = TypeVar("Item")
Result = TypeVar("Result")

GRACE = 2.0  # seconds that threads get to end before they are abandoned
RESOLVERS = {"doi.org", "dx.doi.org", "www.doi.org"}


def host_key(url: str) -> str:
    """The key of urls that are requested one after another: the host, or a DOI link's registrant.

    Links of doi.org lead to publishers' hosts, mostly one per registrant. The session keeps the
    pause between two requests to one host, including doi.org.
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
    """Work on items: several hosts in parallel, the items of one host one after another in order.

    Yields each item, as soon as it is finished, with what ``work`` returned or raised. With one
    thread, or one host, all is done in the calling thread in the order of the items.

    Raises:
        Interrupted: the job was asked to stop; KeyboardInterrupt has the same effect. No further
            item is begun, and threads that still wait for a response are abandoned.
    """
    listed = list(items)
    lines: dict[str, deque[Item]] = {}
    for item in listed:
        lines.setdefault(host_of_item(item), deque()).append(item)
    count = min(threads, len(lines))
    if count <= 1:
        for item in listed:
            with stopping.at_once():
                found = _result(work, item)
            yield item, found
        return
    idle, lock, over = list(lines.values()), threading.Lock(), threading.Event()
    results: SimpleQueue[tuple[Item, Result | Exception] | BaseException] = SimpleQueue()

    def run() -> None:
        while True:
            with lock:
                if over.is_set() or not idle:  # other threads have the other hosts
                    return
                # the host with the most items determines the total time, so it must never wait
                own = idle.pop(max(range(len(idle)), key=lambda number: len(idle[number])))
            item = own.popleft()
            try:
                results.put((item, _result(work, item)))
            except BaseException as error:
                results.put(error)
            with lock:
                idle.extend([own] if own else [])

    # a thread that waits for an answer must not keep the process from ending
    names = (f"per-host-{number}" for number in range(count))
    pool = [threading.Thread(target=run, name=name, daemon=True) for name in names]
    for thread in pool:
        thread.start()
    try:
        for _ in listed:
            with stopping.at_once():
                done = results.get()
            if isinstance(done, BaseException):
                raise done
            yield done
    finally:
        over.set()
        end = time.monotonic() + GRACE
        for thread in pool:
            thread.join(max(end - time.monotonic(), 0.0))


def _result(work: Callable[[Item], Result], item: Item) -> Result | Exception:
    """The result of the work, or its exception; raises Interrupted."""
    try:
        return work(item)
    except stopping.Interrupted:
        raise
    except Exception as error:
        return error
