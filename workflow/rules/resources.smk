# The resources of jobs that run a language model. No rules.
from papertune.footprint import study as footprint
from papertune.study.passing import runs_programs

LONG = 1  # the priority of jobs of minutes: jobs of seconds fill the gaps between them


def compute(name):
    """A resource function: a setting of the experiment's `compute`."""
    return lambda wildcards: getattr(study(wildcards).compute, name)


def memory(work):
    """A resource function: a job's memory in MB, estimated or as the experiment says."""

    def megabytes(wildcards, attempt):
        name = wildcards.base if work == "pretrain_base" else wildcards.model
        return footprint.memory_mb(
            footprint.Task(layout(wildcards), work, name), attempt
        )

    return megabytes


def minutes(wildcards, attempt):
    """Minutes of a job that runs a language model: a later attempt may take longer."""
    return study(wildcards).compute.minutes(attempt)


def sharded(name):
    """A resource function: a setting of `compute`, times the parts of a job."""
    return lambda wildcards: compute(name)(wildcards) * compute("shards")(wildcards)


def scoring(wildcards):
    """Threads of a scoring job: the number of programs run at once, or 1 if answers are no programs."""
    return compute("threads")(wildcards) if runs_programs(study(wildcards)) else 1


def memory_to_score(wildcards):
    """A resource function: the memory in MB of an embedder and of the programs run at once."""
    programs = study(wildcards).programs.memory_mb * scoring(wildcards)
    return 4000 + programs * runs_programs(study(wildcards))


def on_nodes(value):
    """A resource function: a value for jobs that train on several nodes, None for others."""
    return lambda wildcards: value if compute("nodes")(wildcards) > 1 else None


def gpus_of_a_node(wildcards, attempt, rulename):
    """A resource function: the GPUs of each of several nodes, with the profile's GPU model if any."""
    gpus = on_nodes(compute("gpu")(wildcards))(wildcards)
    model = workflow.get_rule(rulename).resources.get("gpu_model")
    if gpus and model:
        asked = {"input": [], "attempt": attempt, "threads": 1, "rulename": rulename}
        model = model.evaluate(wildcards, **asked, async_run=workflow.async_run).value
    return (
        ":".join(filter(None, ("gpu", str(model or ""), str(gpus)))) if gpus else None
    )


def nodes(wildcards):
    """A resource function: the number of nodes of jobs that train on several, None for others."""
    return on_nodes(compute("nodes")(wildcards))(wildcards)


# The resources of training jobs, besides memory. GPUs are those of all nodes together, threads and
# memory those of each node. On several nodes the job runs on the first and starts a task on each, as
# jobs with Snakemake's resource `mpi` do.
TRAINING = {
    "gpu": lambda wildcards: compute("gpu")(wildcards) * compute("nodes")(wildcards),
    "runtime": minutes,
    "nodes": nodes,
    "tasks": nodes,
    "tasks_per_gpu": on_nodes(0),  # because `tasks` counts the tasks of the job
    "gres": gpus_of_a_node,
    "mpi": on_nodes("launcher"),
}
