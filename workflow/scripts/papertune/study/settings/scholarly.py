"""Settings of the scholarly APIs: to list a venue's papers of a year, and to look up abstracts.

API keys are no settings: they come from the environment only (``OPENALEX_API_KEY``,
``S2_API_KEY``) and enter no identity.
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from papertune.study.settings.base import Like, Settings
from papertune.study.settings.listings import ListedSource

ARXIV = "https://export.arxiv.org/api/query"
OPENALEX = "https://api.openalex.org"
CROSSREF = "https://api.crossref.org"
SEMANTIC_SCHOLAR = "https://api.semanticscholar.org/graph/v1"
Url = Annotated[str, AfterValidator(lambda url: url.rstrip("/"))]
Issn = Annotated[str, Like(re.compile(r"^(?:\d{4}-\d{3}[\dXx])?$"), "an ISSN such as 0163-5964")]
Category = Annotated[
    str,
    Like(re.compile(r"^(?:[A-Za-z-]+(?:\.[A-Za-z*-]+)?)?$"), "a category of arXiv such as cs.AR"),
]
Venue = Annotated[str, Like(re.compile(r"^(?:[Ss]\d+)?$"), "an id of OpenAlex such as S1983995261")]


class ArxivSource(ListedSource):
    """arXiv's API: the papers of a year in a category, or that match a query.

    ``{year}`` in the query stands for the year; a query without it is limited to papers that were
    first submitted in the year.
    """

    lister = "papertune.collect.listings.arxiv:list_documents"
    some_of = ("query", "category")
    kind: Literal["arxiv"]
    query: str = Field("", description='query in arXiv\'s syntax: abs:"branch prediction"')
    category: Category = Field(
        "", examples=["cs.AR"], description="arXiv's category, such as cs.AR; empty: any"
    )
    url: Url = Field(ARXIV, description="address of the service")


class OpenAlexSource(ListedSource):
    """OpenAlex: the works of one source (journal, conference series) and year.

    The source is given by its OpenAlex id, its ISSN or its name. $OPENALEX_API_KEY is used where
    it is set.
    """

    lister = "papertune.collect.listings.openalex:list_documents"
    one_of = ("source", "issn", "venue")
    kind: Literal["openalex"]
    source: Venue = Field("", description="OpenAlex id of the venue: S1983995261")
    issn: Issn = Field("", description="ISSN of the venue; empty: chosen by another key")
    venue: str = Field("", description="the name as OpenAlex spells it, or an abbreviation of it")
    url: Url = Field(OPENALEX, description="address of the service")


class CrossrefSource(ListedSource):
    """Crossref: the works of one journal, book series or conference and year.

    ``{year}`` in ``container_title`` and ``event`` stands for the year. ``event`` is matched as a
    part of the conference's name.
    """

    lister = "papertune.collect.listings.crossref:list_documents"
    one_of = ("issn", "container_title", "event")
    kind: Literal["crossref"]
    issn: Issn = Field("", description="ISSN of the venue; empty: chosen by another key")
    container_title: str = Field("", description="the exact title of the journal or proceedings")
    event: str = Field("", description="a part of the conference's name")
    types: list[str] = Field(
        ["journal-article", "proceedings-article", "posted-content", "book-chapter"],
        min_length=1,
        description="Crossref's types of works that count as papers",
    )
    url: Url = Field(CROSSREF, description="address of the service")


class SemanticScholarSource(ListedSource):
    """Semantic Scholar: the papers of one venue and year. $S2_API_KEY is used where it is set."""

    lister = "papertune.collect.listings.semantic_scholar:list_documents"
    kind: Literal["semantic_scholar"]
    venue: str = Field(min_length=1, description="name or ISO 4 abbreviation of the venue")
    query: str = Field("", description="only papers whose title or abstract has these words")
    url: Url = Field(SEMANTIC_SCHOLAR, description="address of the service")


class Lookups(Settings):
    """Where single abstracts are looked up, and how similar titles must be."""

    arxiv: Url = Field(ARXIV, description="address of arXiv's API")
    openalex: Url = Field(OPENALEX, description="address of OpenAlex's API")
    crossref: Url = Field(CROSSREF, description="address of Crossref's API")
    semantic_scholar: Url = Field(SEMANTIC_SCHOLAR, description="address of Semantic Scholar's API")
    by_title: bool = Field(False, description="search for the title where no identifier is known")
    title_match: float = Field(0.9, gt=0, le=1, description="least similarity of a found title")
