"""The most memory that a job takes at once, from the architecture and the recipe alone.

Training goes through phases, and the largest of them counts. Each holds the weights and, from the
first update on, the optimiser's state; besides these

- the end of a forward pass holds what all layers keep (:mod:`trained`) and the logits: three
  times in float32, as they are computed, as a loss takes them, and as logarithms of probabilities;
  on a GPU those of some places at once, and the gradients that are made of them;
- the end of a backward pass holds all gradients, and a second one of a tied embedding;
- a validation holds the logits of its own batch.

Where weights are cut up (:mod:`papertune.training.several`), a process holds its part of them, of
their gradients and of the optimiser's state, and besides them what is put together at the moment: two
layers, as the next one comes while one is computed, and what is outside of the layers; for answers,
all of them.

On a GPU the estimate is within a few per cent. On a CPU it is a bound: a heap hardly shrinks, so
gradients, what layers keep (with checkpointing, too) and the largest logits count at once. It is said
for a batch whose examples are all as long as ``max_length``.
"""

import math
from dataclasses import dataclass

from papertune.answering.batching import CPU_MEMORY, CPU_ROWS, Sizes
from papertune.answering.generation import LOGITS as LIKELIHOOD_LOGITS
from papertune.footprint.architecture import Architecture
from papertune.footprint.trained import BF16, FP32, Machine, Trained
from papertune.models.precision import NARROW
from papertune.study.recipe import Recipe
from papertune.study.settings import Answering
from papertune.training.smaller_batch import COMPILED_LOGITS, TILE
from papertune.training.smaller_batch import LOGITS as HEAD_LOGITS

MIB = 2**20
LOGITS = 3  # times that they are there at once
LONGER = 1.5  # times that a reference answer may be longer than what a model may write
# resident memory of Python with the libraries, seen at the end of a run of a tiny model
LIBRARIES, BITSANDBYTES, DISTRIBUTED = 410 * MIB, 45 * MIB, 60 * MIB
# of the CUDA libraries in the host's memory, and of a context in the GPU's
CUDA_HOST, CUDA_CONTEXT = 2500 * MIB, 512 * MIB
SLACK = 1.08  # torch's allocator holds more than it has given out, in blocks that fit nothing
HEAP, HEAP_CHECKPOINTED = 1.7, 1.0  # times what layers keep, with what fits nothing between it


@dataclass(frozen=True, slots=True)
class Peak:
    """What a job takes at most, in bytes."""

    weights: int  # of the model, adapters among them
    optimizer: int  # the optimiser's state
    phases: dict[str, float]  # what each phase takes besides these
    device: int  # in the memory where it is computed: the GPU's, or the machine's
    host: int  # in the machine's memory, by one process

    @property
    def tensors(self) -> float:
        """What torch has given out at the peak."""
        return self.weights + self.optimizer + max(self.phases.values())


def _on_gpu(weights: int, state: int, phases: dict[str, float], host: int) -> Peak:
    device = CUDA_CONTEXT + int((weights + state + max(phases.values())) * SLACK)
    return Peak(weights, state, phases, device, host + CUDA_HOST)


def training_peak(arch: Architecture, recipe: Recipe, machine: Machine) -> Peak:
    """The most that one process takes."""
    training = recipe.training
    if training.precision == "auto" and not machine.on_gpu and arch.width >= NARROW:
        # which of both a processor takes is measured in the job
        kinds = [training.model_copy(update={"precision": name}) for name in ("fp32", "bf16")]
        peaks = [
            training_peak(arch, recipe.model_copy(update={"training": kind}), machine)
            for kind in kinds
        ]
        return max(peaks, key=lambda peak: peak.host)
    trained = Trained(arch, recipe, machine)
    whole = weights = trained.weights(trained.number)
    state = _optimizer_state(trained)
    if machine.sharded:
        weights, state = weights // machine.processes, state // machine.processes
    paged = state if training.optimizer.startswith("paged_") and machine.on_gpu else 0
    state -= paged
    phases = _phases(trained)
    if machine.sharded and training.best_by != "validation_loss":
        phases["answers"] = arch.parameters * trained.number
    if machine.processes > 1 and not machine.sharded:
        # DistributedDataParallel keeps the buckets that it sends gradients in
        phases = {name: size + trained.parameters * FP32 for name, size in phases.items()}
    in_bits = recipe.in_4_bit or training.optimizer.endswith("bit")
    libraries = LIBRARIES + in_bits * BITSANDBYTES + (machine.processes > 1) * DISTRIBUTED
    if machine.on_gpu:
        # weights go through the machine's memory to the GPU; a checkpoint comes back as a whole
        through = max(whole, arch.parameters * trained.number)
        if recipe.in_4_bit:
            through = arch.largest * FP32
        return _on_gpu(weights, state, phases, libraries + through + paged)
    # the first process keeps all weights; a file's pages are there with what is read of it
    kept = whole if machine.sharded else 0
    most = kept + weights + state + int(max(phases.values()))
    host = libraries + max(most, whole + arch.parameters * FP32)
    return Peak(weights, state, phases, host, host)


