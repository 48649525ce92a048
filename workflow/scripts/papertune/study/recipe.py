"""Recipes: what makes a model besides its data, base and seed, for training, estimates and reruns."""

from typing import Any, Literal

from papertune.study import settings, versions
from papertune.study.methods import METHODS
from papertune.study.settings import Settings, Training, added, cosmetic


class Recipe(Settings):
    """How a model is made from a base and pairs."""

    method: settings.MethodName
    training: Training = Training()
    lora: settings.Lora = settings.Lora()
    quantization: settings.Quantization = settings.Quantization()
    freeze: settings.Freeze | None = None
    subset: settings.Subset | None = None
    examples: settings.ExampleForm = settings.ExampleForm()
    prompt: str = ""  # text of the answer template
    # how many pairs of each of several generators; empty where there is one
    union: Literal["", "equal", "all"] = added("")
    embedder: settings.Embedder = settings.Embedder()  # for training.best_by: similarity
    sharded: bool = cosmetic(False)  # each of several processes holds a part of the model

    @property
    def with_adapters(self) -> bool:
        """Whether adapters are trained and the base stays unchanged."""
        return METHODS[self.method].trains == "adapters"

    @property
    def in_4_bit(self) -> bool:
        """Whether the base is quantized to 4 bit."""
        return METHODS[self.method].weights == "4 bit"

    @property
    def parts(self) -> dict[str, Settings]:
        """Name → the settings that the method uses, where they are given."""
        given = {part: getattr(self, part) for part in METHODS[self.method].uses}
        return {part: chosen for part, chosen in given.items() if chosen is not None}

    @property
    def version(self) -> int | list[int]:
        """The version of training; if a metric chooses the checkpoint, with that of scoring."""
        judged = self.training.best_by != "validation_loss"
        return [versions.TRAIN, versions.SCORE] if judged else versions.TRAIN

    def identity(self) -> dict[str, Any]:
        """The identity: equal for recipes that make the same model, without ineffective settings."""
        if self.method == "baseline":
            return {"method": self.method}
        counted = {"method", "training", "examples", "prompt", "union", *self.parts}
        if self.training.judge is not None:
            counted.add("embedder")
        return {key: value for key, value in super().identity().items() if key in counted}
