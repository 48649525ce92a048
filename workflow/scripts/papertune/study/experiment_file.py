"""Finding, reading and explaining experiment files, and ``config/config.yaml`` that names them.

``python -m papertune.study.experiment_file FOLDER`` writes their JSON schemas for editors.
"""

import json
import math
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import Field, ValidationError, field_validator

from papertune.errors import SettingsError
from papertune.study.experiment import Experiment
from papertune.study.reach import refused_commands, refused_files
from papertune.study.settings import NAME, Settings, Words
from papertune.study.settings.notation import as_written, expand, nearest

Checked = TypeVar("Checked", bound=Settings)
LARGEST = 200_000  # bytes of an experiment file: ten times the longest
MOST = 100_000  # values in it
SHOWN = 50  # problems that are said at once


class Configuration(Settings):
    """What a run makes and where it keeps what outlives it."""

    experiments: list[Annotated[str, Field(min_length=1)]] = Field(
        min_length=1, description="names of files in config/experiments, or paths"
    )
    store: str = Field("store", min_length=1, description="folder of finished per-item work")
    resources: str = Field("resources", min_length=1, description="folder that experiments share")
    trust_group: bool = Field(
        False, description="work with a group in a store and resources that it shares"
    )
    commands: list[Words] = Field(
        [], description="command lines that experiment files may have run: `serve`, `adapters`"
    )
    yes: bool = Field(False, description="`snakemake prune` deletes without asking")

    @field_validator("experiments", mode="before")
    @classmethod
    def _as_list(cls, value: Any) -> Any:
        """``--config experiments=demo,isca`` gives one text."""
        names = value.split(",") if isinstance(value, str) else value
        if isinstance(names, list) and len(set(map(str, names))) < len(names):
            raise ValueError("an experiment is named twice")
        return names


def check_configuration(values: dict[str, Any]) -> Configuration:
    """What ``config/config.yaml`` and the command line say together; raises as an experiment."""
    return _checked(Configuration, values, "config/config.yaml or --config")


def files_in(folder: Path) -> list[Path]:
    """The experiment files of a folder ``config/experiments``, and of folders in it."""
    return sorted(path for pattern in ("*.yaml", "*/*.yaml") for path in folder.glob(pattern))


def name_of(path: str | Path) -> str:
    """The name of the experiment of a file: that of the file, after a folder's that it lies in below
    ``config/experiments`` (``small/isca.yaml``: small-isca).
    """
    path = Path(path).absolute()
    inner = path.parent.parent.parts[-2:] == ("config", "experiments")
    return f"{path.parent.name}-{path.stem}" if inner else path.stem


def locate(name: str, folders: Sequence[Path]) -> Path:
    """The file of an experiment given by path, or by name in the first folder that has it.

    Raises:
        SettingsError: there is none; names the nearest.
    """
    if name.endswith((".yaml", ".yml")):
        if Path(name).is_file():
            return Path(name)
        raise SettingsError("no such experiment file", where=name)
    known = {name_of(path): path for folder in reversed(folders) for path in files_in(folder)}
    if (told := name.replace("/", "-")) in known:
        return known[told]
    where = ", ".join(str(folder) for folder in folders if folder.is_dir())
    hint = f"take one of {', '.join(sorted(known))}, or give the path of a .yaml file"
    raise SettingsError(f"no experiment {name!r}{nearest(name, known)}", where=where, hint=hint)


def load_named(
    names: Sequence[str], folders: Sequence[Path], commands: Sequence[str] = ()
) -> tuple[dict[str, Experiment], dict[str, str]]:
    """The experiments given by name or path, and their files, by experiment name.

    ``commands`` are the command lines that they may have run.

    Raises:
        SettingsError: as :func:`locate` and :func:`load_experiment`; two have one name; a prompt
            cannot be read.
    """
    experiments, files = {}, dict[str, str]()
    for name in names:
        path = locate(name, folders)
        own = name_of(path)
        if own in files:
            both = f"two experiments are called {own!r}: {files[own]} and {path}"
            hint = "results lie under results/<name>; rename one of the files"
            raise SettingsError(both, hint=hint)
        study = experiments[own] = load_experiment(path, commands)
        for model in study.models:
            study.answer_template(model)
        for generator in study.generators:
            study.generator_template(generator)
        files[own] = str(path.resolve())
    for name, study in experiments.items():
        for base in filter(None, (base.pretrain for base in study.bases.values())):
            for other in {*base.corpus.experiments} - {*experiments}:
                what = f"a base's corpus reads experiment {other!r}, which this run does not make"
                hint = f"run both (--config experiments={name},{other}), or leave it out"
                raise SettingsError(what, where=files[name], hint=hint)
    return experiments, files


