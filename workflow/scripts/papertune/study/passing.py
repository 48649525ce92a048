"""Checks of a study that runs programs: it needs tests, and enough answers per question."""

from typing import TYPE_CHECKING

from papertune.metrics import metric_named
from papertune.metrics.programs import PASSING
from papertune.study.settings import Answering

if TYPE_CHECKING:
    from papertune.study.experiment import Experiment


def runs_programs(study: "Experiment") -> bool:
    """Whether answers are run as programs."""
    return any(metric_named(name).runs for name in study.metrics)


def checked_sets(study: "Experiment") -> list[str]:
    """The test sets whose pairs come with a program that checks answers: those of the source itself."""
    own = {name for name, one in study.generators.items() if one.backend == "source"}
    if not study.source.has_checks:
        return []
    return [name for name, one in study.sets.items() if one.generator in own]


def answering_of(study: "Experiment", test_set: str) -> Answering:
    """The settings for answering a test set: the study's, with the set's own number of samples.

    Probes are answered once.
    """
    own = study.sets[test_set].samples if test_set in study.sets else 1
    return study.answering if own is None else study.answering.model_copy(update={"samples": own})


def check_samples(study: "Experiment") -> None:
    """Raise ValueError if a metric needs more samples than are drawn, or tests that do not exist."""
    checked = checked_sets(study)
    for name, one in study.sets.items():
        drawn = answering_of(study, name).samples
        key = "answering.samples" if one.samples is None else f"test_sets.{name}.samples"
        if drawn > 1 and not study.answering.temperature:
            raise ValueError(
                f"{key}: {drawn} answers at temperature 0 are all the same; set "
                "answering.temperature (0.8, say)"
            )
        for metric in study.metrics if name in checked else ():
            if PASSING.get(metric, 0) > drawn:
                raise ValueError(
                    f"{key}: {metric} needs at least {PASSING[metric]} (it is {drawn})"
                )
    if runs_programs(study) and not checked:
        metric = next(name for name in study.metrics if metric_named(name).runs)
        raise ValueError(
            f"metrics: {metric} needs pairs with tests; take a source that has them (kind: human_eval, "
            "or source.columns.check), and a generator with backend: source as a test set"
        )
