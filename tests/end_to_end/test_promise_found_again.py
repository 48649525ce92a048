"""Promise: a model is made again only when what makes it changes, and so are pairs and answers.

Where Snakemake plans a job for a file's time or name, the job finds its result in the store.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from end_to_end.conftest import FilesStudy
from papertune.jobs.record import read_records_below
from snakemake_run import ROOT, snakemake
from terminals import on_terminal

pytestmark = pytest.mark.slow

WORK = ("pairs", "answer", "embed", "models", "bases", "checkpoints")
CLONED = ("Snakefile", "workflow", "config", "envs")


def work_of(study: FilesStudy) -> dict[str, list[str]]:
    """What the store has, per kind of work: lines of what was asked, the names of models."""
    found = {}
    for kind in WORK:
        folder = study.folder / "store" / kind
        lines = [line for path in folder.rglob("*.jsonl") for line in path.read_text().splitlines()]
        found[kind] = sorted(lines) or sorted(path.name for path in folder.glob("*"))
    return found


def results_lost(study: FilesStudy, clone: Path) -> None:
    shutil.rmtree(study.folder / "results")


def everything_touched(study: FilesStudy, clone: Path) -> None:
    """And what was made of others before these."""
    for folder in (study.folder / "results", study.folder / "data", clone):
        for path in sorted(folder.rglob("*"), reverse=True):
            if path.is_file():
                os.utime(path)


def fresh_clone(study: FilesStudy, clone: Path) -> None:
    """As ``git clone`` and ``cp -r`` make it: no times and no links are kept."""
    old = study.folder.rename(study.folder.with_name("old"))
    shutil.copytree(old, study.folder, copy_function=shutil.copyfile)
    shutil.rmtree(old)


def scripts_commented(study: FilesStudy, clone: Path) -> None:
    for path in (clone / "workflow/scripts").rglob("*.py"):
        path.write_text(f"{path.read_text()}\n# a comment\n")


def experiment_renamed(study: FilesStudy, clone: Path) -> None:
    study.file = study.file.rename(study.file.with_name("renamed.yaml"))


def generator_renamed(study: FilesStudy, clone: Path) -> None:
    study.change(lambda v: v["generators"].update(renamed=v["generators"].pop("extractive")))
    study.change(lambda v: v.update(dataset="renamed"))


def folder_moved(study: FilesStudy, clone: Path) -> None:
    study.folder = study.folder.rename(study.folder.with_name("moved"))
    study.file = study.folder / "config/experiments/mine.yaml"


def clone_in(folder: Path) -> Path:
    """A copy of the workflow there."""
    clone = folder / "clone"
    clone.mkdir()
    for name in CLONED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        copy(ROOT / name, clone / name)
    return clone


CASES = (results_lost, everything_touched, fresh_clone, scripts_commented)
CASES += (experiment_renamed, generator_renamed, folder_moved)


@pytest.mark.parametrize("change", CASES, ids=lambda change: change.__name__)
def test_nothing_is_trained_asked_or_answered_again(study, tmp_path, change):
    clone, before, made = clone_in(tmp_path), work_of(study), tables(study)
    change(study, clone)
    shutil.rmtree(study.folder / "logs")
    study.run(snakefile=clone / "Snakefile")
    assert work_of(study) == before
    for path in (study.folder / "logs").rglob("*.log"):
        text = path.read_text()
        assert not re.search(r"asked [1-9]", text), (path, text)
        if path.match("bases/*.log") or path.match("models/*/*.log"):
            assert "found in the store" in text
    assert tables(study) == made
    for record in read_records_below([study.folder / "logs"]):
        if record.rule in ("train", "pretrain_base"):
            assert record.status == "ok" and record.cpu_seconds < 5
    model = study.folder / "results" / study.file.stem / "models/lora/seed-1"
    assert f"{study.file.stem} / lora" in (model / "README.md").read_text()


def test_pairs_that_a_later_version_reads_alike_train_and_answer_nothing_again(study, tmp_path):
    clone, before, made = clone_in(tmp_path), work_of(study), tables(study)
    versions = clone / "workflow/scripts/papertune/study/versions.py"
    text, count = re.subn(r"(?m)^SYNTHESIZE = ", "SYNTHESIZE = 100 + ", versions.read_text())
    versions.write_text(text)
    study.run(snakefile=clone / "Snakefile")
    after = work_of(study)
    assert count == 1 and len(after.pop("pairs")) > len(before.pop("pairs"))
    assert after == before and tables(study) == made


def test_what_finds_a_model_loads_no_torch():
    names = ("train", "pretrain_base")
    scripts = [(ROOT / f"workflow/scripts/{name}.py").read_text() for name in names]
    imports = "\n".join(re.findall(r"^(?:from|import) .*", "\n".join(scripts), re.M))
    check = f"{imports}\nimport sys\nassert not {{'torch', 'transformers'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True, cwd=ROOT / "workflow/scripts")


def answer_on_a_terminal(folder: Path, answer: str) -> None:
    """Start ``snakemake prune`` as a person does, and answer its question."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "prune"]
    command += ["--cores", "1", "--config", "experiments=mine"]
    seen, code = on_terminal(command, folder, [(r"\[y/N\] ", f"{answer}\n")])
    assert code == 0 and "[y/N]" in seen, seen


def test_prune_deletes_what_no_experiment_refers_to_and_asks_before(study):
    def prune(*configuration: str) -> tuple[str, dict[str, set[str]]]:
        named = ("--config", "experiments=mine", *configuration)
        told = snakemake(study.folder, "prune", *named).stdout
        kinds: dict[str, set[str]] = {kind: set() for kind in WORK}
        for path in (study.folder / "store").glob("*/*"):
            kinds.setdefault(path.parent.name, set()).add(path.name)
        return told, kinds

    shutil.copytree(study.folder / "results", study.folder / "kept", copy_function=os.link)
    shutil.rmtree(study.folder / "results")  # what is not there is not known, and stays
    _, whole = prune("yes=true")
    assert [len(whole[kind]) for kind in ("models", "bases", "answer", "pairs")] == [1, 1, 2, 2]
    (study.folder / "kept").rename(study.folder / "results")
    assert prune("yes=true")[1] == whole

    study.change(lambda values: values["models"].pop("lora"))
    told, kinds = prune()
    assert kinds == whole and re.search(r"2 of \d+ folders of store, [\d.]+ MB", told)
    answer_on_a_terminal(study.folder, "n")
    assert prune()[1] == whole
    answer_on_a_terminal(study.folder, "y")
    _, kinds = prune()
    assert not kinds["models"] and len(kinds["answer"]) == 1
    assert all(kinds[kind] == whole[kind] for kind in whole if kind not in ("models", "answer"))
    assert next((study.folder / "results").rglob("adapter_model.safetensors")).stat().st_size


def tables(study: FilesStudy) -> dict[str, list[str]]:
    """The lines of the tables that tell no times, in whatever order test sets are named."""
    folder = study.folder / "results" / study.file.stem / "tables"
    return {
        path.name: sorted(path.read_text().replace("renamed", "extractive").splitlines())
        for path in folder.glob("m*.csv")
    }
