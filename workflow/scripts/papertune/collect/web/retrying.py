"""Asking again: what may pass, with growing pauses or after the time that a host asks for."""

from __future__ import annotations

import logging
import os

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from papertune.collect.web.pauses import Alive, nap
from papertune.collect.web.transport import PATIENCE, PageError

log = logging.getLogger("papertune")


def retrying(retries: int, backoff: float, alive: Alive) -> Retrying:
    """Ask again up to ``retries`` times after errors that may pass.

    Args:
        retries: How often at most.
        backoff: Seconds before the first; doubled for every further one.
        alive: Called in pauses; what it raises ends them.
    """

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, PageError) else None
        # urllib3's formula: backoff · 2^n and up to as much again at random, at most a minute
        jitter = int.from_bytes(os.urandom(2), "big") / 2**16
        spread = backoff * 2 ** (state.attempt_number - 1) * (1 + jitter)
        return min(spread, 60.0) if asked is None else asked + jitter * min(backoff, 1.0)

    def worth(error: BaseException) -> bool:
        return (
            isinstance(error, PageError) and error.passing and (error.retry_after or 0) <= PATIENCE
        )

    def announce(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        pause = state.next_action.sleep if state.next_action else 0
        log.info("%s; asking again in %.1f s", error, pause)

    return Retrying(
        stop=stop_after_attempt(retries + 1),
        wait=wait,
        retry=retry_if_exception(worth),
        before_sleep=announce,
        sleep=lambda seconds: nap(seconds, alive),
        reraise=True,
    )
