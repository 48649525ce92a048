"""A finished study, read from its folder only."""

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
    """A study that does not exist or is not finished."""


@dataclass(frozen=True)
class Study:
    """The study's folder, and its ``made.json``."""

    root: Path
    made: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The experiment's name."""
        return str(self.made["experiment"])

    @property
    def settings(self) -> Mapping[str, Any]:
        """All settings of the study."""
        found: Mapping[str, Any] = self.made["settings"]
        return found

    @cached_property
    def cells(self) -> list[Cell]:
        """The study's matrix."""
        return read_matrix(self.root / "tables/matrix.csv")

    @cached_property
    def counts(self) -> list[Count]:
        """The counts of each stage."""
        return read_counts(self.root / "tables/counts.csv")

    def scores(self, model: str, test_set: str) -> list[Path]:
        """The files of scores of a model's seeds."""
        folders = self.root.glob(f"scores/{model}/seed-*")
        return sorted(path for folder in folders if (path := folder / f"{test_set}.jsonl").exists())

    def trained(self, model: str) -> bool:
        """Whether a model was trained, so that its results vary by seed."""
        return bool(self.settings["models"][model]["method"] != "baseline")

    def embedder(self, metric: str) -> Any:
        """The settings of a metric's embedder; None if it has none."""
        if not metric_named(metric).texts:
            return None
        name = metric_named(metric).embedder
        return self.settings["embedders"][name] if name else self.settings["embedder"]


def read_study(named: str, results: str | Path = "results") -> Study:
    """Read a study by name or folder.

    Raises:
        StudyError: it does not exist, is not finished, or was made by an earlier version.
    """
    if not named:
        hint = "make compare A=demo B=../other/results/demo"
        raise StudyError("two studies are needed, but one has no name", hint=hint)
    root = Path(named) if Path(named).is_dir() else Path(results, named)
    known = [path.parent.name for path in Path(results).glob("*/made.json")]
    if not root.is_dir():
        listed = f"take one of {', '.join(sorted(known))}, or" if known else "there is none yet;"
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
        raise StudyError(f"not JSON: {error}", where=str(root / "made.json"), hint=again) from None
    if "settings" not in made:
        what = "an earlier version made this page and did not record the settings"
        hint = f"delete its report.html and run again, which takes seconds: {again}"
        raise StudyError(what, where=str(root / "made.json"), hint=hint)
    return Study(root, made)


def names_of(first: Study, second: Study) -> list[str]:
    """The column names: the names of the experiments, marked A and B if they are equal."""
    if first.name != second.name:
        return [first.name, second.name]
    return [f"{first.name} (A)", f"{second.name} (B)"]
