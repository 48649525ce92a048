# The jobs that a run is about to make, and their resources. No rules; it needs the rules of all stages.
import psutil

from papertune.cluster import hub, machine, remaining, requests
from papertune.jobs import gpus, warm


def attempts_of(rule, wildcards, files):
    """The resources of each attempt of a job, from its rule and the profile."""
    return [
        dict(rule.expand_resources(wildcards, files, attempt, {"tmpdir"}).items())
        for attempt in range(1, rule.restart_times + 2)
    ]


def runs_here(rule):
    """Whether a rule's jobs are not submitted; by the number of nodes, which a dry run has too."""
    return workflow.resource_settings.nodes is None or is_local(rule)


def kinds_of_run():
    """The kinds of job that this run, or dry run, is about to make, in the order of the stages."""
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
    """The kinds of job that complete runs of the experiments submit, existing results or not."""
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
    found = {model for item in LAYOUTS.values() for model in hub.hub_models(item)}
    return sorted(
        (model for model in found if model.folder in wanted),
        key=lambda model: model.name,
    )


def tasks_of_run():
    """The models that this run, or dry run, is about to make or to query."""
    found = {
        (
            job.wildcards.experiment,
            machine.WORKS.index(job.rule.name),
            job.wildcards.get("model") or job.wildcards.get("base"),
        )
        for job in workflow.dag.needrun_jobs()
        if job.rule.name in machine.WORKS
    }
    return [
        footprint.Task(LAYOUTS[experiment], machine.WORKS[work], name)
        for experiment, work, name in sorted(found)
    ]


def embedding_layouts():
    """The experiments for which this run is about to load an embedder."""
    names = {
        job.wildcards.experiment
        for job in workflow.dag.needrun_jobs()
        if job.rule.name in ("score", "find_suspects")
        or (job.rule.name == "train" and study(job.wildcards).judges)
    }
    return [item for name, item in LAYOUTS.items() if name in names]


def memory_there():
    """A function of a task: the bytes of memory available to it, by the profile or this machine."""
    named = (*machine.WORKS, "synthesize")
    rules = {rule.name: rule for rule in workflow.rules if rule.name in named}
    if all(map(runs_here, rules.values())):
        gpu, memory = gpus.gpu_memory(), float(psutil.virtual_memory().total)
        return lambda task: gpu if task.on_gpu else memory
    said = {
        name: getattr(rule.resources.get(machine.RESOURCE), "value", None)
        for name, rule in rules.items()
    }
    sizes = {name: size * 10**9 for name, size in said.items() if size}
    # the memory of a cluster's nodes is unknown here
    return lambda task: sizes.get(task.work) if task.on_gpu else None


# rules whose jobs load torch, and the number of such jobs from which a process with torch pays off
LOADING = ("synthesize", "pretrain_base", "train", "answer", "score", "find_suspects")
SEVERAL = 4


def load_libraries():
    """Load the libraries of this run's jobs once, in a process to fork jobs from, if possible."""
    many = sum(job.rule.name in LOADING for job in workflow.dag.needrun_jobs())
    # with conda jobs have other libraries
    own = not workflow.deployment_settings.deployment_method
    if many >= SEVERAL and own and gpus.gpu_memory() is None:
        warm.begin()


def tell_remaining():
    """Start a thread that regularly reports the remaining time of this run, on this machine."""
    jobs = [job for job in workflow.dag.needrun_jobs() if job.output]
    if not jobs:  # a command reports its own progress
        return
    places = {job: place for place, job in enumerate(jobs)}
    planned = []
    for job in jobs:
        wildcards = dict(job.wildcards_dict)
        asked = attempts_of(job.rule, job.wildcards_dict, job.input)[0]
        planned.append(
            remaining.Planned(
                job.rule.name,
                wildcards.pop("experiment", ""),
                wildcards,
                log=str(job.log[0]) if job.log else "",
                needs=tuple(
                    places[one]
                    for one in workflow.dag.dependencies[job]
                    if one in places
                ),
                asks={name: n for name, n in asked.items() if isinstance(n, int)},
            )
        )
    limits = dict(workflow.global_resources.unwrapped_items())
    remaining.Clock(planned, LAYOUTS, limits, TERMINAL.remains).start()
