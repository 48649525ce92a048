"""Show every setting of an experiment: its value, its line in the file or "default", its meaning.

``make explain EXPERIMENTS=NAME``; ``KEY=training`` shows one part. The contact address and whatever
looks like a key are not shown.
"""

import argparse
import re
import shutil
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from pydantic.fields import FieldInfo

from papertune.errors import PapertuneError, SettingsError, one_line, run_command
from papertune.study.experiment import Experiment
from papertune.study.experiment_file import load_experiment, locate
from papertune.study.here import FOLDERS
from papertune.study.methods import METHODS
from papertune.study.settings import PARTS, Model, Settings
from papertune.study.settings.notation import nearest
from papertune.study.yaml_text import Written, read

HIDDEN = ("contact",)  # keys with private values
DEFAULT = "default"
_KEY = re.compile(
    r"(?<![\w-])(--?(?=[\w-]*(?:key|token|secret|password))[\w-]++[= ])\S+", re.IGNORECASE
)
LEAST = 80  # columns where the terminal's width is unknown


@dataclass(frozen=True, slots=True)
class Row:
    """A setting."""

    key: str  # from the top, with dots
    value: str
    origin: str  # file:line, or DEFAULT
    meaning: str


def rows(study: Experiment, written: Written) -> list[Row]:
    """The settings of an experiment from its file and the defaults, in the order of the schema."""
    return list(_rows(study, written, [], study))


def _rows(made: Settings, written: Written, above: list[str], study: Experiment) -> Iterator[Row]:
    for name, field in type(made).model_fields.items():
        value, path = getattr(made, name), [*above, field.alias or name]
        if isinstance(made, Model):
            if name in PARTS and name not in METHODS[made.method].uses:
                continue
            if name == "training":
                yield from _training(study, above[-1], written, path)
                continue
        yield from _within(value, written, path, field, study, name in made.model_fields_set)


def _training(study: Experiment, model: str, written: Written, path: list[str]) -> Iterator[Row]:
    """The training settings of a model: its own, else the experiment's."""
    own, shared = study.models[model].training, study.training
    made = study.training_of(model)
    for name, field in type(made).model_fields.items():
        inner = [*path, name] if name in own.model_fields_set else ["training", name]
        said = name in own.model_fields_set | shared.model_fields_set
        [row] = _within(getattr(made, name), written, inner, field, study, said)
        yield replace(row, key=".".join([*path, name]))


def _within(
    value: Any,
    written: Written,
    path: list[str],
    field: FieldInfo,
    study: Experiment,
    said: bool,
) -> Iterator[Row]:
    if isinstance(value, Settings):
        yield from _rows(value, written, path, study)
    elif isinstance(value, dict) and value and all(isinstance(v, Settings) for v in value.values()):
        for name, one in value.items():
            yield from _rows(one, written, [*path, name], study)
    elif isinstance(value, list) and value and all(isinstance(one, Settings) for one in value):
        for number, one in enumerate(value):
            yield from _rows(one, written, [*path, str(number)], study)
    else:
        place = written.place(path).rpartition(":")[0] if said else DEFAULT
        yield Row(".".join(path), _shown(path[-1], value), place, _meaning(field))


def _meaning(field: FieldInfo) -> str:
    return " ".join((field.description or "").split())


def _shown(name: str, value: Any) -> str:
    """A value as YAML in one line."""
    if name in HIDDEN and value:
        return "(given; not shown)"
    if isinstance(value, tuple):
        value = list(value)
    text = yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, width=10**9)
    return one_line(_KEY.sub(r"\1***", text.strip()[1:-1]))


def table(found: list[Row], width: int) -> str:
    """Rows as text in sections, one per top-level key; meanings are wrapped below their rows."""
    lines: list[str] = []
    section = ""
    for row in found:
        top, _, inner = row.key.partition(".")
        if inner and top != section:
            lines += ["", top]
        elif not inner and section and lines[-1:] != [""]:
            lines += [""]
        section = top if inner else ""
        said = f"{'  ' if inner else ''}{inner or top}: {row.value}"
        lines.append(f"{said.ljust(48)}  {row.origin}")
        lines += textwrap.wrap(row.meaning, max(width - 8, 40), initial_indent=" " * 6,
                               subsequent_indent=" " * 6)  # fmt: skip
    return "\n".join(lines).strip("\n")


def explained(name: str, key: str, folders: list[Path], width: int) -> str:
    """The settings of an experiment given by name or path; with ``key``, of one part.

    Raises:
        SettingsError: there is no such experiment, its file is wrong, or it has no such key.
    """
    path = locate(name, folders)
    if path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    study = load_experiment(path)
    found = rows(study, read(path))
    if key:
        keys = {".".join(row.key.split(".")[:n]) for row in found for n in range(1, 6)}
        found = [row for row in found if f"{row.key}.".startswith(f"{key}.")]
        if not found:
            hint = f"take one of {', '.join(sorted(one for one in keys if '.' not in one))}"
            raise SettingsError(f"no key {key!r}{nearest(key, keys)}", where=str(path), hint=hint)
    said = sum(row.origin != DEFAULT for row in found)
    head = f"{path}: {len(found)} settings, {said} of them from the file, the others defaults"
    return f"{head}\n\n{table(found, width)}"


def main(arguments: list[str]) -> None:
    """Print the settings of each experiment."""
    parser = argparse.ArgumentParser(description=__doc__, prog="make explain")
    parser.add_argument("experiments", nargs="?", default="", help="names or paths, with commas")
    parser.add_argument("--key", default="", help="show one part only: training, models.lora")
    given = parser.parse_args(arguments)
    if not given.experiments:
        hint = "make explain EXPERIMENTS=demo, or another name of config/experiments"
        raise PapertuneError("which experiment?", where="make explain", hint=hint)
    width = shutil.get_terminal_size((LEAST, 0)).columns
    for name in given.experiments.split(","):
        print(explained(name, given.key, FOLDERS, width))


if __name__ == "__main__":
    run_command(main)
