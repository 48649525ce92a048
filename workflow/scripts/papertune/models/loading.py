"""Loading language models from local folders: offline, safetensors only, no code from outside."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from papertune.errors import TrainingError
from papertune.jobs import stopping
from papertune.jobs.progress import log
from papertune.models.attention import share_heads
from papertune.models.beginning import complete_tokenizer
from papertune.models.precision import choose, to_answer
from papertune.models.quantization import finish_quantized, quantization_of, quantized
from papertune.study.settings import Quantization

ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # makes cuBLAS deterministic
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "32",
}
OFFLINE: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
ADAPTER = "adapter_config.json"  # marks the folder of an adapter


def set_up_torch(threads: int, seed: int = 0) -> None:
    """Make torch quiet, offline and deterministic; seeds Python, NumPy and torch."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # adapters record their base by name, not by a path that would break when folders move
    warnings.filterwarnings("ignore", message="Could not find a config file in")
    import torch

    _leave_out_what_few_need()
    from transformers import set_seed
    from transformers.utils.logging import disable_progress_bar

    torch.set_num_threads(threads)
    # avoids cuDNN's planning, 0.1 s for each new shape: a growing prompt has a new shape per token
    torch.backends.cuda.enable_cudnn_sdp(False)
    torch.set_flush_denormal(True)  # denormals slow tiny models down several times on a CPU
    set_seed(seed)
    disable_progress_bar()


def _leave_out_what_few_need() -> None:
    """Make transformers skip libraries that take a third of a job's start.

    It imports every optional library that it finds. It checks once for each, and caches the
    result; so does peft, which transformers also imports, for bitsandbytes, until
    :func:`bring_bitsandbytes` resets it. The Hub's client imports trio (if installed), which
    nothing here uses.
    """
    with _hidden("sklearn", "scipy", "datasets", "trio"):
        from transformers import utils

        utils.is_datasets_available(), utils.is_scipy_available(), utils.is_sklearn_available()
    with _hidden("bitsandbytes"), suppress(ImportError):  # not every stage has peft
        from peft import import_utils

        import_utils.is_bnb_available(), import_utils.is_bnb_4bit_available()


@contextmanager
def _hidden(*names: str) -> Iterator[None]:
    """Hide installed libraries from imports; those already loaded stay."""
    hidden: Any = {name: None for name in names if name not in sys.modules}
    sys.modules.update(hidden)  # None in sys.modules makes an import fail
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def device_name() -> str:
    """``cuda`` if there is a GPU, else ``cpu``."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def context_of(config: Any) -> int | None:
    """The context length in tokens of a model's configuration; ``None`` if it states none."""
    length = getattr(config.get_text_config(), "max_position_embeddings", None)
    return int(length) if length else None


def vocabulary_of(config: Any) -> int:
    """The vocabulary size of a model's configuration."""
    return int(config.get_text_config().vocab_size)


def end_tokens(model: Any, tokenizer: Any) -> set[int]:
    """Every token that ends an answer: the tokenizer's, and those the model's own settings name."""
    own = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    return {tokenizer.eos_token_id, *(own if isinstance(own, list) else [own])} - {None}


