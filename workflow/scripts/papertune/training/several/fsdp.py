"""Training by several processes that hold a part of every weight each, instead of all of them.

Each process keeps its part of the weights, of their gradients and of the optimiser's state; a
layer is put together while it is computed (Zhao et al. 2023, *PyTorch FSDP*; torch's
``fully_shard``). Checkpoints are those of one process, so a run may go on with more processes, with
fewer, or with whole weights in each.
"""

import copy
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from transformers.trainer import OPTIMIZER_NAME, SCHEDULER_NAME

from papertune.jobs import distributed
from papertune.models.loading import device_name
from papertune.training.methods import decoder_layers
from papertune.training.several.ddp import TogetherTrainer


class ShardedTrainer(TogetherTrainer):
    """One of several processes, each with its part of the model.

    Args:
        model: Whole, in this machine's memory. The first process keeps it: checkpoints are written
            from it and read into it, and at the end it is the best model. The others empty it.
        how: As of TogetherTrainer.
    """

    in_step = True
    model: Any

    def __init__(self, callback: Any, scorer: Any = None, *, model: Any, **how: Any) -> None:
        self.whole = model
        parts = in_parts(model, half=how["args"].bf16)
        if not distributed.is_first():
            model.to("meta")
        super().__init__(callback, scorer, model=parts, **how)
        # it places its weights and shares its gradients by itself: nothing is to be wrapped
        self.is_distributed_loading_by_transformers = True

    def validation_loss(self, batch: dict[str, Any]) -> Any:
        """As of StoppableTrainer, but never halved: all processes compute as often."""
        return self.compute_loss(self.model, batch)

    def answer_score(self) -> dict[str, float]:
        """As of StoppableTrainer; the weights are put together, as answers differ in length."""
        with self._put_together():
            return super().answer_score()

    @contextmanager
    def _put_together(self) -> Iterator[None]:
        """Every process holds all weights for a while, and none waits for another."""
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
        """Name and part of each weight that training changes."""
        for part in self.model.modules():
            if isinstance(part, FSDPModule):
                part.reshard()  # after a validation some are still whole
        return [(name, p) for name, p in self.model.named_parameters() if p.requires_grad]

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """As of Trainer, together."""
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
        """As of StoppableTrainer; by the first process alone."""
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
            torch.load(os.path.join(checkpoint, name), map_location="cpu", weights_only=True)
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
    """A copy of a model of which this process holds its part, on its device.

    Args:
        model: Whole; the copy's parts are made of its weights one by one.
        half: Compute in bf16. Weights are sent so, too; gradients are added up in float32.
    """
    # parameters that share the model's memory, until fully_shard takes its part of each
    shared = {id(p): torch.nn.Parameter(p.detach(), p.requires_grad) for p in model.parameters()}
    parts = copy.deepcopy(model, shared)
    policy = MixedPrecisionPolicy(torch.bfloat16, torch.float32) if half else MixedPrecisionPolicy()
    how = {"mesh": init_device_mesh(device_name(), (distributed.size(),)), "mp_policy": policy}
    for layer in decoder_layers(parts):
        fully_shard(layer, **how)
    fully_shard(parts, **how)
    return parts


def _gathered(value: Any) -> Any:
    """A part of an optimiser's state as a whole, together; kept by the first process only."""
    if not isinstance(value, DTensor):
        return value
    full = value.full_tensor()
    return full.cpu() if distributed.is_first() else None
