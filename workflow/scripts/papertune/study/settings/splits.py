"""What trains and what tests: years or shares of documents, and pairs that are held out of training."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from papertune.study.settings.base import Settings, Years, added

# a file of listings or documents holds those of a year, or of this part where there are no years
Part = int | Literal["train", "test"]


SampleOf = Literal["year", "category"]


class Sample(Settings):
    """So many documents of each year, or of a part where there are no years: the first by id hash
    that have a text; or so many of each category of it. Validation is a share of the training ones.
    """

    some_of = ("train", "test")
    train: int | None = Field(None, ge=1, description="of each year that trains; all where null")
    test: int | None = Field(None, ge=1, description="of each year that tests; all where null")
    of: SampleOf = added("year", description="category: so many of each category of a year")


class Splits(Settings):
    """Documents are split by year, or ``test`` is a share of them, by id hash.

    Validation is a share of the training documents, by id hash. What is ``held_out`` is a share of the
    pairs about the others, by their id hash, for test sets about documents that train.
    """

    train: Years | None = Field(
        None,
        description=(
            "years whose documents train, from and to included; null where documents have no years"
        ),
    )
    test: Years | Annotated[float, Field(gt=0, lt=1)] = Field(
        description=(
            "years whose documents test, or the share of documents that do, chosen by a hash "
            "of their id"
        ),
    )
    validation: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="share of the training documents that validate, chosen by a hash of their id",
    )
    sample: Sample | None = added(None, description="so many documents of each year, not all")
    held_out: float = added(
        0.0, ge=0, lt=1, description="share of pairs about training documents that do not train"
    )

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if isinstance(self.test, Years) != isinstance(self.train, Years):
            how = "give years to both train and test"
            raise ValueError(f"train: {how}; where test is a share of all, leave train away")
        if isinstance(self.test, Years) and self.train:
            both = sorted({*self.train.span()} & {*self.test.span()})
            if both:
                some = f"{both[0]}–{both[-1]}"
                raise ValueError(f"train and test overlap in {some}; a document is of one split")
        return self
