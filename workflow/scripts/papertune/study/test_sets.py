"""Checks of an experiment's test sets."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from papertune.study.experiment import Experiment


def check_test_sets(study: "Experiment") -> None:
    """Raise ValueError if a set cannot be asked, or no set supports the study's claims."""
    training = {name for model in study.trained for name in study.datasets_of(model)}
    for name, one in study.sets.items():
        if one.split == "train" and one.generator not in training:
            raise ValueError(
                f"test_sets.{name}.questions: {one.generator} writes no training pairs; take one "
                "of " + ", ".join(sorted(training))
            )
        if one.split == "held_out" and one.generator in training and not study.splits.held_out:
            raise ValueError(
                f"test_sets.{name}.documents: all pairs of {one.generator} about training documents "
                "train; hold some out (splits.held_out: 0.1), or take a generator without training"
            )
        study.asked_template(name)
    if not study.usual_sets:
        how = "add one with documents: test and book: open"
        raise ValueError(f"test_sets: no set supports the study's claims; {how}")
