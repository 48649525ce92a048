"""Checks that the parts of an experiment fit each other."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from papertune.study.experiment import Experiment


def check_subsets(study: "Experiment") -> None:
    """Raise ValueError if documents are to be ranked by score and the source has no scores."""
    for name, model in study.models.items():
        if model.subset and model.subset.top is not None and not study.source.has_scores:
            raise ValueError(
                f"models.{name}.subset.top: documents of this source have no score; take first "
                "or fraction, or name the source's column of scores (columns.score)"
            )


def check_optimizers(study: "Experiment") -> None:
    """Raise ValueError if fsdp is set with an optimiser whose state it cannot shard."""
    trained = {f"models.{m}": (study.models[m].method, study.training_of(m)) for m in study.trained}
    for name, base in study.bases.items():
        if base.pretrain:
            trained[f"bases.{name}.pretrain"] = ("pretrain", base.pretrain.training)
    for where, (method, training) in trained.items():
        # fsdp can shard the state of these only
        if study.compute.shards_weights(method) and training.optimizer not in ("adamw", "sgd"):
            raise ValueError(
                f"{where}: the state of the optimiser {training.optimizer} cannot be sharded by "
                "compute.parallel: fsdp; take adamw or sgd, or ddp"
            )
