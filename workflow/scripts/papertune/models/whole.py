"""Export a model as one folder: merged weights, tokenizer, generation settings."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from papertune.models.beginning import save_tokenizer
from papertune.models.loading import ADAPTER, load_config, load_tokenizer, merged_model
from papertune.models.modelfolder import generation_defaults
from papertune.study.settings import Answering

OWN = ("README.md", "training.json", "history.csv", "generation_config.json")  # not copied


def whole_model(
    model: Path,
    base: Path,
    folder: Path,
    answering: Answering,
    place: Callable[[Path, Path], None] = lambda path, target: target.symlink_to(path),
) -> str:
    """Write weights, tokenizer and settings into a folder; returns how adapters were merged.

    Args:
        model: The model's folder, or an adapter's; ``base`` is then its base's folder.
        answering: Its limits become the folder's generation settings.
        place: Puts a file of an already complete model into the folder (link or copy).

    Raises:
        TrainingError: a folder is missing or incomplete.
    """
    merged = ""
    own = (model / "tokenizer_config.json").exists()  # an adapter may use its base's
    tokenizer = load_tokenizer(model if own else base)
    if (model / ADAPTER).exists():
        whole, merged = merged_model(model, base)
        whole.save_pretrained(folder)
        save_tokenizer(tokenizer, folder)
    else:
        for path in sorted(model.iterdir()):
            if path.is_file() and path.name not in OWN and not path.name.startswith("."):
                place(path.resolve(), folder / path.name)
        settings = generation_config(model, load_config(model))
        whole = SimpleNamespace(generation_config=settings)
    generation_defaults(whole, tokenizer, answering).save_pretrained(folder)
    return merged


def generation_config(folder: Path, config: Any) -> Any:
    """The generation settings that transformers would load with a model."""
    from transformers import GenerationConfig

    if (folder / "generation_config.json").exists():
        return GenerationConfig.from_pretrained(folder, local_files_only=True)
    return GenerationConfig.from_model_config(config)


def penalty_of(folder: Path, config: Any) -> float:
    """The repetition penalty in a model's own settings; 1 means none."""
    return float(generation_config(folder, config).repetition_penalty or 1)
