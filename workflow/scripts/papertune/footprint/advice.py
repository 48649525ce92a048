"""What would fit where a model does not: the same update in smaller steps, or another method."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from papertune.footprint.architecture import Architecture
from papertune.footprint.sizes import Machine
from papertune.footprint.training import training_peak
from papertune.study.recipe import Recipe

GB = 10**9


def in_gb(size: float) -> str:
    """Bytes in words: ``12.3 GB``, ``120 GB``."""
    return f"{size / GB:.1f} GB" if size < 100 * GB else f"{size / GB:.0f} GB"


def what_would_fit(
    arch: Architecture, recipe: Recipe, machine: Machine, room: float, *, methods: bool = True
) -> str:
    """What to do about a recipe that does not fit: of each kind what changes least and fits.

    Args:
        arch: Of the base.
        recipe: That does not fit.
        machine: What trains.
        room: Bytes that there are.
        methods: Whether another method is an answer; a base from scratch needs all its weights.
    """
    found: list[str] = []
    least: tuple[str, float] = ("", float("inf"))
    for kind in _kinds(recipe, machine, methods):
        for name, one, there in kind:
            size = float(training_peak(arch, one, there).device)
            if size < least[1]:
                least = (name, size)
            if size <= room:
                found.append(f"{name} ({in_gb(size)})")
                break
    if found:
        return f"what would fit: {'; '.join(found)}"
    name, size = least
    return (
        f"no smaller batch, checkpointing{' or adapters' * methods} would fit; the least is {name} "
        f"with {in_gb(size)}: lower training.max_length too, or take a larger GPU or a smaller base"
    )


def _kinds(
    recipe: Recipe, machine: Machine, methods: bool
) -> Iterator[Iterator[tuple[str, Recipe, Machine]]]:
    """Changes of a recipe by kind, in each the smaller ones first."""

    def here(changes: Iterator[tuple[str, Recipe]]) -> Iterator[tuple[str, Recipe, Machine]]:
        return ((name, one, machine) for name, one in changes)

    yield here(_smaller_batches("", recipe))
    if not recipe.training.gradient_checkpointing:
        yield here(_checkpointed("training.gradient_checkpointing: true", recipe))
    if machine.processes > 1 and not machine.sharded and recipe.method != "qlora":
        yield iter([("compute.parallel: fsdp", recipe, replace(machine, sharded=True))])
    if not methods:
        return
    for method in {"lora": ("qlora",), "qlora": ()}.get(recipe.method, ("lora", "qlora")):
        other = recipe.model_copy(update={"method": method})
        yield here(_with_method(f"method: {method}", other))


def _with_method(name: str, recipe: Recipe) -> Iterator[tuple[str, Recipe]]:
    yield name, recipe
    yield from _checkpointed(f"{name}, gradient_checkpointing: true", recipe)


def _checkpointed(name: str, recipe: Recipe) -> Iterator[tuple[str, Recipe]]:
    training = recipe.training.model_copy(update={"gradient_checkpointing": True})
    saved = recipe.model_copy(update={"training": training})
    yield name, saved
    yield from _smaller_batches(f"{name}, ", saved)


def _smaller_batches(before: str, recipe: Recipe) -> Iterator[tuple[str, Recipe]]:
    """Half the batch and twice the steps of an update, as long as it can be halved."""
    training = recipe.training
    while training.batch_size % 2 == 0:
        batch, accumulation = training.batch_size // 2, training.accumulation * 2
        training = training.model_copy(update={"batch_size": batch, "accumulation": accumulation})
        key = before or "training."
        yield (
            f"{key}batch_size: {batch} with accumulation: {accumulation}",
            recipe.model_copy(update={"training": training}),
        )
