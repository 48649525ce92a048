"""The sets that probes are asked in, and the pairs that probes are picked from.

The rules for test sets also serve these sets, but no table of test sets counts them.
"""

from string import Template
from typing import TYPE_CHECKING

from papertune.study.prompts import ANSWER_FIELDS, read_template
from papertune.study.settings import Probe
from papertune.study.settings.test_sets import Split

if TYPE_CHECKING:
    from papertune.study.experiment import Experiment

# where the experiment's prompt shows a text, probes without one are a set of their own (closed book)
PROBES, WITHOUT_TEXT = "probes", "probes-closed"


def probe_sets(study: "Experiment") -> dict[str, dict[str, Probe]]:
    """Name → probes that share a prompt; empty where the experiment has no probes."""
    if not study.probes:
        return {}
    names = Template(read_template(study.prompt, ANSWER_FIELDS)).get_identifiers()
    shows, found = "context" in names, dict[str, dict[str, Probe]]()
    for name, probe in study.probes.items():
        apart = shows and not (probe.pick or probe.context)
        found.setdefault(WITHOUT_TEXT if apart else PROBES, {})[name] = probe
    return found


def picked_from(study: "Experiment", probe: Probe) -> tuple[str, Split]:
    """Generator and split of the pairs that a probe picks from; they exist for a checked probe."""
    writers = _writers(study, probe)
    named = probe.generator or next(iter(writers), "")
    return named, "train" if probe.origin == "train" else "test"


def check_probes(study: "Experiment") -> None:
    """Raise ValueError if a probe cannot be asked, or asks the same as another."""
    there = dict[object, str]()
    for name, probe in study.probes.items():
        if probe.pick:
            writers, (writer, split) = _writers(study, probe), picked_from(study, probe)
            if writer not in writers:
                none = f"{writer or 'no generator'} writes no {split} pairs"
                take = f"; take one of {', '.join(writers)}" if writers else ""
                raise ValueError(f"probes.{name}.generator: {none}{take}")
        same = picked_from(study, probe) if probe.pick else tuple(probe.asked())
        if (first := there.setdefault(same, name)) != name:
            raise ValueError(f"probes.{name}: asks what {first} asks; leave one of them out")
    for name in probe_sets(study) if study.probes else ():
        if name in study.sets:
            raise ValueError(
                f"test_sets.{name}: this name is taken by the answers to probes; rename the set"
            )


def _writers(study: "Experiment", probe: Probe) -> list[str]:
    """The generators of training pairs, or of questions about test documents."""
    if probe.origin == "train":
        every = (name for model in study.trained for name in study.datasets_of(model))
        return list(dict.fromkeys(every))
    return list(dict.fromkeys(study.sets[name].generator for name in study.usual_sets))
