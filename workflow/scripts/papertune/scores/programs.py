"""Run the programs in answers, each once; the store keeps outcomes by the program's digest."""

import logging
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from papertune.identity import digest
from papertune.jobs import stopping
from papertune.metrics.programs import problem_of, samples_of
from papertune.records import Answer
from papertune.sandbox.program import program_of
from papertune.sandbox.run import Fate, Limits, run
from papertune.store import Store
from papertune.study import versions
from papertune.study.settings import Programs

log = logging.getLogger(__name__)

AT_ONCE = 64  # programs per batch, stored when all of them have ended


def running_identity(settings: Programs) -> dict[str, object]:
    """What the outcome of a program depends on, besides its text."""
    python = ".".join(map(str, sys.version_info[:2]))
    return {"version": versions.RUN, "limits": settings.identity(), "python": python}


class Outcomes:
    """The outcomes of the programs in answers.

    Args:
        threads: Number of programs that run at once.
    """

    def __init__(self, settings: Programs, store: str | Path, threads: int = 1) -> None:
        self._store = Store(store, "run", running_identity(settings), Fate)
        self._limits = Limits(seconds=settings.seconds, memory=settings.memory_mb * 2**20)
        self._unsafe, self._threads = settings.allow_unsafe, threads
        self._passed: dict[str, list[bool] | None] = {}  # by pair
        self.fates: Counter[str] = Counter()

    @property
    def unfit(self) -> set[str]:
        """Pairs whose reference does not pass its own tests."""
        return {pair for pair, passed in self._passed.items() if passed is None}

    def load(self, answers: Iterable[Answer]) -> None:
        """Run the programs of these answers and of their references that the store lacks.

        Raises:
            SandboxError: there is no sandbox here.
            Interrupted: the job was asked to stop.
        """
        programs: dict[str, str] = {}
        keys: dict[str, list[str]] = {}
        for answer in answers:
            if answer.check:
                made = [program_of(problem_of(answer), text) for text in _texts(answer)]
                keys[answer.pair] = [*map(digest, made)]
                programs |= zip(keys[answer.pair], made, strict=True)
        missing = iter(self._store.missing(programs))
        with ThreadPoolExecutor(self._threads) as pool:
            while some := list(islice(missing, AT_ONCE)):
                stopping.check()
                fates = pool.map(self._run, (programs[key] for key in some))
                self._store.add(dict(zip(some, fates, strict=True)))
        for pair, of in keys.items():
            reference, *ended = map(self._store.get, of)
            self.fates.update(ended)
            passed = [fate == "passed" for fate in ended]
            self._passed[pair] = passed if reference == "passed" else None

    def _run(self, program: str) -> Fate:
        return run(program, self._limits, allow_unsafe=self._unsafe).fate

    def passed(self, answer: Answer) -> list[bool] | None:
        """Whether each sample of a loaded answer passed.

        ``None`` if the reference does not pass: such a test is invalid.
        """
        return self._passed[answer.pair]

    def tell(self) -> None:
        """Log how programs ended, and how many problems do not count."""
        if self.fates:
            log.info("programs by how they ended: %s", dict(sorted(self.fates.items())))
        if unfit := sorted(self.unfit):
            what = "%d problems do not count: their own references do not pass (%s)"
            log.warning(what, len(unfit), ", ".join(unfit[:3]))


def _texts(answer: Answer) -> Iterator[str]:
    """The reference, then each sample."""
    yield answer.reference
    yield from samples_of(answer)
