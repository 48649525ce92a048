"""How a base is adapted. A new method is one entry here, which settings, training and cards read."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Method:
    """What a method starts from and what it trains; see :func:`papertune.training.methods.prepare`."""

    says: str  # in the card of a model
    trains: Literal["weights", "adapters", "nothing"] = "weights"  # those that are not frozen
    weights: Literal["base", "4 bit", "new"] = "base"  # what it starts from
    uses: tuple[str, ...] = ("subset",)  # parts of a model's settings
    needs: tuple[str, ...] = ()  # those of them that have to be given


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
