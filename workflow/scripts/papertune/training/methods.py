"""How each method prepares a base: its initial weights, and which of them are trained."""

import re
from pathlib import Path
from typing import Any

from papertune.errors import TrainingError
from papertune.jobs import stopping
from papertune.models.loading import device_name, in_one_step, load_config, load_model
from papertune.models.quantization import bring_bitsandbytes
from papertune.study.methods import METHODS
from papertune.study.recipe import Recipe
from papertune.study.settings import Freeze, Lora, Training
from papertune.study.settings.notation import nearest

PAGED = "paged_"


def check_optimizer(training: Training) -> None:
    """Check that this machine can run the optimiser, and load it.

    Raises:
        TrainingError: it needs a GPU, but there is none.
    """
    if training.optimizer.startswith(PAGED) and device_name() == "cpu":
        same = training.optimizer.removeprefix(PAGED).removesuffix("_32bit")
        raise TrainingError(
            f"the optimiser {training.optimizer} pages between the memories of a GPU and of the "
            "machine, but there is no GPU here",
            where="training.optimizer",
            hint=f"take {same}, which makes the same updates without paging, or run on a GPU",
        )
    if training.optimizer.endswith("bit"):
        bring_bitsandbytes()


@stopping.at_once()
def prepare(base: Path, recipe: Recipe, *, device: str | None = None) -> Any:
    """Load the model to train: in float32, except quantised weights and a base under adapters.

    Trained weights stay in float32; bf16 affects computation only. A base under adapters, which
    does not change, is held in the precision of the computation: in bf16 this takes half the
    memory, and saves a copy of each weight per step.

    New weights are drawn from the current random state (:func:`set_up_torch` seeds it). ``device``
    is by default the best of this machine.

    Raises:
        TrainingError: the method is a baseline, the base lacks layers or modules, or nothing is
            left to train.
    """
    where, weights = base.name, METHODS[recipe.method].weights
    if METHODS[recipe.method].trains == "nothing":
        raise TrainingError(f"a {recipe.method} is not trained", hint="take another method")
    if weights == "new":
        import torch
        from transformers import AutoModelForCausalLM

        model = AutoModelForCausalLM.from_config(
            load_config(base), dtype=torch.float32, trust_remote_code=False
        )
        in_one_step(model)
        return model.to(device or device_name())
    quantized = recipe.quantization if weights == "4 bit" else None
    held = recipe.training.precision if recipe.with_adapters else "fp32"
    model = load_model(base, precision=held, quantization=quantized, device=device)
    frozen = frozen_modules(model, recipe.freeze, where) if recipe.freeze else []
    if recipe.with_adapters:
        return with_adapters(model, recipe.lora, where, without=frozen)
    for name in frozen:
        model.get_submodule(name).requires_grad_(False)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        hint = "freeze fewer layers or modules, or take method lora"
        raise TrainingError("freeze leaves nothing to train", where=where, hint=hint)
    return model


def frozen_modules(model: Any, freeze: Freeze, where: str) -> list[str]:
    """Names of the modules to freeze; ``where`` names the base in the error.

    Raises:
        TrainingError: the model has no such layer or module.
    """
    name, count = where_layers_are(model)
    numbers = {*range(freeze.first), *range(count - freeze.last, count), *freeze.layers}
    beyond = sorted(number for number in numbers if not 0 <= number < count)
    if beyond:
        asked = max(freeze.first, freeze.last, *(number + 1 for number in freeze.layers), 0)
        told = f"freeze asks for {asked} layers, but the base has {count}"
        hint = f"they are counted from 0: the last one is {count - 1}"
        raise TrainingError(told, where=where, hint=hint)
    modules = dict(model.named_modules())
    embedding = next(n for n, one in modules.items() if one is model.get_input_embeddings())
    for module in freeze.modules:
        if module not in modules:
            raise TrainingError(
                f"freeze.modules: the base has no module {module!r}{nearest(module, modules)}",
                where=where,
                hint=f"for example {name}.0, or {embedding}",
            )
    return [*(f"{name}.{number}" for number in sorted(numbers)), *freeze.modules]


def with_adapters(model: Any, lora: Lora, name: str, *, without: list[str]) -> Any:
    """Freeze the model and add trainable low-rank adapters; the modules ``without`` get none.

    Raises:
        TrainingError: a target module does not exist, or none is left.
    """
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers.pytorch_utils import Conv1D

    kinds = (torch.nn.Linear, Conv1D)  # quantised layers are nn.Linear, too
    linear = [name for name, module in model.named_modules() if isinstance(module, kinds)]
    targets = lora.target_modules
    for target in targets if isinstance(targets, list) else []:
        if not any(f".{path}".endswith(f".{target}") for path in linear):
            known = sorted({path.rpartition(".")[2] for path in linear})
            raise TrainingError(
                f"lora.target_modules: the base has no linear module {target!r}"
                f"{nearest(target, known)}",
                where=name,
                hint=f"take all-linear, or some of {', '.join(known)}",
            )
    left_out = "|".join(rf"{re.escape(path)}(\..*)?" for path in without)
    try:
        config = LoraConfig(
            task_type="CAUSAL_LM", r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout,
            target_modules=targets, exclude_modules=left_out or None,
        )  # fmt: skip
        adapted = get_peft_model(model, config)
    except ValueError as error:  # no module is left, or a pattern matches none
        raise TrainingError(
            f"no module gets an adapter: {str(error).splitlines()[0]}",
            where=name,
            hint="give lora.target_modules a list of names, such as [q_proj, v_proj] (a string is "
            "a pattern for whole paths, such as .*q_proj), or freeze fewer layers",
        ) from None
    # the name only, so that the same run elsewhere gives the same files
    adapted.peft_config["default"].base_model_name_or_path = name
    return adapted


def where_layers_are(model: Any) -> tuple[str, int]:
    """The name of the list of the decoder's layers, and its length; TrainingError without one."""
    import torch

    count = model.config.get_text_config().num_hidden_layers
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == count:
            return name, count
    raise TrainingError(f"no layers found in {type(model).__name__}", hint="give freeze.modules")
