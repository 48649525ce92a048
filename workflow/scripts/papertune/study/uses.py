"""The one door from an experiment to its jobs: what a job of each rule takes from the settings.

A rule's param is the identity of what its function gives here, and its script gets the same values
and nothing else of the experiment. So no result depends on a setting that does not trigger it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from papertune.identity import canonical
from papertune.study import versions
from papertune.study.design import Design
from papertune.study.layout import Layout
from papertune.study.passing import answering_of, runs_programs
from papertune.study.probes import probe_sets
from papertune.study.prompts import ANSWER_FIELDS, read_template
from papertune.study.settings.base import identity_of
from papertune.study.splits import HeldOut, SplitOf, chooser


@dataclass(frozen=True, slots=True)
class Uses:
    """What a job takes from the settings, as arguments of what its script calls."""

    version: int | list[int]  # the constants of the stage; see papertune.study.versions
    counted: Mapping[str, Any]  # what its results depend on, but for marks of `cosmetic`
    # what they do not depend on: names that stand in paths anyway, how much is done at once
    beside: Mapping[str, Any] = field(default_factory=dict)
    shown: Any = None  # counts, too, and is no argument: labels, where they are shown

    @property
    def arguments(self) -> dict[str, Any]:
        """For the script."""
        return {**self.counted, **self.beside}

    def identity(self) -> str:
        """For the rule: changes if, and only if, a result can."""
        return canonical([self.version, identity_of(dict(self.counted)), self.shown])


Rule = Callable[..., Uses]  # the experiment's layout, and a job's wildcards by name


def used_by(rule: Rule, layout: Layout, wildcards: Mapping[str, str]) -> Uses:
    """What one job of a rule takes."""
    return rule(layout, **{k: value for k, value in wildcards.items() if k != "experiment"})


def list_documents(layout: Layout, year: str) -> Uses:
    """Of one year or part."""
    study = layout.experiment
    [part] = (part for part in study.parts if str(part) == year)
    chosen = {"source": study.source, "part": part, "mine": chooser(part, study.splits)}
    # listings of earlier versions have no categories
    shown = "categories" if study.categories_sampled else None
    return Uses(versions.COLLECT, chosen, {"fetching": study.fetching}, shown)


def find_texts(layout: Layout, year: str) -> Uses:
    """Fetching and rendering."""
    study = layout.experiment
    chosen: dict[str, Any] = {"source": study.source, "fetching": study.fetching}
    # older results, of whole listings or samples of a year, stay
    if (sample := study.sample_of(year)) is not None:
        chosen["sample"] = sample
        if study.splits.sample and study.categories_sampled:
            chosen["of"] = study.splits.sample.of
    return Uses(versions.COLLECT, chosen)


def keep_apart(layout: Layout, split: str) -> Uses:
    """Of what stands on the training side out of one split."""
    study = layout.experiment
    theirs = ("train", "validation") if split == "test" else ("train",)
    chosen = {
        "mine": SplitOf.of(split, study.splits),
        "theirs": [SplitOf.of(one, study.splits) for one in theirs],
    }
    return Uses(versions.APART, chosen)


def find_suspects(layout: Layout) -> Uses:
    """Of what may have been trained on and stays in the test sets."""
    study, apart = layout.experiment, keep_apart(layout, "test")
    embedder = next(iter(study.scoring_embedders.values()), None)
    return Uses([versions.APART, versions.EMBED], {**apart.counted, "embedder": embedder})


def synthesize(layout: Layout, generator: str, split: str) -> Uses:
    """Of one generator about one split."""
    study = layout.experiment
    version = [versions.RULES, versions.ASK, versions.PROMPTS, versions.SYNTHESIZE]
    chosen: dict[str, Any] = {
        "generator": study.generator(generator),
        "prompt": study.generator_template(generator),
        "instruction": study.instruction,
        "mine": SplitOf.of(split, study.splits),
        # what a test pair is compared with those of training by
        "reading": split in ("test", "held_out") and study.reads_context,
    }
    held = study.held_out(generator)
    if split == "held_out" or (split == "train" and held):
        chosen["held_out"] = HeldOut(split == "held_out", held)
    return Uses(version, chosen, {"name": generator, "shards": study.compute.shards})


def describe_dataset(layout: Layout, generator: str) -> Uses:
    """The card has the title that the experiment has when it is written."""
    study = layout.experiment
    about = {"title": study.title, "name": f"{layout.name}-{generator}"}
    made = {"generator": study.generator(generator).identity(), "by_year": bool(study.years)}
    return Uses(versions.DATASET, made, about)


def write_chat_records(layout: Layout, generator: str) -> Uses:
    """With the prompt that models read."""
    study = layout.experiment
    prompt = read_template(study.prompt, ANSWER_FIELDS)
    return Uses(versions.CHAT_RECORDS, {"prompt": prompt, "size": study.records.size})


def write_corpus(layout: Layout) -> Uses:
    """Of one experiment's training text."""
    study = layout.experiment
    chosen = {
        "mine": SplitOf.of("train", study.splits),
        "prompt": read_template(study.prompt, ANSWER_FIELDS),
    }
    return Uses(versions.CORPUS, chosen)


