# Loads and checks the configuration, and has helpers that several rule files use. No rules.
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


# Snakemake says that the directory is locked, this says by which run; only in the main process, because
# jobs of a run are no second run
if workflow.is_main_process:
    if "--unlock" in sys.argv:
        running.forget_ended()
        print(running.jobs_note(), end="", file=sys.stderr)
    else:
        print(running.lock_note(), end="", file=sys.stderr)
    if workflow.output_settings.dryrun:
        # a lock does not affect a plan: do not show it as an error
        logger.addFilter(lambda record: "cannot be locked" not in record.getMessage())


def replaces():
    """Whether this run replaces or deletes files that other runs may be reading."""
    return not {"refresh", "prune"}.isdisjoint(workflow.dag_settings.targets)


def own_folders():
    """Secure the folders of this run, and print which of them others may write to."""
    places = {name: config[name] for name in ("store", "resources")}
    with in_words():
        share(places.values(), trust=config["trust_group"])
    for name, place in places.items():
        if place != str(Path(getattr(CONFIGURATION, name))):
            print(
                f"Others may write into {name}: {getattr(CONFIGURATION, name)}. This run uses "
                f"{place}, which is yours alone; with trust_group: true in config/config.yaml it "
                "would use the folder itself, and what others have made there.",
                file=sys.stderr,
            )


def begin_run():
    """Secure the folders, register the run and check it, before the first job."""
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
    # for scripts; with defaults, which another workflow's configuration may lack
    config = CONFIGURATION.model_dump() | {"files": files}
    for name in ("store", "resources"):
        config[name] = str(part_of(config[name], trust=config["trust_group"]))

# SIGTERM reaches all processes of a job. If the shell died of it, the script would lose the seconds
# in which it saves its work.
shell.prefix("set -euo pipefail; trap : TERM; ")

RESOURCES = config["resources"]
LAYOUTS = {name: Layout(name, study, RESOURCES) for name, study in EXPERIMENTS.items()}
if any(argument.startswith("--report") for argument in sys.argv[1:]):
    from papertune.report.landing import landing  # no other start needs it

    config["studies"] = landing(LAYOUTS)  # for workflow/report/workflow.rst


def one_of(names):
    """A constraint of a wildcard: all names of a kind in any experiment."""
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
    """A constraint of the wildcard `experiment`: paths of pairs by generators with or without a model."""
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
    """The param of a rule: all settings that its results depend on (papertune/study/uses.py)."""
    return lambda wildcards: uses.used_by(rule, layout(wildcards), wildcards).identity()


include: "files.smk"
include: "brought.smk"
include: "resources.smk"
