"""An experiment as a whole: its settings, checked together, and what rules ask of them."""

from collections.abc import Collection, Iterable
from functools import cached_property
from string import Template
from typing import Any, Self

from pydantic import model_validator

from papertune.metrics import METRICS, metric_named
from papertune.metrics.form import companions, well_formed
from papertune.study import settings
from papertune.study.baselines import baseline_of, with_baselines
from papertune.study.checks import check_optimizers, check_subsets
from papertune.study.passing import check_samples
from papertune.study.probes import WITHOUT_TEXT, check_probes, probe_sets
from papertune.study.prompts import ANSWER_FIELDS, QUESTION, asking_template, read_template
from papertune.study.recipe import Recipe
from papertune.study.sections import Sections
from papertune.study.settings import (
    TestSet,
    Training,
    writers,
)
from papertune.study.settings.notation import expand, nearest
from papertune.study.test_sets import check_test_sets


class Experiment(Sections):
    """One study: one file ``config/experiments/<name>.yaml``."""

    @model_validator(mode="before")
    @classmethod
    def _plain_models(cls, values: Any) -> Any:
        """Trial series and sweeps become plain models before anything is checked."""
        if isinstance(values, dict) and isinstance(values.get("models"), dict):
            return {**values, "models": expand(values["models"])[0]}
        return values

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        generators, models = self.generators, self.models
        metric = self.comparison.metric
        compared = {metric} if "metric" in self.comparison.model_fields_set else ()
        checks: list[tuple[str, Iterable[str], Collection[str]]] = [
            ("dataset", writers(self.dataset), generators),
            ("test_sets", [one.generator for one in self.sets.values()], generators),
            ("metrics", self.metrics, self.metric_names),
            ("comparison.metric", compared, self.metrics),
            ("comparison.baseline", {self.comparison.baseline} - {""}, models),
            ("export", self.export, self.trained),
            ("filter.questions", writers(self.filter.questions) if self.filter else (), generators),
        ]
        for table in self.published:
            checks.append(("published.metric", {table.metric}, self.metric_names))
            checks.append(("published.test_set", {table.test_set}, self.sets))
            checks.append(("published.values", table.values, models))
        for name in generators:
            self.generator(name)
        for name, model in models.items():
            checks.append((f"models.{name}.base", {model.base}, self.bases))
            judge = self.training_of(name).judge
            by = {judge} if judge else set()
            checks.append((f"models.{name}.training.best_by", by, self.embedders))
            checks.append((f"models.{name}.dataset", writers(model.dataset), generators))
        for key, names, known in checks:
            for name in sorted({*names}.difference(known)):
                some = (
                    f"is none of {', '.join(known)}" if known else "does not exist, nor any other"
                )
                raise ValueError(f"{key}: {name!r} {some}{nearest(name, known)}")
        if metric not in self.metrics:
            how = f"add it, or write comparison: {{metric: {self.metrics[0]}}}"
            raise ValueError(
                f"metrics: models are compared by {metric}, which is not among them; {how}"
            )
        check_subsets(self)
        check_test_sets(self)
        check_probes(self)
        check_optimizers(self)
        check_samples(self)
        return self

    @model_validator(mode="after")
    def _with_baselines(self) -> Self:
        """Add a baseline before each model that has none."""
        found = with_baselines(self.models, self.bases, self.comparison.baseline)
        self.models.clear()
        self.models.update(found)
        return self

    @property
    def trained(self) -> list[str]:
        """The names of the trained models: all but baselines."""
        return [name for name, model in self.models.items() if model.method != "baseline"]

    @property
    def trials(self) -> list[str]:
        """The trained models of a series: those with ``after``, and the models that they come after."""
        linked = {model.after for model in self.models.values()} - {""}
        after = {name for name, model in self.models.items() if model.after}
        return [name for name in self.trained if name in linked | after] if after else []

    @property
    def talks(self) -> bool:
        """Whether test pairs may be turns of conversations."""
        told = bool(getattr(getattr(self.source, "columns", None), "messages", ""))
        writers = (self.generators[one.generator] for one in self.sets.values())
        return any(getattr(one, "follow_ups", told and one.backend == "source") for one in writers)

    @cached_property
    def sets(self) -> dict[str, TestSet]:
        """Name → test set; a name alone stands for the questions of the generator of that name."""
        if not isinstance(self.test_sets, dict):
            return {name: TestSet(generator=name) for name in self.test_sets or self.generators}
        return {
            name: one if one.generator else one.model_copy(update={"generator": name})
            for name, one in self.test_sets.items()
        } or {name: TestSet(generator=name) for name in self.generators}

    @property
    def test_set_names(self) -> list[str]:
        """The names of all test sets."""
        return list(self.sets)

    @property
    def usual_sets(self) -> list[str]:
        """The test sets about documents that no model saw, asked with their text."""
        return [name for name, one in self.sets.items() if one.usual]

    def held_out(self, generator: str) -> float:
        """Share of a generator's pairs about training documents that does not train."""
        trains = any(generator in self.datasets_of(model) for model in self.trained)
        return self.splits.held_out if trains else 1.0

    @property
    def scored(self) -> list[str]:
        """Every metric that answers are scored by: the chosen ones and their companions."""
        return list(dict.fromkeys(name for chosen in self.metrics for name in companions(chosen)))

    @property
    def compared(self) -> list[str]:
        """The chosen metrics, and the companions of the one that is compared."""
        form = (name for chosen in self.metrics for name in well_formed(chosen))
        return list(dict.fromkeys([*self.metrics, *companions(self.comparison.metric), *form]))

    @property
    def metric_names(self) -> list[str]:
        """All known metrics, with those of this experiment's embedders."""
        by_meaning = [name for name, one in METRICS.items() if one.texts]
        of_these = [f"{own}@{name}" for own in by_meaning for name in self.embedders]
        return [name for name, one in METRICS.items() if not one.by_people] + of_these

    def embedder_named(self, name: str) -> settings.Embedder:
        """The embedder of a name; empty: the experiment's ``embedder``."""
        return self.embedders[name] if name else self.embedder

    @property
    def judges(self) -> set[str]:
        """The names of embedders that choose checkpoints."""
        named = (self.training_of(name).judge for name in self.trained)
        return {name for name in named if name is not None}

    @property
    def scoring_embedders(self) -> dict[str, settings.Embedder]:
        """Name → embedder of the metrics that compare meanings."""
        by = dict.fromkeys(one.embedder for one in map(metric_named, self.scored) if one.texts)
        return {name: self.embedder_named(name) for name in by}

    def datasets_of(self, model: str) -> list[str]:
        """The generators whose pairs train a model."""
        chosen = self.models[model].dataset or self.dataset
        return writers(chosen) or [next(iter(self.generators))]

    def seeds_of(self, model: str) -> list[int]:
        """The seeds of a model; a baseline is not trained, so it has only seed 0."""
        chosen = self.models[model]
        return [0] if chosen.method == "baseline" else list(chosen.seeds or self.seeds)

    def training_of(self, model: str) -> Training:
        """The hyperparameters of a model: its own, else the experiment's."""
        own = self.models[model].training.model_dump(exclude_unset=True)
        return self.training.model_copy(update=own)

    def recipe_of(self, model: str) -> Recipe:
        """Everything that makes a model besides its base, its data and its seed."""
        chosen = self.models[model]
        return Recipe(
            **{name: getattr(chosen, name) for name in ("method", "examples", *settings.PARTS)},
            training=self.training_of(model),
            prompt=self.answer_template(model),
            union=(chosen.union or self.union) if len(self.datasets_of(model)) > 1 else "",
            embedder=self.embedder_named(self.training_of(model).judge or ""),
            sharded=self.compute.shards_weights(chosen.method),
        )

    def answer_template(self, model: str) -> str:
        """The text of the prompt that a model answers and is trained with."""
        if self.models[model].examples.asked == "question":
            return QUESTION
        return read_template(self.prompt, ANSWER_FIELDS)

    def asked_template(self, test_set: str, model: str = "") -> str:
        """The text of the prompt in which a model is asked the questions of a test set."""
        if test_set in probe_sets(self):
            return QUESTION if test_set == WITHOUT_TEXT else self.answer_template(model)
        one = self.sets[test_set]
        if one.book == "open" and not one.prompt:
            return self.answer_template(model) if model else ""
        template = read_template(one.prompt, ANSWER_FIELDS) if one.prompt else QUESTION
        if one.book == "closed" and "context" in Template(template).get_identifiers():
            shown = "a closed book leaves out the text; take $context out of the prompt"
            raise ValueError(f"test_sets.{test_set}.prompt: {shown}")
        return template

    @property
    def reads_context(self) -> bool:
        """Whether every model is trained with the text that a question is about."""
        if "context" not in Template(read_template(self.prompt, ANSWER_FIELDS)).get_identifiers():
            return False
        forms = {self.models[name].examples.variant for name in self.trained}
        return forms <= {"prompt_qa", "chat"}

    def generator(self, name: str) -> settings.Generator:
        """A generator; the name of a base in it, a mere label, is replaced by the model itself."""
        try:
            return self.generators[name].with_base(self.bases)
        except ValueError as error:
            raise ValueError(f"generators.{name}.{error}") from None

    def generator_template(self, generator: str) -> str:
        """The text of the prompt that a generator's model reads; empty where it reads none."""
        return asking_template(self.generators[generator], f"generators.{generator}")

    def presentation(self) -> dict[str, Any]:
        """What tables, figures, captions and the page show besides numbers."""
        named = [*self.generators.items(), *self.models.items(), *self.probes.items()]
        return {
            "title": self.title,
            "question": self.question,
            "labels": [(name, item.label) for name, item in named],
            "published": [table.model_dump() for table in self.published],
            "comparison": self.comparison.identity(),
        }

    def model_label(self, model: str) -> str:
        """The label of a model, else its name."""
        return getattr(self.models.get(model), "label", "") or model

    def set_label(self, test_set: str) -> str:
        """The label of a test set, else that of the generator that wrote it and what it is about."""
        one = self.sets[test_set]
        return one.label_of(self.writer_label(one.generator))

    def writer_label(self, generator: str) -> str:
        """The label of a generator, else its name."""
        return self.generators[generator].label or generator

    def baseline_of(self, model: str) -> str:
        """The baseline of a model; empty for the baselines themselves."""
        return baseline_of(model, self.models, self.bases, self.comparison.baseline)

    @property
    def baselines(self) -> dict[str, str]:
        """Model → its baseline, for the models that have one."""
        return {name: other for name in self.models if (other := self.baseline_of(name))}

    @property
    def made(self) -> list[str]:
        """The automatic baselines: only their names have a dot."""
        return [name for name in self.models if "." in name]
