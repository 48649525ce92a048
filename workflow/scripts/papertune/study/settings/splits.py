"""Settings of the splits: years or shares of documents, and pairs held out of training."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from papertune.study.settings.base import Settings, Years, added

# listings and documents have a file per year, or per part where there are no years
Part = int | Literal["train", "test"]


SampleOf = Literal["year", "category"]


class Sample(Settings):
    """A number of documents of each year (or part, where there are no years), or of each category
    in it: the first by id hash that have a text. Validation is a share of the training sample.
    """

    some_of = ("train", "test")
    train: int | None = Field(None, ge=1, description="documents per training year; null: all")
    test: int | None = Field(None, ge=1, description="documents per test year; null: all")
    of: SampleOf = added("year", description="category: so many of each category in a year")


class Splits(Settings):
    """Documents are split by year, or ``test`` is a share of them, by id hash.

    Validation is a share of the training documents, by id hash. ``held_out`` is a share of the pairs
    about the rest of these, by id hash, for test sets about documents that train.
    """

    train: Years | None = Field(
        None,
        description=(
            "years whose documents train, from and to included; null where documents have no years"
        ),
    )
    test: Years | Annotated[float, Field(gt=0, lt=1)] = Field(
        description="years whose documents test, or the share of documents that test, by id hash",
    )
    validation: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="share of the training documents that validate, by id hash",
    )
    sample: Sample | None = added(None, description="a sample of each year's documents; null: all")
    held_out: float = added(
        0.0, ge=0, lt=1, description="share of pairs about training documents that do not train"
    )

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if isinstance(self.test, Years) != isinstance(self.train, Years):
            how = "give years to both train and test"
            raise ValueError(f"train: {how}; where test is a share of all, leave out train")
        if isinstance(self.test, Years) and self.train:
            both = sorted({*self.train.span()} & {*self.test.span()})
            if both:
                some = f"{both[0]}–{both[-1]}"
                raise ValueError(f"train and test overlap in {some}; a document has one split")
        return self
