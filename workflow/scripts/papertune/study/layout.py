"""The paths of all files of an experiment, for rules and scripts alike."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain

from papertune.study.asked import Asked
from papertune.study.passing import runs_programs
from papertune.study.settings import (
    OpenAIGenerator,
    Part,
    TransformersGenerator,
    UnrelatedDataset,
    writers,
)
from papertune.study.settings.reproduction import Line
from papertune.study.tracking import Tracking


@dataclass(frozen=True, slots=True)
class Origin:
    """What a model's own files do not say: names in the experiment, and the origin of its base."""

    experiment: str = ""
    model: str = ""
    base: str = ""
    hub: str = ""  # the base's id on the Hub; empty for other bases
    revision: str = ""  # its commit
    scratch: bool = False  # the base was pre-trained here from random weights
    source: str = ""  # the kind of the documents' source
    dataset: str = ""  # the generators whose pairs train


@dataclass(frozen=True, slots=True)
class Layout(Asked):
    """The files of an experiment, by year, by (generator, split), by (model, seed, test set)."""

    def by_year(self, stage: str, parts: Iterable[Part] | None = None) -> dict[Part, str]:
        """Year (or part, where documents have none) → file of a stage, ``listings`` for example."""
        chosen = self.experiment.parts if parts is None else parts
        return {part: f"{self.root}/{stage}/{part}.jsonl" for part in chosen}

    def documents(self, split: str | None = None) -> list[str]:
        """The files of documents of all years, or of the years of one split."""
        parts = self.experiment.parts_of(split) if split else None
        return list(self.by_year("documents", parts).values())

    @property
    def generated(self) -> list[tuple[str, str]]:
        """(generator, split) of every dataset that models are trained on or tested with."""
        study = self.experiment
        found: set[tuple[str, str]] = {(one.generator, one.split) for one in study.sets.values()}
        for name in chain.from_iterable(map(study.datasets_of, study.trained)):
            found |= {(name, "train"), (name, "validation")}
        return sorted(found | set(self.filtered))

    @property
    def filtered(self) -> list[tuple[str, str]]:
        """(generator, split) of the study's questions that train the filter; empty without one.

        They are about training documents; pairs of a generator that trains nothing are all held out.
        """
        study = self.experiment
        if study.filter is None:
            return []
        names = writers(study.filter.questions or study.dataset) or [next(iter(study.generators))]
        return [(one, "train" if study.held_out(one) < 1 else "held_out") for one in names]

    def filter_pairs(self) -> list[str]:
        """The files of the study's questions that train the filter."""
        files = self.by_split("datasets")
        return [files[one] for one in self.filtered]

    def filter(self, name: str) -> str:
        """A file of the filter's folder."""
        return f"{self.root}/filter/{name}"

    def unrelated(self) -> list[str]:
        """The files of unrelated questions and of rejected rows, if these come from the Hub."""
        chosen = self.experiment.filter
        if chosen is None or not isinstance(chosen.against, UnrelatedDataset):
            return []
        return [self.filter("unrelated.jsonl"), self.filter_left_out()[0]]

    def filter_left_out(self) -> list[str]:
        """The files of questions that are left out of the filter's training, with reasons."""
        return [f"{self.root}/rejected/filter/{name}.jsonl" for name in ("unrelated", "questions")]

    def left_out(self) -> dict[str, str]:
        """Split → file of the documents that were removed from it as copies of training documents."""
        trained = any(split == "train" for _, split in self.generated)
        splits = ("validation", "test") if trained else ("test",)
        return {split: f"{self.root}/rejected/splits/{split}.jsonl" for split in splits}

    def leakage(self, name: str) -> str:
        """A file about test documents that may have been trained on."""
        return f"{self.root}/leakage/{name}"

    def training_pairs(self, *splits: str) -> list[str]:
        """The files of all training and validation pairs, or of the pairs of some splits."""
        found = self.by_split("datasets").items()
        return [path for (_, split), path in found if split in (splits or ("train", "validation"))]

    @property
    def corpus(self) -> str:
        """The file of this experiment's training text, for the pre-training of bases."""
        return f"{self.root}/corpus.jsonl"

    def corpora_of(self, base: str) -> list[str]:
        """The files of texts, besides documents, that a base is pre-trained on."""
        pretrain = self.experiment.bases[base].pretrain
        if pretrain is None:
            return []
        others = (replace(self, name=name).corpus for name in pretrain.corpus.experiments)
        return [*pretrain.corpus.files, *others]

    def corpora(self) -> list[str]:
        """The files of texts, besides documents, of all bases."""
        return list(dict.fromkeys(chain.from_iterable(map(self.corpora_of, self.experiment.bases))))

    def by_split(self, stage: str) -> dict[tuple[str, str], str]:
        """(generator, split) → file of a stage, ``datasets`` or ``rejected/pairs``."""
        ending = "parquet" if stage == "datasets" else "jsonl"
        return {one: f"{self.root}/{stage}/{'/'.join(one)}.{ending}" for one in self.generated}

    def reproduced(self, line: Line) -> list[str]:
        """The tables and figures shown beside a line of the reproduced report."""
        endings = {"tables": "json", "figures": "svg"}
        found = (one.partition("/") for one in line.ours)
        return [
            f"{self.root}/{kind}/{name}.{endings[kind]}"
            for kind, _, name in found
            if kind in endings
        ]

    def reproductions(self) -> list[str]:
        """The files that the page of reproduced reports needs from this experiment; maybe none."""
        if self.experiment.reproduces is None:
            return []
        every = chain.from_iterable(map(self.reproduced, self.experiment.reproduces.lines))
        return [f"{self.root}/made.json", *dict.fromkeys(every)]

    def trial_figures(self) -> dict[str, str]:
        """Name → file of the figures of a trial series; empty without one."""
        names = ("trials_metric", "trials_loss", "trials_steps", "trials_best")
        there = bool(self.experiment.trials)
        return {name: f"{self.root}/figures/{name}.svg" for name in names if there}

    def further_tables(self) -> dict[str, str]:
        """Name → file of the tables that only some experiments have."""
        study = self.experiment
        there = {
            "published": study.published,
            "knowledge": len(study.usual_sets) < len(study.sets),
            "programs": runs_programs(study),
            "filter": study.filter,
            "turns": study.talks,
        }
        return {name: f"{self.root}/tables/{name}.json" for name, one in there.items() if one}

    def cards(self) -> list[str]:
        """The cards of all datasets."""
        names = dict(self.generated)
        return [f"{self.root}/datasets/{name}/README.md" for name in names]

    def records(self) -> list[str]:
        """Folders of the datasets as chat records (user and assistant)."""
        return [f"{self.root}/records/{name}" for name in dict(self.generated)]

    def models(self) -> dict[tuple[str, int], str]:
        """(model, seed) → folder of every trained model."""
        study = self.experiment
        every = ((model, seed) for model in study.trained for seed in study.seeds_of(model))
        return {one: self.model(*one) for one in every}

    def exports(self) -> list[str]:
        """Folders of the models that are to be exported."""
        chosen, folder = self.experiment.export or self.experiment.trained, f"{self.root}/exports"
        return [f"{folder}/{model}/seed-{n}" for model, n in self.models() if model in chosen]

    def exported_scores(self, model: str, seed: int | str) -> dict[tuple[str, int, str], str]:
        """The scores on an exported model's card: its own, and those of the baseline."""
        baseline = self.experiment.baseline_of(model)
        return {
            cell: path
            for cell, path in self.by_cell("scores").items()
            if (cell[:2] == (model, int(seed)) or cell[0] == baseline)
            and cell[2] in self.experiment.usual_sets
        }

    def hub(self, model: str, revision: str) -> str:
        """The folder into which download_base puts a Hub model; without a revision, ``model`` itself."""
        path = f"{self.resources}/models/{model.replace('/', '--')}/{revision}"
        return path if revision else model

    def language_models(self) -> list[str]:
        """The folders of all models' bases and of generators' models."""
        study = self.experiment
        found = [*map(self.base, study.models), *map(self.generator_model, study.generators)]
        return [folder for folder in dict.fromkeys(found) if folder]

    def generator_model(self, generator: str) -> str | None:
        """The folder of a generator's model; None if it runs elsewhere or is known by name only."""
        chosen = self.experiment.generators[generator]
        if not (isinstance(chosen, TransformersGenerator | OpenAIGenerator) and chosen.has_folder):
            return None
        if base := chosen.base_in(self.experiment.bases):
            return self.base_named(base)
        return self.hub(chosen.model, chosen.revision)

    def runs_a_model(self, generator: str) -> bool:
        """Whether a generator's job runs a language model itself, or a server with one."""
        chosen = self.experiment.generators[generator]
        return chosen.backend == "transformers" or bool(getattr(chosen, "serve", ""))

    def base(self, model: str) -> str:
        """The folder of a model's base, wherever the base comes from."""
        return self.base_named(self.experiment.models[model].base)

    def base_named(self, name: str) -> str:
        """The folder of a base."""
        base = self.experiment.bases[name]
        if base.made:  # by the rule convert_base
            return f"{self.resources}/models/{base.made}"
        local = base.path or f"{self.root}/bases/{name}"
        return self.hub(base.hub or local, base.revision if base.hub else "")

    def model(self, model: str, seed: int | str) -> str:
        """A trained model's folder; for a baseline, which is not adapted, that of the base."""
        if self.experiment.models[model].method == "baseline":
            return self.base(model)
        return f"{self.root}/models/{model}/seed-{seed}"

    def origin(self, model: str) -> Origin:
        """The origin of a model, from the experiment."""
        study, name = self.experiment, self.experiment.models[model].base
        base = study.bases[name]
        return Origin(
            *(self.name, model, name, base.hub, base.revision),
            scratch=base.pretrain is not None,
            source=study.source.kind,
            dataset=", ".join(study.datasets_of(model)),
        )

    def tracking(self, trained: str) -> Tracking | None:
        """The tracker's run for a training; None without tracking."""
        tracker = self.experiment.tracking
        return Tracking(tracker, self.name, trained) if tracker else None

    def training_data(self, model: str, split: str) -> list[str]:
        """The files of one split of the datasets that a model is trained on."""
        names = self.experiment.datasets_of(model)
        return [f"{self.root}/datasets/{name}/{split}.parquet" for name in names]

    def corpus_documents(self, base: str) -> list[str]:
        """The documents that a base is pre-trained on: training documents only, never others."""
        pretrain = self.experiment.bases[base].pretrain
        return self.documents("train") if pretrain and pretrain.corpus.documents != "none" else []

    def judge(self, model: str) -> str | None:
        """The folder of the embedder that chooses a model's best checkpoint, if one does so."""
        name = self.experiment.training_of(model).judge
        return None if name is None else self.embedder(name)

    def embedder(self, name: str = "") -> str | None:
        """The folder of an embedder; None for one in a Python package."""
        chosen = self.experiment.embedder_named(name)
        return None if chosen.package else self.hub(chosen.model, chosen.revision)

    def scorers(self) -> dict[str, str]:
        """Name → folder of every embedder that answers are scored with and that has one."""
        names = self.experiment.scoring_embedders
        return {name: folder for name in names if (folder := self.embedder(name))}

    def neighbours_by(self) -> str | None:
        """The folder of the embedder that finds near neighbours: the first that scores."""
        return self.scorers().get(next(iter(self.experiment.scoring_embedders), ""))

    def embedders(self) -> dict[str, str]:
        """Name → folder of every embedder: those that score, and those that choose checkpoints."""
        judging = ((name, self.embedder(name)) for name in sorted(self.experiment.judges))
        return self.scorers() | {name: folder for name, folder in judging if folder}
