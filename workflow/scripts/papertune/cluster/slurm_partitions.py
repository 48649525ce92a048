"""What Slurm's partitions have: kinds of node, time limits."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from papertune.cluster.slurm import ask, seconds_of

UP = {"idle", "mix", "alloc", "comp", "plnd"}  # states of nodes that take jobs


@dataclass(frozen=True, slots=True)
class Shape:
    """Nodes that are alike: what each has, how many they are, and how many take jobs now."""

    cpus: int
    memory_mb: int
    gpus: Mapping[str, int]  # model → how many; the model is "" where the site names none
    nodes: int
    up: int


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition; ``minutes`` is the longest time that a job may ask for, None where any will do."""

    name: str
    default: bool
    up: bool
    minutes: float | None
    shapes: tuple[Shape, ...]


def partitions() -> list[Partition]:
    """What this user sees of the partitions; raises ClusterError as :func:`ask` does."""
    return read_sinfo(ask("sinfo", "--noheader", "--exact", "--format=%P|%a|%l|%D|%c|%m|%G|%t"))


def read_sinfo(text: str) -> list[Partition]:
    """The rows that :func:`partitions` asks for: one for each kind of node and its state."""
    found: dict[str, Partition] = {}
    for line in text.splitlines():
        name, available, limit, nodes, cpus, memory, gres, state = line.split("|")
        usable = re.sub(r"\W+$", "", state) in UP and "*" not in state
        gpus: Counter[str] = Counter()
        for model, count in re.findall(r"(?:^|,)gpu:(?:([^:,()]+):)?(\d+)", gres):
            gpus[model] += int(count)  # of ``gpu:a100:4(S:0-1),gpu:2``
        shape = Shape(
            cpus=int(cpus.rstrip("+")),
            memory_mb=int(memory.rstrip("+")),
            gpus=gpus,
            nodes=int(nodes),
            up=int(nodes) if usable else 0,
        )
        key, seconds = name.rstrip("*"), seconds_of(limit)  # None for ``infinite``
        before = found[key].shapes if key in found else ()
        minutes = None if seconds is None else seconds / 60
        found[key] = Partition(key, key != name, available == "up", minutes, (*before, shape))
    return list(found.values())
