"""Settings of the filter that tells a study's questions from others."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from papertune.study.settings.base import Commit, Name, OnHub, Settings, Writers


class UnrelatedRows(Settings):
    """Questions in rows of a table, none of which is the study's."""

    column: str = Field("question", min_length=1, description="the column that has the questions")
    group: str = Field(
        "", description="column whose equal values hang together; each row by itself where empty"
    )
    where: dict[str, str | int | float | bool] = Field({}, description="column → value of rows")
    limit: int | None = Field(None, ge=1, description="questions, from the beginning of the table")


class UnrelatedTable(UnrelatedRows):
    """A local CSV, TSV, JSONL, JSON or Parquet file."""

    kind: Literal["table"]
    path: str = Field(
        min_length=1, description="local table of questions: CSV, TSV, JSONL, JSON or Parquet"
    )

    @property
    def file(self) -> Path:
        """Where it lies."""
        return Path(self.path)


class UnrelatedDataset(UnrelatedRows):
    """A data set of the Hugging Face Hub."""

    kind: Literal["hub_dataset"]
    dataset: OnHub = Field(description="the data set on the Hub, owner/name")
    revision: Commit = Field(description="a commit, 40 hex digits")
    config: str = Field("", description="configuration of the data set; empty: its default")
    split: str = Field("train", description="split of the data set that is read")


class UnrelatedStudy(Settings):
    """The questions of one generator of another experiment."""

    kind: Literal["experiment"]
    experiment: Name = Field(description="name of the other experiment")
    generator: Name = Field(
        description="generator of the other experiment whose questions are taken"
    )
    split: Literal["train", "validation", "test"] = Field(
        "train", description="split of the other experiment whose questions are taken"
    )


Unrelated = Annotated[
    UnrelatedTable | UnrelatedDataset | UnrelatedStudy, Field(discriminator="kind")
]


class QuestionFilter(Settings):
    """What it is learned from, and how sure it has to be."""

    fewest: ClassVar[int] = 10  # documents of each side; of fewer nothing can be told

    questions: Writers = Field(
        "", description="generators whose questions are the study's; those of dataset where empty"
    )
    against: Unrelated = Field(description="questions that are none of the study's")
    precision: float = Field(
        0.95, gt=0, le=1, description="wanted share of the study's among questions that pass"
    )
    folds: int = Field(5, ge=2, le=10, description="of cross-validation, by documents")

    @property
    def documents(self) -> int:
        """How many each side needs, so that each fold of a fold's rest has some of both."""
        return max(self.fewest, 2 * self.folds)
