"""What of an architecture a recipe trains, and in which form it holds the rest."""

from dataclasses import dataclass

from papertune.footprint.activations import BF16, FP32, Role
from papertune.footprint.architecture import Architecture
from papertune.study.recipe import Recipe

EMBEDDINGS = ("embed_tokens", "wte", "word_embeddings")
HEAD = "lm_head"


@dataclass(frozen=True, slots=True)
class Machine:
    """What trains."""

    on_gpu: bool = False
    half: bool = False  # computes in bf16 where precision is ``auto``
    processes: int = 1  # that share out an update
    sharded: bool = False  # each of them holds a part of the weights only


def half(recipe: Recipe, machine: Machine) -> bool:
    """Whether it is computed in bf16."""
    precision = recipe.training.precision
    return precision == "bf16" or (precision == "auto" and machine.half)


def row(recipe: Recipe, arch: Architecture) -> tuple[int, int]:
    """Tokens of the longest row, and those that an example counts for in a batch."""
    longest = recipe.training.max_length
    if arch.context:
        longest = min(longest, arch.context)
    if recipe.examples.packing == "none":
        return longest, longest
    row = min(recipe.examples.length or longest, longest)
    return row, row if recipe.examples.packing == "blocks" else longest


def batch(recipe: Recipe, machine: Machine) -> int:
    """Examples that a process computes at once (as :func:`smaller_batch.share_out` has it)."""
    size = recipe.training.batch_size
    share = max(1, size * recipe.training.accumulation // machine.processes)
    return max(count for count in range(1, size + 1) if share % count == 0)


def accumulates(recipe: Recipe, machine: Machine) -> bool:
    """Whether gradients of several batches are added up."""
    update = recipe.training.batch_size * recipe.training.accumulation
    return update // machine.processes > batch(recipe, machine)


def frozen_layers(recipe: Recipe, arch: Architecture) -> set[int]:
    """Numbers of the layers that stay as they are."""
    if recipe.freeze is None:
        return set()
    count, freeze = arch.layers, recipe.freeze
    numbers = {*range(freeze.first), *range(count - freeze.last, count), *freeze.layers}
    whole = {module.removeprefix(f"{arch.stem}.") for module in freeze.modules}
    numbers |= {int(name) for name in whole if name.isdigit()}
    return {number for number in numbers if 0 <= number < count}


def embedding_trained(recipe: Recipe, arch: Architecture) -> bool:
    """Whether the token embedding is among what is trained."""
    named = EMBEDDINGS + ((HEAD,) if arch.tied else ())
    return not (recipe.with_adapters or _is_frozen(recipe, named))


def head_trained(recipe: Recipe, arch: Architecture) -> bool:
    """Whether the head is."""
    if arch.tied:
        return embedding_trained(recipe, arch)
    return not (recipe.with_adapters or _is_frozen(recipe, (HEAD,)))


def _is_frozen(recipe: Recipe, named: tuple[str, ...]) -> bool:
    modules = recipe.freeze.modules if recipe.freeze else []
    return any(module.endswith(named) for module in modules)


def adapter(recipe: Recipe, arch: Architecture) -> int:
    """Parameters of the adapters of a layer."""
    adapted = arch.adapted(recipe.lora.target_modules)
    return sum(recipe.lora.rank * (linear.inputs + linear.outputs) for linear in adapted)


def trained(recipe: Recipe, arch: Architecture) -> int:
    """Parameters that get gradients."""
    layers = arch.layers - len(frozen_layers(recipe, arch))
    if recipe.with_adapters:
        return layers * adapter(recipe, arch)
    total = layers * arch.layer + arch.around + embedding_trained(recipe, arch) * arch.embedding
    return total + head_trained(recipe, arch) * arch.head


def weights(recipe: Recipe, arch: Architecture, half: bool) -> int:
    """Bytes of all weights, adapters among them.

    What is trained is in fp32; a base under adapters in the precision of the computation, or
    its linear modules in 4 bit: NF4 has a constant of 4 bytes for 64 weights, which double
    quantisation makes a byte for 64 and 4 for 16,384 (Dettmers et al. 2023).
    """
    if not recipe.with_adapters:
        return arch.parameters * FP32
    number = BF16 if half else FP32
    adapters = trained(recipe, arch) * FP32
    if recipe.method == "lora":
        return arch.parameters * number + adapters
    linear = arch.layers * sum(one.inputs * one.outputs for one in arch.linears)
    constants = 1 / 64 + 4 / 16384 if recipe.quantization.double else 4 / 64
    return int((arch.parameters - linear) * number + linear * (0.5 + constants)) + adapters


def roles(recipe: Recipe, arch: Architecture) -> list[Role]:
    """What is trained of each layer that gradients reach, from the lowest of them up."""
    frozen = frozen_layers(recipe, arch)
    role: Role = "adapters" if recipe.with_adapters else "trained"
    roles: list[Role] = ["passed" if number in frozen else role for number in range(arch.layers)]
    if not embedding_trained(recipe, arch):
        while roles and roles[0] == "passed":
            roles.pop(0)
    return roles
