# Loads and checks the configuration; helpers that several rule files use. No rules.
import os
import re
import sys
from pathlib import Path

from snakemake.logging import logger

from papertune.jobs import running
from papertune.study import versions
from papertune.errors import PapertuneError
from papertune.models import sources
from papertune.owned import NotOwned, part_of, share
from papertune.study.configuration import check_configuration
from papertune.study.experiment_file import files_in, load_named
from papertune.study.layout import Layout
from papertune.study import uses
from papertune.study.probes import probe_sets


include: "failed_jobs.smk"


# Snakemake says that the directory is locked, this says by whom; jobs of a run are no second run
if workflow.is_main_process:
    if "--unlock" in sys.argv:
        running.forget_ended()
        print(running.jobs_note(), end="", file=sys.stderr)
    else:
        print(running.lock_note(), end="", file=sys.stderr)
    if workflow.output_settings.dryrun:
        # a plan is as good where the directory is locked: no word of an error beside it
        logger.addFilter(lambda record: "cannot be locked" not in record.getMessage())


def replaces():
    """Whether this run replaces or deletes what others may be reading."""
    return not {"refresh", "prune"}.isdisjoint(workflow.dag_settings.targets)


def own_folders():
    """Make sure of the folders that this user works in, and say where others could have."""
    places = {name: config[name] for name in ("store", "resources")}
    with in_words():
        share(places.values(), trust=config["trust_group"])
    for name, place in places.items():
        if place != str(Path(getattr(CONFIGURATION, name))):
            print(
                f"Others may write into {name}: {getattr(CONFIGURATION, name)}. This run works in "
                f"{place}, which is yours alone; with trust_group: true in config/config.yaml it "
                "would work in the folder itself and take what others have made there.",
                file=sys.stderr,
            )


def begin_run():
    """What comes before the first job."""
    own_folders()
    running.begin(refreshes=replaces())
    with in_words():
        running.make_way(refreshes=replaces())
    check_run()


before_first_job(begin_run)
if workflow.is_main_process:
    before_first_job(take_terminal)


with in_words():
    CONFIGURATION = check_configuration(config)
    folders = [Path(), Path(workflow.basedir), ROOT]
    EXPERIMENTS, files = load_named(
        CONFIGURATION.experiments,
        [folder / "config" / "experiments" for folder in folders],
        CONFIGURATION.commands,
    )
    # what scripts read; with the defaults, which a module's configuration may leave out
    config = CONFIGURATION.model_dump() | {"files": files}
    for name in ("store", "resources"):
        config[name] = str(part_of(config[name], trust=config["trust_group"]))

# SIGTERM reaches all processes of a job. A shell that dies of it would take from its script the
# seconds in which that puts away what it has.
shell.prefix("set -euo pipefail; trap : TERM; ")

RESOURCES = config["resources"]
LAYOUTS = {name: Layout(name, study, RESOURCES) for name, study in EXPERIMENTS.items()}
if any(argument.startswith("--report") for argument in sys.argv[1:]):
    from papertune.report.landing import landing  # no other start needs it

    config["studies"] = landing(LAYOUTS)  # what workflow/report/workflow.rst can read


def one_of(names):
    """A constraint of a wildcard: what any of the experiments has of a name."""
    found = {str(name) for study in EXPERIMENTS.values() for name in names(study)}
    return "|".join(map(re.escape, sorted(found))) or "(?!)"  # which matches nothing


wildcard_constraints:
    experiment="|".join(EXPERIMENTS),
    year=one_of(lambda study: study.parts),
    split="train|validation|test|held_out",
    seed=r"\d+",
    generator=one_of(lambda study: study.generators),
    model=one_of(lambda study: study.models),
    test_set=one_of(lambda study: [*study.test_set_names, *probe_sets(study)]),
    base=one_of(lambda study: study.bases),
    further="published|knowledge|programs",


def experiments_whose_generators(run_a_model):
    """A constraint of the wildcard `experiment` in the paths of pairs, by kind of generator."""
    kinds = []
    for name, place in LAYOUTS.items():
        chosen = [
            generator
            for generator in place.experiment.generators
            if place.runs_a_model(generator) == run_a_model
        ]
        if chosen:
            kinds.append(
                f"{name}(?=/(?:rejected/pairs|datasets)/(?:{'|'.join(chosen)})/)"
            )
    return "|".join(kinds) or "(?!)"


def used(rule):
    """The param of a rule: all that its results depend on of the settings (papertune/study/uses.py)."""
    return lambda wildcards: uses.used_by(rule, layout(wildcards), wildcards).identity()


include: "files.smk"
include: "brought.smk"
include: "resources.smk"
