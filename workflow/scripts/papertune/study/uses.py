"""The settings that a job of each rule uses. Jobs get settings from here only.

A rule's param is the identity of what its function returns here, and its script gets the same values
and nothing else of the experiment. So no result depends on a setting that does not trigger a rerun.
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
    """The settings that a job uses, as arguments of the function that its script calls."""

    version: int | list[int]  # the constants of the stage; see papertune.study.versions
    counted: Mapping[str, Any]  # arguments that results depend on, except for `cosmetic` fields
    # arguments that they do not depend on: names that are in the paths anyway, parallelism
    beside: Mapping[str, Any] = field(default_factory=dict)
    shown: Any = None  # results depend on it, but it is no argument: labels, where they are shown

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments for the script."""
        return {**self.counted, **self.beside}

    def identity(self) -> str:
        """The param for the rule: changes if, and only if, a result can change."""
        return canonical([self.version, identity_of(dict(self.counted)), self.shown])


Rule = Callable[..., Uses]  # the experiment's layout, and a job's wildcards by name


def used_by(rule: Rule, layout: Layout, wildcards: Mapping[str, str]) -> Uses:
    """The settings that one job of a rule uses."""
    return rule(layout, **{k: value for k, value in wildcards.items() if k != "experiment"})


def list_documents(layout: Layout, year: str) -> Uses:
    """The listing of one year or part."""
    study = layout.experiment
    [part] = (part for part in study.parts if str(part) == year)
    chosen = {"source": study.source, "part": part, "mine": chooser(part, study.splits)}
    # listings of earlier versions have no categories
    shown = "categories" if study.categories_sampled else None
    return Uses(versions.COLLECT, chosen, {"fetching": study.fetching}, shown)


def find_texts(layout: Layout, year: str) -> Uses:
    """Fetching and rendering the texts of one year or part."""
    study = layout.experiment
    chosen: dict[str, Any] = {"source": study.source, "fetching": study.fetching}
    # older results, of whole listings or samples of a year, stay valid
    if (sample := study.sample_of(year)) is not None:
        chosen["sample"] = sample
        if study.splits.sample and study.categories_sampled:
            chosen["of"] = study.splits.sample.of
    return Uses(versions.COLLECT, chosen)


def keep_apart(layout: Layout, split: str) -> Uses:
    """Keeping copies of training documents out of one split."""
    study = layout.experiment
    theirs = ("train", "validation") if split == "test" else ("train",)
    chosen = {
        "mine": SplitOf.of(split, study.splits),
        "theirs": [SplitOf.of(one, study.splits) for one in theirs],
    }
    return Uses(versions.APART, chosen)


def find_suspects(layout: Layout) -> Uses:
    """The search for test documents that may have been trained on and stay in the test sets."""
    study, apart = layout.experiment, keep_apart(layout, "test")
    embedder = next(iter(study.scoring_embedders.values()), None)
    return Uses([versions.APART, versions.EMBED], {**apart.counted, "embedder": embedder})


def synthesize(layout: Layout, generator: str, split: str) -> Uses:
    """The pairs of one generator about one split."""
    study = layout.experiment
    version = [versions.RULES, versions.ASK, versions.PROMPTS, versions.SYNTHESIZE]
    chosen: dict[str, Any] = {
        "generator": study.generator(generator),
        "prompt": study.generator_template(generator),
        "instruction": study.instruction,
        "mine": SplitOf.of(split, study.splits),
        # whether test pairs are compared with training pairs including their context
        "reading": split in ("test", "held_out") and study.reads_context,
    }
    held = study.held_out(generator)
    if split == "held_out" or (split == "train" and held):
        chosen["held_out"] = HeldOut(split == "held_out", held)
    return Uses(version, chosen, {"name": generator, "shards": study.compute.shards})


def describe_dataset(layout: Layout, generator: str) -> Uses:
    """A dataset's card; a later change of the title does not rewrite it."""
    study = layout.experiment
    about = {"title": study.title, "name": f"{layout.name}-{generator}"}
    made = {"generator": study.generator(generator).identity(), "by_year": bool(study.years)}
    return Uses(versions.DATASET, made, about)


def write_chat_records(layout: Layout, generator: str) -> Uses:
    """Chat records, with the prompt that models read."""
    study = layout.experiment
    prompt = read_template(study.prompt, ANSWER_FIELDS)
    return Uses(versions.CHAT_RECORDS, {"prompt": prompt, "size": study.records.size})


def write_corpus(layout: Layout) -> Uses:
    """The training text of one experiment, for pre-training."""
    study = layout.experiment
    chosen = {
        "mine": SplitOf.of("train", study.splits),
        "prompt": read_template(study.prompt, ANSWER_FIELDS),
    }
    return Uses(versions.CORPUS, chosen)


