"""Which test sets an experiment can have."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from papertune.study.experiment import Experiment


def check_test_sets(study: "Experiment") -> None:
    """Raise ValueError where a set cannot be asked, or none says what the study claims."""
    training = {name for model in study.trained for name in study.datasets_of(model)}
    for name, one in study.sets.items():
        if one.split == "train" and one.generator not in training:
            raise ValueError(
                f"test_sets.{name}.questions: {one.generator} writes no pairs that train; take one "
                "of " + ", ".join(sorted(training))
            )
        if one.split == "held_out" and one.generator in training and not study.splits.held_out:
            raise ValueError(
                f"test_sets.{name}.documents: all pairs of {one.generator} about these train; hold "
                "some of them out (splits.held_out: 0.1), or take a generator of which none trains"
            )
        study.asked_template(name)
    if not study.usual_sets:
        how = "give one about documents that test, with open book"
        raise ValueError(f"test_sets: what the study claims rests on such questions; {how}")
