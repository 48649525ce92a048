"""An experiment: one settings file, loaded, checked as a whole, and the questions rules ask of it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, model_validator

from papertune.errors import SettingsError
from papertune.settings import (
    NAME,
    Answering,
    Base,
    Comparison,
    Compute,
    Embedder,
    Fetching,
    Generator,
    Model,
    Name,
    Published,
    Settings,
    Source,
    Training,
    Years,
    cosmetic,
)

METRICS = (
    "similarity",
    "bleu",
    "corpus_bleu",
    "rouge_l",
    "token_f1",
    "exact_match",
    "perplexity",
    "repetition",
)
SPLITS = ("train", "validation", "test")


class Splits(Settings):
    """Documents are split by year; validation is a share of the training documents, by id hash."""

    train: Years
    test: Years
    validation: float = Field(0.1, gt=0, lt=1)

    @model_validator(mode="after")
    def _apart(self) -> Splits:
        shared = sorted(set(self.train.span()) & set(self.test.span()))
        if shared:
            raise ValueError(
                f"train and test overlap in {shared[0]}–{shared[-1]}; a document belongs to one split"
            )
        return self


class Experiment(Settings):
    """One study: one file ``config/experiments/<name>.yaml``."""

    title: str = cosmetic("")
    question: str = cosmetic("", description="what the study asks, shown on top of the report")
    source: Source
    fetching: Fetching = Fetching()
    splits: Splits
    instruction: str = "Read the abstract and answer the question"
    prompt: str = Field("workflow/prompts/answer.txt", description="template of what a model reads")
    generators: dict[Name, Generator] = Field(min_length=1)
    dataset: str = Field(
        "", description="the generator whose pairs train; the first where it is empty"
    )
    test_sets: list[str] = Field(
        [], description="generators that write test sets; all where it is empty"
    )
    bases: dict[Name, Base] = Field(min_length=1)
    training: Training = Training()
    models: dict[Name, Model] = Field(min_length=1)
    seeds: list[int] = Field([1], min_length=1)
    answering: Answering = Answering()
    embedder: Embedder = Embedder()
    metrics: list[str] = Field(["similarity", "bleu", "rouge_l", "token_f1"], min_length=1)
    comparison: Comparison = Comparison()
    published: list[Published] = []
    compute: Compute = Compute()

    @model_validator(mode="after")
    def _names_exist(self) -> Experiment:
        generators = list(self.generators)
        for key, name, known in [
            ("dataset", self.dataset or generators[0], generators),
            *(("test_sets", name, generators) for name in self.test_sets),
            *(("metrics", name, METRICS) for name in self.metrics),
            *((f"models.{m}.base", model.base, self.bases) for m, model in self.models.items()),
            *(
                (f"models.{m}.dataset", model.dataset, generators)
                for m, model in self.models.items()
                if model.dataset
            ),
            ("comparison.metric", self.comparison.metric, self.metrics),
            *(
                [("comparison.baseline", self.comparison.baseline, self.models)]
                if self.comparison.baseline
                else []
            ),
            *(("published.test_set", table.test_set, generators) for table in self.published),
            *(
                ("published.values", model, self.models)
                for table in self.published
                for model in table.values
            ),
        ]:
            if name not in known:
                raise ValueError(
                    f"{key}: {name!r} is none of {', '.join(known)}{_nearest(name, known)}"
                )
        for name, model in self.models.items():
            unknown = set(model.training) - set(Training.model_fields)
            for key in sorted(unknown):
                raise ValueError(
                    f"models.{name}.training: unknown key {key!r}{_nearest(key, Training.model_fields)}"
                )
            self.training_of(name)
        return self

    @property
    def years(self) -> list[int]:
        """Every year, in order."""
        return sorted({*self.splits.train.span(), *self.splits.test.span()})

    def years_of(self, split: str) -> list[int]:
        """The years whose documents can be in a split."""
        return (self.splits.test if split == "test" else self.splits.train).span()

    @property
    def test_set_names(self) -> list[str]:
        """The generators that write test sets."""
        return list(self.test_sets or self.generators)

    def dataset_of(self, model: str) -> str:
        """The generator whose pairs train a model."""
        return self.models[model].dataset or self.dataset or next(iter(self.generators))

    def seeds_of(self, model: str) -> list[int]:
        """A baseline is not trained, so it has one seed only."""
        if self.models[model].method == "baseline":
            return [0]
        return list(self.models[model].seeds or self.seeds)

    def training_of(self, model: str) -> Training:
        """The experiment's hyperparameters with the model's own on top."""
        return Training.model_validate(
            {**self.training.model_dump(), **self.models[model].training}
        )

    def recipe(self, model: str) -> dict[str, Any]:
        """All that makes a model besides its base, its data, its prompt and its seed."""
        chosen = self.models[model]
        recipe: dict[str, Any] = {"method": chosen.method}
        if chosen.method != "baseline":
            recipe["training"] = self.training_of(model).identity()
        if chosen.method == "lora":
            recipe["lora"] = chosen.lora.identity()
        return recipe

    def presentation(self) -> dict[str, Any]:
        """What tables, figures and the page show besides numbers."""
        named = {"generators": self.generators, "models": self.models}
        return {
            "title": self.title,
            "question": self.question,
            "labels": {
                kind: {name: item.label for name, item in items.items()}
                for kind, items in named.items()
            },
            "published": [table.model_dump() for table in self.published],
            "comparison": self.comparison.identity(),
        }

    @property
    def baseline(self) -> str:
        """The model that others are held against, or an empty string where there is none."""
        named = [name for name, model in self.models.items() if model.method == "baseline"]
        return self.comparison.baseline or (named[0] if named else "")


def experiment_schema() -> dict[str, Any]:
    """The JSON schema of an experiment file, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Experiment.model_json_schema(by_alias=True),
    }