def pretrain_base(layout: Layout, base: str) -> Uses:
    """Of a base from scratch."""
    study = layout.experiment
    beside = {
        "sharded": study.compute.shards_weights("pretrain"),
        "tracking": layout.tracking(f"base {base}"),
    }
    return Uses(versions.PRETRAIN, {"base": study.bases[base].pretrain}, beside)


def train(layout: Layout, model: str, seed: str) -> Uses:
    """Of one model with one seed."""
    recipe = layout.experiment.recipe_of(model)
    made = {"recipe": recipe, "seed": int(seed)}
    beside = {"origin": layout.origin(model), "tracking": layout.tracking(f"{model}/seed-{seed}")}
    return Uses(recipe.version, made, beside)


def answer(layout: Layout, model: str, seed: str, test_set: str) -> Uses:
    """Of one model to the questions of one test set."""
    study = layout.experiment
    chosen: dict[str, Any] = {
        "asked": study.models[model].examples.asked,
        "answering": answering_of(study, test_set),
    }
    chosen["prompt"] = study.asked_template(test_set, model)
    return Uses(versions.ANSWER, chosen, {"shards": study.compute.shards})


def choose_questions(layout: Layout, test_set: str) -> Uses:
    """Of one test set."""
    return Uses(versions.CHOOSE, {"most": layout.experiment.sets[test_set].most})


def gather_probes(layout: Layout, test_set: str) -> Uses:
    """Of the probes that are asked as one set."""
    chosen = {
        "probes": probe_sets(layout.experiment)[test_set],
        "instruction": layout.experiment.instruction,
    }
    return Uses(versions.PROBE, chosen, {"picks": list(layout.picked(test_set))})


def rate_probes(layout: Layout) -> Uses:
    """Of what people thought of answers to probes and test questions."""
    study = layout.experiment
    chosen = {
        "sets": list(layout.rateable()),
        "cells": list(layout.of_rateable("answers")),
        "design": Design.of(study),
        "metrics": study.scored,
    }
    return Uses([versions.COMPARE, versions.RATE], chosen, {"experiment": layout.name})


def export_model(layout: Layout, model: str, seed: str) -> Uses:
    """With the results that its card shows."""
    chosen = {
        "cells": list(layout.exported_scores(model, seed)),
        "design": Design.of(layout.experiment),
        "answering": layout.experiment.answering,
    }
    return Uses(versions.EXPORT, chosen, {"origin": layout.origin(model)})


def score(layout: Layout, model: str, seed: str, test_set: str) -> Uses:
    """Of one file of answers."""
    study, version = layout.experiment, [versions.EMBED, versions.SCORE]
    chosen: dict[str, Any] = {"metrics": study.scored, "embedders": study.scoring_embedders}
    if runs_programs(study):
        version.append(versions.RUN)
        chosen["programs"] = study.programs
    return Uses(version, chosen, {"folders": layout.scorers()})


def compare(layout: Layout) -> Uses:
    """Of all scores, or of all but those of suspicious documents."""
    chosen = {"cells": list(layout.by_cell("scores")), "design": Design.of(layout.experiment)}
    return Uses(versions.COMPARE, chosen)


def list_unrelated(layout: Layout) -> Uses:
    """Of the questions that the filter holds the study's against."""
    chosen = layout.experiment.filter
    return Uses(versions.FILTER, {"against": chosen.against if chosen else None})


def learn_filter(layout: Layout) -> Uses:
    """Of the filter; what it is learned from stands in files."""
    study = layout.experiment
    chosen = {name: getattr(study.filter, name) for name in ("precision", "folds", "documents")}
    return Uses(versions.FILTER, {**chosen, "confidence": study.comparison.confidence})


def count_stages(layout: Layout) -> Uses:
    """From listing to score."""
    return Uses(versions.REPORT, {}, {"layout": layout}, layout.experiment.splits.identity())


def report(layout: Layout, *more: Any) -> Uses:
    """Tables, figures and page: all settings, and labels."""
    study = layout.experiment
    shown = [study.identity(), study.presentation(), *more]
    return Uses(versions.REPORT, {}, {"layout": layout}, shown)


def write_further_table(layout: Layout, further: str) -> Uses:
    """One of the tables that only some experiments have."""
    return report(layout)


def write_cost(layout: Layout) -> Uses:
    """The table that a price changes."""
    return report(layout, layout.experiment.compute.gpu_hour_price)
