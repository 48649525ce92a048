"""Whether the models of a run fit the memory that is there, said before anything is submitted."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from papertune.cluster.findings import Finding, doubt, fine, wrong
from papertune.cluster.machine import HubModel, ask_hub_for, hub_is_offline
from papertune.footprint.study import Task, judge, remember
from papertune.study.layout import Layout

RESOURCE = "gpu_memory_gb"  # in a profile, under set-resources
WORKS = ("pretrain_base", "train", "answer")


@dataclass(frozen=True, slots=True)
class Offered:
    """How much memory there is.

    Args:
        gpus: Bytes of one GPU, by rule; None or nothing where it is not known.
        machine: Bytes of the machine where no GPU is asked for; None where that is the cluster's
            matter, which knows its nodes.
    """

    gpus: Mapping[str, float | None] = field(default_factory=dict)
    machine: float | None = None

    def to(self, task: Task) -> float | None:
        """What a task is given."""
        return self.gpus.get(task.work) if task.on_gpu else self.machine


def check_memory(tasks: Iterable[Task], offered: Offered) -> Iterator[Finding]:
    """What each task takes, and whether there is as much."""
    asked, unknown = False, []
    for verdict in judge(tasks, offered.to):
        if verdict.peak is None:
            unknown.append(str(verdict.task))
        elif verdict.fits is False:
            # a machine without a GPU may have room elsewhere, such as swap space
            say = wrong if verdict.task.on_gpu else doubt
            yield say(str(verdict), verdict.advice)
        else:
            yield fine(str(verdict))
            asked |= verdict.fits is None and verdict.task.on_gpu
    if unknown:
        yield doubt(
            f"nothing is known yet of the memory of {', '.join(unknown)}: the base is not here",
            "snakemake --until download_base brings it; then look again",
        )
    if asked:
        yield fine(f"how much memory the GPUs have is not known: set {RESOURCE} in the profile")


def show_memory(tasks: Iterable[Task], offered: Offered) -> str:
    """What each task takes, as lines of a plan; empty where there are none."""
    lines, marks = [], {True: "ok", False: "!!", None: "  "}
    for verdict in judge(tasks, offered.to):
        lines.append(f"  {marks[verdict.fits]} {verdict}\n")
        if verdict.advice:
            lines.append(f"     {verdict.advice}\n")
    return "".join(["\nMemory at most (an estimate):\n", *lines]) if lines else ""


def ask_hub(layouts: Iterable[Layout]) -> None:
    """Read the sizes of bases that are not here yet; where nobody answers they stay unknown."""
    if hub_is_offline():
        return
    for layout in layouts:
        for base in layout.experiment.bases.values():
            folder = layout.hub(base.hub, base.revision) if base.hub else ""
            if not folder or Path(folder).exists():
                continue
            said = ask_hub_for(HubModel(base.hub, base.revision, folder), "GET")
            if said is not None and said.ok:  # check_models says why not
                with suppress(ValueError):
                    remember(folder, said.json())
