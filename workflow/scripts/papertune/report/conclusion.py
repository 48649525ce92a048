"""The matrix in plain words: a headline, findings and caveats, limited to the claims."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from papertune.metrics import metric_named
from papertune.report.claims import Claim, Gain, claims_of
from papertune.report.numbers import gain_of, level, number, p_text, share
from papertune.scores.matrix import Cell
from papertune.scores.sums import ALL_YEARS
from papertune.scores.writers import Contrast
from papertune.study.experiment import Experiment

CORRECTIONS = {"holm": "Holm", "fdr_bh": "Benjamini and Hochberg"}
# {who} answer(s) better than {baseline}
GAINED = {
    "content": "Yes, in content: {}",
    "form": "In form only: {}",
    "not told apart": "Form and content not told apart: {}",
}
NAMED = 2  # more models or cells are summarized by their number and the two extremes

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A headline, the findings behind it, caveats, and the claims that they are based on."""

    headline: str
    findings: list[str]
    caveats: list[str]
    claims: list[Claim]


def conclude(
    cells: list[Cell], experiment: Experiment, contrasts: Iterable[Contrast] = ()
) -> Conclusion:
    """Say which models beat their baseline, in content or form, and how much other writers confirm.

    Arguments as in :func:`papertune.report.claims.claims_of`.
    """
    claims = claims_of(cells, experiment, contrasts)
    which = (experiment.comparison.metric, ALL_YEARS)
    judged = [cell for cell in cells if (cell.metric, cell.year) == which]
    findings = [_finding(gain, experiment) for claim in claims for gain in claim.gains]
    return Conclusion(
        headline(claims, experiment), findings, _caveats(judged, claims, experiment), claims
    )


# ---- the headline -----------------------------------------------------------


def headline(claims: list[Claim], experiment: Experiment) -> str:
    """The claims in a few sentences; all numbers come from the claims."""
    if not claims:
        return "Nothing to compare: the experiment has no baseline, or no model beside it."
    said = _of_gains(claims, experiment)
    if worse := [claim for claim in claims if claim.verdict in ("mixed", "worse")]:
        lead = "But worse" if any(claim.verdict == "mixed" for claim in worse) else "Worse"
        told = _places([g for claim in worse for g in claim.gains if g.better is False], experiment)
        said.append(f"{lead} than {_baselines(worse, experiment)}: {told}")
    if not said:
        said.append(_of_nothing(claims, experiment))
    elif not any(claim.gained for claim in claims):
        said.append("No gain could be shown")
    better = [gain for claim in claims for gain in claim.gains if gain.better]
    if low := [gain for gain in better if _reaches_chance(gain.cell)]:
        said.append(f"Not measurably above chance level: {_places(low, experiment, chance=True)}")
    once = [claim for claim in claims if claim.this_run_only]
    if once:
        who = "" if len(once) == len(claims) else f" for {_names(once, experiment)}"
        said.append(f"This run only{who}: trained once, so the result may be due to chance")
    fewest = min(claims, key=lambda claim: claim.documents)
    if fewest.few:
        said.append(f"Documents are few ({fewest.documents})")
    return "".join(f"{sentence}. " for sentence in said).rstrip()


def _of_gains(claims: list[Claim], experiment: Experiment) -> list[str]:
    """The gains, their kinds, and how much is kept on other writers' questions."""
    said: list[str] = []
    here = [c for c in claims if c.gained and (not c.own or c.gained[0].own)]
    for kind, sentence in GAINED.items():
        if group := [claim for claim in here if claim.kind == kind]:
            answer = "answers" if len(group) == 1 else "answer"
            who = (
                f"{_names(group, experiment)} {answer} better than {_baselines(group, experiment)}"
            )
            said.append(sentence.format(f"{who} ({_gains(group, experiment)})"))
    elsewhere = [claim for claim in claims if claim.gained and claim not in here]
    if elsewhere:
        kinds = _and(list(dict.fromkeys(str(claim.kind) for claim in elsewhere)))
        who = f"{_names(elsewhere, experiment)} gained ({kinds}: {_gains(elsewhere, experiment)})"
        said.append(f"Not on its own writer's questions: {who}, but only on another writer's")
    asked = [claim for claim in here if claim.own and claim.others]
    if kept := [claim for claim in asked if claim.kept]:
        told = _some(kept, lambda one: _kept(one, experiment, len(kept) > 1), by=_share)
        said.append(f"Kept of the gain on questions by another writer: {told}")
    if lost := [claim for claim in asked if not claim.kept]:
        told = _places([gain for claim in lost for gain in claim.others], experiment)
        said.append(f"How much is kept on questions by another writer cannot be determined: {told}")
    if here and not any(claim.own for claim in here):
        said.append("No questions by the writer of the training pairs were asked")
    elif here and not any(claim.others for claim in here):
        said.append("Questions by another writer were not asked")
    return said


def _of_nothing(claims: list[Claim], experiment: Experiment) -> str:
    sets = [experiment.set_label(name) for name in experiment.usual_sets]
    where = (
        f"questions by {_and(sets)}" if len(sets) <= NAMED + 1 else f"any of {len(sets)} test sets"
    )
    gains = [gain for claim in claims for gain in claim.gains]
    largest = max(gains, key=_size)
    reason = "No gain could be shown"
    if all(gain.cell.unclaimed for gain in gains):
        reason = "Nothing can be claimed"
    return (
        f"{reason}: no model is measurably better than {_baselines(claims, experiment)} on {where}; "
        f"the largest difference is {_place(largest, experiment)}"
    )


