"""Settings of the documents of an experiment: their source, and how they are listed and split."""

from typing import Self

from pydantic import Field, model_validator

from papertune.study import settings
from papertune.study.settings import Part, Settings, Splits, Years, cosmetic


class Documents(Settings):
    """The part of an experiment that describes its documents."""

    title: str = cosmetic("", description="title of the report; empty: the experiment's name")
    question: str = cosmetic("", description="what the study asks, shown on top of the report")
    source: settings.Source = Field(description="where documents come from")
    fetching: settings.Fetching = Field(
        settings.Fetching(), description="how texts that listings lack are fetched from the web"
    )
    splits: Splits = Field(
        description="which years, or which share of the documents, train and which test"
    )
    expected: int | None = cosmetic(
        None, ge=1, description="number of documents, for estimates until they are listed"
    )

    @model_validator(mode="after")
    def _have_years_or_none(self) -> Self:
        these = "documents of this source"
        if self.years and self.source.years == "none":
            how = "give test as a share, such as 0.2, and no train"
            raise ValueError(f"splits: {these} have no years; {how}")
        if not self.years and self.source.years == "needed":
            how = "give years to train and test"
            raise ValueError(f"splits.test: {these} are listed by year; {how}")
        if self.categories_sampled and not self.source.has_categories:
            how = "if the source has columns, name that of the category (source.columns.category)"
            raise ValueError(f"splits.sample.of: {these} have no category; {how}")
        return self

    @property
    def years(self) -> list[int]:
        """Every year, in order; none where documents are not split by year."""
        return sorted({*self.years_of("train"), *self.years_of("test")})

    def years_of(self, split: str) -> list[int]:
        """The years whose documents can be in a split."""
        years = self.splits.test if split == "test" else self.splits.train
        return years.span() if isinstance(years, Years) else []

    @property
    def parts(self) -> list[Part]:
        """The parts that documents are listed by: years, else train and test."""
        return [*self.years] or ["train", "test"]

    def parts_of(self, split: str) -> list[Part]:
        """The parts whose documents can be in a split."""
        return [*self.years_of(split)] or ["test" if split == "test" else "train"]

    @property
    def categories_sampled(self) -> bool:
        """Whether the sample is per category, not per year or part."""
        return bool(self.splits.sample and self.splits.sample.of == "category")

    def most_of(self, part: Part | str) -> int | None:
        """Largest number of documents of a year or part; None where its sample does not tell."""
        return None if self.categories_sampled else self.sample_of(part)

    def sample_of(self, part: Part | str) -> int | None:
        """Sample size of a year or part, or of each category in it; None: all documents."""
        if not self.splits.sample:
            return None
        tests = str(part) in map(str, self.parts_of("test"))
        return self.splits.sample.test if tests else self.splits.sample.train

    def expected_in(self, part: Part | str) -> float | None:
        """Expected number of documents of a year or part; None without ``expected``."""
        if self.expected is None:
            return None
        if self.years:
            return self.expected / len(self.years)
        share = self.splits.test if isinstance(self.splits.test, float) else 0.0
        return self.expected * (share if part == "test" else 1 - share)
