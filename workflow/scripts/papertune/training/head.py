"""The head and the loss together, part by part, and layers that are compiled: what a GPU lacks time for.

A vocabulary of 128,000 tokens makes 2 GB of logits in float32 of 4,096 places, three times over as
their loss is computed. Here the logits of some places at once give their loss and its gradients, and
are gone (Hsu et al. 2024, "Liger Kernel: Efficient Triton Kernels for LLM Training"). The loss is
that of :func:`papertune.examples.tokens.answer_loss`.

The head's weights are rounded up to a multiple of :data:`TILE` rows meanwhile: GPT-2's vocabulary of
50,257 has matrix products three times as slow as one of 50,304.
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

LONG = 500  # updates from which on compiling takes less time than it saves


class HeadLoss:
    """The loss of a model whose own head is left out: its "logits" are what the head would read.

    Attributes:
        head: The module.
        half: Whether it computes in bf16.
        part: Makes, of some logits, the sum of the losses, and its gradient.
        most: Logits at once.
    """

    def __init__(self, head: Any, *, half: bool, compiled: bool = False) -> None:
        self.head, self.dtype = head, torch.bfloat16 if half else torch.float32
        self.part: Callable[..., Any] = torch.compile(part_at_once) if compiled else part_in_steps
        self.most = COMPILED_LOGITS if compiled else LOGITS

    @classmethod
    def of(cls, model: Any, *, half: bool, compiled: bool) -> "HeadLoss | None":
        """That of a model; ``None`` where the model makes of its head's logits what only it knows.

        Found out by trying: caps and scales of logits are in no common place. Of several processes
        the weights may be elsewhere.
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
        """The model gives what its head reads."""
        self.head.forward = instead
        try:
            yield
        finally:
            del self.head.forward

    def loss(self, outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
        """As of ``answer_loss``; ``outputs.logits`` are (rows, kept positions, width)."""
        hidden = outputs.logits
        kept = hidden.shape[1] - 1
        wanted = torch.full(hidden.shape[:2], MASKED, device=labels.device)
        wanted[:, :kept] = labels[:, labels.shape[1] - kept :]
        count = (wanted != MASKED).sum() if num_items_in_batch is None else num_items_in_batch
        weight = self.head.weight
        if not torch.is_grad_enabled():  # or the gradients would be made for nothing
            hidden, weight = hidden.detach(), weight.detach()
        total = _Sum.apply(hidden.flatten(0, 1), weight, wanted.flatten(), self)
        return total / count


class _Sum(torch.autograd.Function):
    """The sum of the losses of all places; gradients are made on the way there."""

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
    """The sum of the losses of some places, and its gradient with respect to their logits.

    Args:
        logits: (places, at least ``size``); what is beyond ``size`` is no token.
        wanted: The token that follows each, or ``MASKED``.
        size: Of the vocabulary.
    """
    counted, chosen = (wanted != MASKED)[:, None], wanted.clamp(min=0)[:, None]
    chances = torch.log_softmax(logits[:, :size].float(), -1)
    loss = -(chances.gather(1, chosen) * counted).sum()
    chances.exp_().scatter_add_(1, chosen, torch.full_like(chances[:, :1], -1).expand_as(chosen))
    gradient = torch.zeros_like(logits)
    torch.mul(chances, counted, out=gradient[:, :size])
    return loss, gradient


def part_at_once(logits: Any, wanted: Any, size: int) -> tuple[Any, Any]:
    """As :func:`part_in_steps`, in what a compiler makes two passes of."""
    counted, chosen = (wanted != MASKED)[:, None], wanted.clamp(min=0)[:, None]
    scores = logits[:, :size].float()
    normal = torch.logsumexp(scores, -1, keepdim=True)
    loss = ((normal - scores.gather(1, chosen)) * counted).sum()
    tokens = torch.arange(size, device=logits.device)
    gradient = (torch.exp(scores - normal) - (tokens == chosen).float()) * counted
    return loss, torch.nn.functional.pad(gradient.to(logits.dtype), (0, logits.shape[1] - size))


def is_compiled(training: Training, steps: int, *, adapters: bool) -> bool:
    """Whether a run's layers are compiled.

    ``auto``: on a GPU with what a compiler needs, where all weights are trained and it is a long run.
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
    """Have each layer compiled when it first computes: layers that are alike once."""
    import torch._dynamo

    torch._dynamo.config.suppress_errors = True  # what cannot be compiled is computed as it is
    name, _ = where_layers_are(model)
    for layer in model.get_submodule(name):
        layer.compile()


def choose_attention(rows: Sequence[Row], *, packed: bool) -> None:
    """Take cuDNN's attention, the fastest, where all rows are as long as each other.

    For each new shape it plans anew, which takes longer than the step (:func:`set_up_torch` leaves it
    out).
    """
    alike = len({len(row["input_ids"]) for row in rows}) == 1
    torch.backends.cuda.enable_cudnn_sdp(alike and not packed)
