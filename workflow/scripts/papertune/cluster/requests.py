"""Resource requests of jobs, their fit to partitions, and the plan of a run.

Jobs of a rule with equal requests are one kind.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import le
from typing import Any

from tabulate import tabulate

from papertune.cluster.slurm import PARTITION, Partition, Shape
from papertune.study.layout import Layout

# differ from job to job or from machine to machine, and are not requested
UNASKED = {"_nodes", "tmpdir", "disk_mb", "disk_mib", "mem_mib"}
HEAD = ("rule", "jobs", "runs", "GPUs", "CPUs", "memory", "time", "GPU-hours")


@dataclass(frozen=True, slots=True)
class Ask:
    """A job's request in one attempt: Snakemake's resources, and what follows from them."""

    resources: Mapping[str, Any]
    threads: int
    nodes: int
    gpus: int  # on all nodes together
    model: str  # of the GPUs; empty for any model
    gpus_each: int  # on each node, as CPUs and memory
    cpus: int
    memory_mb: int | None  # None: left to the site
    minutes: int | None
    partitions: list[str]  # empty for the site's default

    def __str__(self) -> str:
        said = [f"{self.cpus} CPU{'s' * (self.cpus > 1)}"]
        if self.gpus:
            said.insert(0, " ".join(filter(None, (str(self.gpus_each), self.model, "GPU"))))
        if self.nodes > 1:
            said[0] = f"{self.nodes} nodes with {said[0]} each"
        if self.memory_mb:
            said.append(f"{self.memory_mb} MB")
        if self.minutes:
            said.append(f"{self.minutes} minutes")
        return ", ".join(said)


def ask_of(resources: Mapping[str, Any]) -> Ask:
    """The request of a job with these resources; values not known yet are left to the site."""
    number = {n: int(value) for n, value in resources.items() if isinstance(value, int | float)}.get
    threads, nodes, gpus = number("_cores") or 1, number("nodes") or 1, number("gpu") or 0
    each = -(-gpus // nodes)
    cpus = each * (number("cpus_per_gpu") or 0) or number("cpus_per_task") or threads
    memory, per_cpu = number("mem_mb"), number("mem_mb_per_cpu")
    return Ask(
        resources,
        threads,
        nodes,
        gpus,
        model=str(resources.get("gpu_model") or ""),
        gpus_each=each,
        cpus=cpus,
        memory_mb=per_cpu * cpus if per_cpu else memory,
        minutes=number("runtime"),
        partitions=re.findall(r"[^,\s]+", str(resources.get(PARTITION) or "")),
    )


@dataclass(slots=True)
class Kind:
    """Jobs of one rule with the same request; ``here`` means that they are not submitted."""

    rule: str
    here: bool
    attempts: tuple[Ask, ...]
    jobs: int = 0

    def gpu_hours(self, attempts: int = 1) -> float:
        """GPU-hours requested if each job takes so many attempts, each up to its time limit."""
        asks = self.attempts[:attempts]
        return self.jobs * sum(ask.gpus * (ask.minutes or 0) / 60 for ask in asks)


def kinds_of(jobs: Iterable[tuple[str, bool, Iterable[Mapping[str, Any]]]]) -> list[Kind]:
    """Group jobs by their requests, in order of first appearance.

    Each job is given as its rule, whether it runs here, and its resources in every attempt.
    """
    found: dict[str, Kind] = {}
    for rule, here, attempts in jobs:
        wanted = ({n: each[n] for n in sorted(each) if n not in UNASKED} for each in attempts)
        kind = Kind(rule, here, tuple(map(ask_of, wanted)))
        found.setdefault(repr((rule, here, kind.attempts)), kind).jobs += 1
    return list(found.values())


def results_of(layout: Layout) -> list[str]:
    """One result of every rule that a full run of an experiment may submit."""
    pretrained = [name for name, base in layout.experiment.bases.items() if base.pretrain]
    return [
        *layout.by_split("datasets").values(),
        *(f"{layout.root}/bases/{name}" for name in pretrained),
        *layout.models().values(),
        *(
            path
            for stage in ("answers", "scores")
            for cells in (layout.by_cell(stage), layout.of_probes(stage))
            for path in cells.values()
        ),
        *(f"{layout.root}/tables/{name}.csv" for name in ("matrix", "counts", "comparison")),
        *map(layout.leakage, ("suspects.jsonl", "matrix.csv")),
        *([layout.filter("filter.json")] if layout.experiment.filter else []),
        f"{layout.root}/report.html",
    ]


def why_not(ask: Ask, partition: Partition, *, ever: bool = False) -> list[str]:
    """What a partition lacks for a job, in words; empty if the job fits on its nodes.

    Slurm may accept a job that does not fit and let it wait forever, or spread its GPUs over nodes.
    ``ever`` ignores temporary states: nodes that are down, a closed partition.
    """
    lacks = []
    if ask.minutes and partition.minutes is not None and ask.minutes > partition.minutes:
        lacks.append(f"lets jobs run for {partition.minutes:.0f} minutes, not {ask.minutes}")
    wanted = ask.gpus_each, ask.memory_mb or 0, ask.cpus
    has = [_has(shape, ask.model) for shape in partition.shapes]
    fitting = [s for s, had in zip(partition.shapes, has, strict=True) if all(map(le, wanted, had))]
    if not fitting:
        units = f"{ask.model} GPUs".strip(), "MB of memory", "CPUs"
        most = map(max, zip(*has, (0, 0, 0), strict=True))
        much = [
            f"has no node with {amount} {unit} (at most {limit})"
            for amount, unit, limit in zip(wanted, units, most, strict=True)
            if amount > limit
        ]
        lacks += much[:1] or ["has no single node with all of it"]
    elif (there := sum(shape.nodes for shape in fitting)) < ask.nodes:
        lacks.append(f"has {there} such nodes, not {ask.nodes}")
    elif partition.up and not ever and (up := sum(shape.up for shape in fitting)) < ask.nodes:
        lacks.append(f"has the right nodes, but {up or 'none'} of them accepts jobs now")
    if not partition.up and not ever:
        lacks.append("is closed")
    return lacks


def _has(shape: Shape, model: str) -> tuple[int, int, int]:
    gpus = shape.gpus.get(model, 0) if model else max(shape.gpus.values(), default=0)
    return gpus, shape.memory_mb, shape.cpus


def show_plan(kinds: list[Kind]) -> str:
    """The plan as text: a row for each kind of job, then the totals."""
    if not kinds:
        return "Nothing to be done.\n"
    sides = ["left", "right", "left", *["right"] * 5]
    table = tabulate([_row(kind) for kind in kinds], HEAD, disable_numparse=True, colalign=sides)
    jobs = [sum(kind.jobs for kind in kinds if kind.here is here) for here in (False, True)]
    there, here = (f"{number} job{'s' * (number != 1)}" for number in jobs)
    said = f"{table}\n\nSubmitted to the cluster: {there}. Run here: {here}.\n"
    if once := sum(kind.gpu_hours() for kind in kinds):
        said += f"GPU-hours requested: {once:g}, if every job takes all of its time.\n"
        if (most := max(len(kind.attempts) for kind in kinds)) > 1:
            worst = sum(kind.gpu_hours(most) for kind in kinds)
            said += f"At most {worst:g}, if every job also fails until its last attempt ({most}).\n"
    return said


def show_baselines(layouts: Iterable[Layout]) -> str:
    """The baselines that are added by default, as lines of a plan; empty if there are none."""
    lines = [
        f"  {layout.name}: {name} ({study.model_label(name)}), for "
        f"{', '.join(model for model, other in study.baselines.items() if other == name)}\n"
        for layout in layouts
        for study in [layout.experiment]
        for name in study.made
    ]
    what = "Baselines added so that each model is compared with one asked in the same form:"
    return "".join([f"\n{what}\n", *lines]) if lines else ""


def _row(kind: Kind) -> list[str]:
    if kind.here:
        return [kind.rule, str(kind.jobs), "here", *[""] * 5]
    ask = kind.attempts[0]
    nodes = f"{ask.nodes} × " if ask.nodes > 1 else ""
    return [
        kind.rule,
        str(kind.jobs),
        "cluster",
        f"{nodes}{ask.gpus_each} {ask.model}".strip() if ask.gpus else "",
        f"{nodes}{ask.cpus}",
        f"{nodes}{ask.memory_mb / 1000:g} GB" if ask.memory_mb else "",
        "" if ask.minutes is None else f"{ask.minutes // 60}:{ask.minutes % 60:02d} h",
        f"{kind.gpu_hours():g}" if kind.gpu_hours() else "",
    ]
