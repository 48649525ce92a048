"""Paths of the questions that an experiment's models are asked, and of their answers."""

from collections.abc import Iterable
from dataclasses import dataclass

from papertune.study.experiment import Experiment
from papertune.study.probes import picked_from, probe_sets


@dataclass(frozen=True, slots=True)
class Asked:
    """Paths of test sets and probes, and of stages by (model, seed, test set)."""

    name: str
    experiment: Experiment
    resources: str = "resources"  # the folder of what experiments share
    results: str = "results"  # the folder of all experiments' results

    @property
    def root(self) -> str:
        """The folder of all results."""
        return f"{self.results}/{self.name}"

    def questions(self, test_set: str) -> str:
        """The file of the pairs that a test set's questions come from."""
        one = self.experiment.sets[test_set]
        return f"{self.root}/datasets/{one.generator}/{one.split}.parquet"

    def test_sets(self) -> dict[str, str]:
        """Name → file of the questions of every test set."""
        return {name: self.test_set(name) for name in self.experiment.sets}

    def test_set(self, name: str) -> str:
        """The file of a test set's questions: all of a generator's split, or the chosen ones.

        Sets of probes are test sets, too.
        """
        if name in probe_sets(self.experiment):
            return f"{self.root}/probes/{name}.parquet"
        if self.experiment.sets[name].most is None:
            return self.questions(name)
        return f"{self.root}/test_sets/{name}.parquet"

    def probes(self) -> dict[str, str]:
        """Name → file of the sets of probes."""
        return {name: self.test_set(name) for name in probe_sets(self.experiment)}

    def rateable(self) -> dict[str, str]:
        """Name → file of the questions whose answers people may rate: probes and usual test sets."""
        return self.probes() | {name: self.test_set(name) for name in self.experiment.usual_sets}

    def picked(self, test_set: str) -> dict[str, str]:
        """Probe → file of the pairs that it picks from, for the probes of one set."""
        study = self.experiment
        return {
            name: f"{self.root}/datasets/{'/'.join(picked_from(study, probe))}.parquet"
            for name, probe in probe_sets(study)[test_set].items()
            if probe.pick
        }

    def ratings(self) -> dict[str, str]:
        """Name → file of what is computed from people's ratings of answers; empty without ratings."""
        if not self.experiment.ratings:
            return {}
        names = ("matrix", "agreement", "texts")
        found = {name: f"{self.root}/ratings/{name}.csv" for name in names}
        return found | {"rejected": f"{self.root}/rejected/ratings.jsonl"}

    def tables_of_probes(self) -> list[str]:
        """The tables of probes and ratings that the page shows."""
        names = [*["probes"] * bool(self.probes()), *["ratings"] * bool(self.ratings())]
        return [f"{self.root}/tables/{name}.csv" for name in names]

    def asked(self) -> list[str]:
        """The names of all sets that models are asked: test sets and probes."""
        return [*self.experiment.test_set_names, *self.probes()]

    def by_cell(self, stage: str) -> dict[tuple[str, int, str], str]:
        """(model, seed, test set) → file of a stage, ``answers`` or ``scores``."""
        return self._cells(stage, self.experiment.test_set_names)

    def of_probes(self, stage: str) -> dict[tuple[str, int, str], str]:
        """(model, seed, set of probes) → file of a stage."""
        return self._cells(stage, self.probes())

    def of_rateable(self, stage: str) -> dict[tuple[str, int, str], str]:
        """(model, seed, rateable set) → file of a stage."""
        return self._cells(stage, self.rateable())

    def _cells(self, stage: str, sets: Iterable[str]) -> dict[tuple[str, int, str], str]:
        study, names = self.experiment, list(sets)
        return {
            (model, seed, test_set): f"{self.root}/{stage}/{model}/seed-{seed}/{test_set}.jsonl"
            for model in study.models
            for seed in study.seeds_of(model)
            for test_set in names
        }
