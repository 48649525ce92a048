"""The most memory that training takes at once, from the architecture and the recipe alone.

A run goes through phases, and the largest of them counts. Each holds the weights and, from the
first update on, the optimiser's state; besides these

- the end of a forward pass holds what all layers keep (:mod:`activations`) and the logits: three
  times in float32, as they are computed, as a loss takes them, and as logarithms of probabilities;
- the end of a backward pass holds all gradients, and a second one of a tied embedding;
- a validation holds the logits of its own batch;
- checkpoints are written and the best one is read: on a CPU weights are then there twice.

Where weights are cut up (:mod:`papertune.training.several.fsdp`), a process holds its part of them, of
their gradients and of the optimiser's state, and besides them what is put together at the moment: two
layers, as the next one comes while one is computed, and what is outside of the layers; for answers,
all of them.

On a CPU memory that one phase has given back is not all there for the next one: blocks below
:data:`LARGE` come from a heap that grows only, others from the system, which gets them back at once
(mallopt(3), M_MMAP_THRESHOLD). The largest heap of all phases stands beside the largest rest, and
has holes.

It is said for a batch whose examples are all as long as ``max_length``.
"""

from __future__ import annotations

from dataclasses import dataclass

from papertune.footprint import sizes
from papertune.footprint.activations import (
    BF16,
    FP32,
    Kept,
    inside_kept,
    kept_by_layer,
    scores_kept,
)
from papertune.footprint.architecture import Architecture
from papertune.footprint.sizes import Machine
from papertune.study.recipe import Recipe

MIB = 2**20
LOGITS = 3  # times that they are there at once
VALIDATED = 16  # examples that are validated at once, or as many as are trained on
# resident memory of Python with the libraries, seen at the end of a run of a tiny model
LIBRARIES, BITSANDBYTES, DISTRIBUTED = 410 * MIB, 45 * MIB, 60 * MIB
# of the CUDA libraries in the host's memory, and of a context in the GPU's
CUDA_HOST, CUDA_CONTEXT = 2500 * MIB, 512 * MIB
# torch's allocator holds more than it has given out, in blocks that fit nothing
SLACK = 1.08
LARGE = 32 * MIB  # the C library's own limit on what it may take from the heap
# Times that the results of a layer's linear modules are lost between blocks of the heap that stay
# (as measured): adapters make three for one that is kept, a layer that is computed again makes all
# of them in the holes of the one before, gradients that are added up stay between them
HOLES = {"trained": 0.6, "passed": 1.8, "adapters": 2.2}
HOLES_CHECKPOINTED, HOLES_ACCUMULATED = 1.3, 0.8


