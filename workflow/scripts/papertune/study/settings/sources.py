"""Every kind of source, told apart by ``kind``: the only registry.

A new kind is a class of settings that names its lister, in this union.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from papertune.study.settings.listings import (
    AclSource,
    AclXmlSource,
    BibtexSource,
    DblpApiSource,
    DblpSnapshotSource,
    DblpSource,
    DblpSparqlSource,
    DemoSource,
    FilesSource,
    PdfsSource,
    PmlrSource,
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
