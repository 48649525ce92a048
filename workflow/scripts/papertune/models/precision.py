"""In which precision a model computes: as asked for, or what this machine does faster.

Of processors only some have units for bf16: AMX, or AVX-512's own instructions. Without them bf16 is
imitated, at half the speed of float32; with them it is two to eight times as fast. So it is taken
where the units are there and it is measured faster on layers of the model's own shape.
"""

import time
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from papertune.jobs import distributed

# times as fast that bf16 has to be, with the conversions of weights; what has units for it is far
# above, what has none is below 1, so that the same kind of processor always comes to the same
FASTER = 1.25
NARROW = 256  # below this width a layer is calls more than arithmetic, and is never measured
TOKENS, ROUNDS = 256, 3  # of a measurement, about half a second


@dataclass(frozen=True, slots=True)
class Precision:
    """A precision, and how it was come to."""

    name: str  # fp32 or bf16
    why: str
    fp32: float | None = None  # GFLOP/s that were measured in each
    bf16: float | None = None

    @property
    def dtype(self) -> Any:
        """As torch has it."""
        import torch

        return torch.bfloat16 if self.name == "bf16" else torch.float32


def choose(asked: str, config: Any) -> Precision:
    """What ``auto``, ``fp32`` or ``bf16`` is for a model of this configuration on this machine.

    Of several processes that train one model all call it, and the first one's measurement counts.
    """
    import torch

    if asked != "auto":
        return Precision(asked, "asked for")
    if torch.cuda.is_available():
        able = torch.cuda.is_bf16_supported()
        return Precision("bf16", "a GPU") if able else Precision("fp32", "a GPU without bf16")
    own = _of_processor(config.get_text_config())
    return Precision(**distributed.of_first(asdict(own)))


def to_answer(config: Any) -> Precision:
    """In which precision a model of this configuration writes answers, and rates them.

    float32 on every processor. In bf16 an answer hangs on what is asked beside it: with other rows in
    the batch, or none, as many as half of a small model's greedy answers come out otherwise.
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
    """What of this processor computes in bf16; empty where nothing does."""
    import torch

    if torch.cpu._is_amx_tile_supported():
        return "AMX"
    return "AVX512_BF16" if torch.cpu._is_avx512_bf16_supported() else ""


@cache
def measured(width: int, inner: int, threads: int) -> list[float]:
    """GFLOP/s of two linear layers there and back in fp32, and with bf16 as in training.

    The best of a few rounds, which alternate: others may use the machine meanwhile. ``threads`` are
    those that torch uses, as a measurement holds for them only.
    """
    import torch

    tokens = torch.randn(TOKENS, width)
    layers = torch.nn.Sequential(
        torch.nn.Linear(width, inner, bias=False), torch.nn.Linear(inner, width, bias=False)
    )
    best = [0.0, 0.0]
    for _ in range(ROUNDS + 1):  # in the first one both are made ready
        for number, half in enumerate((False, True)):
            began = time.perf_counter()
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                written = layers(tokens)
            written.sum().backward()
            spent = time.perf_counter() - began
            # forward, and backward for the weights of both and for what is between them
            best[number] = max(best[number], 10 * TOKENS * width * inner / spent / 1e9)
    return [round(rate, 1) for rate in best]
