"""Which files an experiment file may name, and which programs it may start.

An experiment file may come from others, and it says to which server texts are sent. So it cannot have
private files of the user read as prompts or data, such as ``~/.ssh/id_rsa``.
"""

import shlex
from collections.abc import Collection, Iterator
from pathlib import Path

from papertune.study.experiment import Experiment
from papertune.study.prompts import WORKFLOW, template_path
from papertune.study.settings import COMMANDS, Settings, UnrelatedTable

SYSTEM = tuple(map(Path, ("/proc", "/sys", "/etc")))


def refused_files(study: Experiment, folder: Path) -> Iterator[str]:
    """``key: what is wrong`` of every file that an experiment file in a folder may not name."""
    roots = [root.resolve() for root in (WORKFLOW, Path(), folder)]
    roots = [root for root in roots if root != Path.home()]  # it holds all other files of the user
    for key, path in _templates(study):
        if not _within(path := template_path(path).resolve(), roots):
            yield (
                f"{key}: {path} is not below the workflow, the folder that snakemake runs in or the "
                "experiment file's folder (or a folder on the way begins with a dot); a prompt is "
                "sent to the generator's server, so copy the file beside the experiment file"
            )
    for key, path in _data(study):
        if not _within(path := path.resolve(), roots) and _private(path):
            yield (
                f"{key}: {path} is in a hidden or a system folder, which may hold keys; what is read "
                "may be sent to a generator's server, so move the file to another folder"
            )


def refused_commands(study: Experiment, allowed: Collection[str]) -> Iterator[str]:
    """``key: what is wrong`` of every command line that ``config/config.yaml`` does not allow.

    A command line can do whatever the user can, so a file from others alone must not start one.
    """
    words = [shlex.split(line) for line in allowed]
    parts: list[tuple[str, Settings]] = []
    if study.answering.engine == "server":
        parts.append(("answering", study.answering))
    parts += [(f"generators.{name}", one) for name, one in study.generators.items()]
    for key, part in parts:
        for name in COMMANDS:
            line = getattr(part, name, "")
            if line and shlex.split(line) not in words:
                yield (
                    f"{key}.{name}: this would be run on your machine: {line!r}; if you want that, "
                    "write the line into `commands`, a list in config/config.yaml"
                )


def _templates(study: Experiment) -> Iterator[tuple[str, Path]]:
    yield "prompt", Path(study.prompt)
    for name, one in study.sets.items():
        if one.prompt:
            yield f"test_sets.{name}.prompt", Path(one.prompt)
    for name, generator in study.generators.items():
        if prompt := getattr(generator, "prompt", ""):
            yield f"generators.{name}.prompt", Path(prompt)


def _data(study: Experiment) -> Iterator[tuple[str, Path]]:
    source, several = study.source, hasattr(study.source, "paths")
    for path in dict.fromkeys(path for part in study.parts for path in source.files_of(part)):
        if "://" not in getattr(source, "path", ""):
            yield f"source.{'paths' if several else 'path'}", path
    for name, base in study.bases.items():
        for file in base.pretrain.corpus.files if base.pretrain else ():
            yield f"bases.{name}.pretrain.corpus.files", Path(file)
    if study.filter and isinstance(study.filter.against, UnrelatedTable):
        yield "filter.against.path", study.filter.against.file

    if study.ratings:
        yield "ratings", Path(study.ratings)


def _within(path: Path, roots: list[Path]) -> bool:
    below = (path.relative_to(root) for root in roots if path.is_relative_to(root))
    return any(not _hidden(inner) for inner in below)


def _private(path: Path) -> bool:
    return _hidden(path) or any(path.is_relative_to(folder) for folder in SYSTEM)


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
