"""The peak memory of a job, from its architecture and recipe alone.

Training goes through phases, and the largest one counts. Each holds the weights and, from the
first update on, the optimiser's state. In addition:

- the end of a forward pass holds the activations that all layers keep (:mod:`trained`) and the
  logits: three times in float32, as computed, as input of the loss, and as log-probabilities;
  on a GPU those of some positions at a time, with their gradients;
- the end of a backward pass holds all gradients, and a second one of a tied embedding;
- a validation holds the logits of its own batch.

With sharded weights (:mod:`papertune.training.several`), a process holds its shard of weights,
gradients and optimiser state, and the tensors gathered at the moment: two layers, as the next one
is fetched while one is computed, and everything outside the layers; for answers, all weights.

On a GPU the estimate is within a few per cent. On a CPU it is an upper bound: a heap hardly
shrinks, so gradients, activations (with checkpointing, too) and the largest logits all count at
once. All examples of the batch are assumed to be as long as ``max_length``.
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
LOGITS = 3  # copies held at once
LONGER = 1.5  # length of a reference answer relative to the longest answer of a model
# resident memory of Python with the libraries, measured at the end of a run of a tiny model
LIBRARIES, BITSANDBYTES, DISTRIBUTED = 410 * MIB, 45 * MIB, 60 * MIB
# of the CUDA libraries in the host's memory, and of a context in the GPU's
CUDA_HOST, CUDA_CONTEXT = 2500 * MIB, 512 * MIB
SLACK = 1.08  # fragmentation of torch's allocator
HEAP, HEAP_CHECKPOINTED = 1.7, 1.0  # factor on activations, including fragmentation


@dataclass(frozen=True, slots=True)
class Peak:
    """The peak memory of a job, in bytes."""

    weights: int  # of the model, including adapters
    optimizer: int  # the optimiser's state
    phases: dict[str, float]  # phase → bytes besides these
    device: int  # in the memory of the device that computes: the GPU's, or the machine's
    host: int  # in the machine's memory, per process

    @property
    def tensors(self) -> float:
        """Bytes that torch has allocated at the peak."""
        return self.weights + self.optimizer + max(self.phases.values())


def _on_gpu(weights: int, state: int, phases: dict[str, float], host: int) -> Peak:
    device = CUDA_CONTEXT + int((weights + state + max(phases.values())) * SLACK)
    return Peak(weights, state, phases, device, host + CUDA_HOST)


def training_peak(arch: Architecture, recipe: Recipe, machine: Machine) -> Peak:
    """The peak of one process in training."""
    training = recipe.training
    if training.precision == "auto" and not machine.on_gpu and arch.width >= NARROW:
        # the precision on a processor is chosen by a measurement in the job
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
        # DistributedDataParallel keeps buckets for communicating gradients
        phases = {name: size + trained.parameters * FP32 for name, size in phases.items()}
    in_bits = recipe.in_4_bit or training.optimizer.endswith("bit")
    libraries = LIBRARIES + in_bits * BITSANDBYTES + (machine.processes > 1) * DISTRIBUTED
    if machine.on_gpu:
        # weights pass through the machine's memory to the GPU; a checkpoint is loaded as a whole
        through = max(whole, arch.parameters * trained.number)
        if recipe.in_4_bit:
            through = arch.largest * FP32
        return _on_gpu(weights, state, phases, libraries + through + paged)
    # the first process keeps all weights; memory-mapped pages of the file count, too
    kept = whole if machine.sharded else 0
    most = kept + weights + state + int(max(phases.values()))
    host = libraries + max(most, whole + arch.parameters * FP32)
    return Peak(weights, state, phases, host, host)


def _phases(trained: Trained) -> dict[str, float]:
    """Phase of training → bytes besides weights and the optimiser's state."""
    arch, recipe, machine = trained.arch, trained.recipe, trained.machine
    number, tokens = trained.number, trained.tokens
    gradients: float = trained.parameters * FP32
    copies = 0  # of weights
    if machine.sharded:
        # gradients of a layer, or of the modules outside, are complete before they are sharded
        outside = arch.parameters - arch.layers * arch.layer
        one = trained.adapter if recipe.with_adapters else max(arch.layer, outside)
        gradients = gradients / machine.processes + one * FP32
        copies = (outside + 2 * arch.layer) * number
    elif number == BF16 and not recipe.with_adapters:
        # autocast copies the weights for each pass and keeps the copies
        copies = (arch.layers * (arch.layer - arch.norms) + arch.embedding) * BF16
    table = arch.embedding * FP32
    tied = table if arch.tied and trained.embedding else 0
    logits = arch.vocabulary * FP32  # of a token
    capped = arch.capped * number / FP32  # logits that a tanh keeps
    working = _working(trained, number, trained.row)
    layers = [tokens * trained.kept(role) for role in trained.roles]
    width = tokens * arch.width * FP32
    last = 3 * width  # the last norm keeps its input and its result, the head its input
    checkpoints = recipe.training.gradient_checkpointing
    if not machine.on_gpu:
        kept = last + sum(layers) * (HEAP_CHECKPOINTED if checkpoints else HEAP)
        most = max(tokens, trained.validated) * max((LOGITS + capped) * logits, working)
        return {"training": gradients + copies + tied + kept + most}
    again = 0.0
    if checkpoints:  # a recomputed layer keeps its input only
        # the backward pass holds the layer's activations and the gradients of its widest part
        again = max(layers, default=0) + tokens * (2 * arch.intermediate + arch.width) * number
        # a base under adapters is in the precision of the computation, and so are its activations
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
        # a validation batch too large for memory is split
        "validation": copies + trained.each * validated,
    }


