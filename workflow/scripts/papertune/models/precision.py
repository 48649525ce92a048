"""The precision of a model's computation: as requested, or the faster one on this machine.

Only some processors have units for bf16: AMX, or AVX-512's instructions. Without them bf16 is
emulated at half the speed of float32; with them it is two to eight times as fast. So it is used if
there are such units and it is measured to be faster on layers of the model's own shape.
"""

import time
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from papertune.jobs import distributed

# required speedup by bf16, including the conversion of weights; processors with units for it are
# far above, others below 1, so that the result is always the same for one kind of processor
FASTER = 1.25
NARROW = 256  # below this width call overhead dominates, and nothing is measured
TOKENS, ROUNDS = 256, 3  # of a measurement, about half a second


@dataclass(frozen=True, slots=True)
class Precision:
    """A precision, and the reason for it."""

    name: str  # fp32 or bf16
    why: str
    fp32: float | None = None  # measured GFLOP/s in each precision
    bf16: float | None = None

    @property
    def dtype(self) -> Any:
        """The torch dtype."""
        import torch

        return torch.bfloat16 if self.name == "bf16" else torch.float32


def choose(asked: str, config: Any) -> Precision:
    """Resolve ``auto``, ``fp32`` or ``bf16`` for a model's configuration on this machine.

    All processes that train one model together must call it; the first one's measurement counts.
    """
    import torch

    if asked != "auto":
        return Precision(asked, "as requested")
    if torch.cuda.is_available():
        able = torch.cuda.is_bf16_supported()
        return Precision("bf16", "a GPU") if able else Precision("fp32", "a GPU without bf16")
    own = _of_processor(config.get_text_config())
    return Precision(**distributed.of_first(asdict(own)))


def to_answer(config: Any) -> Precision:
    """The precision for generating answers and computing likelihoods.

    float32 on every processor. In bf16 an answer depends on the other rows of its batch: up to half
    of a small model's greedy answers change with them.
    """
    import torch

    return choose("auto" if torch.cuda.is_available() else "fp32", config)


def _of_processor(config: Any) -> Precision:
    import torch

    width = int(getattr(config, "hidden_size", 0))
    inner = int(getattr(config, "intermediate_size", None) or 4 * width)
    if width < NARROW:
        return Precision("fp32", f"layers of {width} gain nothing from bf16 on a processor")
    name = bf16_units()
    if not name:
        return Precision("fp32", "the processor has no units for bf16")
    fp32, bf16 = measured(width, inner, torch.get_num_threads())
    taken = "bf16" if bf16 >= FASTER * fp32 else "fp32"
    why = f"{name}: bf16 was measured {bf16 / fp32:.1f} times as fast as fp32"
    return Precision(taken, why, fp32, bf16)


def bf16_units() -> str:
    """The name of this processor's bf16 units; empty without any."""
    import torch

    if torch.cpu._is_amx_tile_supported():
        return "AMX"
    return "AVX512_BF16" if torch.cpu._is_avx512_bf16_supported() else ""


@cache
def measured(width: int, inner: int, threads: int) -> list[float]:
    """GFLOP/s of two linear layers, forward and backward, in fp32 and with bf16 as in training.

    The best of a few alternating rounds, as others may use the machine. ``threads`` is torch's
    number of threads, for which alone the measurement is valid.
    """
    import torch

    tokens = torch.randn(TOKENS, width)
    layers = torch.nn.Sequential(
        torch.nn.Linear(width, inner, bias=False), torch.nn.Linear(inner, width, bias=False)
    )
    best = [0.0, 0.0]
    for _ in range(ROUNDS + 1):  # the first one is a warm-up
        for number, half in enumerate((False, True)):
            began = time.perf_counter()
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                written = layers(tokens)
            written.sum().backward()
            spent = time.perf_counter() - began
            # forward, and backward for the weights of both and the activations between them
            best[number] = max(best[number], 10 * TOKENS * width * inner / spent / 1e9)
    return [round(rate, 1) for rate in best]