@dataclass(frozen=True, slots=True)
class Taken:
    """Bytes that a phase takes at once, in large blocks and in small ones."""

    large: int = 0
    small: int = 0

    @classmethod
    def of(cls, size: float, block: float) -> Taken:
        """So many bytes in blocks of one size."""
        return cls(int(size), 0) if block >= LARGE else cls(0, int(size))

    def __add__(self, other: Taken) -> Taken:
        return Taken(self.large + other.large, self.small + other.small)

    def part(self, parts: int) -> Taken:
        """One of so many parts of it."""
        return Taken(self.large // parts, self.small // parts)

    @property
    def total(self) -> int:
        """Both."""
        return self.large + self.small


def largest(*some: Taken) -> Taken:
    """The one that takes most."""
    return max(some, key=lambda taken: taken.total)


@dataclass(frozen=True, slots=True)
class Peak:
    """What a run takes at most, in bytes.

    Args:
        weights: Of the model, adapters among them.
        optimizer: The optimiser's state.
        phases: What each phase takes besides these.
        device: In the memory where it is computed: the GPU's, or the machine's.
        host: In the machine's memory, by one process.
        note: What is not known for sure.
    """

    weights: int
    optimizer: int
    phases: dict[str, Taken]
    device: int
    host: int
    note: str = ""

    @property
    def tensors(self) -> int:
        """What torch has given out at the peak."""
        return self.weights + self.optimizer + max(taken.total for taken in self.phases.values())


def optimizer_state(name: str, trained: int, embedding: int, arch: Architecture) -> int:
    """Bytes of an optimiser's state in the memory where it is computed.

    Two moments in float32 (Kingma & Ba 2015), or in a byte each with a constant of 4 bytes for 256
    of them (Dettmers et al. 2022), but of embeddings, which bitsandbytes leaves in 32 bit; sums of
    rows and columns (Shazeer & Stern 2018). Paged ones lie in the machine's memory.

    Args:
        trained: Parameters that are trained.
        embedding: Those of them that are an embedding's.
    """
    if name in ("adamw", "paged_adamw_32bit"):
        return 8 * trained
    if name.endswith("8bit"):
        return int((trained - embedding) * (2 + 8 / 256)) + 8 * embedding
    if name == "adafactor":
        return 4 * trained // max(1, min(arch.width, arch.intermediate)) * 2
    return 0


def training_peak(arch: Architecture, recipe: Recipe, machine: Machine) -> Peak:
    """The most that one process takes."""
    training, half = recipe.training, sizes.half(recipe, machine)
    number = BF16 if half else FP32
    row, each = sizes.row(recipe, arch)
    batch = sizes.batch(recipe, machine)
    tokens = batch * each
    trained = sizes.trained(recipe, arch)
    embedding = arch.embedding if sizes.embedding_trained(recipe, arch) else 0
    weights = sizes.weights(recipe, arch, half)
    state = optimizer_state(training.optimizer, trained, embedding, arch)
    gradients = _gradients(arch, recipe, embedding)
    if machine.sharded:
        weights, state = weights // machine.parts, state // machine.parts
        gradients = gradients.part(machine.parts) + _whole_layer(arch, recipe)
    copies = _by_tensor(arch, _copies(arch, recipe, half), BF16)
    if machine.sharded:
        copies = _put_together(arch, number)
    table = arch.embedding * FP32
    working = _working(arch, row, number, machine.on_gpu)
    inside = arch.intermediate * number

    def logits(tokens: int, times: float) -> Taken:
        one = tokens * arch.vocabulary * FP32
        return Taken.of(times * one, one)

    layer = Taken.of(tokens * working, tokens * inside)
    before = gradients if sizes.accumulates(recipe, machine) else Taken()
    head = Taken.of(table, table) if sizes.head_trained(recipe, arch) else Taken()
    again = Taken.of(table, table) if embedding and arch.tied else Taken()
    capped = arch.capped * number / FP32  # what a tanh keeps of the logits
    phases = {
        "forward": before
        + _kept(arch, recipe, machine, tokens, row)
        + copies
        + logits(tokens, capped)
        + largest(logits(tokens, LOGITS), logits(tokens, LOGITS - 1) + head, layer),
        "backward": gradients + (copies if machine.sharded else Taken()) + layer + again,
        "update": gradients,
    }
    if training.optimizer == "adafactor":
        phases["update"] += Taken.of(3 * arch.largest * FP32, arch.largest * FP32)
    # on a GPU a validation that memory does not hold is done in smaller parts
    shown = each * (1 if machine.on_gpu else max(VALIDATED, training.batch_size))
    phases["validation"] = copies + largest(
        logits(shown, LOGITS), Taken.of(shown * working, shown * inside)
    )
    if machine.sharded and training.best_by != "validation_loss":
        phases["answers"] = Taken.of(arch.parameters * number, arch.largest * number)
    if not machine.on_gpu:
        phases["best model"] = Taken((trained if recipe.with_adapters else arch.parameters) * FP32)
    if machine.processes > 1 and not machine.sharded:
        # DistributedDataParallel keeps the buckets that it sends gradients in
        phases = {name: taken + Taken(trained * FP32) for name, taken in phases.items()}
    paged = state if training.optimizer.startswith("paged_") and machine.on_gpu else 0
    state -= paged
    tensors = weights + state + max(taken.total for taken in phases.values())
    in_bits = recipe.in_4_bit or training.optimizer.endswith("bit")
    libraries = LIBRARIES + in_bits * BITSANDBYTES + (machine.processes > 1) * DISTRIBUTED
    if not machine.on_gpu:
        # the file's pages are there with the weights; the first process keeps all of them
        loading = sizes.weights(recipe, arch, half) + arch.parameters * FP32
        rest = max(taken.large for taken in phases.values())
        heap = max(taken.small for taken in phases.values()) + _holes(arch, recipe, tokens)
        kept = sizes.weights(recipe, arch, half) if machine.sharded else 0
        host = libraries + max(kept + weights + state + rest + heap, loading)
        return Peak(weights, state, phases, host, host, note_of(arch))
    # weights go through the machine's memory to the GPU; a checkpoint comes back as a whole
    through = (
        arch.largest * FP32
        if recipe.in_4_bit
        else max(sizes.weights(recipe, arch, half), arch.parameters * number)
    )
    host = libraries + CUDA_HOST + through + paged
    device = CUDA_CONTEXT + int(tensors * SLACK)
    return Peak(weights, state, phases, device, host, note_of(arch))


def _gradients(arch: Architecture, recipe: Recipe, embedding: int) -> Taken:
    """A gradient for each trained parameter."""
    trained = sizes.trained(recipe, arch)
    if recipe.with_adapters:
        return Taken(0, trained * FP32)
    tables = embedding + (arch.head if sizes.head_trained(recipe, arch) else 0)
    rest = _by_tensor(arch, (trained - tables) * FP32, FP32)
    return rest + Taken.of(tables * FP32, arch.embedding * FP32)


def _put_together(arch: Architecture, number: int) -> Taken:
    """Weights that are whole while a layer is computed."""
    outside = arch.parameters - arch.layers * arch.layer
    return Taken.of((outside + 2 * arch.layer) * number, arch.largest * number)


def _whole_layer(arch: Architecture, recipe: Recipe) -> Taken:
    """Gradients before each process takes its part: a layer's, or those outside of the layers."""
    if recipe.with_adapters:
        return Taken(0, sizes.adapter(recipe, arch) * FP32)
    most = max(arch.layer, arch.parameters - arch.layers * arch.layer)
    return Taken.of(most * FP32, arch.largest * FP32)


def _by_tensor(arch: Architecture, size: int, number: int) -> Taken:
    """So many bytes for what the layers consist of."""
    large = sum(one.parameters for one in arch.linears if one.parameters * number >= LARGE)
    share = large / max(1, arch.layer)
    return Taken(int(size * share), int(size * (1 - share)))


def _kept(arch: Architecture, recipe: Recipe, machine: Machine, tokens: int, row: int) -> Taken:
    """What all layers keep."""
    half, checkpoints = sizes.half(recipe, machine), recipe.training.gradient_checkpointing
    number = BF16 if half else FP32
    adapted = arch.adapted(recipe.lora.target_modules) if recipe.with_adapters else ()
    total, most = Taken(), Taken()
    for role in sizes.roles(recipe, arch):
        how = Kept(
            role,
            half=half,
            on_gpu=machine.on_gpu,
            adapted=adapted if role == "adapters" else (),
            rank=recipe.lora.rank,
            dropout=recipe.lora.dropout > 0,
        )
        inside, whole = inside_kept(arch, how), kept_by_layer(arch, how, row)
        layer = Taken.of(tokens * inside, tokens * arch.intermediate * number)
        layer += Taken.of(tokens * (whole - inside), tokens * arch.width * number)
        most = largest(most, layer)
        # of a layer that is computed again, the input is kept
        width = tokens * arch.width * FP32
        total += Taken.of(width, width) if checkpoints else layer
    # the last norm keeps its input, what it has normalised, and the head its own
    last = Taken.of(3 * tokens * arch.width * FP32, tokens * arch.width * FP32)
    return total + last + (most if checkpoints else Taken())


def _holes(arch: Architecture, recipe: Recipe, tokens: int) -> int:
    """What the heap loses between blocks that stay; nothing where blocks are large."""
    if tokens * arch.intermediate * FP32 >= LARGE:
        return 0
    made = tokens * sum(linear.outputs for linear in arch.linears) * FP32
    roles = sizes.roles(recipe, arch)
    if recipe.training.gradient_checkpointing:
        return int(made * HOLES_CHECKPOINTED * len(roles))
    least = HOLES_ACCUMULATED if sizes.accumulates(recipe, Machine()) else 0.0
    return int(made * sum(max(least, HOLES[role]) for role in roles))


def _copies(arch: Architecture, recipe: Recipe, half: bool) -> int:
    """Weights in bf16 beside those in fp32, which autocast makes for each pass and keeps."""
    if not half or recipe.with_adapters:
        return 0
    return (arch.layers * arch.layer_linears + arch.embedding) * BF16


def _working(arch: Architecture, row: int, number: int, on_gpu: bool) -> int:
    """Bytes for each token of what is computed in a layer at once."""
    scores = 2 * arch.heads * row * FP32 if scores_kept(arch, on_gpu) else 0
    return (3 * arch.intermediate + 3 * arch.width) * number + scores


def note_of(arch: Architecture) -> str:
    """What of an estimate is a guess; empty where nothing is."""
    return (
        "" if arch.exact else f"{arch.family or 'this architecture'} is not known: a generous guess"
    )
