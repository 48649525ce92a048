"""What makes a model besides its data, base and seed: for training, estimates and reruns alike."""

from typing import Any, Literal

from papertune.study import settings, versions
from papertune.study.methods import METHODS
from papertune.study.settings import Settings, Training, added, cosmetic


class Recipe(Settings):
    """How a model is made of a base and of pairs."""

    method: settings.MethodName
    training: Training = Training()
    lora: settings.Lora = settings.Lora()
    quantization: settings.Quantization = settings.Quantization()
    freeze: settings.Freeze | None = None
    subset: settings.Subset | None = None
    examples: settings.ExampleForm = settings.ExampleForm()
    prompt: str = ""  # text of the answer template
    # how much of several writers' pairs; empty where there is one writer
    union: Literal["", "equal", "all"] = added("")
    embedder: settings.Embedder = settings.Embedder()  # for training.best_by: similarity
    sharded: bool = cosmetic(False)  # several processes hold a part of the model each

    @property
    def with_adapters(self) -> bool:
        """Whether the base stays as it is."""
        return METHODS[self.method].trains == "adapters"

    @property
    def in_4_bit(self) -> bool:
        """Whether the base is quantised."""
        return METHODS[self.method].weights == "4 bit"

    @property
    def parts(self) -> dict[str, Settings]:
        """The settings that belong to the method, where they are given."""
        given = {part: getattr(self, part) for part in METHODS[self.method].uses}
        return {part: chosen for part, chosen in given.items() if chosen is not None}

    @property
    def version(self) -> int | list[int]:
        """Of training; where answers choose the checkpoint, of measuring them, too."""
        judged = self.training.best_by != "validation_loss"
        return [versions.TRAIN, versions.SCORE] if judged else versions.TRAIN

    def identity(self) -> dict[str, Any]:
        """Equal for recipes that make the same model: what has no effect is left out."""
        if self.method == "baseline":
            return {"method": self.method}
        counted = {"method", "training", "examples", "prompt", "union", *self.parts}
        if self.training.judge is not None:
            counted.add("embedder")
        return {key: value for key, value in super().identity().items() if key in counted}
