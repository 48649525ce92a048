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
from papertune.layout import Layout
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

LAYOUTS = {name: Layout(name, experiment) for name, experiment in EXPERIMENTS.items()}
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


def layout(wildcards):
    """Where everything of a job's experiment lies."""
    return LAYOUTS[wildcards.experiment]


def hub_folder(model, revision):
    """Where download_base puts a model of the Hub."""
    return f"{RESOURCES}/models/{model.replace('/', '--')}/{revision}"


def answer_template(wildcards):
    """The text of the prompt that models answer and are trained with."""
    return read_template(located(study(wildcards).prompt), ANSWER_FIELDS)


def compute(name):
    """A resource function: what the experiment asks for jobs that run a language model."""
    return lambda wildcards: getattr(study(wildcards).compute, name)
