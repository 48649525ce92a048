"""Answers that are valid JSON and not what an API promises."""

import math
from collections.abc import Iterator
from typing import Any

ODD: tuple[Any, ...] = (None, 1, "x", [], {}, ["x"], math.inf, 10**400)


def odd(value: Any) -> Iterator[Any]:
    """The value with each value in it, and itself, replaced by each odd one."""
    yield from ODD
    keys = value if isinstance(value, dict) else range(len(value) if isinstance(value, list) else 0)
    for key in keys:
        for inner in odd(value[key]):
            copied = value.copy()
            copied[key] = inner
            yield copied
