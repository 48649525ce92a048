"""A model as one folder that other programs load: whole weights, tokenizer, settings of generation."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from papertune.models.beginning import save_tokenizer
from papertune.models.loading import ADAPTER, load_config, load_tokenizer, merged_model
from papertune.models.modelfolder import generation_defaults
from papertune.study.settings import Answering

OWN = ("README.md", "training.json", "history.csv", "generation_config.json")  # are not taken along


def whole_model(
    model: Path,
    base: Path,
    folder: Path,
    answering: Answering,
    place: Callable[[Path, Path], None] = lambda path, target: target.symlink_to(path),
) -> str:
    """Write weights, tokenizer and settings into a folder; says how adapters were merged, if so.

    Args:
        model: The model's folder, or an adapter's; ``base`` is then that of its base.
        answering: Its limits become the folder's generation settings.
        place: Gives a file of a model that is whole already its name in the folder.

    Raises:
        TrainingError: a folder is not there or not whole.
    """
    merged = ""
    own = (model / "tokenizer_config.json").exists()  # an adapter may leave it to its base
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
    """The settings of generation that transformers would load with a model of a configuration."""
    from transformers import GenerationConfig

    if (folder / "generation_config.json").exists():
        return GenerationConfig.from_pretrained(folder, local_files_only=True)
    return GenerationConfig.from_model_config(config)


def penalty_of(folder: Path, config: Any) -> float:
    """The penalty on repetition that a model's own settings name; 1 is none."""
    return float(generation_config(folder, config).repetition_penalty or 1)
