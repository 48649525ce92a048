"""Errors for mistyped command lines, with what to write instead.

``profiles/default/config.yaml`` calls :func:`check`, since Snakemake would end in a traceback before
it reads any rule; ``rules/targets.smk`` calls :func:`unknown_target`.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from papertune.errors import SettingsError
from papertune.study.settings.notation import nearest
from papertune.study.yaml_text import read

PAIRS = {"--config", "-C"}  # options that take any number of name=value
FILES = {"--configfile", "--configfiles"}  # options that take any number of paths


def refuse_words(arguments: Sequence[str]) -> None:
    """Refuse targets that stand after an option that takes all words that follow.

    Args:
        arguments: of ``snakemake``, without its own name.

    Raises:
        SettingsError: a word is not name=value, or not a file of keys.
    """
    option, first, wrong = "", "", []
    for word in arguments:
        if word.startswith("-") and not word[1:2].isdigit():
            option, _, value = word.partition("=")
            word = value
        if not word:
            continue
        if option in PAIRS and "=" not in word:
            wrong.append(word)
            first = first or option
        elif option in FILES:
            _refuse_file(Path(word))
    if wrong:
        rest = list(arguments)
        for word in wrong:
            rest.remove(word)
        what = (
            f"{', '.join(wrong)}: stands after {first}, which takes all that follows as name=value"
        )
        hint = f"write targets first: snakemake {' '.join([*wrong, *rest])}"
        if any(word.partition(":")[0] == "experiments" for word in wrong):
            hint = f"write it with = and without blanks: {first} experiments=demo"
        raise SettingsError(what, where="command line", hint=hint)


def _refuse_file(path: Path) -> None:
    if not path.is_file():
        what = f"no such file: {path}"
        hint = f"paths are relative to {Path.cwd()}; write targets before --configfile"
        raise SettingsError(what, where="--configfile", hint=hint)
    if path.suffix != ".json" and not isinstance(read(path).values, dict):
        hint = "begin it with `experiments: [demo]`; config/README.md explains every key"
        raise SettingsError("not a mapping of keys", where=str(path), hint=hint)


def check() -> None:
    """Exit with a hint where Snakemake would end with a traceback."""
    if Path(sys.argv[0]).stem not in {"snakemake", "__main__"}:
        return
    try:
        refuse_words(sys.argv[1:])
        if (own := Path("config/config.yaml")).is_file():
            _refuse_file(own)
    except SettingsError as error:
        sys.exit(str(error))


def unknown_target(
    target: str, named: Mapping[str, str], files: Iterable[str], experiments: Sequence[str]
) -> SettingsError:
    """The error for a target that is neither a rule nor a file that a rule makes.

    Args:
        target: as it was written.
        named: target → its description in a line.
        files: paths that rules make; the error names the nearest.
        experiments: names of the run's experiments.
    """
    where = "command line"
    pair = target.partition("=")
    if pair[1] and pair[0].isidentifier():
        hint = f"write it after --config: snakemake --config {target}"
        return SettingsError(f"no target {target!r}", where=where, hint=hint)
    of_name = Path("config", "experiments", f"{target}.yaml").is_file() or target in experiments
    if of_name or Path(target).suffix in {".yaml", ".yml"}:
        hint = f"experiments are chosen with --config experiments={target}"
        return SettingsError(f"no target {target!r}", where=where, hint=hint)
    if "/" not in target and "." not in target:
        lines = "".join(f"\n    {name:<12}{text}" for name, text in named.items())
        hint = f"take one of these, or the path of a file that a rule makes:{lines}"
        return SettingsError(
            f"no target {target!r}{nearest(target, named)}", where=where, hint=hint
        )
    match Path(target).parts:
        case ["results" | "logs", name, *_] if name not in experiments:
            what = f"no rule makes {target!r}: this run has only {', '.join(experiments)}"
            near = nearest(name, experiments)
            hint = f"add --config experiments={name} after the target{near and ', or correct it'}"
            return SettingsError(f"{what}{near}", where=where, hint=hint)
    hint = f"paths are relative to {Path.cwd()}; `snakemake --list` shows named targets"
    return SettingsError(
        f"no rule makes {target!r}{nearest(target, files)}", where=where, hint=hint
    )
