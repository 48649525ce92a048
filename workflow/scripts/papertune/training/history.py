"""The rows of a run's history, and which of its validations was the best one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LOSS = "validation_loss"

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Criterion:
    """What the best checkpoint is chosen by, and what patience waits for.

    Args:
        name: ``validation_loss``, or what a :class:`papertune.training.by_answers.AnswerScorer` measures.
        higher_is_better: Which way is up.
    """

    name: str = LOSS
    higher_is_better: bool = False

    @property
    def key(self) -> str:
        """Its name in the Trainer's log."""
        return "eval_loss" if self.name == LOSS else f"eval_{self.name}"

    def best(self, log: Sequence[Row]) -> Row | None:
        """The validation that is the best one so far, of all entries of the Trainer's log.

        Of equal ones, as metrics of short answers often are, the one of the lower loss; of those,
        the first.
        """
        rows = [row for row in log if self.key in row]
        return min(rows, key=self._rank) if rows else None

    def without_gain(self, log: Sequence[Row]) -> int:
        """How many validations there were since the best one."""
        rows = [row for row in log if self.key in row]
        return len(rows) - 1 - rows.index(min(rows, key=self._rank)) if rows else 0

    def _rank(self, row: Row) -> tuple[float, float]:
        value = row[self.key]
        return (-value if self.higher_is_better else value, row["eval_loss"])


def history(log: Sequence[Row], criterion: Criterion) -> list[Row]:
    """One row per validation: step, epoch, losses, learning rate, seconds since the start.

    Where the best is not chosen by the validation loss, what it is chosen by stands there too.
    """
    rows: dict[int, Row] = {}
    for entry in log:
        row = rows.setdefault(entry["step"], {"step": entry["step"], "epoch": entry["epoch"]})
        for ours, theirs in [
            ("train_loss", "loss"),
            (LOSS, "eval_loss"),
            (criterion.name, criterion.key),
            ("learning_rate", "learning_rate"),
            ("seconds", "seconds"),
        ]:
            if theirs in entry:
                row[ours] = entry[theirs]
    return [row for row in rows.values() if LOSS in row]


def where_best(state: Any, criterion: Criterion) -> str:
    """Where the best model so far is, in words; ``state`` is the Trainer's."""
    if state.best_model_checkpoint is None:
        return "no checkpoint was written before"
    name = criterion.name.replace("_", " ")
    return (
        f"the best one so far, of step {state.best_global_step} with a {name} of "
        f"{state.best_metric:.4g}, is kept in {state.best_model_checkpoint}"
    )
