"""Settings of collecting: sources and how they are asked."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from papertune.study.settings.base import Settings, cosmetic
from papertune.study.settings.scholarly import Lookups


class DemoSource(Settings):
    """The built-in venue, served over HTTP on loopback by the jobs that need it."""

    kind: Literal["demo"]
    seed: int = 1
    papers_per_year: int = Field(12, ge=1)


class DblpSource(Settings):
    """DBLP's table-of-contents pages; ``{year}`` in the url stands for the year."""

    kind: Literal["dblp"]
    url: str


class DblpApiSource(Settings):
    """DBLP's search API (JSON); ``{year}`` in the query stands for the year."""

    kind: Literal["dblp_api"]
    query: str
    url: str = "https://dblp.org/search/publ/api"


class PmlrSource(Settings):
    """Volume pages of the Proceedings of Machine Learning Research: year → volume numbers."""

    kind: Literal["pmlr"]
    volumes: dict[int, list[int]]
    url: str = "https://proceedings.mlr.press/v{volume}/"


class FilesSource(Settings):
    """Local JSON, JSONL or CSV files; ``{year}`` in the path stands for the year, if it is there."""

    kind: Literal["files"]
    path: str


class PdfsSource(Settings):
    """A folder of PDFs, or a glob; ``{year}`` in the path stands for the year, if it is there.

    Without ``{year}`` the files are undated and listed with year 0.
    """

    kind: Literal["pdfs"]
    path: str
    part: Literal["whole", "abstract"] = "whole"
    max_pages: int = Field(60, ge=1, description="longer files are rejected")
    max_megabytes: float = Field(50.0, gt=0, description="larger files are rejected")
    max_seconds: float = cosmetic(60.0, gt=0, description="of reading one file")


Resolver = Literal["arxiv", "crossref", "openalex", "semantic_scholar", "landing", "browser"]


class Fetching(Settings):
    """Who is asked for texts, and how."""

    contact: str = cosmetic(
        "", description="e-mail or url in the User-Agent; else $PAPERTUNE_CONTACT"
    )
    delay: float = cosmetic(1.0, ge=0, description="seconds between two requests to one host")
    timeout: float = cosmetic(30.0, gt=0, description="seconds")
    retries: int = cosmetic(5, ge=0)
    max_megabytes: float = cosmetic(10.0, gt=0, description="larger responses are refused")
    resolvers: list[Resolver] = Field(
        ["arxiv", "crossref", "openalex", "landing", "browser"],
        min_length=1,
        description="who is asked for a document's text, one after the other",
    )
    lookups: Lookups = Lookups()
    hosts: int = cosmetic(8, ge=1, description="hosts that are asked at once, each at its own pace")
    allow_hosts: list[Annotated[str, Field(pattern=r"^[^/\s]+$")]] = cosmetic(
        [], description="hosts, or host:port, that may be asked though their address is private"
    )
    browsers: int = cosmetic(1, ge=1, description="browsers at once, over all jobs of the machine")
    browser_pages: int = cosmetic(200, ge=1, description="pages after which it starts afresh")
    browser_megabytes: int = cosmetic(
        2000, ge=200, description="memory beyond which a browser is ended and starts afresh"
    )
