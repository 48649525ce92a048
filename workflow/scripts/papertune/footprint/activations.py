"""What a layer keeps of its forward pass for the way back, in bytes for each token.

The counts are those of the tensors that autograd keeps in transformers 5 (seen with
``torch.autograd.graph.saved_tensors_hooks``; a test compares them): the inputs of linear modules
whose weights or adapters are trained, what norms and activations need, queries, keys (repeated for
each head of queries), values and the result of attention. They follow Korthikanti et al. 2022,
"Reducing Activation Recomputation in Large Transformer Models", where fused attention keeps no
scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from papertune.footprint.architecture import Architecture, Linear

# the weights of the layer are trained, or adapters beside them, or gradients only pass through
Role = Literal["trained", "adapters", "passed"]

FP32, BF16 = 4, 2


@dataclass(frozen=True, slots=True)
class Kept:
    """How a layer is computed.

    Args:
        role: What of it is trained.
        half: Whether it is computed in bf16, with autocast.
        on_gpu: Dropout keeps a byte for each number there, and four on a CPU; attention with
            dropout is fused there only.
        adapted: The linear modules with adapters.
        rank: Of the adapters.
        dropout: Whether adapters drop out.
    """

    role: Role = "trained"
    half: bool = False
    on_gpu: bool = False
    adapted: tuple[Linear, ...] = ()
    rank: int = 0
    dropout: bool = False

    @property
    def number(self) -> int:
        """Bytes of a number of the computation."""
        return BF16 if self.half else FP32


def kept_by_layer(arch: Architecture, how: Kept, length: int) -> float:
    """Bytes for each token of a row of ``length`` tokens."""
    noise = 1 if how.on_gpu else FP32
    total = float(_norms(arch, how) + _inputs(arch, how, noise) + inside_kept(arch, how))
    total += _attention(arch, how, length)
    if arch.head_norms:
        both = (arch.heads + arch.kv_heads) * arch.head_dim
        total += both * (FP32 + (how.number if how.role == "trained" else 0))
        total += (arch.heads + arch.kv_heads) * FP32
    if arch.residual_dropout:
        total += 2 * arch.width * noise
    return total if arch.exact else 1.25 * total


def scores_kept(arch: Architecture, on_gpu: bool) -> int:
    """How many tensors of scores, of every pair of places and each head, are kept by a layer."""
    if arch.attention_dropout and (arch.whole_scores or not on_gpu):
        return 3  # the probabilities, the noise, and what is left
    return int(arch.whole_scores)


def _attention(arch: Architecture, how: Kept, length: int) -> int:
    """Queries, keys and values, and the scores or what fused attention keeps instead."""
    queries = arch.heads * arch.head_dim
    if scores := scores_kept(arch, how.on_gpu):
        # not fused: computed in float32; its result is kept by the module that reads it
        return (3 * queries + scores * arch.heads * length) * FP32
    # with the result, the mask of every pair of places, and a sum for each head
    return (4 * queries + length) * how.number + arch.heads * FP32


def _norms(arch: Architecture, how: Kept) -> int:
    """Each norm keeps its input; an RMS norm that is trained also what it has normalised."""
    copies = 2 if arch.rms and how.role == "trained" else 1
    statistics = 1 if arch.rms else 2
    return arch.layer_norms * (copies * arch.width + statistics) * FP32


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
    if how.half:
        # of attention's result, an adapter's is another one, a weight's is the result itself
        own = how.role == "adapters" or not fused
        return rank + sum(
            linear.inputs * BF16 for linear in users if own or _reads(arch, linear) != "attention"
        )
    # what is read: norms' results, attention's result (kept), the feed-forward part's inside
    read = {_reads(arch, linear): linear.inputs for linear in users}
    if fused:
        read.pop("attention", None)
    return rank + sum(read.values()) * FP32


def _reads(arch: Architecture, linear: Linear) -> str:
    """What a linear module of a layer reads."""
    part = linear.path.partition(".")[0]
    if linear is arch.linears[-1]:
        return "inside"
    if linear.name in ("o_proj", "dense", "c_proj"):
        return "attention"
    # Falcon's parts read the same norm where there is one
    return "norm" if arch.layer_norms == 1 else part


def inside_kept(arch: Architecture, how: Kept) -> int:
    """Bytes for each token inside of the feed-forward part, but for its last module's input."""
    kind = arch.activation
    if kind in ("gelu_new", "gelu_fast"):  # in steps: a power, a tanh and three products
        tensors = 4
        if how.half and how.on_gpu:  # autocast computes powers in float32 there
            return 4 * arch.intermediate * FP32
    elif kind == "relu":  # keeps its result, which the next module reads too
        tensors = 2 if arch.gated else int(how.role == "passed")
    else:
        tensors = 3 if arch.gated else 1
    return tensors * arch.intermediate * how.number
