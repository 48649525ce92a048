"""What makes a model, besides its data, its base and its seed: one object for all who ask.

It is what training takes, what the memory of a job is estimated from, and what decides whether a
model is made again.
"""

from __future__ import annotations

from typing import Any

from papertune.study.methods import METHODS
from papertune.study.settings import (
    Embedder,
    ExampleForm,
    Freeze,
    Lora,
    MethodName,
    Quantization,
    Settings,
    Subset,
    Training,
    cosmetic,
)


class Recipe(Settings):
    """How a model is made of a base and of pairs.

    Args:
        method: ``full`` (every weight), ``freeze`` (some of them), ``scratch`` (every weight, from
            new ones), ``lora`` (low-rank adapters), ``qlora`` (the same on a base in 4 bit), or
            ``baseline`` (none).
        training: The hyperparameters.
        lora: Of the adapters.
        quantization: Of the base, for ``qlora``.
        freeze: What of the base stays as it is, and gets no adapters.
        subset: Which of the pairs to train on; all of them unless given.
        examples: What to read of a pair, and how batches are packed.
        prompt: Text of the answer template.
        embedder: For ``training.best_by: similarity``.
        sharded: Several processes hold a part of the model each, instead of all of it.
    """

    method: MethodName
    training: Training = Training()
    lora: Lora = Lora()
    quantization: Quantization = Quantization()
    freeze: Freeze | None = None
    subset: Subset | None = None
    examples: ExampleForm = ExampleForm()
    prompt: str = ""
    embedder: Embedder = Embedder()
    sharded: bool = cosmetic(False)

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
        return {part: settings for part, settings in given.items() if settings is not None}

    def identity(self) -> dict[str, Any]:
        """Equal for recipes that make the same model: what has no effect is left out."""
        if self.method == "baseline":
            return {"method": self.method}
        values: dict[str, Any] = {
            "method": self.method,
            "training": self.training.identity(),
            "examples": self.examples.identity(),
            "prompt": self.prompt,
            **{part: settings.identity() for part, settings in self.parts.items()},
        }
        if self.training.best_by == "similarity":
            values["embedder"] = self.embedder.identity()
        return values
