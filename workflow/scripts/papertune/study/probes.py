"""What probes are asked, and where those that are picked come from.

They are asked as test sets are, by the rules of these; no table of test sets counts them.
"""

from string import Template
from typing import TYPE_CHECKING

from papertune.study.prompts import ANSWER_FIELDS, read_template
from papertune.study.settings import Probe
from papertune.study.settings.test_sets import Split

if TYPE_CHECKING:
    from papertune.study.experiment import Experiment

# where the experiment's prompt shows a text, those without one are asked apart: as by a closed book
PROBES, WITHOUT_TEXT = "probes", "probes-closed"


def probe_sets(study: "Experiment") -> dict[str, dict[str, Probe]]:
    """Name → probes that are asked with one prompt; none where the experiment has no probes."""
    if not study.probes:
        return {}
    names = Template(read_template(study.prompt, ANSWER_FIELDS)).get_identifiers()
    shows, found = "context" in names, dict[str, dict[str, Probe]]()
    for name, probe in study.probes.items():
        apart = shows and not (probe.pick or probe.context)
        found.setdefault(WITHOUT_TEXT if apart else PROBES, {})[name] = probe
    return found


def picked_from(study: "Experiment", probe: Probe) -> tuple[str, Split]:
    """Generator and split of the pairs that a probe picks from; both are there, if it was checked."""
    writers = _writers(study, probe)
    named = probe.generator or next(iter(writers), "")
    return named, "train" if probe.origin == "train" else "test"


def check_probes(study: "Experiment") -> None:
    """Raise ValueError where a probe cannot be asked, or is there twice."""
    there = dict[object, str]()
    for name, probe in study.probes.items():
        if probe.pick:
            writers, (writer, split) = _writers(study, probe), picked_from(study, probe)
            if writer not in writers:
                none = f"{writer or 'no generator'} writes no pairs that {split}"
                take = f"; take one of {', '.join(writers)}" if writers else ""
                raise ValueError(f"probes.{name}.generator: {none}{take}")
        same = picked_from(study, probe) if probe.pick else tuple(probe.asked())
        if (first := there.setdefault(same, name)) != name:
            raise ValueError(f"probes.{name}: asks what {first} asks; leave one of them out")
    for name in probe_sets(study) if study.probes else ():
        if name in study.sets:
            raise ValueError(
                f"test_sets.{name}: this is where answers to probes lie; rename the set"
            )


def _writers(study: "Experiment", probe: Probe) -> list[str]:
    """The generators whose pairs train, or those that write questions about documents that test."""
    if probe.origin == "train":
        every = (name for model in study.trained for name in study.datasets_of(model))
        return list(dict.fromkeys(every))
    return list(dict.fromkeys(study.sets[name].generator for name in study.usual_sets))
