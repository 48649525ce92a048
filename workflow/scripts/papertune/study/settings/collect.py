"""Settings of collecting: who is asked for texts, and how."""

from typing import Annotated, Literal

from pydantic import Field

from papertune.study.settings.base import Settings, cosmetic
from papertune.study.settings.scholarly import Lookups

Resolver = Literal["arxiv", "crossref", "openalex", "semantic_scholar", "landing", "browser"]


class Fetching(Settings):
    """Who is asked for texts, and how."""

    contact: str = cosmetic("", description="e-mail or url for servers; else $PAPERTUNE_CONTACT")
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
    browser_megabytes: int = cosmetic(2000, ge=200, description="beyond which it starts afresh")
