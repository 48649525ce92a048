"""Questions on the terminal: Enter accepts a proposed answer; answers from flags are not asked for."""

import sys
from collections.abc import Callable, Mapping
from typing import TypeVar

from papertune.errors import PapertuneError

Checked = TypeVar("Checked")


class Asking:
    """A dialogue on the terminal; without a terminal, every answer is the proposed one.

    ``given`` are answers from flags, by the name of the question.
    """

    def __init__(self, given: Mapping[str, str]) -> None:
        self.given = given
        self.people = sys.stdin.isatty()

    def answer(
        self,
        name: str,
        question: str,
        default: str,
        check: Callable[[str], Checked],
        known: Mapping[str, str] | None = None,
    ) -> Checked:
        """The answer as ``check`` returns it; a person whose answer it refuses is asked again.

        Args:
            name: Name of the flag.
            question: The text of the question.
            default: The answer that Enter accepts.
            check: Converts an answer; raises PapertuneError if it is not valid.
            known: Possible answers, and what each means.

        Raises:
            PapertuneError: an answer from a flag, or the proposed one, is not valid.
            EOFError: there are no more answers.
        """
        said = self.given.get(name, "")
        if said or not self.people:
            print(f"{name}={said or default}", "" if said else "(proposed)")
            try:
                return check(said or default)
            except PapertuneError as error:
                error.where = f"{name}={said or default}" if not error.where else error.where
                raise
        print(f"\n{question}")
        width = max(map(len, known or ()), default=0)
        for word, meaning in (known or {}).items():
            print(f"    {word.ljust(width)}  {meaning}")
        while True:
            try:
                return check(input(f"  {name} [{default}]: ").strip() or default)
            except PapertuneError as error:
                print(f"  {error}")
