"""What a layer keeps of its forward pass for the way back, in bytes for each token.

The counts are those of the tensors that autograd keeps in transformers 5 (seen with
``torch.autograd.graph.saved_tensors_hooks``; a test compares them): the inputs of linear modules
whose weights or adapters are trained, what norms and activations need, queries, keys (repeated for
each head of queries), values and the result of attention. They follow Korthikanti et al. 2022,
"Reducing Activation Recomputation in Large Transformer Models", where fused attention keeps no
scores.
"""

from dataclasses import dataclass
from typing import Literal

from papertune.footprint.architecture import Architecture, Linear

# the weights of the layer are trained, or adapters beside them, or gradients only pass through
Role = Literal["trained", "adapters", "passed"]

FP32, BF16 = 4, 2


@dataclass(frozen=True, slots=True)
class Kept:
    """How a layer is computed."""

    role: Role = "trained"
    half: bool = False  # in bf16, with autocast
    # dropout keeps a byte for each number there, and four on a CPU; attention with dropout is
    # fused there only
    on_gpu: bool = False
    adapted: tuple[Linear, ...] = ()  # the linear modules with adapters
    rank: int = 0  # of the adapters
    dropout: bool = False  # of the adapters

    @property
    def number(self) -> int:
        """Bytes of a number of the computation."""
        return BF16 if self.half else FP32


def kept_by_layer(arch: Architecture, how: Kept, length: int) -> float:
    """Bytes for each token of a row of ``length`` tokens."""
    noise = 1 if how.on_gpu else FP32
    # each norm keeps its input; an RMS norm that is trained also what it has normalised
    copies = 2 if arch.rms and how.role == "trained" else 1
    total = arch.layer_norms * (copies * arch.width + (1 if arch.rms else 2)) * FP32
    if arch.head_norms:
        each = arch.heads + arch.kv_heads
        total += each * FP32
        total += each * arch.head_dim * (FP32 + (how.number if how.role == "trained" else 0))
    queries = arch.heads * arch.head_dim
    if scores := scores_kept(arch, how.on_gpu):
        # not fused: computed in float32; its result is kept by the module that reads it
        total += (3 * queries + scores * arch.heads * length) * FP32
    else:  # queries, keys, values, the result, the mask of every pair, and a sum for each head
        total += (4 * queries + length) * how.number + arch.heads * FP32
    total += _inputs(arch, how, noise) + _inside(arch, how)
    if arch.residual_dropout:
        total += 2 * arch.width * noise
    return total if arch.exact else 1.25 * total


def scores_kept(arch: Architecture, on_gpu: bool) -> int:
    """How many tensors of scores, of every pair of places and each head, are kept by a layer."""
    if arch.attention_dropout and (arch.whole_scores or not on_gpu):
        return 3  # the probabilities, the noise, and what is left
    return int(arch.whole_scores)


def _inputs(arch: Architecture, how: Kept, noise: int) -> int:
    """Inputs of linear modules.

    In fp32 modules that read the same share it, and fused attention keeps its result anyway. In
    bf16 each has a copy of its own, as autocast makes them. With dropout each adapter has its own,
    and noise.
    """
    if how.role == "passed":
        return 0
    users = how.adapted if how.role == "adapters" else arch.linears
    fused = not scores_kept(arch, how.on_gpu)
    rank = how.rank * len(how.adapted) * how.number
    if how.dropout:
        return rank + sum(linear.inputs * (how.number + noise) for linear in how.adapted)
    reads = [(_reads(arch, linear), linear.inputs) for linear in users]
    if how.half:
        # of attention's result, an adapter's is another one, a weight's is the result itself
        own = how.role == "adapters" or not fused
        return rank + BF16 * sum(size for what, size in reads if own or what != "attention")
    return rank + FP32 * sum(
        size for what, size in dict(reads).items() if not (fused and what == "attention")
    )


def _reads(arch: Architecture, linear: Linear) -> str:
    """What a linear module of a layer reads."""
    part, _, name = linear.path.rpartition(".")
    if linear is arch.linears[-1]:
        return "inside"
    if name in ("o_proj", "dense", "c_proj"):
        return "attention"
    # Falcon's parts read the same norm where there is one
    return "norm" if arch.layer_norms == 1 else part


def _inside(arch: Architecture, how: Kept) -> int:
    """What is kept inside of the feed-forward part, but for its last module's input."""
    kind = arch.activation
    if kind in ("gelu_new", "gelu_fast"):  # in steps: a power, a tanh and three products
        if how.half and how.on_gpu:  # autocast computes powers in float32 there
            return 4 * arch.intermediate * FP32
        return 4 * arch.intermediate * how.number
    tensors = 3 if arch.gated else 1
    if kind == "relu":  # keeps its result, which the next module reads too
        tensors = 2 if arch.gated else int(how.role == "passed")
    return tensors * arch.intermediate * how.number
