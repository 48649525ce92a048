"""What a check found: it is fine, it may go wrong, or it surely goes wrong; and what to do."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from papertune.cluster.slurm import ClusterError

MARKS = {"ok": "ok", "doubt": "! ", "wrong": "!!"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's; ``state`` is one of :data:`MARKS`."""

    state: str
    text: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{MARKS[self.state]} {self.text}" + self.advice

    @property
    def advice(self) -> str:
        """What to do, on a line of its own; empty where there is nothing to do."""
        return f"\n   What to do: {self.hint}" if self.hint else ""


fine = partial(Finding, "ok")
doubt = partial(Finding, "doubt")  # it may go wrong, or is worse than it could be
wrong = partial(Finding, "wrong")  # with this, jobs fail or never start


def doubts_unless_wrong(findings: Iterable[Finding], what: str) -> Iterator[Finding]:
    """What is worth a word before a run does anything.

    Args:
        findings: What was found.
        what: Is not done where something is wrong: ``submitted`` or ``started``.

    Raises:
        ClusterError: something is wrong; says what, and what to do, of each thing.
    """
    found = list(findings)
    yield from (item for item in found if item.state == "doubt")
    bad = [item for item in found if item.state == "wrong"]
    if len(bad) == 1:
        raise ClusterError(f"nothing was {what}: {bad[0].text}", hint=bad[0].hint)
    if bad:
        listed = (f"\n{number}. {item.text}{item.advice}" for number, item in enumerate(bad, 1))
        said = f"nothing was {what}, as {len(bad)} things are wrong:"
        raise ClusterError(said + "".join(listed))
