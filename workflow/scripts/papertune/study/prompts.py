"""Prompt templates: text files with ``$names``, filled without evaluating anything."""

from collections.abc import Mapping
from pathlib import Path
from string import Template

from papertune.errors import SettingsError
from papertune.records import Pair

# what a model of the variant ``qa`` reads: the question alone, in the form of the answer prompt
QUESTION = "Question: $question\nAnswer:"
ANSWER_FIELDS = ("instruction", "context", "question")
GENERATOR_FIELDS = ("title", "text", "pairs")
WORKFLOW = Path(__file__).resolve().parents[4]  # where the prompts that come along lie


def read_template(path: str | Path, fields: tuple[str, ...]) -> str:
    """The text of a template file, to its last blank and newline, which a model reads as well.

    What only editors make of a text is left out: a mark of its encoding, other ends of lines.

    Args:
        path: As the user gave it; where there is no such file, it is the workflow's.

    Raises:
        SettingsError: no such file, not UTF-8, or it uses a name that is none of ``fields``.
    """
    path = template_path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"cannot read the prompt: {why}", where=str(path)) from None
    hint = f"names are {', '.join(f'${name}' for name in fields)}; write $$ for a dollar sign"
    template = Template(text)
    if not template.is_valid():
        raise SettingsError("a lone $ in the prompt", where=str(path), hint=hint)
    if unknown := {*template.get_identifiers()} - {*fields}:
        wrong = f"unknown name ${min(unknown)} in the prompt"
        raise SettingsError(wrong, where=str(path), hint=hint)
    return text


def template_path(path: str | Path) -> Path:
    """Where a template lies; one that is not where the user said is the workflow's."""
    return Path(path) if Path(path).exists() else WORKFLOW / path


def fill(template: str, values: Mapping[str, object]) -> str:
    """The template with its names replaced; what stands in a value is never read as a name."""
    return Template(template).substitute(values)


def answer_prompt(template: str, pair: Pair) -> str:
    """What a model reads before it writes the answer to a pair's question."""
    return fill(template, {name: getattr(pair, name) for name in ANSWER_FIELDS})
