"""Every kind of source, told apart by ``kind``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from papertune.study.settings.collect import (
    DblpApiSource,
    DblpSource,
    DemoSource,
    FilesSource,
    PdfsSource,
    PmlrSource,
)
from papertune.study.settings.listings import (
    AclSource,
    AclXmlSource,
    BibtexSource,
    DblpSnapshotSource,
    DblpSparqlSource,
)
from papertune.study.settings.qa import (
    HubDatasetSource,
    PairsSource,
    StackDumpSource,
    StackExchangeSource,
    WikipediaSource,
)
from papertune.study.settings.scholarly import (
    ArxivSource,
    CrossrefSource,
    OpenAlexSource,
    SemanticScholarSource,
)

Source = Annotated[
    DemoSource
    | DblpSource
    | DblpApiSource
    | DblpSparqlSource
    | DblpSnapshotSource
    | PmlrSource
    | AclSource
    | AclXmlSource
    | ArxivSource
    | OpenAlexSource
    | CrossrefSource
    | SemanticScholarSource
    | BibtexSource
    | FilesSource
    | PdfsSource
    | StackExchangeSource
    | StackDumpSource
    | WikipediaSource
    | PairsSource
    | HubDatasetSource,
    Field(discriminator="kind"),
]


def years_in(source: Source) -> Literal["needed", "none", "either"]:
    """Whether documents of a source are split by year: they must be, cannot be, or as one likes."""
    if isinstance(source, WikipediaSource):
        return "none"
    if isinstance(source, PairsSource | HubDatasetSource):
        return "needed" if source.dated else "none"
    if isinstance(source, PdfsSource):
        return "needed" if "{year}" in source.path else "none"
    if isinstance(source, FilesSource):
        return "needed" if "{year}" in source.path else "either"
    return "needed"


def has_scores(source: Source) -> bool:
    """Whether documents of a source come with a score: votes of its readers, or a column of one's own."""
    if isinstance(source, PairsSource | HubDatasetSource):
        return bool(source.columns.score)
    return isinstance(source, StackExchangeSource | StackDumpSource)
