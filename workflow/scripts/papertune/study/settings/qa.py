"""Settings of sources of questions and answers, of encyclopaedias and of ready-made pairs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from papertune.study.settings.base import Settings

Site = r"^[a-z0-9][a-z0-9.-]*$"
Code = Literal["remove", "reject"]


class StackExchangeSource(Settings):
    """Questions of a Stack Exchange site with their best answers, by the API, year by year."""

    kind: Literal["stack_exchange"]
    site: str = Field(pattern=Site, description="the API's name of the site: stackoverflow, math")
    tags: list[str] = Field([], description="a question has all of them")
    min_score: int = 1
    min_answer_score: int = 1
    limit: int | None = Field(None, ge=1, description="pairs of a year, best questions first")
    code: Code = Field("remove", description="or reject: no post with a code block is taken")
    url: str = "https://api.stackexchange.com/2.3"


class StackDumpSource(Settings):
    """Questions of a Stack Exchange data dump with their best answers."""

    kind: Literal["stack_dump"]
    path: str = Field(description="Posts.xml, or Posts.xml.gz, .bz2 or .xz")
    site: str = Field(pattern=Site, description="the dump's site: stackoverflow, math")
    tags: list[str] = Field([], description="a question has all of them")
    min_score: int = 1
    min_answer_score: int = 1
    limit: int | None = Field(None, ge=1, description="pairs of a year, best questions first")
    code: Code = Field("remove", description="or reject: no post with a code block is taken")


class WikipediaSource(Settings):
    """Pages of a Wikipedia, by titles and by categories. They have no year."""

    kind: Literal["wikipedia"]
    language: str = Field("en", pattern=r"^[a-z][a-z-]*$")
    titles: list[str] = []
    categories: list[str] = []
    depth: int = Field(0, ge=0, le=5, description="levels of subcategories")
    limit: int | None = Field(None, ge=1, description="pages, in the order of titles, categories")
    text: Literal["extracts", "html"] = "extracts"
    unit: Literal["page", "section"] = "page"
    skip: list[str] = Field([], description="headings of further sections that are left out")
    min_words: int = Field(20, ge=1, description="of a document; shorter ones are rejected")
    sentences: int | None = Field(None, ge=1, description="of a document, from its beginning")
    url: str = "https://{language}.wikipedia.org/w/api.php"

    @model_validator(mode="after")
    def _has_pages(self) -> WikipediaSource:
        if not self.titles and not self.categories:
            raise ValueError("name titles or categories")
        return self


class Columns(Settings):
    """Which column of a table is what; ``translation.en`` is a field within a column."""

    question: str
    answer: str
    context: str = Field("", description="stands before the question")
    title: str = ""
    year: str = ""
    score: str = ""
    id: str = ""


class PairsSource(Settings):
    """Ready-made pairs in a local CSV, TSV, JSONL, JSON or Parquet file.

    Undated, unless a column has the year or the path has ``{year}``.
    """

    kind: Literal["pairs"]
    path: str
    columns: Columns
    where: dict[str, str | int | float | bool] = Field(
        {}, description="column → value: other rows are passed over"
    )
    limit: int | None = Field(None, ge=1, description="pairs, from the beginning of the file")

    @property
    def dated(self) -> bool:
        """Whether pairs have years."""
        return bool(self.columns.year) or "{year}" in self.path


class HubDatasetSource(Settings):
    """Ready-made pairs in a data set of the Hugging Face Hub; undated without a year."""

    kind: Literal["hub_dataset"]
    dataset: str = Field(pattern=r"^[\w.-]+(/[\w.-]+)?$", description="owner/name")
    revision: str = Field(pattern=r"^[0-9a-f]{40}$", description="a commit, 40 hex digits")
    config: str = ""
    split: str = "train"
    columns: Columns
    where: dict[str, str | int | float | bool] = Field(
        {}, description="column → value: other rows are passed over"
    )
    limit: int | None = Field(None, ge=1, description="pairs, from the beginning of the split")

    @property
    def dated(self) -> bool:
        """Whether pairs have years."""
        return bool(self.columns.year)
