"""The table of answers that are programs: whether they pass their tests, and are well formed."""

from papertune.metrics import metric_named
from papertune.metrics.form import WELL_FORMED
from papertune.report.numbers import NONE, explained, gain_of, interval
from papertune.report.table import Table
from papertune.scores.matrix import Cell, find_cell
from papertune.study.experiment import Experiment
from papertune.study.passing import checked_sets, runs_programs

NOTHING = "no change shown"


def programs_table(cells: list[Cell], experiment: Experiment) -> Table:
    """A row per test set and model: shares of passing and well-formed programs, and changes.

    It has no rows if no programs are run.
    """
    passing = [name for name in experiment.metrics if metric_named(name).runs]
    names, rows = [*passing, *WELL_FORMED], []
    for test_set in checked_sets(experiment) if runs_programs(experiment) else ():
        for model in experiment.models:
            found = [find_cell(cells, model=model, test_set=test_set, metric=n) for n in names]
            shown = [text for cell in found for text in _told(cell)]
            problems = str(found[0].questions) if found[0] else NONE
            said = changes(found[: len(passing)], found[len(passing) :])
            label = experiment.set_label(test_set)
            rows.append([label, experiment.model_label(model), said, problems, *shown])
    labels = [metric_named(name).label for name in names]
    columns = [text for label in labels for text in (label, f"{label}, difference")]
    title = explained("Programs that pass their tests, and that are well formed", rows)
    return Table(title, ["Test set", "Model", "What changed", "Problems", *columns], rows, left=3)


def changes(passing: list[Cell | None], formed: list[Cell | None]) -> str:
    """``form: better, logic: worse``: the corrected tests of a model against its baseline."""
    both = [*passing, *formed]
    if not any(cell is not None and cell.difference is not None for cell in both):
        return NONE
    form, logic = _verdict(formed), _verdict(passing)
    return NOTHING if {form, logic} == {NOTHING} else f"form: {form}, logic: {logic}"


def _verdict(cells: list[Cell | None]) -> str:
    said = {cell.verdict for cell in cells if cell is not None and cell.verdict}
    return " and ".join(sorted(said)) or NOTHING


def programs_notes(cells: list[Cell], experiment: Experiment) -> list[str]:
    """How the programs were run, and which problems do not count."""
    if not runs_programs(experiment):
        return []
    how = experiment.programs
    notes = [
        f"Each program ran in a sandbox, for at most {how.seconds:g} seconds of the processor "
        f"and with at most {how.memory_mb:,} MB. It passes if it and its tests run to their end."
    ]
    if how.allow_unsafe:
        notes.append(
            "This experiment allows programs to run without a sandbox if the machine has none "
            "(programs.allow_unsafe)."
        )
    first = next(name for name in experiment.metrics if metric_named(name).runs)
    for test_set in checked_sets(experiment):
        every, counted = (
            max(
                (c.questions for c in cells if (c.test_set, c.metric) == (test_set, name)),
                default=0,
            )
            for name in (WELL_FORMED[0], first)
        )
        if counted < every:
            notes.append(
                f"{every - counted} of {every} problems of {experiment.set_label(test_set)} do not "
                "count for passing: their own references do not pass."
            )
    return notes


def _told(cell: Cell | None) -> tuple[str, str]:
    return interval(cell), gain_of(cell, signed=True)
