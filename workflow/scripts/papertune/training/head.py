"""Faster training on a GPU: head and loss computed in parts, and compiled layers.

With a vocabulary of 128,000 tokens, the logits of 4,096 positions take 2 GB in float32, three times
over for the loss. Here logits are computed for some positions at a time, give their loss and its
gradients, and are freed (Hsu et al. 2024, "Liger Kernel: Efficient Triton Kernels for LLM
Training"). The loss is that of :func:`papertune.examples.tokens.answer_loss`.

The head's weights are padded to a multiple of :data:`TILE` rows: with GPT-2's vocabulary of 50,257,
matrix products are three times as slow as with 50,304.
"""

import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import torch

from papertune.examples.tokens import MASKED, Row
from papertune.jobs import distributed
from papertune.models.loading import device_name
from papertune.study.settings import Training
from papertune.training.methods import where_layers_are
from papertune.training.smaller_batch import COMPILED_LOGITS, LOGITS, TILE

log = logging.getLogger(__name__)

LONG = 500  # updates from which compiling saves more time than it takes


class HeadLoss:
    """The loss of a model without its head: its "logits" are the head's input.

    Attributes:
        head: The module.
        half: Whether it computes in bf16.
        part: Computes from some logits the sum of the losses and its gradient.
        most: Maximum of logits at once.
    """

    def __init__(self, head: Any, *, half: bool, compiled: bool = False) -> None:
        self.head, self.dtype = head, torch.bfloat16 if half else torch.float32
        self.part: Callable[..., Any] = torch.compile(part_at_once) if compiled else part_in_steps
        self.most = COMPILED_LOGITS if compiled else LOGITS

    @classmethod
    def of(cls, model: Any, *, half: bool, compiled: bool) -> "HeadLoss | None":
        """The loss of a model; ``None`` if the model itself transforms its head's logits.

        This is tested, because caps and scales of logits have no common setting. With several
        processes, the weights may be in another one.
        """
        head = model.get_output_embeddings()
        plain = type(head) is torch.nn.Linear and head.bias is None
        if not plain or distributed.size() > 1:
            return None
        found = cls(head, half=half, compiled=compiled)
        was = model.training
        model.eval()
        try:
            ids = torch.arange(1, 6, device=head.weight.device)[None] % head.out_features
            given = torch.linspace(-100, 100, head.out_features, device=ids.device)[None, None]
            with torch.no_grad(), found.left_out(lambda _: given):
                return found if given.equal(model(input_ids=ids, use_cache=False).logits) else None
        finally:
            model.train(was)

    @contextmanager
    def left_out(self, instead: Callable[[Any], Any] = lambda hidden: hidden) -> Iterator[None]:
        """Context in which the model returns its head's input."""
        self.head.forward = instead
        try:
            yield
        finally:
            del self.head.forward

    def loss(self, outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
        """As ``answer_loss``; ``outputs.logits`` has the shape (rows, kept positions, width)."""
        hidden = outputs.logits
        kept = hidden.shape[1] - 1
        wanted = torch.full(hidden.shape[:2], MASKED, device=labels.device)
        wanted[:, :kept] = labels[:, labels.shape[1] - kept :]
        count = (wanted != MASKED).sum() if num_items_in_batch is None else num_items_in_batch
        weight = self.head.weight
        if not torch.is_grad_enabled():  # avoids computing unused gradients
            hidden, weight = hidden.detach(), weight.detach()
        total = _Sum.apply(hidden.flatten(0, 1), weight, wanted.flatten(), self)
        return total / count


class _Sum(torch.autograd.Function):
    """The sum of the losses of all positions; gradients are computed in the forward pass."""

    @staticmethod
    def forward(ctx: Any, hidden: Any, weight: Any, wanted: Any, how: HeadLoss) -> Any:
        size, dtype = weight.shape[0], how.dtype
        table = weight.to(dtype)
        if odd := -size % TILE:
            table = torch.nn.functional.pad(table, (0, 0, 0, odd))
        read, (learns, trained, *_) = hidden.to(dtype), ctx.needs_input_grad
        below = torch.empty_like(read) if learns else None
        own = torch.zeros_like(weight, dtype=torch.float32) if trained else None
        total = torch.zeros((), device=hidden.device)
        places = max(1, how.most // len(table))
        for first in range(0, len(read), places):
            here = slice(first, first + places)
            loss, gradient = how.part(read[here] @ table.T, wanted[here], size)
            total += loss
            if below is not None:
                torch.mm(gradient, table, out=below[here])
            if own is not None:
                own += (gradient.T @ read[here])[:size]
        ctx.save_for_backward(below, own)
        ctx.dtypes = hidden.dtype, weight.dtype
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        made = zip(ctx.saved_tensors, ctx.dtypes, strict=True)
        below, own = (
            None if one is None else (one * gradients[0]).to(dtype) for one, dtype in made
        )
        return below, own, None, None


def part_in_steps(logits: Any, wanted: Any, size: int) -> tuple[Any, Any]:
    """The sum of the losses of some positions, and its gradient with respect to their logits.

    Args:
        logits: (positions, at least ``size``); columns beyond ``size`` are padding.
        wanted: The next token of each position, or ``MASKED``.
        size: Size of the vocabulary.
    """
    counted, chosen = (wanted != MASKED)[:, None], wanted.clamp(min=0)[:, None]
    chances = torch.log_softmax(logits[:, :size].float(), -1)
    loss = -(chances.gather(1, chosen) * counted).sum()
    chances.exp_().scatter_add_(1, chosen, torch.full_like(chances[:, :1], -1).expand_as(chosen))
    gradient = torch.zeros_like(logits)
    torch.mul(chances, counted, out=gradient[:, :size])
    return loss, gradient


def part_at_once(logits: Any, wanted: Any, size: int) -> tuple[Any, Any]:
    """As :func:`part_in_steps`, written so that a compiler fuses it into two passes."""
    counted, chosen = (wanted != MASKED)[:, None], wanted.clamp(min=0)[:, None]
    scores = logits[:, :size].float()
    normal = torch.logsumexp(scores, -1, keepdim=True)
    loss = ((normal - scores.gather(1, chosen)) * counted).sum()
    tokens = torch.arange(size, device=logits.device)
    gradient = (torch.exp(scores - normal) - (tokens == chosen).float()) * counted
    return loss, torch.nn.functional.pad(gradient.to(logits.dtype), (0, logits.shape[1] - size))


def is_compiled(training: Training, steps: int, *, adapters: bool) -> bool:
    """Whether a run's layers are compiled.

    ``auto``: on a GPU with a compiler, if all weights are trained and the run is long.
    """
    if training.compile != "auto":
        return training.compile
    able = (
        device_name() == "cuda"
        and find_spec("triton")
        and (shutil.which("cc") or shutil.which("gcc"))
    )
    return bool(able) and not adapters and steps >= LONG


def compile_layers(model: Any) -> None:
    """Have each layer compiled at its first use; identical layers are compiled once."""
    import torch._dynamo

    torch._dynamo.config.suppress_errors = True  # falls back to uncompiled code
    name, _ = where_layers_are(model)
    for layer in model.get_submodule(name):
        layer.compile()


def choose_attention(rows: Sequence[Row], *, packed: bool) -> None:
    """Use cuDNN's attention, the fastest, if all rows have the same length.

    It plans again for each new shape, which takes longer than the step, and is disabled by
    default (:func:`set_up_torch`).
    """
    alike = len({len(row["input_ids"]) for row in rows}) == 1
    torch.backends.cuda.enable_cudnn_sdp(alike and not packed)
