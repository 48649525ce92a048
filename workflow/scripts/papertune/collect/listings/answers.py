"""What stands in answers in JSON, in which any value may be missing or of another type."""

import re
from typing import Any

from papertune.files import from_json

Work = dict[str, Any]


def json_object(text: str) -> Work | None:
    """The JSON object that a text is, if it is one."""
    try:
        value = from_json(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def within(value: Any, names: tuple[str, ...]) -> Any:
    """What stands in objects within objects; None where there are none."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def objects(value: Any) -> list[Work]:
    """The objects of a list; none where it is no list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def as_number(value: Any) -> float:
    """A number as an API gives it, in digits too; 0 where it gives none."""
    try:
        return float(str(value))
    except ValueError:
        return 0.0


def whole_number(value: Any) -> int | None:
    """A year or a count as an API gives it: as a number or in digits."""
    text = str(value).strip()
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None
