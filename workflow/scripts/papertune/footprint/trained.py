"""An architecture as a recipe trains it: what gets gradients, and what a layer keeps of its pass.

The counts of what a layer keeps are those of the tensors that autograd keeps in transformers 5 (seen
with ``torch.autograd.graph.saved_tensors_hooks``; a test compares them): the inputs of linear modules
whose weights or adapters are trained, what norms and activations need, queries, keys (repeated for
each head of queries), values and the result of attention. They follow Korthikanti et al. 2022,
"Reducing Activation Recomputation in Large Transformer Models", where fused attention keeps no
scores.
"""

from dataclasses import dataclass
from typing import Literal

from papertune.footprint.architecture import Architecture, Linear
from papertune.study.recipe import Recipe
from papertune.training.smaller_batch import most_at_once

FP32, BF16 = 4, 2
EMBEDDINGS = ("embed_tokens", "wte", "word_embeddings")
HEAD = "lm_head"
VALIDATED = 16  # examples that are validated at once, or as many as are trained on

# the weights of the layer are trained, or adapters beside them, or gradients only pass through
Role = Literal["trained", "adapters", "passed"]


@dataclass(frozen=True, slots=True)
class Machine:
    """What trains."""

    on_gpu: bool = False
    half: bool = False  # computes in bf16 where precision is ``auto``
    processes: int = 1  # that share out an update
    sharded: bool = False  # each of them holds a part of the weights only


class Trained:
    """An architecture, the recipe that trains it on a machine, and what follows from them.

    Attributes:
        number: Bytes of a number of the computation.
        row: Tokens of the longest row.
        each: Tokens that an example counts for in a batch.
        tokens: That a process computes at once in training.
        validated: And in a validation.
        accumulates: Whether gradients of several parts of an update are added up.
        adapted: The linear modules of a layer that adapters are on.
        adapter: Parameters of the adapters of a layer.
        embedding: Parameters of the token embedding that are trained; none or all of them.
        head: Whether the head is trained.
        parameters: All that get gradients.
        roles: What is trained of each layer that gradients reach, from the lowest of them up.
        scores: How many tensors of scores, of every pair of places and each head, a layer keeps.
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
            self.scores = 3  # the probabilities, the noise, and what is left

    def _frozen_layers(self) -> set[int]:
        freeze, count = self.recipe.freeze, self.arch.layers
        if freeze is None:
            return set()
        whole = {module.removeprefix(f"{self.arch.stem}.") for module in freeze.modules}
        named = [int(name) for name in whole if name.isdigit()]
        last = range(count - freeze.last, count)
        return {*range(freeze.first), *last, *freeze.layers, *named} & {*range(count)}

    def _trains(self, *named: str) -> bool:
        """Whether what is around the layers is trained, under any of its names."""
        modules = self.recipe.freeze.modules if self.recipe.freeze else []
        return not (self.recipe.with_adapters or any(name.endswith(named) for name in modules))

    def weights(self, number: int) -> int:
        """Bytes of all weights, adapters among them; ``number`` of a number of the computation.

        What is trained is in fp32; a base under adapters in the precision of the computation, or
        its linear modules in 4 bit: NF4 has a constant of 4 bytes for 64 weights, which double
        quantisation makes a byte for 64 and 4 for 16,384 (Dettmers et al. 2023).
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
        """Bytes that a layer keeps for each token."""
        arch, number = self.arch, self.number
        # dropout keeps a byte for each number on a GPU, and four on a CPU
        noise = 1 if self.machine.on_gpu else FP32
        # each norm keeps its input; an RMS norm that is trained also what it has normalised
        copies = 2 if arch.rms and role == "trained" else 1
        total = arch.layer_norms * (copies * arch.width + (1 if arch.rms else 2)) * FP32
        if arch.head_norms:
            each = arch.heads + arch.kv_heads
            total += each * FP32
            total += each * arch.head_dim * (FP32 + (number if role == "trained" else 0))
        queries = arch.heads * arch.head_dim
        if self.scores:
            # not fused: computed in float32; its result is kept by the module that reads it
            total += (3 * queries + self.scores * arch.heads * self.row) * FP32
        else:  # queries, keys, values, the result, the mask of every pair, and a sum for each head
            total += (4 * queries + self.row) * number + arch.heads * FP32
        if role != "passed":
            total += self._inputs(role, noise)
        total += self._inside(role) + arch.residual_dropout * 2 * arch.width * noise
        return total if arch.exact else 1.25 * total

    def _inputs(self, role: Role, noise: int) -> int:
        """Inputs of linear modules.

        In fp32 modules that read the same share it, and fused attention keeps its result anyway. In
        bf16 each has a copy of its own, as autocast makes them; not adapters on a GPU, whose base is
        in bf16 itself. With dropout each adapter has its own, and noise.
        """
        lora, number, adapters = self.recipe.lora, self.number, role == "adapters"
        rank = lora.rank * len(self.adapted) * number if adapters else 0
        if adapters and lora.dropout > 0:
            return rank + sum(linear.inputs * (number + noise) for linear in self.adapted)
        users = self.adapted if adapters else self.arch.linears
        reads = [(self._reads(linear), linear.inputs) for linear in users]
        fused = not self.scores
        if number == BF16 and not (adapters and self.machine.on_gpu):
            # of attention's result, an adapter's is another one, a weight's is the result itself
            own = adapters or not fused
            return rank + BF16 * sum(size for what, size in reads if own or what != "attention")
        return rank + number * sum(
            size for what, size in dict(reads).items() if not (fused and what == "attention")
        )

    def _reads(self, linear: Linear) -> str:
        """What a linear module of a layer reads."""
        part, _, name = linear.path.rpartition(".")
        if linear is self.arch.linears[-1]:
            return "inside"
        if name in ("o_proj", "dense", "c_proj"):
            return "attention"
        # Falcon's parts read the same norm where there is one
        return "norm" if self.arch.layer_norms == 1 else part

    def _inside(self, role: Role) -> int:
        """What is kept inside of the feed-forward part, but for its last module's input."""
        arch, number = self.arch, self.number
        tensors = 3 if arch.gated else 1
        if arch.activation == "relu":  # keeps its result, which the next module reads too
            tensors = 2 if arch.gated else int(role == "passed")
        return tensors * arch.intermediate * number
