"""Every kind of source, told apart by ``kind``: the only registry.

A new kind is a class of settings that names its lister, in this union.
"""

from typing import Annotated

from pydantic import Field

from papertune.study.settings import listings, qa, scholarly

Source = Annotated[
    listings.DemoSource
    | listings.DblpSource
    | listings.DblpApiSource
    | listings.DblpSparqlSource
    | listings.DblpSnapshotSource
    | listings.PmlrSource
    | listings.AclSource
    | listings.AclXmlSource
    | scholarly.ArxivSource
    | scholarly.OpenAlexSource
    | scholarly.CrossrefSource
    | scholarly.SemanticScholarSource
    | listings.BibtexSource
    | listings.FilesSource
    | listings.PdfsSource
    | qa.StackExchangeSource
    | qa.StackDumpSource
    | qa.WikipediaSource
    | qa.PairsSource
    | qa.HubDatasetSource,
    Field(discriminator="kind"),
]