def locate(name: str, folder: str | Path) -> Path:
    """The file of an experiment given by name or by path.

    Raises:
        SettingsError: there is none; names the nearest.
    """
    if name.endswith((".yaml", ".yml")):
        path = Path(name)
        if path.is_file():
            return path
        raise SettingsError("no such experiment file", where=name)
    path = Path(folder) / f"{name}.yaml"
    if path.is_file():
        return path
    known = sorted(item.stem for item in Path(folder).glob("*.yaml"))
    raise SettingsError(
        f"no experiment {name!r}{_nearest(name, known)}",
        where=str(folder),
        hint=f"take one of {', '.join(known)}, or give the path of a .yaml file",
    )


def load_named(
    names: Sequence[str], folder: str | Path
) -> tuple[dict[str, Experiment], dict[str, str]]:
    """The experiments given by name or path, and their files, by experiment name.

    Raises:
        SettingsError: as :func:`locate` and :func:`load_experiment`, or two have one name.
    """
    experiments: dict[str, Experiment] = {}
    files: dict[str, str] = {}
    for name in names:
        path = locate(name, folder)
        if path.stem in files:
            raise SettingsError(
                f"two experiments are called {path.stem!r}: {files[path.stem]} and {path}",
                hint="results lie under results/<name>; rename one of the files",
            )
        experiments[path.stem] = load_experiment(path)
        files[path.stem] = str(path.resolve())
    return experiments, files


def load_experiment(path: str | Path) -> Experiment:
    """Read and check an experiment file.

    Raises:
        SettingsError: the file is no YAML, or a key is unknown, missing or of the wrong kind;
            names the file and every such key.
    """
    path = Path(path)
    if not re.match(NAME, path.stem):
        raise SettingsError(
            "an experiment's file name may have lower-case letters, digits, - and _ only",
            where=str(path),
            hint="rename the file; its name becomes the folder results/<name>",
        )
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise SettingsError(f"not YAML: {error}", where=str(path)) from None
    if not isinstance(values, dict):
        raise SettingsError("not a mapping of keys", where=str(path), hint="see config/README.md")
    try:
        return Experiment.model_validate(values)
    except ValidationError as error:
        problems = [_explain(item, error) for item in error.errors()]
        raise SettingsError(
            "; ".join(problems) if len(problems) == 1 else "\n  - " + "\n  - ".join(problems),
            where=str(path),
            hint="config/README.md explains every key",
        ) from None


def _explain(problem: Any, error: ValidationError) -> str:
    """One line about one problem: the key as the user wrote it, what is wrong, the nearest right key."""
    tags = {"demo", "dblp", "dblp_api", "pmlr", "files", "rules", "transformers", "openai"}
    trail = [str(part) for part in problem["loc"]]
    # pydantic names the branch of a union as if it were a key
    keys = [
        p
        for i, p in enumerate(trail)
        if not (
            p in tags
            and i > 0
            and trail[0] in {"source", "generators"}
            and i == (1 if trail[0] == "source" else 2)
        )
    ]
    where = ".".join(keys) or "the file"
    if problem["type"] == "extra_forbidden":
        return f"{where}: unknown key{_nearest(keys[-1], _known_keys())}"
    if problem["type"] == "missing":
        return f"{where}: missing"
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "value_error":
        return f"{where}: {message}" if keys else message
    return f"{where}: {message} (it is {problem['input']!r})"


def _known_keys() -> set[str]:
    """Every key that any part of an experiment file can have."""
    import papertune.settings as rooms

    kinds: list[type[Settings]] = [
        kind
        for kind in vars(rooms).values()
        if isinstance(kind, type) and issubclass(kind, Settings)
    ]
    return {
        field.alias or name
        for kind in [*kinds, Experiment, Splits]
        for name, field in kind.model_fields.items()
    }


def _nearest(name: str, known: Any) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
