"""An experiment as a whole: its settings, checked together, and what rules ask of them."""

from collections.abc import Collection, Iterable
from string import Template
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from papertune.metrics import METRICS, metric_named
from papertune.metrics.form import companions
from papertune.study import settings
from papertune.study.baselines import baseline_of, with_baselines
from papertune.study.prompts import ANSWER_FIELDS, QUESTION, asking_template, read_template
from papertune.study.recipe import Recipe
from papertune.study.settings import Name, Settings, Training, Years, added, cosmetic, writers
from papertune.study.settings.notation import expand, nearest

# a file of listings or documents holds those of a year, or of this part where there are no years
Part = int | Literal["train", "test"]


class Sample(Settings):
    """So many documents of each year, or of a part where there are no years: the first by id hash
    that have a text. Validation is a share of the training ones.
    """

    some_of = ("train", "test")
    train: int | None = Field(None, ge=1, description="of each year that trains; all where null")
    test: int | None = Field(None, ge=1, description="of each year that tests; all where null")


class Splits(Settings):
    """Documents are split by year, or ``test`` is a share of them, by id hash.

    Validation is a share of the training documents, by id hash.
    """

    train: Years | None = None
    test: Years | Annotated[float, Field(gt=0, lt=1)]
    validation: float = Field(0.1, gt=0, lt=1)
    sample: Sample | None = added(None, description="so many documents of each year, not all")

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


