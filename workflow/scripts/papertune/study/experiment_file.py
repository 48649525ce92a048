"""Finding, reading and explaining experiment files.

``python -m papertune.study.experiment_file FOLDER`` writes their JSON schemas for editors, and that of
``config/config.yaml``.
"""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from string import Template
from typing import Any

from papertune.errors import SettingsError
from papertune.study.configuration import Configuration
from papertune.study.experiment import Experiment
from papertune.study.mistakes import checked, of_key, refused
from papertune.study.prompts import GENERATOR_FIELDS, TemplateError
from papertune.study.reach import refused_commands, refused_files
from papertune.study.settings import NAME, Settings
from papertune.study.settings.notation import nearest
from papertune.study.yaml_text import read


def files_in(folder: Path) -> list[Path]:
    """The experiment files of a folder ``config/experiments``, and of folders in it."""
    return sorted(path for pattern in ("*.yaml", "*/*.yaml") for path in folder.glob(pattern))


def name_of(path: str | Path) -> str:
    """The experiment name of a file: its stem, after the name of its folder if it lies in one below
    ``config/experiments`` (``small/isca.yaml``: small-isca).
    """
    path = Path(path).absolute()
    inner = path.parent.parent.parts[-2:] == ("config", "experiments")
    return f"{path.parent.name}-{path.stem}" if inner else path.stem


def locate(name: str, folders: Sequence[Path]) -> Path:
    """The file of an experiment given by path, or by name in the first folder that has it.

    Raises:
        SettingsError: there is none; suggests the nearest name.
    """
    path = Path(name)
    known = {name_of(path): path for folder in reversed(folders) for path in files_in(folder)}
    listed = f"take one of {', '.join(sorted(known))}, or give the path of a .yaml file"
    if path.suffix in {".yaml", ".yml"}:
        if path.is_file():
            return path
        beside = [str(one) for one in path.parent.glob("*.yaml")] if path.parent.is_dir() else []
        near = nearest(name, beside) or nearest(path.stem, known)
        hint = listed if path.parent.is_dir() else f"there is no folder {path.parent}; {listed}"
        what = f"no such experiment file{near}"
        raise SettingsError(what, where=name, hint=f"paths are relative to {Path.cwd()}; {hint}")
    if (told := name.replace("/", "-")) in known:
        return known[told]
    if path.exists():
        kind = "a folder" if path.is_dir() else f"a {path.suffix} file" if path.suffix else "a file"
        what = f"{kind}, not an experiment file"
        raise SettingsError(what, where=name, hint=listed)
    where = ", ".join(dict.fromkeys(str(one.absolute()) for one in folders if one.is_dir()))
    raise SettingsError(f"no experiment {name!r}{nearest(name, known)}", where=where, hint=listed)


def load_named(
    names: Sequence[str], folders: Sequence[Path], commands: Sequence[str] = ()
) -> tuple[dict[str, Experiment], dict[str, str]]:
    """The experiments given by name or path, and their files, by experiment name.

    ``commands`` are the command lines that experiments may run.

    Raises:
        SettingsError: as :func:`locate` and :func:`load_experiment`; two experiments have the same
            name; a prompt cannot be read.
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
        with _of_its_key(path):
            _check_prompts(study)
        files[own] = str(path.resolve())
    for name, study in experiments.items():
        for base in filter(None, (base.pretrain for base in study.bases.values())):
            for other in {*base.corpus.experiments} - {*experiments}:
                what = f"a base's corpus reads experiment {other!r}, which this run does not make"
                both = ",".join([*names, other])
                hint = f"run both (--config experiments={both}), or leave it out"
                raise SettingsError(what, where=files[name], hint=hint)
    return experiments, files


def load_experiment(path: str | Path, commands: Sequence[str] | None = None) -> Experiment:
    """Read and check an experiment file; with ``commands``, also that it runs no others.

    Raises:
        SettingsError: the file is no YAML, or a key is unknown, missing or of the wrong kind;
            names the file and every such key.
    """
    path = Path(path)
    if not re.match(NAME, name_of(path)):
        what = "an experiment's file name may have lower-case letters, digits, - and _ only"
        hint = "rename the file; its name becomes the folder results/<name>"
        raise SettingsError(what, where=str(path), hint=hint)
    written = read(path)
    if not isinstance(written.values, dict):
        what = "the file is empty" if written.values is None else "not a mapping of keys"
        hint = "copy one of config/experiments and change it; config/README.md explains every key"
        raise SettingsError(what, where=str(path), hint=hint)
    with _of_its_key(path):
        study = checked(Experiment, written)
    problems = [*refused_files(study, path.resolve().parent)]
    problems += [] if commands is None else refused_commands(study, commands)
    if problems:
        raise refused(problems, written)
    return study


def _check_prompts(study: Experiment) -> None:
    """Raise TemplateError if a prompt cannot be read, or lacks the question or the document."""
    asked = [(study.prompt, study.answer_template(model)) for model in study.models]
    for name, one in study.sets.items():
        asked += [(one.prompt, study.asked_template(name))] * bool(one.prompt)
    for given, text in asked:
        if "question" not in Template(text).get_identifiers():
            hint = "write $question where the question belongs"
            raise TemplateError("no $question: models would never see the question", given, hint)
    for name in study.generators:
        text = study.generator_template(name)
        given = getattr(study.generators[name], "prompt", "")
        if given and not Template(text).get_identifiers():
            hint = f"names are {', '.join(f'${one}' for one in GENERATOR_FIELDS)}"
            raise TemplateError("nothing of the document: no $text, no $title", given, hint)


@contextmanager
def _of_its_key(path: Path) -> Iterator[None]:
    """Add to errors about a prompt the key that names it, with file, line and column."""
    try:
        yield
    except TemplateError as error:
        written = read(path)
        raise of_key(error, _names_prompt(written.values, error.given), written) from None
    except SettingsError as error:
        if error.where.startswith("generators."):
            raise of_key(error, "generators", read(path)) from None
        raise


def _names_prompt(values: dict[str, Any], given: str) -> str:
    """The key that has this path as a prompt; ``prompt`` if none has, as for the default."""
    for of in ("generators", "test_sets"):
        several = values.get(of)
        for name, one in several.items() if isinstance(several, dict) else ():
            if isinstance(one, dict) and one.get("prompt") == given:
                return f"{of}.{name}.prompt"
    return "prompt"


def schemas() -> dict[str, dict[str, Any]]:
    """File name → JSON schema: what the program checks, in the language that editors read."""
    kinds: dict[str, type[Settings]] = {"config": Configuration, "experiment": Experiment}
    draft = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    made = {name: kind.model_json_schema() for name, kind in kinds.items()}
    return {
        f"{n}.schema.json": draft | _in_place(one, one.get("$defs", {})) for n, one in made.items()
    }


def _in_place(schema: dict[str, Any], sections: dict[str, Any]) -> dict[str, Any]:
    """A schema with references to sections replaced by these sections.

    The catalogue of Snakemake workflows makes a table of the keys, and resolves no references.
    """
    keys = {}
    for key, value in schema.get("properties", {}).items():
        reference = value.get("$ref", "").rpartition("/")[2]
        if "properties" in sections.get(reference, {}):
            own = {name: one for name, one in value.items() if name not in ("$ref", "default")}
            value = sections[reference] | own
        keys[key] = _in_place(value, sections) if "properties" in value else value
    return schema | {"properties": keys}


if __name__ == "__main__":
    for name, schema in schemas().items():
        Path(sys.argv[1], name).write_text(f"{json.dumps(schema, indent=1)}\n", encoding="utf-8")
