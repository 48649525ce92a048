"""The memory of an architecture under a recipe: trained parameters and kept activations.

The counts are those of the tensors that autograd saves in transformers 5 (observed with
``torch.autograd.graph.saved_tensors_hooks``; a test compares them): the inputs of linear modules
whose weights or adapters are trained, tensors needed by norms and activations, queries, keys
(repeated for each query head), values and the result of attention. They follow Korthikanti et al.
2022, "Reducing Activation Recomputation in Large Transformer Models", except that fused attention
keeps no scores.
"""

from dataclasses import dataclass
from typing import Literal

from papertune.footprint.architecture import Architecture, Linear
from papertune.study.recipe import Recipe
from papertune.training.smaller_batch import most_at_once

FP32, BF16 = 4, 2
EMBEDDINGS = ("embed_tokens", "wte", "word_embeddings")
HEAD = "lm_head"
VALIDATED = 16  # examples per validation batch, or as many as in training

# the weights of the layer are trained, or adapters beside them, or gradients only pass through
Role = Literal["trained", "adapters", "passed"]


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine that trains."""

    on_gpu: bool = False
    half: bool = False  # computes in bf16 if precision is ``auto``
    processes: int = 1  # that share the examples of an update
    sharded: bool = False  # each process holds only a shard of the weights


class Trained:
    """An architecture, the recipe that trains it on a machine, and what follows from them.

    Attributes:
        number: Bytes per number of the computation.
        row: Tokens of the longest row.
        each: Tokens that an example counts for in a batch.
        tokens: Tokens that a process computes at once in training.
        validated: Tokens that a process computes at once in validation.
        accumulates: Whether gradients of several parts of an update are added up.
        adapted: The linear modules of a layer that have adapters.
        adapter: Parameters of the adapters of a layer.
        embedding: Trained parameters of the token embedding; none or all of them.
        head: Whether the head is trained.
        parameters: All trained parameters.
        roles: The role of each layer that gradients reach, from the lowest up.
        scores: Kept tensors of attention scores (heads × positions × positions) per layer.
    """

    def __init__(self, arch: Architecture, recipe: Recipe, machine: Machine) -> None:
        self.arch, self.recipe, self.machine = arch, recipe, machine
        training, form, lora = recipe.training, recipe.examples, recipe.lora
        half = training.precision == "bf16" or (training.precision == "auto" and machine.half)
        self.number = BF16 if half else FP32
        longest = min(training.max_length, arch.context or training.max_length)
        self.row = min(form.length or longest, longest)
        self.each = self.row if form.packing == "blocks" else longest
        share = max(1, training.batch_size * training.accumulation // machine.processes)
        most = most_at_once(training, longest, on_gpu=machine.on_gpu)
        self.tokens = min(share * self.each, most)
        self.validated = min(max(VALIDATED, training.batch_size) * self.each, most)
        self.accumulates = share * self.each > most
        self.adapted = arch.adapted(lora.target_modules) if recipe.with_adapters else ()
        self.adapter = sum(lora.rank * (linear.inputs + linear.outputs) for linear in self.adapted)
        embedded = self._trains(*EMBEDDINGS, *[HEAD] * arch.tied)
        self.embedding = embedded * arch.embedding
        self.head = embedded if arch.tied else self._trains(HEAD)
        frozen = self._frozen_layers()
        self.parameters = (arch.layers - len(frozen)) * (
            self.adapter if recipe.with_adapters else arch.layer
        )
        if not recipe.with_adapters:
            self.parameters += arch.around + self.embedding + self.head * arch.head
        role: Role = "adapters" if recipe.with_adapters else "trained"
        reached = range(arch.layers)
        while reached and not embedded and reached[0] in frozen:
            reached = reached[1:]
        self.roles: list[Role] = ["passed" if number in frozen else role for number in reached]
        self.scores = int(arch.whole_scores)
        # attention with dropout is fused on a GPU only
        if arch.attention_dropout and (arch.whole_scores or not machine.on_gpu):
            self.scores = 3  # the probabilities, the dropout mask, and their product

    def _frozen_layers(self) -> set[int]:
        freeze, count = self.recipe.freeze, self.arch.layers
        if freeze is None:
            return set()
        whole = {module.removeprefix(f"{self.arch.stem}.") for module in freeze.modules}
        named = [int(name) for name in whole if name.isdigit()]
        last = range(count - freeze.last, count)
        return {*range(freeze.first), *last, *freeze.layers, *named} & {*range(count)}

    def _trains(self, *named: str) -> bool:
        """Whether a module outside the layers is trained, under any of its names."""
        modules = self.recipe.freeze.modules if self.recipe.freeze else []
        return not (self.recipe.with_adapters or any(name.endswith(named) for name in modules))

    def weights(self, number: int) -> int:
        """Bytes of all weights, including adapters; ``number`` is bytes per number computed.

        Trained weights are in fp32. A base under adapters is in the precision of the computation,
        or has its linear modules in 4 bit: NF4 has a 4-byte constant per 64 weights, which double
        quantization reduces to 1 byte per 64 and 4 per 16,384 (Dettmers et al. 2023).
        """
        arch, recipe = self.arch, self.recipe
        if not recipe.with_adapters:
            return arch.parameters * FP32
        adapters = self.parameters * FP32
        if recipe.method == "lora":
            return arch.parameters * number + adapters
        linear = arch.layers * sum(one.inputs * one.outputs for one in arch.linears)
        constants = 1 / 64 + 4 / 16384 if recipe.quantization.double else 4 / 64
        return int((arch.parameters - linear) * number + linear * (0.5 + constants)) + adapters

    def kept(self, role: Role) -> float:
        """Bytes that a layer keeps per token."""
        arch, number = self.arch, self.number
        # dropout keeps one byte per number on a GPU, and four on a CPU
        noise = 1 if self.machine.on_gpu else FP32
        # each norm keeps its input; a trained RMS norm also its normalized input
        copies = 2 if arch.rms and role == "trained" else 1
        total = arch.layer_norms * (copies * arch.width + (1 if arch.rms else 2)) * FP32
        if arch.head_norms:
            each = arch.heads + arch.kv_heads
            total += each * FP32
            total += each * arch.head_dim * (FP32 + (number if role == "trained" else 0))
        queries = arch.heads * arch.head_dim
        if self.scores:
            # not fused: computed in float32; the next module keeps the result
            total += (3 * queries + self.scores * arch.heads * self.row) * FP32
        else:  # queries, keys, values, result, the mask of position pairs, and a sum per head
            total += (4 * queries + self.row) * number + arch.heads * FP32
        if role != "passed":
            total += self._inputs(role, noise)
        total += self._inside(role) + arch.residual_dropout * 2 * arch.width * noise
        return total if arch.exact else 1.25 * total

    def _inputs(self, role: Role, noise: int) -> int:
        """Bytes per token of the kept inputs of linear modules.

        In fp32, modules with the same input share it, and fused attention keeps its result anyway.
        In bf16, autocast makes a copy for each; not for adapters on a GPU, whose base is in bf16
        itself. With dropout, each adapter has its own copy, and a mask.
        """
        lora, number, adapters = self.recipe.lora, self.number, role == "adapters"
        rank = lora.rank * len(self.adapted) * number if adapters else 0
        if adapters and lora.dropout > 0:
            return rank + sum(linear.inputs * (number + noise) for linear in self.adapted)
        users = self.adapted if adapters else self.arch.linears
        reads = [(self._reads(linear), linear.inputs) for linear in users]
        fused = not self.scores
        if number == BF16 and not (adapters and self.machine.on_gpu):
            # for attention's result, an adapter keeps another copy, a weight the result itself
            own = adapters or not fused
            return rank + BF16 * sum(size for what, size in reads if own or what != "attention")
        return rank + number * sum(
            size for what, size in dict(reads).items() if not (fused and what == "attention")
        )

    def _reads(self, linear: Linear) -> str:
        """The input of a linear module of a layer, by name."""
        part, _, name = linear.path.rpartition(".")
        if linear is self.arch.linears[-1]:
            return "inside"
        if name in ("o_proj", "dense", "c_proj"):
            return "attention"
        # Falcon's parts read the same norm where there is one
        return "norm" if self.arch.layer_norms == 1 else part

    def _inside(self, role: Role) -> int:
        """Bytes per token kept inside the feed-forward part, except its last module's input."""
        arch, number = self.arch, self.number
        tensors = 3 if arch.gated else 1
        if arch.activation == "relu":  # keeps its result, which is also the next module's input
            tensors = 2 if arch.gated else int(role == "passed")
        return tensors * arch.intermediate * number
