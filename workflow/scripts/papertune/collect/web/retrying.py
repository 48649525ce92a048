"""Asking again: what may pass, with growing pauses or after the time that a host asks for."""

from __future__ import annotations

import logging
import random
from typing import cast

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
        # urllib3's formula: backoff · 2^n and up to as much again at random, at most a minute
        jitter = random.SystemRandom().random()
        asked = _error(state).retry_after
        if asked is not None:
            return asked + jitter * min(backoff, 1.0)
        return min(backoff * 2 ** (state.attempt_number - 1) * (1 + jitter), 60.0)

    def worth(error: BaseException) -> bool:
        passing = isinstance(error, PageError) and error.passing
        return passing and (error.retry_after or 0) <= PATIENCE  # type: ignore[attr-defined]

    def announce(state: RetryCallState) -> None:
        log.info("%s; asking again in %.1f s", _error(state), state.upcoming_sleep)

    return Retrying(
        stop=stop_after_attempt(retries + 1),
        wait=wait,
        retry=retry_if_exception(worth),
        before_sleep=announce,
        sleep=lambda seconds: nap(seconds, alive),
        reraise=True,
    )


def _error(state: RetryCallState) -> PageError:
    return cast("PageError", state.outcome.exception() if state.outcome else None)
