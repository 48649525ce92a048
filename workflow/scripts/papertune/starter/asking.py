"""Questions to a person: each has an answer that Enter takes, and one that flags give is not asked."""

import sys
from collections.abc import Callable, Mapping
from typing import TypeVar

from papertune.errors import PapertuneError

Checked = TypeVar("Checked")


class Asking:
    """A dialogue on the terminal; where there is none, every answer is the proposed one.

    ``given`` are the answers that are there already, by the name of the question.
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
        """An answer as ``check`` takes it; a person whose answer it refuses is asked again.

        Args:
            name: Of the flag.
            question: What is asked.
            default: What Enter takes.
            check: Raises PapertuneError of an answer that cannot be.
            known: Answers that one can give, and what each means.

        Raises:
            PapertuneError: an answer that was given, or the proposed one, cannot be.
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
