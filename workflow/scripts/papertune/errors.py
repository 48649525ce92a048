"""Errors written for people: what was wrong, where, and what to do."""


class PapertuneError(Exception):
    """A failure that the user can act on; scripts print it without a traceback.

    It says what was wrong in one sentence, where (file and line, key or url), and what to do.
    """

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        self.what, self.where, self.hint = what, where, hint
        super().__init__(what)

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.hint:
            lines.append(f"  What to do: {self.hint}")
        return "\n".join(lines)


class BusyError(PapertuneError):
    """Another run is at work in the directory and in the way."""


class SettingsError(PapertuneError):
    """An experiment file that says something impossible."""


class RecordError(PapertuneError):
    """A record file with a line that cannot be read."""


class CollectError(PapertuneError):
    """A source that did not give what it should: a challenge, an empty listing, a dead host."""


class GeneratorError(PapertuneError):
    """A generator that cannot write pairs: a dead server, a missing model, a wrong key."""


class TrainingError(PapertuneError):
    """Training that cannot start or go on."""


class TryAgain(TrainingError):
    """Training that has to begin anew in new processes, which will do it otherwise."""


class EvaluationError(PapertuneError):
    """Answers or scores that cannot be judged: none at all, or of different questions."""
