"""The methods of adapting a base. A new one is one entry here, for settings, training and cards."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Method:
    """The weights a method starts from and those it trains; see
    :func:`papertune.training.methods.prepare`."""

    says: str  # in the card of a model
    trains: Literal["weights", "adapters", "nothing"] = "weights"  # weights that are not frozen
    weights: Literal["base", "4 bit", "new"] = "base"  # what it starts from
    uses: tuple[str, ...] = ("subset",)  # parts of a model's settings
    needs: tuple[str, ...] = ()  # parts that must be given


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
        "every weight was trained from random initial ones; only the architecture and the "
        "tokenizer are the base's",
        weights="new",
    ),
}