def _head_in_parts(trained: Trained, tokens: int) -> float:
    """Bytes of head and loss if logits are computed in parts (:mod:`papertune.training.head`)."""
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
    """Bytes per token of a layer's intermediate results."""
    arch = trained.arch
    scores = 2 * arch.heads * row * FP32 if trained.scores else 0
    return (3 * arch.intermediate + 3 * arch.width) * number + scores


def _optimizer_state(trained: Trained) -> int:
    """Bytes of an optimiser's state.

    Two moments in float32 (Kingma & Ba 2015), or in one byte each with a 4-byte constant per 256
    (Dettmers et al. 2022), except for embeddings, which bitsandbytes keeps in 32 bit; or sums of
    rows and columns (Shazeer & Stern 2018). Paged states are in the machine's memory.
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
    """The peak of one process in answering: weights, the key-value cache, logits.

    Prompts are as long as ``training.max_length``; precision is bf16 on a GPU, else fp32.
    """
    number, trained = BF16 if machine.half else FP32, Trained(arch, recipe, machine)
    # with or without adapters, weights are in the precision of the computation
    weights = trained.weights(number) if recipe.with_adapters else arch.parameters * number
    new, prompt = answering.max_new_tokens, recipe.training.max_length
    if arch.context:
        new = min(new, max(arch.context // 2, 1))
        prompt = min(prompt, arch.context - new)
    batch = 1  # on a GPU, batches are fitted to the memory
    if isinstance(answering.batch_size, int):
        batch = answering.batch_size
    elif not machine.on_gpu:
        passing = 3 * arch.intermediate + 3 * arch.width + 4 * arch.heads * arch.head_dim
        sizes = Sizes(arch.layers, arch.kv_heads * arch.head_dim, passing, arch.vocabulary)
        batch = sizes.rows(prompt, new, FP32, CPU_MEMORY, CPU_ROWS)
    # keys and values of all layers, and a second copy for the layer being computed
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
    # the memory-mapped pages of the file count with the weights
    host = libraries + weights + max(int(sum(phases.values())), arch.parameters * FP32)
    return Peak(weights, 0, phases, host, host)


def exporting_peak(arch: Architecture) -> Peak:
    """The peak of merging an adapter: the base in float32, plus another copy of its weights."""
    weights = arch.parameters * FP32
    host = LIBRARIES + 2 * weights
    return Peak(weights, 0, {"merging": weights}, host, host)