@stopping.at_once()
def load_tokenizer(folder: str | Path) -> Any:
    """The tokenizer of a model folder, with what :func:`complete_tokenizer` adds.

    Models without a padding token pad with the end token.

    Raises:
        TrainingError: there is no end token, or no row of the embedding for some token.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model_folder_at(folder), **OFFLINE)
    complete_tokenizer(tokenizer, Path(folder))
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_config(folder: str | Path, *, base: str | Path | None = None) -> Any:
    """The configuration of the model that :func:`load_model` would load; same errors."""
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(_whole_model(folder, base), **OFFLINE)


@stopping.at_once()
def load_model(
    folder: str | Path,
    *,
    base: str | Path | None = None,
    precision: str | None = None,
    quantization: Quantization | None = None,
    device: str | None = None,
) -> Any:
    """Load a causal language model in evaluation mode.

    An adapter trained on a quantised base is loaded onto that base, quantised in the same way.

    Args:
        base: The folder of the base, if ``folder`` is an adapter's.
        precision: As for :func:`papertune.models.precision.choose`; in a quantised model, of the
            other layers. The default is the precision for answering.
        quantization: Of the linear layers; an adapter's folder records its own.
        device: By default, the best of this machine.

    Raises:
        TrainingError: the folder or weights are missing, or an adapter is given without its
            base.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    share_heads()
    quantization = quantization or quantization_of(folder)
    whole = _whole_model(folder, base)
    log.info("loading %s", folder)
    config = AutoConfig.from_pretrained(whole, **OFFLINE)
    dtype = (choose(precision, config) if precision else to_answer(config)).dtype
    how = {"dtype": dtype}
    if quantization:
        how = quantized(quantization, choose("auto", config).dtype if precision else dtype)
    model, told = AutoModelForCausalLM.from_pretrained(
        whole, use_safetensors=True, output_loading_info=True, **OFFLINE, **how
    )
    if lost := sorted(told["missing_keys"]):
        raise TrainingError(
            f"{len(lost)} weights of the model are not in its files and would be random: {lost[0]}",
            where=str(whole),
            hint="download the complete model again, or take one with a language-model head",
        )
    if quantization:
        finish_quantized(model, dtype, str(base or folder))
    in_one_step(model)
    if Path(folder, ADAPTER).exists():
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, folder, local_files_only=True)
    return model.to(device or device_name()).eval()


def in_one_step(model: Any) -> None:
    """Replace GPT-2's activation by one fused operation: the same function, ten times as fast.

    transformers computes it in eight operations, in float32 under autocast, and keeps each result.
    """
    from transformers import activations

    slow = (activations.NewGELUActivation, activations.FastGELUActivation)
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, slow):
                setattr(module, name, activations.GELUTanh())


def merged_model(adapter: Path, base: Path) -> tuple[Any, str]:
    """Merge an adapter into its base, on the CPU; returns the model and a description.

    The sum is computed in float32 and rounded to the precision in which the base's weights are
    stored. An adapter of a quantised base is merged into the weights that it was trained on: the
    4-bit ones, dequantised.
    """
    from peft import PeftModel

    quantization = quantization_of(adapter)
    model = load_model(base, precision="fp32").cpu()
    if quantization:
        _write_out(model, base, quantization)
    adapted = PeftModel.from_pretrained(model, adapter, local_files_only=True)
    _untie(adapted.get_base_model())
    model = adapted.merge_and_unload()
    stored = getattr(load_config(base), "dtype", None) or model.dtype
    onto = f" in 4 bit ({quantization.type}), dequantised" if quantization else ""
    return model.to(stored), (
        f"The adapters are merged into the weights of its base{onto}, in float32, and stored as "
        f"{str(stored).removeprefix('torch.')}."
    )


def _untie(model: Any) -> None:
    """Untie head and token embedding if only one of them has an adapter.

    With a tied weight, the adapter would change both, which is not the model that was trained and
    scored.
    """
    import torch

    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    own, other = (getattr(layer, "base_layer", layer) for layer in (embedding, head))
    if own.weight is not other.weight or (own is embedding and other is head):
        return
    other.weight = torch.nn.Parameter(other.weight.detach().clone())
    for config in (model.config, model.config.get_text_config()):
        config.tie_word_embeddings = False
    model.all_tied_weights_keys = {}  # transformers leaves these out when it saves


def _write_out(model: Any, base: Path, quantization: Quantization) -> None:
    """Replace a model's linear weights by their quantised and dequantised values."""
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
            # GPT-2's layers hold their weights transposed
            own.weight.copy_(weight.T if isinstance(own, Conv1D) else weight)


def _whole_model(folder: str | Path, base: str | Path | None) -> str:
    """The folder itself, or that of an adapter's base."""
    if not Path(model_folder_at(folder), ADAPTER).exists():
        return str(folder)
    if base is None:
        hint = "name the base that it was trained on, or merge it into the base first"
        raise TrainingError(
            "an adapter cannot be loaded without its base", where=str(folder), hint=hint
        )
    return model_folder_at(base)


def model_folder_at(folder: str | Path) -> str:
    """The path of a folder; raises TrainingError if it does not exist."""
    if not Path(folder).is_dir():
        hint = "the rule download_base downloads base models on a machine with internet"
        raise TrainingError("no such model folder", where=str(folder), hint=hint)
    return str(folder)
