"""Changes that make a model fit: smaller batches, checkpointing, adapters, 4-bit weights."""

from dataclasses import replace

from papertune.footprint.architecture import Architecture
from papertune.footprint.peaks import training_peak
from papertune.footprint.trained import Machine
from papertune.study.recipe import Recipe

GB = 10**9


def in_gb(size: float) -> str:
    """Bytes in words: ``12.3 GB``, ``120 GB``."""
    return f"{size / GB:.1f} GB" if size < 100 * GB else f"{size / GB:.0f} GB"


def what_would_fit(
    arch: Architecture, recipe: Recipe, machine: Machine, room: float, *, methods: bool = True
) -> str:
    """Advice for a recipe that does not fit: the smallest change of each kind that fits.

    ``room`` is in bytes. ``methods`` says whether another method may be proposed: a base from
    scratch needs all its weights trained.
    """
    others = {"lora": ["qlora"], "qlora": []}.get(recipe.method, ["lora", "qlora"])
    kinds = [[("this", recipe)], _smaller_batches("training.", recipe)]
    if not recipe.training.gradient_checkpointing:
        kinds.append(_checkpointed("training.", recipe))
    for method in others if methods else []:
        name, other = f"method: {method}", recipe.model_copy(update={"method": method})
        kinds.append([(name, other), *_checkpointed(f"{name}, ", other)])
    sizes = [[(name, training_peak(arch, one, machine).device) for name, one in k] for k in kinds]
    if machine.processes > 1 and not machine.sharded and recipe.method != "qlora":
        parts = training_peak(arch, recipe, replace(machine, sharded=True))
        sizes.append([("compute.parallel: fsdp", parts.device)])
    fitting = [[change for change in kind if change[1] <= room] for kind in sizes]
    if found := [f"{name} ({in_gb(size)})" for name, size in (kind[0] for kind in fitting if kind)]:
        return f"what would fit: {'; '.join(found)}"
    name, size = min((change for kind in sizes for change in kind), key=lambda one: one[1])
    return (
        f"no smaller batch, checkpointing{' or adapters' * methods} would fit; the least is {name} "
        f"with {in_gb(size)}: lower training.max_length too, or take a larger GPU or a smaller base"
    )


def _checkpointed(before: str, recipe: Recipe) -> list[tuple[str, Recipe]]:
    saved = with_training(recipe, gradient_checkpointing=True)
    name = f"{before}gradient_checkpointing: true"
    return [(name, saved), *_smaller_batches(f"{name}, ", saved)]


def _smaller_batches(before: str, recipe: Recipe) -> list[tuple[str, Recipe]]:
    """Halve the batch and double the accumulation steps, as long as the batch can be halved."""
    found = []
    batch, accumulation = recipe.training.batch_size, recipe.training.accumulation
    while batch % 2 == 0:
        batch, accumulation = batch // 2, accumulation * 2
        name = f"{before}batch_size: {batch} with accumulation: {accumulation}"
        smaller = with_training(recipe, batch_size=batch, accumulation=accumulation)
        found.append((name, smaller))
    return found


def with_training(recipe: Recipe, **changes: object) -> Recipe:
    """A recipe with changed hyperparameters."""
    training = recipe.training.model_copy(update=changes)
    return recipe.model_copy(update={"training": training})
