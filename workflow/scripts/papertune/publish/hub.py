"""Push a study to the Hugging Face Hub after two confirmations: pairs, models and report.

The report goes into the repository of the pairs, so that both have the same readers. Texts of documents
belong to their authors: pairs and report contain them only if that is requested. The token is the one
of ``hf auth login``, or ``HF_TOKEN``; this module neither reads nor shows it.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from papertune.errors import PapertuneError, run_command
from papertune.files import atomic_write, read_json
from papertune.generators import synthesis
from papertune.jobs.scratch import scratch
from papertune.models.licences import UNKNOWN
from papertune.models.modelfolder import link_or_copy, write_json
from papertune.models.usage import HERE, OR_ELSEWHERE
from papertune.pairfile import read_pairs, write_pairs
from papertune.report.parts import EXPLORER
from papertune.report.texts import without_texts
from papertune.study.here import layout_of
from papertune.study.layout import Layout

EVALUATIONS = ".eval_results"
CARD = """\
# Question–answer pairs of a study

Made by Papertune. Each folder has the pairs of one writer and a card that describes it:

| folder | splits |
| --- | --- |
{rows}

```python
from datasets import load_dataset

pairs = load_dataset({data!r}, {first!r}, split={split!r})
print(len(pairs), pairs[0]["question"], pairs[0]["answer"])
```

`report.html` has the results of the study: open it from disk, with `explorer/` beside it if there is one.
`tables/` has its numbers.
{left}The content of the documents belongs to their authors.
"""
LEFT = """\
The texts of the documents are left out, from the pairs (their `context` is empty) and from the report.
"""


def stage(layout: Layout, to: str, folder: Path, *, texts: bool) -> dict[str, tuple[str, Path]]:
    """Assemble the files of each repository.

    Args:
        to: The user or organisation on the Hub.
        folder: An empty folder for them.
        texts: Whether texts of documents are included.

    Returns:
        Name of a repository → its kind (``dataset`` or ``model``) and its folder.

    Raises:
        PapertuneError: nothing was exported, or there is no report.
    """
    exports = [path for path in map(Path, layout.exports()) if path.exists()]
    report = Path(layout.root, "report.html")
    if not exports or not report.exists():
        hint = f"make them: snakemake --config experiments={layout.name}; and the same -- export"
        raise PapertuneError("no report, or no exported model", where=layout.root, hint=hint)
    name = layout.name.replace("/", "-")
    data = f"{to}/{name}"
    staged = {data: ("dataset", folder / "data")}
    _stage_data(layout, folder / "data", data, texts)
    _stage_report(report, folder / "data", texts)
    scored: dict[str, str] = {}
    for export in exports:
        own = "-".join([name, *export.parts[-2:]])
        staged[f"{to}/{own}"] = ("model", folder / own)
        scored |= _stage_model(export, folder / own, f"{to}/{own}", data, texts)
    _stage_benchmark(layout, folder / "data", scored)
    return staged


def _stage_data(layout: Layout, folder: Path, data: str, texts: bool) -> None:
    folder.mkdir()
    configs: list[dict[str, Any]] = []
    for card in filter(Path.exists, map(Path, layout.cards())):
        own = card.parent.name
        (folder / own).mkdir()
        words = card.read_text(encoding="utf-8")
        words = words.replace(f"({synthesis.HERE}){OR_ELSEWHERE}", f"({data!r}, {own!r})")
        words = words.replace(f"```python\n{synthesis.IMPORTS}", "```python\n")
        (folder / own / "README.md").write_text(words, encoding="utf-8")
        files = []
        for path in sorted(card.parent.glob("*.parquet")):
            if texts:
                link_or_copy(path, folder / own / path.name)
            else:
                without = (replace(pair, context="") for pair in read_pairs(path))
                write_pairs(folder / own / path.name, without)
            files.append({"split": path.stem, "path": f"{own}/{path.name}"})
        configs.append({"config_name": own, "data_files": files})
    front = {"configs": configs, "tags": ["papertune", "question-answering"], "license": UNKNOWN}
    splits = {one["config_name"]: [f["split"] for f in one["data_files"]] for one in configs}
    body = CARD.format(
        rows="\n".join(f"| `{own}` | {', '.join(some)} |" for own, some in splits.items()),
        data=data,
        first=next(iter(splits)),
        split=next(iter(splits.values()))[0],
        left="" if texts else LEFT,
    )
    (folder / "README.md").write_text(
        f"---\n{yaml.safe_dump(front)}---\n\n{body}", encoding="utf-8"
    )


def _stage_report(report: Path, folder: Path, texts: bool) -> None:
    shutil.copytree(report.parent / "tables", folder / "tables", copy_function=shutil.copyfile)
    for path in [report, *sorted((report.parent / EXPLORER).glob("*.js"))]:
        to = folder / path.relative_to(report.parent)
        to.parent.mkdir(exist_ok=True)
        said = path.read_text(encoding="utf-8")
        to.write_text(said if texts else without_texts(said), encoding="utf-8")


def _stage_benchmark(layout: Layout, folder: Path, scored: dict[str, str]) -> None:
    """Write ``eval.yaml``: the questions behind each score in ``.eval_results/``.

    It names no evaluation framework: the Hub has a closed list of them, without this one.
    """
    study = layout.experiment
    tasks = [
        {"id": task, "config": study.sets[name].generator, "split": study.sets[name].split}
        for task, name in scored.items()
    ]
    about = {"name": study.title or layout.name, "description": study.question or layout.name}
    with atomic_write(folder / "eval.yaml") as stream:
        yaml.safe_dump(about | {"tasks": tasks}, stream, sort_keys=False, allow_unicode=True)


def _stage_model(export: Path, folder: Path, name: str, data: str, texts: bool) -> dict[str, str]:
    """Returns the scored tasks: name → test set."""
    from huggingface_hub import EvalResultEntry, ModelCard, constants, eval_result_entries_to_yaml

    folder.mkdir()
    for path in sorted(export.iterdir()):
        if path.is_file() and not path.is_symlink():
            link_or_copy(path, folder / path.name)
    card = (export / "README.md").read_text(encoding="utf-8")
    facts = read_json(export / "training.json")
    card = card.replace(f"folder = {HERE!r}{OR_ELSEWHERE}", f"folder = {name!r}")
    card = card.replace("Run in this folder:\n\n", "")
    example = facts.get("example")
    if example and not texts:
        card = card.replace(f"'context': {example['context']!r},", "'context': '',")
        facts["example"] = example | {"context": ""}
        write_json(folder / "training.json", facts)
    (folder / "README.md").unlink()  # it may be a hard link to the export's file
    (folder / "README.md").write_text(card, encoding="utf-8")
    results = ModelCard.load(export / "README.md").data.eval_results or []
    when = datetime.fromtimestamp((export / "README.md").stat().st_mtime, UTC)
    sets = [one.dataset_name.rpartition(" ")[2] for one in results]
    entries = [
        EvalResultEntry(
            dataset_id=data, task_id=f"{test_set}_{one.metric_type}",
            value=one.metric_value, date=f"{when:%Y-%m-%dT%H:%M:%SZ}",
            source_url=f"{constants.ENDPOINT}/datasets/{data}", source_name="Papertune",
        )
        for test_set, one in zip(sets, results, strict=True)
    ]  # fmt: skip
    if entries:
        (folder / EVALUATIONS).mkdir()
        said = yaml.safe_dump(eval_result_entries_to_yaml(entries), sort_keys=False)
        (folder / EVALUATIONS / "papertune.yaml").write_text(said, encoding="utf-8")
    return {one.task_id: test_set for one, test_set in zip(entries, sets, strict=True)}


def summary(staged: dict[str, tuple[str, Path]], *, private: bool, texts: bool) -> str:
    """What would be pushed: files, size, place, visibility and licences."""
    from huggingface_hub import constants

    lines = [f"To {constants.ENDPOINT}, {'private' if private else 'PUBLIC: anybody can read it'}:"]
    for name, (kind, folder) in staged.items():
        files = [path for path in folder.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files) / 1e6
        lines.append(f"  {kind} {name}: {len(files)} files, {size:,.1f} MB")
        if kind == "model":
            base = read_json(folder / "training.json")["base"]
            lines.append(
                f"    licence of its base {base['hub'] or base['name']}: {base['licence']}"
            )
    if texts:
        lines.append("  WITH the texts of documents: do their licences allow it?")
    else:
        lines.append(
            "  without the texts of documents, which belong to their authors (WITH_TEXTS=1 includes "
            "them); questions and answers may still quote them"
        )
    return "\n".join(lines)


def agreed(name: str, ask: Callable[[str], str] | None) -> bool:
    """Whether the user confirms twice; without a terminal, YES must name the data repository."""
    if ask is None:
        return os.environ.get("YES") == name
    if ask("Push this? [y/N] ").strip().lower() != "y":
        return False
    return ask(f"Type {name} to push it: ").strip() == name


def check_visibility(staged: dict[str, tuple[str, Path]]) -> None:
    """Raise PapertuneError if a repository exists already and is public."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError

    api: Any = HfApi()
    for name, (kind, _) in staged.items():
        with suppress(RepositoryNotFoundError):
            if not api.repo_info(name, repo_type=kind).private:
                hint = "make it private on the Hub, or set PUBLIC=1"
                raise PapertuneError("this repository is public", where=name, hint=hint)


