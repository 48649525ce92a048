"""Training by several processes, with the examples, the order and the losses of one.

An update has the same examples however many processes share it out, and the loss counts each of
their tokens once. Where the last update of an epoch has too few examples for all, some processes
get an empty one, which no loss and no count of tokens sees.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from accelerate.data_loader import SeedableRandomSampler
from torch.utils.data import Sampler, SequentialSampler

from papertune.examples.tokens import MASKED
from papertune.jobs import distributed
from papertune.training.callback import BrokenOff
from papertune.training.trainer import StoppableTrainer


class TogetherTrainer(StoppableTrainer):
    """One of several processes, each with its part of every update and every validation.

    Args:
        how: As of Trainer; ``args`` has the batch and the accumulation of this process.
    """

    control: Any
    in_step = False  # whether all have to compute as often

    def __init__(self, callback: Any, scorer: Any = None, **how: Any) -> None:
        self.examples, token = len(how["train_dataset"]), how["processing_class"].pad_token_id
        empty = {"input_ids": [token] * 2, "labels": [MASKED] * 2}
        how["train_dataset"] = [*how["train_dataset"], empty]
        super().__init__(callback, scorer, **how)
        if not distributed.is_first():  # or dropout would drop the same in all of them
            torch.manual_seed(self.args.seed + distributed.rank())

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        rows = range(self.examples)
        order: Sampler[int] = SequentialSampler(rows)
        if self.args.train_sampling_strategy == "random":
            order = SeedableRandomSampler(rows, data_seed=self.args.seed)
        micro = self.args.per_device_train_batch_size * distributed.size()
        steps = math.ceil(self.examples / (micro * self.args.gradient_accumulation_steps))
        return FilledUp(order, micro, lambda: self.state.global_step // steps)

    def evaluate(self, *arguments: Any, **how: Any) -> dict[str, float]:
        """The validation loss, of the same batches as in one process."""
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
                # together: every process comes here as often
                self.callback_handler.on_prediction_step(self.args, self.state, self.control)
            score = self.answer_score()
        except BrokenOff:
            return {}
        metrics = {"eval_loss": distributed.totals(total)[0] / len(rows), **score}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics

    def _loss_of(self, rows: list[Any]) -> float:
        """The mean loss of a batch's tokens, times its examples: so the Trainer weighs batches."""
        batch = self._prepare_inputs(self.data_collator(rows))
        with torch.no_grad(), self.accelerator.autocast():
            return float(self.validation_loss(batch)) * len(rows)


class FilledUp(Sampler[int]):
    """The examples in the order that one process has, filled up with the empty one.

    Args:
        order: The examples' numbers; where it is random, by its seed and the epoch.
        multiple: Of what there has to be a multiple.
        epoch: Which epoch begins.
    """

    def __init__(self, order: Sampler[int], multiple: int, epoch: Callable[[], int]) -> None:
        self.order, self.multiple, self.epoch = order, multiple, epoch

    def __len__(self) -> int:
        return math.ceil(len(self.order) / self.multiple) * self.multiple

    def __iter__(self) -> Iterator[int]:
        if isinstance(self.order, SeedableRandomSampler):
            # accelerate does not tell it to a sampler in a loader that skips batches
            self.order.set_epoch(self.epoch())
        yield from self.order
        count = len(self.order)
        yield from [count] * (len(self) - count)
