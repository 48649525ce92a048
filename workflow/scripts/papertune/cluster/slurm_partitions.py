"""What Slurm's partitions have: kinds of node, time limits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from papertune.cluster.slurm import ask

UP = {"idle", "mix", "alloc", "comp", "plnd"}  # states of nodes that take jobs


@dataclass(frozen=True, slots=True)
class Shape:
    """Nodes that are alike: what each has, how many they are, and how many take jobs now."""

    cpus: int
    memory_mb: int
    gpus: Mapping[str, int]  # model → how many; the model is "" where the site names none
    features: frozenset[str]
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
    """What this user sees of the partitions.

    Raises:
        ClusterError: the controller does not answer.
    """
    return read_sinfo(ask("sinfo", "--noheader", "--exact", "--format=%P|%a|%l|%D|%c|%m|%G|%f|%t"))


def read_sinfo(text: str) -> list[Partition]:
    """The rows that :func:`partitions` asks for: one for each kind of node and its state."""
    found: dict[str, Partition] = {}
    for line in text.splitlines():
        name, available, limit, nodes, cpus, memory, gres, features, state = line.split("|")
        usable = re.sub(r"\W+$", "", state) in UP and "*" not in state
        shape = Shape(
            cpus=int(cpus.rstrip("+")),
            memory_mb=int(memory.rstrip("+")),
            gpus=_gpus(gres),
            features=frozenset(re.findall(r"[^,()\s]+", features)) - {"null"},
            nodes=int(nodes),
            up=int(nodes) if usable else 0,
        )
        key = name.rstrip("*")
        before = found[key].shapes if key in found else ()
        found[key] = Partition(
            key, name.endswith("*"), available == "up", minutes_of(limit), (*before, shape)
        )
    return list(found.values())


def _gpus(gres: str) -> dict[str, int]:
    """``gpu:a100:4(S:0-1),gpu:2`` → what a node has, by model."""
    counts: dict[str, int] = {}
    for model, count in re.findall(r"(?:^|,)gpu:(?:([^:,()]+):)?(\d+)", gres):
        counts[model] = counts.get(model, 0) + int(count)
    return counts


def minutes_of(limit: str) -> float | None:
    """Minutes of ``[days-][hours:]minutes:seconds``; None for ``infinite``."""
    found = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", limit)
    if not found:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return (days * 24 + hours) * 60 + minutes + seconds / 60
