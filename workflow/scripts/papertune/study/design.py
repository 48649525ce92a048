"""The settings of an experiment that decide how its scores are compared."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from papertune.study.experiment import Experiment
from papertune.study.settings import Comparison


@dataclass(frozen=True, slots=True)
class Design:
    """Which models are compared with which baselines, by which metrics."""

    metrics: Sequence[str]
    baselines: Mapping[str, str]  # model → its baseline; baselines have none
    trained: Collection[str]  # the models that were trained, whose results vary with the seed
    writers: Mapping[str, Sequence[str]]  # trained model → the writers of its training pairs
    comparison: Comparison
    sets: Mapping[str, str]  # test set about documents that no model saw → who wrote its questions

    @classmethod
    def of(cls, experiment: Experiment) -> Self:
        """The design of an experiment with all its models."""
        trained = experiment.trained
        return cls(
            experiment.compared,
            experiment.baselines,
            trained,
            {model: experiment.datasets_of(model) for model in trained},
            experiment.comparison,
            {name: experiment.sets[name].generator for name in experiment.usual_sets},
        )

    def own_sets(self, model: str) -> list[str]:
        """The test sets by writers of a model's training pairs."""
        mine = self.writers.get(model, ())
        return [name for name, writer in self.sets.items() if writer in mine]

    @property
    def alpha(self) -> float:
        """The significance level: how often a star may appear without a true difference."""
        return 1 - self.comparison.confidence