class Experiment(Settings):
    """One study: one file ``config/experiments/<name>.yaml``."""

    title: str = cosmetic("")
    question: str = cosmetic("", description="what the study asks, shown on top of the report")
    source: settings.Source
    fetching: settings.Fetching = settings.Fetching()
    splits: Splits
    instruction: str = "Read the abstract and answer the question"
    prompt: str = Field("workflow/prompts/answer.txt", description="template of what a model reads")
    generators: dict[Name, settings.Generator] = Field(min_length=1)
    dataset: settings.Writers = Field(
        "", description="the generator whose pairs train, or several; the first where empty"
    )
    union: settings.HowMany = added(
        "equal",
        description="pairs of several writers: as many as the one with the fewest has, or all",
    )
    test_sets: list[str] = Field([], description="generators of test sets; all where it is empty")
    bases: dict[Name, settings.Base] = Field(min_length=1)
    training: Training = Training()
    models: dict[settings.ModelName, settings.Model] = Field(min_length=1)
    seeds: list[int] = Field([1], min_length=1)
    answering: settings.Answering = settings.Answering()
    embedder: settings.Embedder = settings.Embedder()
    embedders: dict[Name, settings.Embedder] = added(
        {}, description="further ones by name: each has a metric similarity@NAME"
    )
    metrics: list[str] = Field(["similarity", "bleu", "rouge_l", "token_f1"], min_length=1)
    comparison: settings.Comparison = settings.Comparison()
    published: list[settings.Published] = []
    export: list[str] = Field([], description="models to export; all trained ones where empty")
    compute: settings.Compute = settings.Compute()

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
        checks: list[tuple[str, Iterable[str], Collection[str]]] = [
            ("dataset", writers(self.dataset), generators),
            ("test_sets", self.test_sets, generators),
            ("metrics", self.metrics, self.metric_names),
            ("comparison.metric", {self.comparison.metric}, self.metrics),
            ("comparison.baseline", {self.comparison.baseline} - {""}, models),
            ("export", self.export, self.trained),
        ]
        for table in self.published:
            checks.append(("published.metric", {table.metric}, self.metric_names))
            checks.append(("published.test_set", {table.test_set}, generators))
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
                some = ", ".join(known)
                raise ValueError(f"{key}: {name!r} is none of {some}{nearest(name, known)}")
        self._check_documents()
        self._check_optimizers()
        return self

    @model_validator(mode="after")
    def _with_baselines(self) -> Self:
        """What has no baseline gets one, which stands before it."""
        found = with_baselines(self.models, self.bases, self.comparison.baseline)
        self.models.clear()
        self.models.update(found)
        return self

    def _check_documents(self) -> None:
        these = "documents of this source"
        if self.years and self.source.years == "none":
            how = "give test as a share, such as 0.2, and no train"
            raise ValueError(f"splits: {these} have no years; {how}")
        if not self.years and self.source.years == "needed":
            how = "give years to train and test"
            raise ValueError(f"splits.test: {these} are listed by year; {how}")
        for name, model in self.models.items():
            if model.subset and model.subset.top is not None and not self.source.has_scores:
                raise ValueError(
                    f"models.{name}.subset.top: {these} have no score; take first or fraction, or "
                    "name the source's column of scores (columns.score)"
                )

    def _check_optimizers(self) -> None:
        trained = {
            f"models.{m}": (self.models[m].method, self.training_of(m)) for m in self.trained
        }
        for name, base in self.bases.items():
            if base.pretrain:
                trained[f"bases.{name}.pretrain"] = ("pretrain", base.pretrain.training)
        for where, (method, training) in trained.items():
            # fsdp can cut up the state of these only
            if self.compute.shards_weights(method) and training.optimizer not in ("adamw", "sgd"):
                raise ValueError(
                    f"{where}: the state of the optimiser {training.optimizer} cannot be cut up for "
                    "compute.parallel: fsdp; take adamw or sgd, or ddp"
                )

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
        """What documents are listed by: years, else those to train with and those to test with."""
        return [*self.years] or ["train", "test"]

    def parts_of(self, split: str) -> list[Part]:
        """The parts whose documents can be in a split."""
        return [*self.years_of(split)] or ["test" if split == "test" else "train"]

    def sample_of(self, part: Part | str) -> int | None:
        """How many documents of a year, or part, are wanted; None for all."""
        if not self.splits.sample:
            return None
        tests = str(part) in map(str, self.parts_of("test"))
        return self.splits.sample.test if tests else self.splits.sample.train

    @property
    def trained(self) -> list[str]:
        """The models that are adapted at all."""
        return [name for name, model in self.models.items() if model.method != "baseline"]

    @property
    def test_set_names(self) -> list[str]:
        """The generators that write test sets."""
        return list(self.test_sets or self.generators)

    @property
    def scored(self) -> list[str]:
        """Every metric that answers are given: the chosen ones and what may stand beside any."""
        return list(dict.fromkeys(name for chosen in self.metrics for name in companions(chosen)))

    @property
    def compared(self) -> list[str]:
        """The chosen metrics and what stands beside the comparison's."""
        return list(dict.fromkeys([*self.metrics, *companions(self.comparison.metric)]))

    @property
    def metric_names(self) -> list[str]:
        """Every metric that there is, with those of this experiment's embedders."""
        by_meaning = [name for name, one in METRICS.items() if one.texts]
        return [*METRICS, *(f"{own}@{name}" for own in by_meaning for name in self.embedders)]

    def embedder_named(self, name: str) -> settings.Embedder:
        """The embedder of a name, the first one where it is empty."""
        return self.embedders[name] if name else self.embedder

    @property
    def judges(self) -> set[str]:
        """The names of embedders that choose checkpoints."""
        named = (self.training_of(name).judge for name in self.trained)
        return {name for name in named if name is not None}

    @property
    def scoring_embedders(self) -> dict[str, settings.Embedder]:
        """Name → embedder, of the metrics that compare texts in meaning."""
        by = dict.fromkeys(one.embedder for one in map(metric_named, self.scored) if one.texts)
        return {name: self.embedder_named(name) for name in by}

    def datasets_of(self, model: str) -> list[str]:
        """The generators whose pairs train a model."""
        chosen = self.models[model].dataset or self.dataset
        return writers(chosen) or [next(iter(self.generators))]

    def seeds_of(self, model: str) -> list[int]:
        """A baseline is not trained, so it has one seed only."""
        chosen = self.models[model]
        return [0] if chosen.method == "baseline" else list(chosen.seeds or self.seeds)

    def training_of(self, model: str) -> Training:
        """The experiment's hyperparameters with the model's own on top."""
        own = self.models[model].training.model_dump(exclude_unset=True)
        return self.training.model_copy(update=own)

    def recipe_of(self, model: str) -> Recipe:
        """All that makes a model besides its base, its data and its seed."""
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

    @property
    def reads_context(self) -> bool:
        """Whether every model is trained with the text that a question is about."""
        if "context" not in Template(read_template(self.prompt, ANSWER_FIELDS)).get_identifiers():
            return False
        forms = {self.models[name].examples.variant for name in self.trained}
        return forms <= {"prompt_qa", "chat"}

    def generator(self, name: str) -> settings.Generator:
        """A generator with the model itself where its file names a base, whose name is but a label."""
        try:
            return self.generators[name].with_base(self.bases)
        except ValueError as error:
            raise ValueError(f"generators.{name}.{error}") from None

    def generator_template(self, generator: str) -> str:
        """The text of the prompt that a generator's model reads; empty where it reads none."""
        return asking_template(self.generators[generator], f"generators.{generator}")

    def presentation(self) -> dict[str, Any]:
        """What tables, figures and the page show besides numbers, and captions say."""
        named = [*self.generators.items(), *self.models.items()]
        return {
            "title": self.title,
            "question": self.question,
            "labels": [(name, item.label) for name, item in named],
            "published": [table.model_dump() for table in self.published],
            "comparison": self.comparison.identity(),
        }

    def model_label(self, model: str) -> str:
        """The label of a model, its name where it has none."""
        return getattr(self.models.get(model), "label", "") or model

    def set_label(self, test_set: str) -> str:
        """The label of the generator that wrote a test set, its name where it has none."""
        return getattr(self.generators.get(test_set), "label", "") or test_set

    def baseline_of(self, model: str) -> str:
        """The model that one is held against; empty for those that others are held against."""
        return baseline_of(model, self.models, self.bases, self.comparison.baseline)

    @property
    def baselines(self) -> dict[str, str]:
        """Each model that is held against another, and that one."""
        return {name: other for name in self.models if (other := self.baseline_of(name))}

    @property
    def made(self) -> list[str]:
        """The baselines that the file does not name: only their names have a dot."""
        return [name for name in self.models if "." in name]
