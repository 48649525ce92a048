"""The settings with which a model folder answers where nothing else is said."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from papertune.answering.generation import end_tokens
from papertune.study.settings import Answering

SAMPLING = ("temperature", "top_p", "top_k", "min_p", "typical_p")


def generation_defaults(model: Any, tokenizer: Any, answering: Answering) -> Any:
    """A ``GenerationConfig`` that answers as the experiment does.

    What else the base's own settings say (a penalty on repetition, say) stays: answers are
    generated with it, too.

    Args:
        model: The trained model.
        tokenizer: Of the model.
        answering: The most new tokens; the temperature, 0 for greedy.
    """
    config = deepcopy(model.generation_config)
    for name in SAMPLING:
        setattr(config, name, None)
    ends = sorted(end_tokens(model, tokenizer))
    config.update(
        eos_token_id=ends if len(ends) > 1 else (ends[0] if ends else None),
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        max_new_tokens=answering.max_new_tokens,
        do_sample=answering.temperature > 0,
    )
    if answering.temperature > 0:
        config.update(temperature=answering.temperature, top_p=1.0, top_k=0)
    return config