def pretrain_base(layout: Layout, base: str) -> Uses:
    """The pre-training of one base."""
    study = layout.experiment
    beside = {
        "sharded": study.compute.shards_weights("pretrain"),
        "tracking": layout.tracking(f"base {base}"),
    }
    return Uses(versions.PRETRAIN, {"base": study.bases[base].pretrain}, beside)


def train(layout: Layout, model: str, seed: str) -> Uses:
    """The training of one model with one seed."""
    recipe = layout.experiment.recipe_of(model)
    made = {"recipe": recipe, "seed": int(seed)}
    beside = {"origin": layout.origin(model), "tracking": layout.tracking(f"{model}/seed-{seed}")}
    return Uses(recipe.version, made, beside)


def answer(layout: Layout, model: str, seed: str, test_set: str) -> Uses:
    """The answers of one model to the questions of one test set."""
    study = layout.experiment
    chosen: dict[str, Any] = {
        "asked": study.models[model].examples.asked,
        "answering": answering_of(study, test_set),
    }
    chosen["prompt"] = study.asked_template(test_set, model)
    return Uses(versions.ANSWER, chosen, {"shards": study.compute.shards})


def choose_questions(layout: Layout, test_set: str) -> Uses:
    """The choice of questions of one test set."""
    return Uses(versions.CHOOSE, {"most": layout.experiment.sets[test_set].most})


def gather_probes(layout: Layout, test_set: str) -> Uses:
    """The questions of one set of probes."""
    chosen = {
        "probes": probe_sets(layout.experiment)[test_set],
        "instruction": layout.experiment.instruction,
    }
    return Uses(versions.PROBE, chosen, {"picks": list(layout.picked(test_set))})


def rate_probes(layout: Layout) -> Uses:
    """The evaluation of people's ratings of answers to probes and test questions."""
    study = layout.experiment
    chosen = {
        "sets": list(layout.rateable()),
        "cells": list(layout.of_rateable("answers")),
        "design": Design.of(study),
        "metrics": study.scored,
    }
    return Uses([versions.COMPARE, versions.RATE], chosen, {"experiment": layout.name})


def export_model(layout: Layout, model: str, seed: str) -> Uses:
    """The export of one model, with the results that its card shows."""
    chosen = {
        "cells": list(layout.exported_scores(model, seed)),
        "design": Design.of(layout.experiment),
        "answering": layout.experiment.answering,
    }
    return Uses(versions.EXPORT, chosen, {"origin": layout.origin(model)})


def score(layout: Layout, model: str, seed: str, test_set: str) -> Uses:
    """The scores of one file of answers."""
    study, version = layout.experiment, [versions.EMBED, versions.SCORE]
    chosen: dict[str, Any] = {"metrics": study.scored, "embedders": study.scoring_embedders}
    if runs_programs(study):
        version.append(versions.RUN)
        chosen["programs"] = study.programs
    return Uses(version, chosen, {"folders": layout.scorers()})


def compare(layout: Layout) -> Uses:
    """The comparison of all scores, or of all but those of suspicious documents."""
    chosen = {"cells": list(layout.by_cell("scores")), "design": Design.of(layout.experiment)}
    return Uses(versions.COMPARE, chosen)


def list_unrelated(layout: Layout) -> Uses:
    """The unrelated questions of the filter."""
    chosen = layout.experiment.filter
    return Uses(versions.FILTER, {"against": chosen.against if chosen else None})


def learn_filter(layout: Layout) -> Uses:
    """The training of the filter; its questions are in files."""
    study = layout.experiment
    chosen = {name: getattr(study.filter, name) for name in ("precision", "folds", "documents")}
    return Uses(versions.FILTER, {**chosen, "confidence": study.comparison.confidence})


def count_stages(layout: Layout) -> Uses:
    """The counts of all stages, from listing to score."""
    return Uses(versions.REPORT, {}, {"layout": layout}, layout.experiment.splits.identity())


def report(layout: Layout, *more: Any) -> Uses:
    """Tables, figures and page: they depend on all settings, and on labels."""
    study = layout.experiment
    shown = [study.identity(), study.presentation(), *more]
    return Uses(versions.REPORT, {}, {"layout": layout}, shown)


def write_further_table(layout: Layout, further: str) -> Uses:
    """One of the tables that only some experiments have."""
    return report(layout)


def write_cost(layout: Layout) -> Uses:
    """The cost table, which also depends on the price."""
    return report(layout, layout.experiment.compute.gpu_hour_price)
