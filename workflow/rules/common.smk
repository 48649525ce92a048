# Loads and checks the configuration; helpers that several rule files use. No rules.
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

# scripts find the library beside them; rule files need this line
sys.path.insert(0, str(Path(workflow.basedir) / "workflow" / "scripts"))

from papertune import versions
from papertune.errors import PapertuneError
from papertune.experiment import load_named
from papertune.prompts import ANSWER_FIELDS, GENERATOR_FIELDS, read_template
from papertune.settings import NAME
from papertune.sources.files import path_of, rows_digest

if isinstance(config["experiments"], str):  # as --config gives it
    config["experiments"] = config["experiments"].split(",")
validate(config, "../schemas/config.schema.yaml")


def located(path):
    """A path as the user gave it, or, where there is none, the file of the workflow."""
    return path if Path(path).exists() else str(Path(workflow.basedir) / path)


# an error in an experiment file ends with what to do, not with a traceback
try:
    EXPERIMENTS, config["files"] = load_named(
        config["experiments"], Path(workflow.basedir) / "config" / "experiments"
    )
    for experiment in EXPERIMENTS.values():
        read_template(located(experiment.prompt), ANSWER_FIELDS)
        for generator in experiment.generators.values():
            if generator.backend != "rules":
                read_template(located(generator.prompt), GENERATOR_FIELDS)
except PapertuneError as error:
    raise WorkflowError(str(error)) from None

STORE = config["store"]
RESOURCES = config["resources"]


wildcard_constraints:
    experiment="|".join(EXPERIMENTS),
    year=r"\d{4}",
    split="train|validation|test",
    seed=r"\d+",
    generator=NAME.strip("^$"),
    model=NAME.strip("^$"),
    test_set=NAME.strip("^$"),
    base=NAME.strip("^$"),


def study(wildcards):
    """The experiment of a job."""
    return EXPERIMENTS[wildcards.experiment]


def hub_folder(model, revision):
    """Where download_base puts a model of the Hub."""
    return f"{RESOURCES}/models/{model.replace('/', '--')}/{revision}"


def answer_template(wildcards):
    """The text of the prompt that models answer and are trained with."""
    return read_template(located(study(wildcards).prompt), ANSWER_FIELDS)


def compute(name):
    """A resource function: what the experiment asks for jobs that run a language model."""
    return lambda wildcards: getattr(study(wildcards).compute, name)


def document_files(name, split=None):
    """The documents of an experiment, or of the years of one of its splits."""
    study = EXPERIMENTS[name]
    years = study.years_of(split) if split else study.years
    return expand(
        "results/{experiment}/documents/{year}.jsonl", experiment=name, year=years
    )


def runs(name):
    """(model, seed) of every trained or untrained model of an experiment."""
    study = EXPERIMENTS[name]
    return [(model, seed) for model in study.models for seed in study.seeds_of(model)]


def dataset_files(name):
    """What models are trained on and tested with."""
    study = EXPERIMENTS[name]
    folder = f"results/{name}/datasets"
    trained = [m for m in study.models if study.models[m].method != "baseline"]
    return sorted(
        {f"{folder}/{test_set}/test.jsonl" for test_set in study.test_set_names}
        | {
            f"{folder}/{study.dataset_of(model)}/{split}.jsonl"
            for model in trained
            for split in ("train", "validation")
        }
    )


def model_folders(name):
    """The folders of the models that are trained."""
    study = EXPERIMENTS[name]
    return [
        f"results/{name}/models/{model}/seed-{seed}"
        for model, seed in runs(name)
        if study.models[model].method != "baseline"
    ]


def per_test_set(name, stage):
    """(model, seed, test set) → the file of one stage, answers or scores."""
    return {
        (
            model,
            seed,
            test_set,
        ): f"results/{name}/{stage}/{model}/seed-{seed}/{test_set}.jsonl"
        for model, seed in runs(name)
        for test_set in EXPERIMENTS[name].test_set_names
    }
