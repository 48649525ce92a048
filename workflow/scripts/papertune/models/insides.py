"""What this project uses of the insides of transformers, peft and bitsandbytes when models are loaded.

Seen on transformers 5.19, peft 0.21 and bitsandbytes 0.50; ``tests/unit/models/test_insides.py`` fails
where they change. Of the Trainer, see :mod:`papertune.training.trainer`.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


def leave_out_what_few_need() -> None:
    """Have transformers start without libraries that cost a third of a job's start.

    It takes along every library that it finds. It asks once for each whether it is there, and keeps
    the answer; so does peft, which transformers takes along too, for bitsandbytes: until
    :func:`bring_bitsandbytes`. What the Hub is asked with takes trio (where it is installed), which
    nothing here runs under.
    """
    with _hidden("sklearn", "scipy", "datasets", "trio"):
        from transformers import utils

        utils.is_datasets_available(), utils.is_scipy_available(), utils.is_sklearn_available()
    with _hidden("bitsandbytes"), suppress(ImportError):  # not every stage has peft
        from peft import import_utils

        import_utils.is_bnb_available(), import_utils.is_bnb_4bit_available()


def bring_bitsandbytes() -> None:
    """Let transformers and peft look again for the library, which jobs start without."""
    from peft import import_utils
    from transformers.utils import is_bitsandbytes_available

    # on a CPU it tells of faster code that it would have to download
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    own = import_utils.is_bnb_available, import_utils.is_bnb_4bit_available
    for kept in (is_bitsandbytes_available, *own):
        kept.cache_clear()


def quantize_falcon_too() -> None:
    """bitsandbytes takes the place of nn.Linear itself only; Falcon's own class computes the same."""
    import torch
    from transformers.models.falcon import modeling_falcon

    modeling_falcon.FalconLinear = torch.nn.Linear


def keep_quantized_weights(model: Any) -> None:
    """Switch off that a CPU with bf16 units packs weights anew once a layer is evaluated.

    They lose precision, and in training no gradient passes through the layer any more.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


@contextmanager
def _hidden(*names: str) -> Iterator[None]:
    """Libraries look as if they were not installed; those that are loaded stay."""
    hidden = [name for name in names if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # Python's own mark
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
