"""Findings of checks: fine, doubtful or wrong, each with what to do."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from papertune.cluster.slurm import ClusterError
from papertune.errors import PapertuneError, one_line, shown

MARKS = {"ok": "ok", "doubt": "! ", "wrong": "!!"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor; ``state`` is one of :data:`MARKS`, ``hint`` says what to do."""

    state: str
    text: str
    hint: str = ""

    def __str__(self) -> str:
        advice = f"\n   What to do: {self.hint}" if self.hint else ""
        return shown(f"{MARKS[self.state]} {self.text}{advice}")


fine = partial(Finding, "ok")
doubt = partial(Finding, "doubt")  # may fail, or is worse than necessary
wrong = partial(Finding, "wrong")  # jobs will fail or never start


def guarded(what: str, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """The findings of a check; if the check itself fails, that is a finding, too."""
    try:
        yield from check()
    except PapertuneError as error:
        said = f"{error.where}: {error.what}" if error.where else error.what
        yield wrong(f"{what}: {said}", error.hint)
    except Exception as error:
        said = one_line(f"{type(error).__name__}: {error}")[:300]
        yield doubt(f"{what} could not be checked ({said})", "the other lines are still valid")


def show_all(findings: Iterable[Finding]) -> bool:
    """Print findings as they come, and a summary; returns False if something is wrong."""
    states = []
    for finding in findings:
        print(finding, flush=True)
        states.append(finding.state)
    bad, doubts = states.count("wrong"), states.count("doubt")
    things = "1 thing" if bad == 1 else f"{bad} things"
    verdict = f"{things} must be fixed before this can run (!!)" if bad else "Everything is here"
    if doubts:
        verdict += f"; {doubts} line{'s' * (doubts != 1)} above with a doubt (!)"
    print(f"\n{verdict}")
    return not bad


def doubts_unless_wrong(findings: Iterable[Finding], what: str) -> Iterator[Finding]:
    """The doubts to show before a run; ``what`` is ``submitted`` or ``started``.

    Raises:
        ClusterError: something is wrong; the message lists each problem and what to do.
    """
    found = list(findings)
    yield from (item for item in found if item.state == "doubt")
    bad = [item for item in found if item.state == "wrong"]
    if len(bad) == 1:
        raise ClusterError(f"nothing was {what}: {bad[0].text}", hint=bad[0].hint)
    if bad:
        listed = (f"\n{number}. {str(item)[3:]}" for number, item in enumerate(bad, 1))
        said = f"nothing was {what}, as {len(bad)} things are wrong:"
        raise ClusterError(said + "".join(listed))
