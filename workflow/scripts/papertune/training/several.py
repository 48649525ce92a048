"""Training in several processes, with the same examples, order and losses as in one.

An update has the same examples for any number of processes, and the loss counts each token once.
If the last update of an epoch has too few examples for all processes, some get an empty one,
which counts for neither loss nor tokens.

Each process holds all weights (:class:`TogetherTrainer`), or a shard of each weight, its gradient
and its optimiser state (:class:`ShardedTrainer`); a layer is then gathered while it is computed
(Zhao et al. 2023, *PyTorch FSDP*; torch's ``fully_shard``). Checkpoints are the same as with one
process, so a run may resume with another number of processes, or without sharding.
"""

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from accelerate.data_loader import SeedableRandomSampler
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.utils.data import Sampler, SequentialSampler
from transformers.trainer import OPTIMIZER_NAME, SCHEDULER_NAME

from papertune.examples.tokens import MASKED
from papertune.jobs import distributed
from papertune.models.loading import device_name
from papertune.training.callback import BrokenOff
from papertune.training.methods import where_layers_are
from papertune.training.smaller_batch import mean_loss
from papertune.training.trainer import StoppableTrainer


class TogetherTrainer(StoppableTrainer):
    """The Trainer of one of several processes, each with its share of every update and validation.

    ``args`` has this process's share of an update.
    """

    control: Any
    in_step = False  # whether all processes must run the same number of passes

    def __init__(self, callback: Any, scorer: Any = None, **how: Any) -> None:
        self.examples, token = len(how["train_dataset"]), how["processing_class"].pad_token_id
        empty = {"input_ids": [token] * 2, "labels": [MASKED] * 2}
        how["train_dataset"] = [*how["train_dataset"], empty]
        super().__init__(callback, scorer, **how)
        if not distributed.is_first():  # otherwise dropout would be the same in all processes
            torch.manual_seed(self.args.seed + distributed.rank())

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        rows = range(self.examples)
        order: Sampler[int] = SequentialSampler(rows)
        if self.args.train_sampling_strategy == "random":
            order = SeedableRandomSampler(rows, data_seed=self.args.seed)
        update = self.args.per_device_train_batch_size * distributed.size()
        steps = math.ceil(self.examples / update)
        return FilledUp(order, update, lambda: self.state.global_step // steps)

    def evaluate(self, *arguments: Any, **how: Any) -> dict[str, float]:
        """The validation loss, on the same batches as in one process."""
        size = self.args.eval_batch_size
        rows: Any = self.eval_dataset
        batches = [rows[first : first + size] for first in range(0, len(rows), size)]
        mine = batches[distributed.rank() :: distributed.size()]
        total = 0.0
        self.model.eval()
        try:
            for number in range(math.ceil(len(batches) / distributed.size())):
                if number < len(mine):
                    total += self._loss_of(mine[number])
                elif self.in_step:
                    self._loss_of(batches[0])
                # together: every process gets here equally often
                self.callback_handler.on_prediction_step(self.args, self.state, self.control)
            score = self.answer_score()
        except BrokenOff:
            return self.broken_off()
        metrics = {"eval_loss": distributed.totals(total)[0] / len(rows), **score}
        self.log(metrics)
        given = (self.args, self.state, self.control, metrics)
        self.control = self.callback_handler.on_evaluate(*given)
        return metrics

    def _loss_of(self, rows: list[Any]) -> float:
        """The mean loss of a batch's tokens times its examples, the Trainer's weight."""
        batch = self._prepare_inputs(self.data_collator(rows))
        with torch.no_grad(), self.accelerator.autocast():
            return float(self.validation_loss(batch)) * len(rows)


class FilledUp(Sampler[int]):
    """The examples in the order of one process, padded with empty ones to a multiple.

    A random order depends on its seed and on the epoch returned by ``epoch``.
    """

    def __init__(self, order: Sampler[int], multiple: int, epoch: Callable[[], int]) -> None:
        self.order, self.multiple, self.epoch = order, multiple, epoch

    def __len__(self) -> int:
        return math.ceil(len(self.order) / self.multiple) * self.multiple

    def __iter__(self) -> Iterator[int]:
        if isinstance(self.order, SeedableRandomSampler):
            # accelerate does not set the epoch of a sampler in a loader that skips batches
            self.order.set_epoch(self.epoch())
        yield from self.order
        count = len(self.order)
        yield from [count] * (len(self) - count)


class ShardedTrainer(TogetherTrainer):
    """The Trainer of one of several processes, each with its shard of the model.

    ``model`` is complete, in this machine's memory. The first process keeps it: checkpoints are
    written from it and read into it, and at the end it is the best model. The others empty it.
    """

    in_step = True
    model: Any

    def __init__(self, callback: Any, scorer: Any = None, *, model: Any, **how: Any) -> None:
        self.whole = model
        parts = in_parts(model, half=how["args"].bf16)
        if not distributed.is_first():
            model.to("meta")
        super().__init__(callback, scorer, model=parts, **how)
        # fully_shard places weights and reduces gradients itself: nothing must be wrapped
        self.is_distributed_loading_by_transformers = True

    def parts(self, inputs: dict[str, Any]) -> list[dict[str, Any]]:
        """As in StoppableTrainer, but equally many in all processes: some get an empty part."""
        own = super().parts(inputs)
        empty = {**own[0], "labels": torch.full_like(own[0]["labels"], MASKED)}
        return own + [empty] * (distributed.most(len(own)) - len(own))

    def validation_loss(self, batch: dict[str, Any]) -> Any:
        """As in StoppableTrainer, but never halved: all processes run equally many passes."""
        parts = self.parts(batch)
        return mean_loss(parts, [self.compute_loss(self.model, part) for part in parts])

    def answer_score(self) -> dict[str, float]:
        """As in StoppableTrainer; the weights are gathered first, as answers differ in length."""
        with self._put_together():
            return super().answer_score()

    @contextmanager
    def _put_together(self) -> Iterator[None]:
        """Context in which every process holds all weights, and none waits for another."""
        parts = [part for part in self.model.modules() if isinstance(part, FSDPModule)]
        try:
            for part in parts:
                part.set_reshard_after_forward(False, recurse=False)
                part.unshard()
            yield
        finally:
            for part in parts:
                part.reshard()
                part.set_reshard_after_forward(part is not self.model, recurse=False)

    def _trained(self) -> list[tuple[str, Any]]:
        """Name and shard of each trained weight."""
        for part in self.model.modules():
            if isinstance(part, FSDPModule):
                part.reshard()  # after a validation some are still gathered
        return [(name, p) for name, p in self.model.named_parameters() if p.requires_grad]

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """As in Trainer, together."""
        weights = dict(self.whole.named_parameters())
        for name, part in self._trained():
            full = part.detach().full_tensor()
            if distributed.is_first():
                weights[name].data.copy_(full)
        if distributed.is_first():
            parts, self.model = self.model, self.whole
            try:
                super().save_model(output_dir, _internal_call)
            finally:
                self.model = parts

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        if distributed.is_first():
            super()._load_from_checkpoint(resume_from_checkpoint, self.whole)
        weights = dict(self.whole.named_parameters())
        with torch.no_grad():
            for name, part in self._trained():
                full = torch.empty(part.shape, dtype=part.dtype, device=device_name())
                if distributed.is_first():
                    full.copy_(weights[name])
                part.copy_(distribute_tensor(full, part.device_mesh, part.placements))

    def load_best(self) -> None:
        """As in StoppableTrainer; by the first process only."""
        super()._load_from_checkpoint(str(self.state.best_model_checkpoint), self.whole)

    def _save_optimizer_and_scheduler(self, output_dir: str | None) -> None:
        state = self.optimizer.state_dict()
        state["state"] = {
            number: {key: _gathered(value) for key, value in values.items()}
            for number, values in state["state"].items()
        }
        if distributed.is_first():
            folder = Path(output_dir or self.args.output_dir)
            torch.save(state, folder / OPTIMIZER_NAME)
            torch.save(self.lr_scheduler.state_dict(), folder / SCHEDULER_NAME)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is None:
            return
        state, schedule = (
            torch.load(Path(checkpoint, name), map_location="cpu", weights_only=True)
            for name in (OPTIMIZER_NAME, SCHEDULER_NAME)
        )
        parts = [part for group in self.optimizer.param_groups for part in group["params"]]
        for number, values in state["state"].items():
            part = parts[number]
            for key, value in values.items():
                if value.shape == part.shape:
                    values[key] = distribute_tensor(
                        value.to(device_name()), part.device_mesh, part.placements
                    )
        self.optimizer.load_state_dict(state)
        self.lr_scheduler.load_state_dict(schedule)


def in_parts(model: Any, *, half: bool) -> Any:
    """A sharded copy of a complete model, with this process's shard on its device.

    With ``half`` it computes and sends weights in bf16; gradients are summed in float32.
    """
    # parameters that share the model's memory, until fully_shard copies its shard of each
    shared = {id(p): torch.nn.Parameter(p.detach(), p.requires_grad) for p in model.parameters()}
    parts = copy.deepcopy(model, shared)
    policy = MixedPrecisionPolicy(torch.bfloat16, torch.float32) if half else MixedPrecisionPolicy()
    how = {"mesh": init_device_mesh(device_name(), (distributed.size(),)), "mp_policy": policy}
    for layer in parts.get_submodule(where_layers_are(parts)[0]):
        fully_shard(layer, **how)
    fully_shard(parts, **how)
    return parts


def _gathered(value: Any) -> Any:
    """Gather a shard of the optimiser's state, together; kept by the first process only."""
    if not isinstance(value, DTensor):
        return value
    full = value.full_tensor()
    return full.cpu() if distributed.is_first() else None
