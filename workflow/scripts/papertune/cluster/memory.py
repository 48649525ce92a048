"""Whether the models of a run fit the memory that is there, said before anything is submitted."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import requests

from papertune.cluster.findings import Finding, doubt, fine, wrong
from papertune.cluster.machine import SECONDS
from papertune.footprint.advice import GB
from papertune.footprint.study import Task, Verdict, judge, remember
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
    lines = [_line(verdict) for verdict in judge(tasks, offered.to)]
    return "".join(["\nMemory at most (an estimate):\n", *lines]) if lines else ""


def _line(verdict: Verdict) -> str:
    mark = {True: "ok", False: "!!", None: "  "}[verdict.fits]
    advice = f"     {verdict.advice}\n" if verdict.advice else ""
    return f"  {mark} {verdict}\n{advice}"


def ask_hub(layouts: Iterable[Layout]) -> None:
    """Read the sizes of bases that are not here yet; where nobody answers they stay unknown."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        return
    for layout in layouts:
        for base in layout.experiment.bases.values():
            folder = layout.hub(base.hub, base.revision) if base.hub else ""
            if not folder or Path(folder).exists():
                continue
            from huggingface_hub import constants, get_token  # slow to load, seldom needed

            token = get_token() or ""
            url = f"{constants.ENDPOINT}/{base.hub}/resolve/{base.revision}/config.json"
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            try:
                said = requests.get(url, timeout=SECONDS, headers=headers)
                said.raise_for_status()
                remember(folder, said.json())
            except (requests.RequestException, ValueError):  # check_models says why
                continue


def gigabytes(value: float | None) -> float | None:
    """Bytes of so many gigabytes."""
    return None if value is None else value * GB
