# Checks before anything is submitted, the plan of a dry-run, and order where a run was killed while
# its jobs went on. No rules; it needs to know those of all stages. What is known of a kind of
# cluster stands in papertune/cluster/.
import atexit
import os

from snakemake.logging import logger
from snakemake_interface_logger_plugins.common import LogEvent

from papertune.cluster import (
    doctor,
    leftovers,
    machine,
    memory as room,
    plan,
    requests,
    slurm,
)
from papertune.footprint import offered


def attempts_of(rule, wildcards, files):
    """What a job asks for in each attempt, as its rule and the profile say together."""
    return [
        dict(rule.expand_resources(wildcards, files, attempt, {"tmpdir"}).items())
        for attempt in range(1, rule.restart_times + 2)
    ]


def runs_here(rule):
    """Whether a rule's jobs are not submitted; a dry-run, too, knows it by the number of nodes."""
    return (
        workflow.resource_settings.nodes is None
        or rule.norun
        or rule.name in workflow._localrules
    )


def kinds_of_run():
    """The kinds of job that this run, or dry-run, is about to make, in the order of the stages."""
    order = {rule.name: place for place, rule in enumerate(workflow.rules)}
    return requests.kinds_of(
        (
            job.rule.name,
            runs_here(job.rule),
            (
                []
                if runs_here(job.rule)
                else attempts_of(job.rule, job.wildcards_dict, job.input)
            ),
        )
        for job in sorted(
            workflow.dag.needrun_jobs(), key=lambda job: order[job.rule.name]
        )
        if job.output
    )


def kinds_of_experiments():
    """The kinds of job that whole runs of the experiments submit, whatever is there already."""
    return requests.kinds_of(
        (rule.name, False, attempts_of(rule, rule.get_wildcards(path), []))
        for layout in LAYOUTS.values()
        for path in requests.results_of(layout)
        for rule in workflow.rules
        if not runs_here(rule) and rule.is_producer(path)
    )


def models_of_run():
    """The models of the Hub that this run is about to download."""
    wanted = {
        path
        for job in workflow.dag.needrun_jobs()
        for path in job.output
        if job.rule.name == "download_base"
    }
    found = {model for item in LAYOUTS.values() for model in machine.hub_models(item)}
    return sorted(
        (model for model in found if model.folder in wanted),
        key=lambda model: model.name,
    )


def tasks_of_run():
    """The models that this run, or dry-run, is about to make or to ask."""
    found = {
        (
            job.wildcards.experiment,
            room.WORKS.index(job.rule.name),
            job.wildcards.get("model") or job.wildcards.get("base"),
        )
        for job in workflow.dag.needrun_jobs()
        if job.rule.name in room.WORKS
    }
    return [
        footprint.Task(LAYOUTS[experiment], room.WORKS[work], name)
        for experiment, work, name in sorted(found)
    ]


def memory_there():
    """What one GPU has, by rule, as the profile says or as this machine's driver does."""
    rules = {name: workflow.get_rule(name) for name in room.WORKS}
    if all(map(runs_here, rules.values())):
        return room.Offered(
            dict.fromkeys(rules, offered.gpu_memory()), offered.machine_memory()
        )
    said = {
        name: getattr(rule.resources.get(room.RESOURCE), "value", None)
        for name, rule in rules.items()
    }
    return room.Offered(
        {name: room.gigabytes(size) for name, size in said.items() if size}
    )


def note_settings():
    """Write down with which settings jobs are made, before they are submitted.

    Snakemake does so when it sees that a job has ended. For one that ends after its Snakemake was
    killed nobody would, and its results would then seem to be made with whatever a later run has.
    """
    records = workflow.persistence
    # of inputs that are made anew before a job starts, no checksum is known yet
    limit, records.max_checksum_file_size = records.max_checksum_file_size, 0
    try:
        for job in workflow.dag.needrun_jobs():
            if not runs_here(job.rule) and not any(map(os.path.lexists, job.output)):
                workflow.async_run(records.finished(job))
    finally:
        records.max_checksum_file_size = limit


def check_run():
    """Before the first job: the whole doctor if asked for, else what ends in failure for sure."""
    executor = workflow.scheduler._executor
    folders = ["results", config["store"], RESOURCES]
    try:
        if "doctor" in workflow.dag_settings.targets:
            room.ask_hub(LAYOUTS.values())
            tasks = [
                task for item in LAYOUTS.values() for task in footprint.tasks_of(item)
            ]
            doctor.examine(
                executor,
                kinds_of_experiments(),
                LAYOUTS,
                folders,
                room.check_memory(tasks, memory_there()),
            )
            return
        room.ask_hub(LAYOUTS.values())
        fits = room.check_memory(tasks_of_run(), memory_there())
        if not slurm.submits(executor):
            for finding in doctor.check_before_starting(fits):
                print(finding, file=sys.stderr)
        else:
            for finding in doctor.check_before_submitting(
                executor, kinds_of_run(), models_of_run(), EXPERIMENTS, folders, fits
            ):
                print(finding, file=sys.stderr)
            leftovers.remember(executor.run_uuid)
            note_settings()
    except PapertuneError as error:
        raise WorkflowError(str(error)) from None


def settle_leftovers():
    """Wait for jobs that a killed run has left, before Snakemake looks at what is there."""
    try:
        leftovers.settle()
    except PapertuneError as error:
        raise WorkflowError(str(error)) from None


def show_errors():
    """Say which job failed, and the end of its log.

    `quiet: rules` hides that too. On this machine scripts say it themselves, but nobody hears them
    from another one.
    """
    for handler in logger.handlers:
        for quiet in list(handler.filters):
            handler.removeFilter(quiet)
            handler.addFilter(
                lambda record, quiet=quiet: getattr(record, "event", None)
                in (LogEvent.JOB_ERROR, LogEvent.GROUP_ERROR)
                or quiet.filter(record)
            )


def write_plan(path, folder):
    """Write what a dry-run has found out, seen from the folder of the run."""
    os.chdir(folder)
    text = plan.show_plan(kinds_of_run())
    text += room.show_memory(tasks_of_run(), memory_there())
    Path(path).write_text(text, encoding="utf-8")


# what neither makes nor deletes anything; Snakemake tells rule files of dry-runs only
LOOKS = ("--unlock", "--lint", "--list", "--report", "--dag", "--rulegraph", "doctor")

if workflow.is_main_process:
    if workflow.resource_settings.nodes is not None:
        # profiles/default says what this machine has, and Snakemake would cut what jobs ask the
        # cluster for down to it
        workflow.resource_settings.cores = sys.maxsize
        workflow.global_resources["_cores"] = sys.maxsize
        workflow.global_resources["gpu"] = None
        show_errors()
    if not (
        workflow.output_settings.dryrun
        or any(argument.startswith(LOOKS) for argument in sys.argv[1:])
    ):
        settle_leftovers()
    if workflow.output_settings.dryrun and (path := os.environ.get("PAPERTUNE_PLAN")):
        # a dry-run has no hook after it has found out what to do
        atexit.register(write_plan, path, os.getcwd())
