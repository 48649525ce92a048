"""Settings of a reproduction: what a study shows beside a published report, line by line."""

import re
from typing import Annotated

from papertune.study.settings.base import Like, Settings, cosmetic

# a table, a figure, or a part of the page of an experiment
Shown = Annotated[
    str,
    Like(
        re.compile(r"^(tables|figures|report)/[a-z0-9_-]+$"),
        "where the report has it, such as tables/matrix, figures/matrix, report/verdict",
    ),
]


class Line(Settings):
    """One table, figure or finding of the report, and the results of this study beside it."""

    what: str = cosmetic(min_length=1, description="what the report shows")
    found: str = cosmetic("", description="its finding, where no published table has it")
    ours: list[Shown] = cosmetic(
        min_length=1, description="tables/comparison, figures/loss, report/answers (of the page)"
    )
    like: str = cosmetic("", description="what is comparable")
    unlike: str = cosmetic("", description="what is not comparable")


class Reproduction(Settings):
    """A published report, for the page that compares reports with several experiments."""

    report: str = cosmetic(min_length=1, description="title of the report")
    lines: list[Line] = cosmetic(
        min_length=1, description="what the report shows, and the results of this study beside it"
    )
