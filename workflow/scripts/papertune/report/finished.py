"""A finished study, read from its folder alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from papertune.errors import PapertuneError
from papertune.files import read_json
from papertune.metrics import metric_named
from papertune.report.counts import Count, read_counts
from papertune.scores.matrix import Cell, read_matrix
from papertune.study.settings.notation import nearest


class StudyError(PapertuneError):
    """A study that is not there, or not finished."""


@dataclass(frozen=True)
class Study:
    """Where it lies, and its ``made.json``."""

    root: Path
    made: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The experiment's."""
        return str(self.made["experiment"])

    @property
    def settings(self) -> Mapping[str, Any]:
        """All settings that it was made with."""
        found: Mapping[str, Any] = self.made["settings"]
        return found

    @cached_property
    def cells(self) -> list[Cell]:
        """Its matrix."""
        return read_matrix(self.root / "tables/matrix.csv")

    @cached_property
    def counts(self) -> list[Count]:
        """What each stage kept."""
        return read_counts(self.root / "tables/counts.csv")

    def scores(self, model: str, test_set: str) -> list[Path]:
        """The files of scores of a model's seeds."""
        folders = self.root.glob(f"scores/{model}/seed-*")
        return sorted(path for folder in folders if (path := folder / f"{test_set}.jsonl").exists())

    def trained(self, model: str) -> bool:
        """Whether training made a model, which is a matter of luck, too."""
        return bool(self.settings["models"][model]["method"] != "baseline")

    def embedder(self, metric: str) -> Any:
        """The settings of the embedder that a metric compares texts with; None where it has none."""
        if not metric_named(metric).texts:
            return None
        name = metric_named(metric).embedder
        return self.settings["embedders"][name] if name else self.settings["embedder"]


def read_study(named: str, results: str | Path = "results") -> Study:
    """The study of a name or folder.

    Raises:
        StudyError: there is none, it is not finished, or an earlier version made it.
    """
    if not named:
        hint = "make compare A=demo B=../other/results/demo"
        raise StudyError("two studies are compared, and one has no name", hint=hint)
    root = Path(named) if Path(named).is_dir() else Path(results, named)
    known = [path.parent.name for path in Path(results).glob("*/made.json")]
    if not root.is_dir():
        listed = f"take one of {', '.join(sorted(known))}, or" if known else "nothing is there yet;"
        hint = f"{listed} give the folder of a study (A=../other/results/demo)"
        raise StudyError(
            f"no study {named!r}{nearest(named, known)}", where=str(results), hint=hint
        )
    again = f"snakemake --config experiments={root.name}"
    if not (root / "made.json").is_file():
        hint = f"finish it: {again}"
        raise StudyError(
            "this study is not finished: it has no made.json", where=str(root), hint=hint
        )
    try:
        made = read_json(root / "made.json")
    except ValueError as error:
        raise StudyError(f"no JSON: {error}", where=str(root / "made.json"), hint=again) from None
    if "settings" not in made:
        what = "an earlier version made this page, and did not write down the settings"
        hint = f"delete its report.html and run again, which takes seconds: {again}"
        raise StudyError(what, where=str(root / "made.json"), hint=hint)
    return Study(root, made)


def names_of(first: Study, second: Study) -> list[str]:
    """What the columns are called: the names of the experiments, told apart where they are one."""
    if first.name != second.name:
        return [first.name, second.name]
    return [f"{first.name} (A)", f"{second.name} (B)"]
