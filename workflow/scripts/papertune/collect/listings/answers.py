"""Read values from JSON answers, in which any value may be missing or of another type."""

import re
from typing import Any

from papertune.files import from_json

Work = dict[str, Any]


def json_object(text: str) -> Work | None:
    """A text parsed as a JSON object; None if it is none."""
    try:
        value = from_json(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def within(value: Any, names: tuple[str, ...]) -> Any:
    """The value at a path of names in nested objects; None if it is missing."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def objects(value: Any) -> list[Work]:
    """The objects in a list; empty if the value is no list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def as_number(value: Any) -> float:
    """A number that an API gives as such or in digits; 0 if there is none."""
    try:
        return float(str(value))
    except ValueError:
        return 0.0


def whole_number(value: Any) -> int | None:
    """A year or count that an API gives as a number or in digits; None if there is none."""
    text = str(value).strip()
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None
