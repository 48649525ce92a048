"""What would fit where a model does not: the same update in smaller steps, or another method."""

from collections.abc import Iterator
from dataclasses import replace

from papertune.footprint.architecture import Architecture
from papertune.footprint.peaks import training_peak
from papertune.footprint.sizes import Machine
from papertune.study.recipe import Recipe

GB = 10**9
CHECKPOINTS = "gradient_checkpointing: true"


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
    kinds = [
        [(name, training_peak(arch, one, machine).device) for name, one in kind]
        for kind in ([("this", recipe)], *_kinds(recipe, methods))
    ]
    parts = replace(machine, sharded=True)
    if machine.processes > 1 and not machine.sharded and recipe.method != "qlora":
        kinds.append([("compute.parallel: fsdp", training_peak(arch, recipe, parts).device)])
    fitting = [[change for change in kind if change[1] <= room] for kind in kinds]
    if found := [f"{name} ({in_gb(size)})" for name, size in (kind[0] for kind in fitting if kind)]:
        return f"what would fit: {'; '.join(found)}"
    name, size = min((change for kind in kinds for change in kind), key=lambda one: one[1])
    return (
        f"no smaller batch, checkpointing{' or adapters' * methods} would fit; the least is {name} "
        f"with {in_gb(size)}: lower training.max_length too, or take a larger GPU or a smaller base"
    )


def _kinds(recipe: Recipe, methods: bool) -> Iterator[list[tuple[str, Recipe]]]:
    """Changes of a recipe by kind, in each the smaller ones first."""
    yield _smaller_batches("training.", recipe)
    if not recipe.training.gradient_checkpointing:
        yield _checkpointed("training.", recipe)
    others = {"lora": ["qlora"], "qlora": []}.get(recipe.method, ["lora", "qlora"])
    for method in others if methods else []:
        other = recipe.model_copy(update={"method": method})
        name = f"method: {method}"
        yield [(name, other), *_checkpointed(f"{name}, ", other)]


def _checkpointed(before: str, recipe: Recipe) -> list[tuple[str, Recipe]]:
    saved = with_training(recipe, gradient_checkpointing=True)
    name = f"{before}{CHECKPOINTS}"
    return [(name, saved), *_smaller_batches(f"{name}, ", saved)]


def _smaller_batches(before: str, recipe: Recipe) -> list[tuple[str, Recipe]]:
    """Half the batch and twice the steps of an update, as long as it can be halved."""
    found = []
    batch, accumulation = recipe.training.batch_size, recipe.training.accumulation
    while batch % 2 == 0:
        batch, accumulation = batch // 2, accumulation * 2
        name = f"{before}batch_size: {batch} with accumulation: {accumulation}"
        smaller = with_training(recipe, batch_size=batch, accumulation=accumulation)
        found.append((name, smaller))
    return found


def with_training(recipe: Recipe, **changes: object) -> Recipe:
    """The recipe with other settings of training."""
    training = recipe.training.model_copy(update=changes)
    return recipe.model_copy(update={"training": training})
