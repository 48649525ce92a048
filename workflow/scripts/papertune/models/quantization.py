"""Bases in 4 bit: the same quantised weights for training adapters and for answering.

An adapter compensates for its base's quantisation error, so its folder records how the base was
quantised. Weights are quantised from float32 in both cases; the rest of the model may then have
another precision.

Internals of bitsandbytes 0.50, peft 0.21 and transformers 5.19 are used here and in ``loading``;
``tests/unit/models/test_insides.py`` fails if they change.
"""

import logging
from pathlib import Path
from typing import Any

from papertune.errors import TrainingError
from papertune.files import atomic_write, read_json
from papertune.study.settings import Quantization

NAME = "quantization.json"  # in the folder of an adapter


def bring_bitsandbytes() -> None:
    """Let transformers and peft find the library, which is hidden when jobs start."""
    from peft import import_utils
    from transformers.utils import is_bitsandbytes_available

    # on a CPU it logs advice to download faster code
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    own = import_utils.is_bnb_available, import_utils.is_bnb_4bit_available
    for kept in (is_bitsandbytes_available, *own):
        kept.cache_clear()


def quantization_of(folder: str | Path) -> Quantization | None:
    """How the base of an adapter is quantised, if it is."""
    path = Path(folder, NAME)
    return Quantization.model_validate(read_json(path)) if path.exists() else None


def write_quantization(folder: Path, quantization: Quantization) -> None:
    """Record in the folder of an adapter how its base is quantised."""
    with atomic_write(folder / NAME) as stream:
        stream.write(quantization.model_dump_json(indent=1) + "\n")


def quantized(quantization: Quantization, computed: Any) -> dict[str, Any]:
    """Arguments of ``from_pretrained`` for a quantised model; :func:`finish_quantized` follows.

    ``computed`` is the torch dtype of the computation.
    """
    bring_bitsandbytes()
    import torch
    from transformers import BitsAndBytesConfig
    from transformers.models.falcon import modeling_falcon

    # only nn.Linear itself is replaced; Falcon's subclass computes the same
    modeling_falcon.FalconLinear = torch.nn.Linear
    on_gpu = torch.cuda.is_available()
    return {
        "dtype": torch.float32,
        "device_map": {"": torch.cuda.current_device() if on_gpu else "cpu"},
        "quantization_config": BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type=quantization.type,
            bnb_4bit_use_double_quant=quantization.double, bnb_4bit_compute_dtype=computed,
        ),
    }  # fmt: skip


def finish_quantized(model: Any, dtype: Any, where: str) -> None:
    """Convert the layers that are not quantised to another precision, and keep the weights.

    Raises:
        TrainingError: some of the architecture's linear layers were not quantised.
    """
    import torch

    head = model.get_output_embeddings()
    left = [
        name
        for name, layer in model.named_modules()
        if isinstance(layer, torch.nn.Linear) and layer is not head
        if layer.weight.is_floating_point()
    ]
    if left:
        raise TrainingError(
            f"{type(model).__name__} is only partly quantised: {left[0]} and "
            f"{len(left) - 1} other linear layers are not",
            where=where,
            hint="take method lora, or another base",
        )
    for module in model.modules():
        # a CPU with bf16 units repacks weights when a layer is first evaluated: they lose
        # precision, and in training no gradient passes through the layer any more
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    for parameter in model.parameters():
        if parameter.is_floating_point():
            parameter.data = parameter.data.to(dtype)
