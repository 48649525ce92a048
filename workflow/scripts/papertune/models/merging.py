"""Adapters brought into the weights of their base: a model that needs neither peft nor the base."""

from pathlib import Path
from typing import Any

from papertune.models.loading import load_config, load_model
from papertune.models.quantization import quantization_of
from papertune.study.settings import Quantization


def merged_model(adapter: Path, base: Path) -> tuple[Any, str]:
    """The base with an adapter in its weights, on the CPU, and in words how that came about.

    The sum is made in float32. It is then rounded to the precision in which the base's weights are
    stored, which is that of the result. An adapter of a quantised base goes onto the weights that
    it was trained on: those of 4 bit, written out again.
    """
    from peft import PeftModel

    quantization = quantization_of(adapter)
    model = load_model(base, precision="fp32").cpu()
    if quantization:
        _write_out(model, base, quantization)
    model = PeftModel.from_pretrained(model, adapter, local_files_only=True).merge_and_unload()
    stored = getattr(load_config(base), "dtype", None) or model.dtype
    onto = "its base"
    if quantization:
        onto += f" in 4 bit ({quantization.type}), written out again"
    kept = str(stored).removeprefix("torch.")
    return model.to(stored), (
        f"The adapters are merged into the weights of {onto}, in float32, and stored as {kept}."
    )


def _write_out(model: Any, base: Path, quantization: Quantization) -> None:
    """Give a model's linear layers the values that their weights have once they are quantised."""
    import torch
    from bitsandbytes.functional import dequantize_4bit
    from bitsandbytes.nn import Linear4bit
    from transformers.pytorch_utils import Conv1D

    quantized = load_model(base, precision="fp32", quantization=quantization)
    with torch.no_grad():
        for name, layer in quantized.named_modules():
            if not isinstance(layer, Linear4bit):
                continue
            weight = dequantize_4bit(layer.weight.data, layer.weight.quant_state).float().cpu()
            own = model.get_submodule(name)
            # GPT-2's layers hold their weights the other way round
            own.weight.copy_(weight.T if isinstance(own, Conv1D) else weight)
