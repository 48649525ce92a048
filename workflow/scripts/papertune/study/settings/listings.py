"""Settings of scholarly listings that are no search APIs: DBLP's other doors, ACL, BibTeX."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from papertune.study.settings.base import Settings

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Stream = Annotated[str, StringConstraints(pattern=r"^(conf|journals|series|repo)/[\w+.-]+$")]


class DblpSparqlSource(Settings):
    """DBLP's SPARQL endpoint: streams (``conf/isca``), venues (``ISCA``), or a query of one's own."""

    kind: Literal["dblp_sparql"]
    streams: list[Stream] = []
    venues: list[Text] = []
    query: str = ""
    url: str = "https://sparql.dblp.org/sparql"

    @model_validator(mode="after")
    def _one_question(self) -> DblpSparqlSource:
        given = [name for name in ("streams", "venues", "query") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(
                "give one of streams (such as conf/isca), venues (such as ISCA) and query, "
                f"not {' and '.join(given) or 'none'}"
            )
        return self


class DblpSnapshotSource(Settings):
    """A snapshot of DBLP on disk (``dblp.xml`` or ``dblp.xml.gz``) and the keys wanted of it."""

    kind: Literal["dblp_snapshot"]
    path: Text
    keys: list[Text] = Field(min_length=1)


class AclXmlSource(Settings):
    """An XML file of the ACL Anthology, local or under a url; ``{year}`` stands for the year."""

    kind: Literal["acl_xml"]
    path: Text
    volumes: list[Text] = []
    url: str = "https://aclanthology.org/"


class AclSource(Settings):
    """A volume's or an event's page of the ACL Anthology; ``{year}`` stands for the year."""

    kind: Literal["acl"]
    url: Text
    volumes: list[Text] = []


class BibtexSource(Settings):
    """BibTeX files; ``{year}`` in a path stands for the year, if it is there."""

    kind: Literal["bibtex"]
    paths: list[Text] = Field(min_length=1)
