# Checks before anything is submitted, the plan of a dry run, and cleanup after a run that was killed
# while its jobs continued. No rules. papertune/cluster/ has the code for each kind of cluster.
import atexit
import os

from snakemake.logging import logger

from papertune.cluster import doctor, findings, hub, leftovers, machine
from papertune.cluster import executor as plugin, requests, session


include: "planned_jobs.smk"
include: "doctor.smk"


def note_settings():
    """Record the settings of jobs before they are submitted.

    Snakemake does so when it sees that a job has ended. If a job ends after its Snakemake was killed,
    its results would be without a record, and would seem to be made with the settings of a later run.
    """
    records = workflow.persistence
    # inputs that are still to be remade before a job starts have no checksum yet
    limit, records.max_checksum_file_size = records.max_checksum_file_size, 0
    try:
        for job in workflow.dag.needrun_jobs():
            made = any(map(os.path.lexists, job.output))
            # of a failed attempt there already is a record
            if not runs_here(job.rule) and not made and not records.has_metadata(job):
                workflow.async_run(records.finished(job))
    finally:
        records.max_checksum_file_size = limit


def check_run():
    """Make all checks of the doctor if it is a target, else look for certain causes of failure."""
    executor = executor_of_run()
    submits = plugin.submits(executor)
    folders = ["results", config["store"], RESOURCES]
    targets = workflow.dag_settings.targets
    if "doctor" in targets:
        well = findings.show_all(whole_doctor(executor, folders))
        if not well or set(targets) == {"doctor"}:
            # Snakemake would only add the place in its rules, and the path of its log
            sys.exit(not well)
        return
    if not submits:
        load_libraries()  # while the checks run
    with in_words():
        found, tasks = hub.ask_hub(LAYOUTS.values()), tasks_of_run()
        asked = {task.layout.name: task.layout for task in tasks}
        makes = {job.rule.name for job in workflow.dag.needrun_jobs()}
        bases = LAYOUTS if "convert_base" in makes else asked
        for finding in machine.check_bases(bases.values()):
            # shows a licence before weights are used for the first time
            if finding.state == "ok":
                print(finding, file=sys.stderr)
            found.append(finding)
        found += machine.check_memory(tasks, memory_there())
        found += machine.check_embedders(embedding_layouts())
        found += machine.check_trackers(asked.values())
        if "apptainer" in map(str, workflow.deployment_settings.deployment_method):
            found += machine.check_container(config["container"])
        if submits:
            found = [
                *doctor.check_cluster(executor, kinds_of_run()),
                *told_of_session(),
                *machine.check_folders(folders),
                *hub.check_models(models_of_run(), EXPERIMENTS),
                *found,
            ]
        what = "submitted" if submits else "started"
        for finding in findings.doubts_unless_wrong(found, what):
            print(finding, file=sys.stderr)
        if submits:
            plugin.adapt()
            leftovers.remember(executor.run_uuid)
            note_settings()
        else:
            tell_remaining()


def settle_leftovers():
    """Wait for jobs that a killed run has left, before Snakemake looks at existing files."""
    with in_words():
        leftovers.settle()


def write_plan(path, folder):
    """Write the plan of a dry run to a file; a relative path is relative to the folder of the run."""
    os.chdir(folder)
    text = requests.show_plan(kinds_of_run())
    text += requests.show_baselines(LAYOUTS.values())
    text += machine.show_memory(tasks_of_run(), memory_there())
    text += show_size(LAYOUTS.values(), config["store"])
    bases = machine.check_bases(LAYOUTS.values())
    text += "".join(f"\n{finding}\n" for finding in bases)
    Path(path).write_text(text, encoding="utf-8")


# options and targets that neither make nor delete files; of these, rule files can only see dry runs
LOOKS = ("--unlock", "--lint", "--list", "--report", "--dag", "--rulegraph", "doctor")

if workflow.is_main_process:
    if workflow.resource_settings.nodes is not None:
        # profiles/default has the limits of this machine, to which Snakemake would reduce the
        # cluster jobs' requests
        workflow.resource_settings.cores = sys.maxsize
        workflow.global_resources["_cores"] = sys.maxsize
        workflow.global_resources["gpu"] = None
    if not (
        workflow.output_settings.dryrun
        or any(argument.startswith(LOOKS) for argument in sys.argv[1:])
    ):
        settle_leftovers()
    if workflow.output_settings.dryrun and "preview" in sys.argv:
        print(
            "The preview would list one year, find five documents, and have each writer write about "
            "them. It would show the pairs, the models' prompts, and estimates; the run reuses all replies."
        )
    if workflow.output_settings.dryrun and (path := os.environ.get("PAPERTUNE_PLAN")):
        from papertune.report.size import show_size  # no other start needs it

        # a dry run has no hook after planning
        atexit.register(write_plan, path, os.getcwd())
