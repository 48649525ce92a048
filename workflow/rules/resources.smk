# What jobs that run a language model ask for. No rules.
from papertune.footprint import study as footprint
from papertune.study.passing import runs_programs

LONG = 1  # a priority: jobs of seconds fill what jobs of minutes leave, to the end


def compute(name):
    """A resource function: what the experiment asks for jobs that run a language model."""
    return lambda wildcards: getattr(study(wildcards).compute, name)


def memory(work):
    """A resource function: the estimate of what a job takes, or what the experiment says."""

    def megabytes(wildcards, attempt):
        name = wildcards.base if work == "pretrain_base" else wildcards.model
        return footprint.memory_mb(
            footprint.Task(layout(wildcards), work, name), attempt
        )

    return megabytes


def minutes(wildcards, attempt):
    """Runtime of a job that runs a language model: a later attempt may take longer."""
    return study(wildcards).compute.minutes(attempt)


def sharded(name):
    """A resource function: the same for every part of a job that is split over GPUs."""
    return lambda wildcards: compute(name)(wildcards) * compute("shards")(wildcards)


def scoring(wildcards):
    """Threads of a job that scores: as many programs run at once, where answers are programs."""
    return compute("threads")(wildcards) if runs_programs(study(wildcards)) else 1


def memory_to_score(wildcards):
    """A resource function: an embedder, and the programs that run at once."""
    programs = study(wildcards).programs.memory_mb * scoring(wildcards)
    return 4000 + programs * runs_programs(study(wildcards))


def on_nodes(value):
    """A resource function for jobs that train on several nodes; others do not have the resource."""
    return lambda wildcards: value if compute("nodes")(wildcards) > 1 else None


def gpus_of_a_node(wildcards, attempt, rulename):
    """A resource function: the same GPUs on each of several nodes, of the profile's model if any."""
    gpus = on_nodes(compute("gpu")(wildcards))(wildcards)
    model = workflow.get_rule(rulename).resources.get("gpu_model")
    if gpus and model:
        asked = {"input": [], "attempt": attempt, "threads": 1, "rulename": rulename}
        model = model.evaluate(wildcards, **asked, async_run=workflow.async_run).value
    return (
        ":".join(filter(None, ("gpu", str(model or ""), str(gpus)))) if gpus else None
    )


def nodes(wildcards):
    """A resource function: how many nodes, of jobs that train on several."""
    return on_nodes(compute("nodes")(wildcards))(wildcards)


# What jobs that train ask for, besides memory. GPUs are those of all nodes, threads and memory of
# each. On several nodes the job runs on the first one and itself starts a task on each, as
# Snakemake has it for `mpi`.
TRAINING = {
    "gpu": lambda wildcards: compute("gpu")(wildcards) * compute("nodes")(wildcards),
    "runtime": minutes,
    "nodes": nodes,
    "tasks": nodes,
    "tasks_per_gpu": on_nodes(0),  # `tasks` are those of the job
    "gres": gpus_of_a_node,
    "mpi": on_nodes("launcher"),
}