def _phases(trained: Trained) -> dict[str, float]:
    """What each phase of training holds besides weights and the optimiser's state."""
    arch, recipe, machine = trained.arch, trained.recipe, trained.machine
    number, tokens = trained.number, trained.tokens
    gradients: float = trained.parameters * FP32
    copies = 0  # of weights
    if machine.sharded:
        # of the gradients, those of a layer or of what is outside are whole before they are cut
        outside = arch.parameters - arch.layers * arch.layer
        one = trained.adapter if recipe.with_adapters else max(arch.layer, outside)
        gradients = gradients / machine.processes + one * FP32
        copies = (outside + 2 * arch.layer) * number
    elif number == BF16 and not recipe.with_adapters:
        # autocast makes them for each pass and keeps them
        copies = (arch.layers * (arch.layer - arch.norms) + arch.embedding) * BF16
    table = arch.embedding * FP32
    tied = table if arch.tied and trained.embedding else 0
    logits = arch.vocabulary * FP32  # of a token
    capped = arch.capped * number / FP32  # what a tanh keeps of the logits
    working = _working(trained, number, trained.row)
    layers = [tokens * trained.kept(role) for role in trained.roles]
    width = tokens * arch.width * FP32
    last = 3 * width  # the last norm keeps its input, what it has normalised, and the head its own
    checkpoints = recipe.training.gradient_checkpointing
    if not machine.on_gpu:
        kept = last + sum(layers) * (HEAP_CHECKPOINTED if checkpoints else HEAP)
        most = max(tokens, trained.validated) * max((LOGITS + capped) * logits, working)
        return {"training": gradients + copies + tied + kept + most}
    again = 0.0
    if checkpoints:  # of a layer that is computed again, the input is kept
        # on the way back its own and the gradients of the widest part of it
        again = max(layers, default=0) + tokens * (2 * arch.intermediate + arch.width) * number
        # a base under adapters is in the precision of the computation, and so is what passes through
        layers = [tokens * arch.width * (number if recipe.with_adapters else FP32) for _ in layers]
    if machine.processes == 1 and not arch.capped:
        head, validated = _head_in_parts(trained, tokens), working
    else:
        head = max(LOGITS * tokens * logits, (LOGITS - 1) * tokens * logits + table * trained.head)
        head, validated = head + capped * tokens * logits, max(LOGITS * logits, working)
    return {
        "forward": gradients * trained.accumulates
        + (sum(layers) + copies + max(last + max(head, tokens * working), again)),
        "backward": gradients + copies * machine.sharded + tokens * working + tied,
        "update": gradients + (recipe.training.optimizer == "adafactor") * 3 * arch.largest * FP32,
        # a validation that memory does not hold is done in smaller parts
        "validation": copies + trained.each * validated,
    }


