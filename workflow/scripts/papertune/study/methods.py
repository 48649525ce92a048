"""How a base is adapted. A new method is one entry here, which settings, training and cards read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Method:
    """What a method starts from and what it trains; see :func:`papertune.training.methods.prepare`.

    Args:
        says: In the card of a model, what was trained.
        trains: Every weight that is not frozen, low-rank adapters, or nothing.
        weights: Those of the base, the same in 4 bit, or new ones.
        uses: The parts of a model's settings that it uses, besides base, dataset and training.
        needs: Those of them that have to be given.
    """

    says: str
    trains: Literal["weights", "adapters", "nothing"] = "weights"
    weights: Literal["base", "4 bit", "new"] = "base"
    uses: tuple[str, ...] = ("subset",)
    needs: tuple[str, ...] = ()


METHODS = {
    "baseline": Method("nothing was trained", trains="nothing", uses=()),
    "full": Method("every weight of the base was trained"),
    "lora": Method(
        "low-rank adapters (LoRA) were trained on the base, which stays as it is",
        trains="adapters",
        uses=("subset", "lora", "freeze"),
    ),
    "qlora": Method(
        "low-rank adapters were trained on the base in 4 bit (QLoRA)",
        trains="adapters",
        weights="4 bit",
        uses=("subset", "lora", "quantization", "freeze"),
    ),
    "freeze": Method(
        "the weights of the base were trained, some of them left as they are",
        uses=("subset", "freeze"),
        needs=("freeze",),
    ),
    "scratch": Method(
        "every weight was trained from new random ones; of the base there are only the "
        "architecture and the tokenizer",
        weights="new",
    ),
}
