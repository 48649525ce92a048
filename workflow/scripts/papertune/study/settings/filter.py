"""Settings of the filter that tells a study's questions from others."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from papertune.study.settings.base import Commit, Name, OnHub, Settings, Writers


class UnrelatedRows(Settings):
    """Unrelated questions in the rows of a table."""

    column: str = Field("question", min_length=1, description="column of the questions")
    group: str = Field(
        "", description="column of groups that stay in one fold; empty: each row is a group"
    )
    where: dict[str, str | int | float | bool] = Field({}, description="row filter: column → value")
    limit: int | None = Field(None, ge=1, description="questions, first rows first; null: all")


class UnrelatedTable(UnrelatedRows):
    """A local CSV, TSV, JSONL, JSON or Parquet file."""

    kind: Literal["table"]
    path: str = Field(
        min_length=1, description="local table of questions: CSV, TSV, JSONL, JSON or Parquet"
    )

    @property
    def file(self) -> Path:
        """Path of the table."""
        return Path(self.path)


class UnrelatedDataset(UnrelatedRows):
    """A dataset on the Hugging Face Hub."""

    kind: Literal["hub_dataset"]
    dataset: OnHub = Field(description="the dataset on the Hub, owner/name")
    revision: Commit = Field(description="a commit, 40 hex digits")
    config: str = Field("", description="configuration of the dataset; empty: its default")
    split: str = Field("train", description="split of the dataset that is read")


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
    """The questions that train the filter, and the precision that it has to reach."""

    fewest: ClassVar[int] = 10  # documents of each class; fewer are too few to measure anything

    questions: Writers = Field(
        "", description="generators of the study's questions; empty: those of dataset"
    )
    against: Unrelated = Field(description="the unrelated questions")
    precision: float = Field(
        0.95, gt=0, le=1, description="precision to reach: share of the study's among what passes"
    )
    folds: int = Field(5, ge=2, le=10, description="folds of the cross-validation, by document")

    @property
    def documents(self) -> int:
        """Documents that each class needs, so that every fold, inner ones too, has both classes."""
        return max(self.fewest, 2 * self.folds)
