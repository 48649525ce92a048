"""What a study reproduces of a published report: line by line what is beside what, and how alike."""

import re
from typing import Annotated

from papertune.study.settings.base import Like, Settings, cosmetic

# of what an experiment makes: a table, a figure, or a part of its page
Shown = Annotated[
    str,
    Like(
        re.compile(r"^(tables|figures|report)/[a-z0-9_-]+$"),
        "where the report has it, such as tables/matrix, figures/matrix, report/verdict",
    ),
]


class Line(Settings):
    """One table, figure or finding of the report, and what of this study stands beside it."""

    what: str = cosmetic(min_length=1, description="what the report shows")
    found: str = cosmetic("", description="what it found, where no published table says so")
    ours: list[Shown] = cosmetic(
        min_length=1, description="tables/comparison, figures/loss, report/answers (of the page)"
    )
    like: str = cosmetic("", description="what is like for like")
    unlike: str = cosmetic("", description="what is not")


class Reproduction(Settings):
    """A report, for the page that shows those of several experiments beside ours."""

    report: str = cosmetic(min_length=1, description="its title")
    lines: list[Line] = cosmetic(
        min_length=1,
        description="what the report shows, line by line, with what this study has beside it",
    )
