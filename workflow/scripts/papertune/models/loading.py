"""Loading language models from local folders: offline, safetensors only, no code from outside."""

import json
import os
import warnings
from pathlib import Path
from typing import Any

from papertune.errors import TrainingError
from papertune.identity import digest
from papertune.models.insides import leave_out_what_few_need
from papertune.models.quantization import finish_quantized, quantization_of, quantized
from papertune.records import file_digest
from papertune.study.settings import Quantization

ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # cuBLAS then computes the same each time
}


def set_up_torch(threads: int, seed: int = 0) -> None:
    """Make torch quiet, offline and repeatable; the seed is Python's, NumPy's and torch's."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # adapters name their base by its name, not by a path that would break when folders move
    warnings.filterwarnings("ignore", message="Could not find a config file in")
    import torch

    leave_out_what_few_need()
    from transformers import set_seed
    from transformers.utils.logging import disable_progress_bar

    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)  # denormals slow tiny models on a CPU several times
    set_seed(seed)
    disable_progress_bar()


def device_name() -> str:
    """``cuda`` where there is a GPU, else ``cpu``."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def dtype_of(precision: str) -> Any:
    """The torch dtype of ``auto``, ``fp32`` or ``bf16``; auto is bf16 where the GPU has it."""
    import torch

    able = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    half = precision == "bf16" or (precision == "auto" and able)
    return torch.bfloat16 if half else torch.float32


def context_of(config: Any) -> int | None:
    """The most tokens that a model of this configuration can see; ``None`` where it says none."""
    length = getattr(config.get_text_config(), "max_position_embeddings", None)
    return int(length) if length else None


def end_tokens(model: Any, tokenizer: Any) -> set[int]:
    """Every token that ends an answer: the tokenizer's, and those the model's own settings name."""
    own = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    return {tokenizer.eos_token_id, *(own if isinstance(own, list) else [own])} - {None}


def load_tokenizer(folder: str | Path) -> Any:
    """The tokenizer of a model folder; models without a padding token pad with the end token."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(
        _folder(folder), local_files_only=True, trust_remote_code=False
    )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_config(folder: str | Path, *, base: str | Path | None = None) -> Any:
    """The configuration of the model that :func:`load_model` would load; same arguments, errors."""
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(
        _whole_model(folder, base), local_files_only=True, trust_remote_code=False
    )


def load_model(
    folder: str | Path,
    *,
    base: str | Path | None = None,
    precision: str = "auto",
    quantization: Quantization | None = None,
    device: str | None = None,
) -> Any:
    """A causal language model in evaluation mode.

    An adapter trained on a quantised base is loaded on that base, quantised in the same way.

    Args:
        folder: A model folder, or the folder of an adapter; then ``base`` is needed.
        base: The folder of the base that the adapter belongs to.
        precision: ``auto``, ``fp32`` or ``bf16``; of a quantised model, that of the rest.
        quantization: Of the linear layers; an adapter knows its own.
        device: Where the model is, the best of this machine unless given.

    Raises:
        TrainingError: the folder is not there, or an adapter comes without its base.
    """
    from transformers import AutoModelForCausalLM

    quantization = quantization or quantization_of(folder)
    how = (
        quantized(quantization, dtype_of("auto"))
        if quantization
        else {"dtype": dtype_of(precision)}
    )
    model = AutoModelForCausalLM.from_pretrained(
        _whole_model(folder, base),
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        **how,
    )
    if quantization:
        finish_quantized(model, dtype_of(precision), str(base or folder))
    if _is_adapter(folder):
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, folder, local_files_only=True)
    return model.to(device or device_name()).eval()


# what of a model folder is loaded, and what only tells of it
READ = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt")
NOT_READ = ("training.json", "identity.json")


def weights_digest(folder: str | Path) -> str:
    """SHA-256 of what a model's answers depend on: its weights, tokenizer and settings.

    The same wherever the folder lies, and whatever the base of adapters is called.

    Raises:
        TrainingError: there is no such folder, or it has no safetensors.
    """
    paths = sorted(path for kind in READ for path in Path(_folder(folder)).glob(kind))
    if not any(path.suffix == ".safetensors" for path in paths):
        raise TrainingError("a model folder without safetensors weights", where=str(folder))
    read = {path.name: file_digest(path) for path in paths if path.name not in NOT_READ}
    if "adapter_config.json" in read:
        settings = json.loads(Path(folder, "adapter_config.json").read_text("utf-8"))
        read["adapter_config.json"] = settings | {"base_model_name_or_path": ""}
    return digest(read)


def _whole_model(folder: str | Path, base: str | Path | None) -> str:
    """The folder itself, or that of the adapter's base."""
    if not _is_adapter(_folder(folder)):
        return str(folder)
    if base is None:
        raise TrainingError("an adapter cannot be loaded without its base", where=str(folder))
    return _folder(base)


def _is_adapter(folder: str | Path) -> bool:
    return Path(folder, "adapter_config.json").exists()


def _folder(folder: str | Path) -> str:
    if not Path(folder).is_dir():
        hint = "base models are brought by the rule download_base on a machine with internet"
        raise TrainingError("no such model folder", where=str(folder), hint=hint)
    return str(folder)
