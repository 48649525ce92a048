"""Answers that are valid JSON, but not what an API promises."""

import itertools
import math
from collections.abc import Iterator
from typing import Any

ODD: tuple[Any, ...] = (None, 1, "x", [], {}, ["x"], math.inf, 10**400)


def odd(value: Any, places: Iterator[int] | None = None) -> Iterator[Any]:
    """The value with each value in it, and itself, replaced by three odd ones, others at each place."""
    places = itertools.count() if places is None else places
    place = next(places)
    yield from (ODD[(place + step) % len(ODD)] for step in (0, 3, 6))
    keys = value if isinstance(value, dict) else range(len(value) if isinstance(value, list) else 0)
    for key in keys:
        for inner in odd(value[key], places):
            copied = value.copy()
            copied[key] = inner
            yield copied