def _head_in_parts(trained: Trained, tokens: int) -> float:
    """Bytes of head and loss where logits come and go (:mod:`papertune.training.head`)."""
    arch, number = trained.arch, trained.number
    rows = math.ceil(arch.vocabulary / TILE) * TILE
    compiled = trained.recipe.training.compile is True
    places = min(tokens, max(1, (COMPILED_LOGITS if compiled else HEAD_LOGITS) // rows))
    part = places * rows * ((0 if compiled else 2 * FP32) + (2 if compiled else 1) * number)
    # its weights in another precision, or rounded up
    other = not trained.recipe.with_adapters and number == BF16
    part += rows * arch.width * number * (other or rows > arch.vocabulary)
    own = arch.embedding * trained.head
    # what the head reads, twice, and its gradient
    return max(part + own * (FP32 + number), 2 * own * FP32) + 2 * tokens * arch.width * number


def _working(trained: Trained, number: int, row: int) -> int:
    """Bytes for each token of what is computed in a layer at once."""
    arch = trained.arch
    scores = 2 * arch.heads * row * FP32 if trained.scores else 0
    return (3 * arch.intermediate + 3 * arch.width) * number + scores


def _optimizer_state(trained: Trained) -> int:
    """Bytes of an optimiser's state.

    Two moments in float32 (Kingma & Ba 2015), or in a byte each with a constant of 4 bytes for 256
    of them (Dettmers et al. 2022), but of embeddings, which bitsandbytes leaves in 32 bit; sums of
    rows and columns (Shazeer & Stern 2018). Paged ones lie in the machine's memory.
    """
    arch, count, name = trained.arch, trained.parameters, trained.recipe.training.optimizer
    embedding = trained.embedding
    if name in ("adamw", "paged_adamw_32bit"):
        return 8 * count
    if name.endswith("8bit"):
        return int((count - embedding) * (2 + 8 / 256)) + 8 * embedding
    if name == "adafactor":
        return 4 * count // max(1, min(arch.width, arch.intermediate)) * 2
    return 0


def answering_peak(
    arch: Architecture, recipe: Recipe, answering: Answering, machine: Machine
) -> Peak:
    """The most that one process takes: weights, the cache of keys and values, logits.

    Prompts are as long as ``training.max_length``; precision is bf16 on a GPU, else fp32.
    """
    number, trained = BF16 if machine.half else FP32, Trained(arch, recipe, machine)
    # adapted or not, weights are in the precision of the computation
    weights = trained.weights(number) if recipe.with_adapters else arch.parameters * number
    new, prompt = answering.max_new_tokens, recipe.training.max_length
    if arch.context:
        new = min(new, max(arch.context // 2, 1))
        prompt = min(prompt, arch.context - new)
    batch = 1  # a GPU holds what there is room for
    if isinstance(answering.batch_size, int):
        batch = answering.batch_size
    elif not machine.on_gpu:
        passing = 3 * arch.intermediate + 3 * arch.width + 4 * arch.heads * arch.head_dim
        sizes = Sizes(arch.layers, arch.kv_heads * arch.head_dim, passing, arch.vocabulary)
        batch = sizes.rows(prompt, new, FP32, CPU_MEMORY, CPU_ROWS)
    # keys and values of all layers, and those of one, which are made anew for each token
    cache = batch * (prompt + new) * 2 * arch.kv_heads * arch.head_dim * number * (arch.layers + 1)
    working = 4 * arch.heads * arch.head_dim * number + _working(trained, number, prompt)
    row = int(LONGER * new + 1) * arch.vocabulary
    shown = min(batch * row, max(LIKELIHOOD_LOGITS, row))
    phases: dict[str, float] = {
        "reading": cache + batch * prompt * working + 2 * batch * arch.vocabulary * FP32,
        "likelihood": LOGITS * shown * FP32 + batch * prompt * working,
    }
    libraries = LIBRARIES + (recipe.in_4_bit) * BITSANDBYTES
    if machine.on_gpu:
        through = arch.largest * FP32 if recipe.in_4_bit else arch.parameters * number
        return _on_gpu(weights, 0, phases, libraries + through)
    # the file's pages are there with the weights
    host = libraries + weights + max(int(sum(phases.values())), arch.parameters * FP32)
    return Peak(weights, 0, phases, host, host)


def exporting_peak(arch: Architecture) -> Peak:
    """The most that merging an adapter takes: the base in float32, and its weights once more."""
    weights = arch.parameters * FP32
    host = LIBRARIES + 2 * weights
    return Peak(weights, 0, {"merging": weights}, host, host)