def load_experiment(path: str | Path, commands: Sequence[str] | None = None) -> Experiment:
    """Read and check an experiment file, for a run of these ``commands`` where some are given.

    Raises:
        SettingsError: the file is no YAML, or a key is unknown, missing or of the wrong kind;
            names the file and every such key.
    """
    path = Path(path)
    if not re.match(NAME, name_of(path)):
        what = "an experiment's file name may have lower-case letters, digits, - and _ only"
        hint = "rename the file; its name becomes the folder results/<name>"
        raise SettingsError(what, where=str(path), hint=hint)
    try:
        if path.stat().st_size > LARGEST:
            raise SettingsError(f"more than {LARGEST:,} bytes", where=str(path))
        text = path.read_text(encoding="utf-8")
        values = _load_yaml(text)
    except (yaml.YAMLError, ValueError) as error:  # no such day, a number of a mile
        raise SettingsError(f"not YAML: {error}", where=str(path)) from None
    except RecursionError:
        raise SettingsError("too deep", where=str(path), hint="write it flatter") from None
    if not isinstance(values, dict):
        raise SettingsError("not a mapping of keys", where=str(path), hint="see config/README.md")
    study = _checked(Experiment, values, str(path), text)
    problems = [*refused_files(study, path.resolve().parent)]
    problems += [] if commands is None else refused_commands(study, commands)
    if problems:
        raise _wrong(problems, str(path), text)
    return study


def _load_yaml(text: str) -> Any:
    """What safe YAML says; YAMLError where its aliases would make it unfold to more than ``MOST``."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    if node is None:
        return None
    if _size(node, {}) > MOST:
        raise yaml.YAMLError(f"its aliases unfold to more than {MOST:,} values")
    return yaml.constructor.SafeConstructor().construct_document(node)


def _size(node: Any, known: dict[int, float]) -> float:
    """How many values a node stands for, those of aliases each time."""
    if id(node) not in known:
        known[id(node)] = math.inf  # of one that holds itself
        parts = node.value if isinstance(node.value, list) else []
        pairs = (part if isinstance(part, tuple) else (part,) for part in parts)
        known[id(node)] = 1 + sum(_size(one, known) for pair in pairs for one in pair)
    return known[id(node)]


def _checked(kind: type[Checked], values: dict[str, Any], where: str, text: str = "") -> Checked:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        models, origins = values.get("models"), {}
        with suppress(ValueError):  # the problem is one of the notation itself
            origins = expand(models)[1] if isinstance(models, dict) else {}
        found = error.errors()
        written = [as_written(_explain(item), origins) for item in found[:SHOWN]]
        problems = list(dict.fromkeys(written))  # of a sweep, each model has the same one
        problems += [f"and {len(found) - SHOWN:,} more"] * (len(found) > SHOWN)
        raise _wrong(problems, where, text) from None


def _wrong(problems: list[str], where: str, text: str) -> SettingsError:
    """The error of problems ``key: what is wrong`` in a file of a text, with the key's line."""
    root = yaml.compose(text, Loader=yaml.SafeLoader) if text else None
    lines = [_line_of(root, problem.partition(": ")[0].split(".")) for problem in problems]
    told = [
        f"{problem} (line {line})" if line else problem
        for problem, line in zip(problems, lines, strict=True)
    ]
    what = told[0] if len(told) == 1 else "\n  - ".join(["", *told])
    return SettingsError(what, where=where, hint="config/README.md explains every key")


def _line_of(node: Any, keys: list[str]) -> int:
    """The line (from 1) of a key, or of the last one on the way to it that is there; 0 for none."""
    line = 0
    while keys:
        inner, used = None, 1
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                own = str(key.value).split(".")  # a sweep's keys have dots
                if keys[: len(own)] == own:
                    inner, used, line = value, len(own), key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and keys[0].isdigit():
            inner = next(iter(node.value[int(keys[0]) :]), None)
            line = inner.start_mark.line + 1 if inner else line
        node, keys = inner, keys[used:] if inner else []
    return line


def _explain(problem: Any) -> str:
    """One line: the key as the user wrote it, what is wrong, the nearest right key."""
    keys = [str(part) for part in problem["loc"]]
    # pydantic names the branch of a union as if it were a key
    branch = {"source": 1, "generators": 2, "test_sets": 1, "filter": 2}.get(
        keys[0] if keys else "", len(keys)
    )
    del keys[branch : branch + 1]
    where = ".".join(keys) or "the file"
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "value_error":
        return f"{where}: {message}" if keys else message
    if problem["type"] == "extra_forbidden":
        return f"{where}: unknown key{nearest(keys[-1], _known_keys() - {keys[-1]})}"
    if problem["type"] == "missing":
        return f"{where}: missing"
    return f"{where}: {message} (it is {problem['input']!r:.200})"


def _known_keys(kind: type[Settings] = Settings) -> set[str]:
    """Every key that settings of a kind can have."""
    found = {field.alias or name for name, field in kind.model_fields.items()}
    return found.union(*map(_known_keys, kind.__subclasses__()))


def schemas() -> dict[str, dict[str, Any]]:
    """File name → JSON schema: what the program checks, in the language that editors read."""
    kinds: dict[str, type[Settings]] = {"config": Configuration, "experiment": Experiment}
    draft = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {f"{n}.schema.json": draft | k.model_json_schema() for n, k in kinds.items()}


if __name__ == "__main__":
    for name, schema in schemas().items():
        Path(sys.argv[1], name).write_text(f"{json.dumps(schema, indent=1)}\n", encoding="utf-8")
