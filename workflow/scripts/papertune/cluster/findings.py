"""What a check found: it is fine, it may go wrong, or it surely goes wrong; and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from papertune.cluster.slurm import ClusterError

MARKS = {"ok": "ok", "doubt": "! ", "wrong": "!!"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's."""

    state: Literal["ok", "doubt", "wrong"]
    text: str
    hint: str = ""

    def __str__(self) -> str:
        lines = [f"{MARKS[self.state]} {self.text}"]
        if self.hint:
            lines.append(f"   What to do: {self.hint}")
        return "\n".join(lines)


def fine(text: str) -> Finding:
    """All is well."""
    return Finding("ok", text)


def doubt(text: str, hint: str = "") -> Finding:
    """It may go wrong, or is worse than it could be."""
    return Finding("doubt", text, hint)


def wrong(text: str, hint: str) -> Finding:
    """With this, jobs fail or never start."""
    return Finding("wrong", text, hint)


def stop_if_wrong(findings: Iterable[Finding], what: str = "submitted") -> None:
    """End a run before it submits anything.

    Args:
        findings: What was found.
        what: Was not done.

    Raises:
        ClusterError: something is wrong; says what, and what to do, of each thing.
    """
    bad = [item for item in findings if item.state == "wrong"]
    if len(bad) == 1:
        raise ClusterError(f"nothing was {what}: {bad[0].text}", hint=bad[0].hint)
    if bad:
        listed = "\n".join(
            f"{number}. {item.text}\n   What to do: {item.hint}"
            for number, item in enumerate(bad, 1)
        )
        raise ClusterError(f"nothing was {what}, as {len(bad)} things are wrong:\n{listed}")
