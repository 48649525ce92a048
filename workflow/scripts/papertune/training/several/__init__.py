"""Training by more than one process."""

from typing import Any

from papertune.jobs import distributed


def trainer_class(sharded: bool) -> Any:
    """The Trainer of one process, or of one of several, with all of the model or a part of it."""
    if distributed.size() == 1:
        from papertune.training.trainer import StoppableTrainer

        return StoppableTrainer
    if sharded:
        from papertune.training.several.fsdp import ShardedTrainer

        return ShardedTrainer
    from papertune.training.several.ddp import TogetherTrainer

    return TogetherTrainer
