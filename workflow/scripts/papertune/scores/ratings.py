"""Read files of ratings, which people save from a page; their content is untrusted.

An invalid file is left out and reported, and does not affect the others.
"""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from papertune.errors import shown
from papertune.files import from_json
from papertune.metrics.rating import HIGHEST, LOWEST
from papertune.owned import anybodys
from papertune.records import Rejection

MOST = 1_000_000  # bytes of a file: ten times the size of some thousand ratings
STAGE = "rate"
Ratings = dict[str, dict[str, int]]  # text → rater → rating


class RatingFile(BaseModel):
    """The file that the page for raters saves."""

    model_config = ConfigDict(strict=True, extra="forbid")

    papertune: Literal["ratings"]
    experiment: Annotated[str, Field(max_length=200)]
    rater: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9_-]{0,39}$")]
    ratings: dict[
        Annotated[
            str, Field(pattern="^[0-9a-f]{16}$")
        ],  # papertune.answering.probes.ProbePair.text_id
        Annotated[int, Field(ge=LOWEST, le=HIGHEST)],
    ]


def read_ratings(
    paths: Iterable[Path], experiment: str, texts: Collection[str]
) -> tuple[Ratings, list[Rejection]]:
    """The ratings of existing texts; and what was left out: files, or some of their ratings."""
    ratings: Ratings = {}
    left: list[Rejection] = []
    for path in sorted(paths):
        found, reason, why = _read(path)
        if found is None or found.experiment != experiment:
            if found is not None:
                reason = "other_experiment"
                why = f"they are of the experiment {found.experiment}, not of {experiment} (correct the "
                why += "name in the file if the experiment was renamed)"
            left.append(Rejection(STAGE, str(path), reason, shown(" ".join(why.split()))[:300]))
            continue
        here = {text: value for text, value in found.ratings.items() if text in texts}
        if gone := len(found.ratings) - len(here):
            why = f"{gone} of {len(found.ratings)} ratings by {found.rater} are of texts that are gone"
            left.append(Rejection(STAGE, str(path), "text_is_gone", why))
        known = {
            text: ratings.get(text, {}).get(found.rater, value) for text, value in here.items()
        }
        if other := sum(known[text] != value for text, value in here.items()):
            why = f"{other} texts have another rating by {found.rater} in an earlier file; keep one file"
            left.append(Rejection(STAGE, str(path), "rated_twice", why))
            continue
        for text, value in here.items():
            ratings.setdefault(text, {})[found.rater] = value
    return ratings, left


def _read(path: Path) -> tuple[RatingFile | None, str, str]:
    """The content of a file, or None with the reason, as a word and as a sentence."""
    try:
        with open(path, "rb", opener=anybodys) as stream:
            content = stream.read(MOST + 1)
    except OSError as error:
        return None, "unreadable", f"it cannot be read: {error.strerror or error}"
    if len(content) > MOST:
        return None, "too_large", f"no file of ratings is larger than {MOST:,} bytes"
    try:
        return RatingFile.model_validate(from_json(content)), "", ""
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part)[:40] for part in first["loc"])
        return (
            None,
            "no_ratings",
            f"it is not a file of ratings: {where}: {first['msg']}".replace(": :", ":"),
        )
    except (ValueError, UnicodeDecodeError) as error:
        return None, "no_ratings", f"it is not a file of ratings: not JSON ({str(error)[:100]})"