def push(staged: dict[str, tuple[str, Path]], *, private: bool) -> None:
    """Create missing repositories, and upload changed files."""
    from huggingface_hub import HfApi

    api: Any = HfApi()
    for name, (kind, folder) in staged.items():
        api.create_repo(name, repo_type=kind, private=private, exist_ok=True)
        api.upload_folder(
            repo_id=name, repo_type=kind, folder_path=folder, commit_message="Papertune"
        )
        print(f"pushed {name}", flush=True)


def publish(
    layout: Layout, to: str, *, private: bool, texts: bool, ask: Callable[[str], str] | None
) -> bool:
    """Show what would be pushed, ask twice, and push it; returns whether it was pushed.

    Raises:
        PapertuneError: as :func:`stage`; or a repository is public and should be private.
    """
    with scratch("publish") as folder:
        staged = stage(layout, to, Path(folder), texts=texts)
        print(summary(staged, private=private, texts=texts), flush=True)
        if private:
            check_visibility(staged)
        name = next(iter(staged))
        if not agreed(name, ask):
            print(f"Nothing was pushed. Without a terminal, YES={name} agrees.")
            return False
        push(staged, private=private)
    return True


def main(arguments: list[str]) -> None:
    """Publish an experiment."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m papertune.publish.hub")
    parser.add_argument("experiment")
    parser.add_argument("--to", required=True, help="user or organisation on the Hub")
    parser.add_argument("--public", action="store_true", help="make the repositories public")
    parser.add_argument("--with-texts", action="store_true", help="include the texts of documents")
    given = parser.parse_args(arguments)
    ask = input if sys.stdin.isatty() else None
    how = {"private": not given.public, "texts": given.with_texts}
    if not publish(layout_of(given.experiment), given.to, ask=ask, **how):
        sys.exit(1)


if __name__ == "__main__":
    run_command(main)
