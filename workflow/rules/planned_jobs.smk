# What a run is about to make, and what that asks for. No rules; it needs to know those of all stages.
import psutil

from papertune.cluster import hub, machine, remaining, requests
from papertune.jobs import gpus, warm


def attempts_of(rule, wildcards, files):
    """What a job asks for in each attempt, as its rule and the profile say together."""
    return [
        dict(rule.expand_resources(wildcards, files, attempt, {"tmpdir"}).items())
        for attempt in range(1, rule.restart_times + 2)
    ]


def runs_here(rule):
    """Whether a rule's jobs are not submitted; a dry-run, too, knows it by the number of nodes."""
    return workflow.resource_settings.nodes is None or is_local(rule)


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
    found = {model for item in LAYOUTS.values() for model in hub.hub_models(item)}
    return sorted(
        (model for model in found if model.folder in wanted),
        key=lambda model: model.name,
    )


def tasks_of_run():
    """The models that this run, or dry-run, is about to make or to ask."""
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
    """The experiments of which this run is about to compare texts in meaning."""
    names = {
        job.wildcards.experiment
        for job in workflow.dag.needrun_jobs()
        if job.rule.name in ("score", "find_suspects")
        or (job.rule.name == "train" and study(job.wildcards).judges)
    }
    return [item for name, item in LAYOUTS.items() if name in names]


def memory_there():
    """What a task is given, as the profile says or as this machine and its driver do."""
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
    # what its nodes have is the cluster's matter
    return lambda task: sizes.get(task.work) if task.on_gpu else None


# rules whose jobs load torch, and how many such jobs are worth a process that has it loaded
LOADING = ("synthesize", "pretrain_base", "train", "answer", "score", "find_suspects")
SEVERAL = 4


def load_libraries():
    """Load what the jobs of this run import, once for all of them, where they may share that."""
    many = sum(job.rule.name in LOADING for job in workflow.dag.needrun_jobs())
    # with conda they have other libraries
    own = not workflow.deployment_settings.deployment_method
    if many >= SEVERAL and own and gpus.gpu_memory() is None:
        warm.begin()


def tell_remaining():
    """Tell now and then, as long as this run goes on, how long it still takes on this machine."""
    jobs = [job for job in workflow.dag.needrun_jobs() if job.output]
    if not jobs:  # a command says itself what it does
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