def _gains(claims: list[Claim], experiment: Experiment) -> str:
    """The gains of models with their intervals; for each model, its smallest gain."""

    def told(claim: Claim) -> str:
        gain = gain_of(_least(claim).cell, signed=True)
        return f"{experiment.model_label(claim.model)} {gain}" if len(claims) > 1 else gain

    return _some(claims, told, by=lambda claim: _size(_least(claim)))


def _least(claim: Claim) -> Gain:
    return min(claim.gained, key=_size)


def _size(gain: Gain) -> float:
    return abs(gain.cell.difference or 0.0)


def _share(claim: Claim) -> float:
    return (claim.kept.kept or 0.0) if claim.kept else 0.0


def _kept(claim: Claim, experiment: Experiment, named: bool) -> str:
    assert claim.kept is not None
    kept = (claim.kept.kept, claim.kept.kept_low, claim.kept.kept_high)
    value, low, high = map(share, kept)
    whose = f" ({experiment.model_label(claim.model)})" if named else ""
    return f"{value} [{low}, {high}]{whose}"


def _reaches_chance(cell: Cell) -> bool:
    return cell.chance is not None and cell.low is not None and cell.low <= cell.chance


def _place(gain: Gain, experiment: Experiment, *, chance: bool = False) -> str:
    """``LoRA on cloze (+0.102 [+0.010, +0.194])``, or with ``chance``: ``(0.273, chance 0.289)``."""
    cell = gain.cell
    value, by_chance = (number(one, cell.metric) for one in (cell.mean, cell.chance))
    shown = f"{value}, chance {by_chance}" if chance else gain_of(cell, signed=True)
    return (
        f"{experiment.model_label(cell.model)} on {experiment.set_label(cell.test_set)} ({shown})"
    )


def _places(gains: list[Gain], experiment: Experiment, *, chance: bool = False) -> str:
    return _some(gains, lambda gain: _place(gain, experiment, chance=chance), by=_size)


def _some(
    things: list[Thing], told: Callable[[Thing], str], *, by: Callable[[Thing], float]
) -> str:
    """List a few things; for more, give their number, the least and the greatest."""
    if len(things) <= NAMED:
        return ", ".join(map(told, things))
    least, most = min(things, key=by), max(things, key=by)
    return f"{len(things)}, from {told(least)} to {told(most)}"


def _names(claims: list[Claim], experiment: Experiment) -> str:
    if len(claims) > NAMED + 1:
        return f"{len(claims)} of {len(experiment.baselines)} models"
    return _and([experiment.model_label(claim.model) for claim in claims])


def _baselines(claims: list[Claim], experiment: Experiment) -> str:
    names = {claim.baseline for claim in claims}
    return experiment.model_label(names.pop()) if len(names) == 1 else "their baselines"


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


# ---- findings and caveats ---------------------------------------------------


def _finding(gain: Gain, experiment: Experiment) -> str:
    cell = gain.cell
    said = (
        f"{experiment.model_label(cell.model)}, questions by {experiment.set_label(cell.test_set)}, "
        f"which {'wrote' if gain.own else 'did not write'} its training pairs: "
        f"{number(cell.mean, cell.metric)}, {gain_of(cell, signed=True)} against "
        f"{experiment.model_label(cell.baseline)}"
    )
    if cell.p_corrected is None:
        return f"{said}; nothing is claimed ({cell.unclaimed or 'no comparison was possible'})."
    verdict = {True: "better", False: "worse", None: "no measurable difference"}[gain.better]
    beside = [
        f"{label} {gain_of(other, signed=True)}"
        for label, other in (
            ("in the form of the reference", gain.in_form),
            ("reference contained", gain.contains),
            ("numbers right", gain.numbers),
        )
        if other is not None and other.difference is not None
    ]
    kind = {None: "", "not told apart": ", form and content not told apart"}.get(
        gain.kind, f" in {gain.kind}"
    )
    lost = any(one is not None and one.better() is False for one in (gain.contains, gain.numbers))
    why = f" ({', '.join(beside)})" if beside and (gain.better is not None or lost) else ""
    return f"{said}, corrected p {p_text(cell.p_corrected, '= ')}: {verdict}{kind}{why}."


def _caveats(judged: list[Cell], claims: list[Claim], experiment: Experiment) -> list[str]:
    how, metric = experiment.comparison, metric_named(experiment.comparison.metric)
    tests = sum(cell.p is not None for cell in judged)
    corrected = (
        f", and their p-values and intervals are corrected for {tests} comparisons "
        f"({CORRECTIONS[how.correction]})"
        if tests > 1
        else ""
    )
    said = [
        f"Judged by {metric.in_words} ({metric.unit}). Intervals are {level(how.confidence)}, over "
        f"seeds and documents; differences are on the same questions{corrected}.",
        "A gain is one in content if it remains with answers cut to the form of the reference, "
        "and references or their numbers are contained more often; it is one in form if that could "
        "not be shown and stopping, length or format explain it.",
    ]
    spread = [cell for cell in judged if cell.seeds > 1 and cell.seed_high is not None]
    if spread:
        widest = max(spread, key=lambda cell: (cell.seed_high or 0) - (cell.seed_low or 0))
        said.append(
            "Between seeds, "
            f"{experiment.model_label(widest.model)} on {experiment.set_label(widest.test_set)} "
            f"varies most: {number(widest.seed_low, how.metric)} to "
            f"{number(widest.seed_high, how.metric)} over {widest.seeds} seeds."
        )
    elif any(claim.this_run_only for claim in claims):
        said.append("Every model was trained once: effects cannot be told from chance in training.")
    return said
