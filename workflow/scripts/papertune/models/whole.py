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
        whole = SimpleNamespace(generation_config=_generation_config(model))
    generation_defaults(whole, tokenizer, answering).save_pretrained(folder)
    return merged


def _generation_config(model: Path) -> Any:
    """The settings of generation that transformers would load with a model."""
    from transformers import GenerationConfig

    if (model / "generation_config.json").exists():
        return GenerationConfig.from_pretrained(model, local_files_only=True)
    return GenerationConfig.from_model_config(load_config(model))
