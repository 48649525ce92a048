"""The text of an experiment file: short, with a comment on each choice, and without defaults."""

import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from papertune.errors import PapertuneError, one_line
from papertune.files import atomic_write
from papertune.study.experiment import Experiment
from papertune.study.experiment_file import load_experiment
from papertune.study.settings import Model, Settings

SCHEMA = "# yaml-language-server: $schema={}workflow/schemas/experiment.schema.json"
LARGEST = 25  # lines
# keys whose entries have a line each; with too many lines, the last of these keys take one line
OPENED = ("generators", "splits", "models", "bases")


def text_of(values: Mapping[str, Any], comments: Mapping[str, str], schema: str) -> str:
    """The YAML of settings.

    Args:
        values: The values of the file.
        comments: Key, or two keys joined by a dot → comment after it.
        schema: Relative path from the file's folder to the workflow's, ``../../``.
    """
    opened = list(OPENED)
    while len(lines := _lines(values, comments, opened)) >= LARGEST and opened:
        opened.pop()
    return "\n".join([SCHEMA.format(schema), *lines, ""])


def _lines(
    values: Mapping[str, Any], comments: Mapping[str, str], opened: Collection[str]
) -> list[str]:
    lines = []
    for key, value in values.items():
        note = _note(comments, key)
        if key in opened:
            lines.append(f"{key}:{note}")
            for name, one in value.items():
                lines.append(f"  {_line(name, one)}{_note(comments, f'{key}.{name}')}")
        else:
            lines.append(f"{_line(key, value)}{note}")
    return lines


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines on one line, with ``\\n``."""


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style='"' if "\n" in text else None
    ),
)


def _line(key: str, value: Any) -> str:
    how: dict[str, Any] = {"sort_keys": False, "allow_unicode": True, "width": 10**9}
    return yaml.dump({key: value}, Dumper=_Dumper, default_flow_style=True, **how).strip()[1:-1]


def _note(comments: Mapping[str, str], key: str) -> str:
    return f" # {one_line(comments[key])}" if comments.get(key) else ""


def without_defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of an experiment without those at their default."""
    return _lean(Experiment.model_validate(values), values)


def _lean(made: Settings, values: Mapping[str, Any]) -> dict[str, Any]:
    left = {}
    for name, field in type(made).model_fields.items():
        key = field.alias or name
        if key not in values:
            continue
        value, got = values[key], getattr(made, name)
        if not field.is_required() and got == field.get_default(call_default_factory=True):
            continue
        # a model's own training replaces the experiment's, which may differ from the default
        own = isinstance(made, Model) and key == "training"
        if isinstance(got, Settings) and isinstance(value, Mapping) and not own:
            value = _lean(got, value)
        elif isinstance(got, dict) and isinstance(value, Mapping):
            value = {
                one: _lean(got[one], inner) if isinstance(got.get(one), Settings) else inner
                for one, inner in value.items()
            }
        left[key] = value
    return {key: left[key] for key in values if key in left}


def there_is(path: Path) -> PapertuneError:
    """The error for an existing file."""
    hint = "take another NAME, or FORCE=1 to overwrite it"
    return PapertuneError("the file exists already, and is kept", where=str(path), hint=hint)


def write(text: str, path: Path, *, force: bool = False) -> None:
    """Write an experiment file after checking it; overwrites none without ``force``.

    Raises:
        PapertuneError: the file exists already.
        SettingsError: the text is not a valid experiment.
    """
    if path.exists() and not force:
        raise there_is(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="new-") as folder:
        draft = Path(folder, path.name)
        draft.write_text(text, encoding="utf-8")
        load_experiment(draft)
    with atomic_write(path) as stream:
        stream.write(text)
