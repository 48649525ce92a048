"""Where everything of an experiment lies; rules and scripts ask the same map."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from papertune.experiment import Experiment


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of an experiment, by year, by (generator, split), by (model, seed, test set).

    Args:
        name: The experiment's name.
        experiment: Its settings.
    """

    name: str
    experiment: Experiment

    @property
    def root(self) -> str:
        """The folder of all results."""
        return f"results/{self.name}"

    def by_year(self, stage: str, years: Iterable[int] | None = None) -> dict[int, str]:
        """Year → file of a stage (``listings``, ``documents``, ``missing`` …), of all years."""
        chosen = self.experiment.years if years is None else years
        return {year: f"{self.root}/{stage}/{year}.jsonl" for year in chosen}

    def documents(self, split: str | None = None) -> list[str]:
        """The documents of all years, or of the years of one split."""
        years = self.experiment.years_of(split) if split else None
        return list(self.by_year("documents", years).values())

    @property
    def generated(self) -> list[tuple[str, str]]:
        """(generator, split) of every dataset that models are trained on or tested with."""
        study = self.experiment
        tests = [(name, "test") for name in study.test_set_names]
        training = [
            (study.dataset_of(model), split)
            for model in self.trained
            for split in ("train", "validation")
        ]
        return sorted({*tests, *training})

    def by_split(self, stage: str) -> dict[tuple[str, str], str]:
        """(generator, split) → file of a stage (``pairs``, ``datasets``, ``rejected/pairs`` …)."""
        return {
            (generator, split): f"{self.root}/{stage}/{generator}/{split}.jsonl"
            for generator, split in self.generated
        }

    @property
    def trained(self) -> list[str]:
        """The models that are adapted at all."""
        models = self.experiment.models
        return [name for name in models if models[name].method != "baseline"]

    def models(self) -> dict[tuple[str, int], str]:
        """(model, seed) → folder of every trained model."""
        return {
            (model, seed): f"{self.root}/models/{model}/seed-{seed}"
            for model in self.trained
            for seed in self.experiment.seeds_of(model)
        }

    def by_cell(self, stage: str) -> dict[tuple[str, int, str], str]:
        """(model, seed, test set) → file of a stage, ``answers`` or ``scores``."""
        return {
            (model, seed, test_set): f"{self.root}/{stage}/{model}/seed-{seed}/{test_set}.jsonl"
            for model in self.experiment.models
            for seed in self.experiment.seeds_of(model)
            for test_set in self.experiment.test_set_names
        }
