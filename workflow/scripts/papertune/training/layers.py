"""The decoder's layers of a model, with adapters or without."""

from __future__ import annotations

from typing import Any

from papertune.errors import TrainingError


def decoder_layers(model: Any) -> list[Any]:
    """The layers themselves, the lowest first."""
    return list(model.get_submodule(where_layers_are(model)[0]))


def where_layers_are(model: Any) -> tuple[str, int]:
    """The name of the list that has them, and how many they are.

    Raises:
        TrainingError: the model has no such list.
    """
    import torch

    count = model.config.get_text_config().num_hidden_layers
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == count:
            return name, count
    raise TrainingError(f"no layers found in {type(model).__name__}", hint="give freeze.modules")
